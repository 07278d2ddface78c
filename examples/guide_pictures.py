"""Make the pictures of docs/guide.md, all of tones and music that the project composes itself.

    python examples/guide_pictures.py [NAME...] [--out DIR]

Writes docs/images/guide-NAME.png, all of them or those that are named.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from compose import scores
from demo_music.render import render
from demo_music.synthesis import SAMPLE_RATE
from known_answers import ask, draw
from matplotlib.figure import Figure

from soundalike.analyzer import Analyzer
from soundalike.files import write_file
from soundalike.research.reproduce import pictures
from soundalike.research.reproduce.phrase import phrase
from soundalike.show.drawing import (
    MATCH_COLOURS,
    color_bar,
    headline,
    new_figure,
    style,
    to_png,
)

DOCS = Path(__file__).parents[1] / "docs" / "images"
PER_BAND = 3


def similarity() -> Figure:
    """The cosine of each two of 24 composed pieces, three by each of eight bands."""
    analyzer = Analyzer()
    chosen = [score for score in scores() if score.track_number <= PER_BAND]
    embeddings = np.stack(
        [
            analyzer.from_waveform(render(score).mean(axis=0), SAMPLE_RATE).embedding
            for score in chosen
        ]
    )
    figure = new_figure(1100, 900)
    axes = figure.subplots()
    image = axes.imshow(embeddings @ embeddings.T, cmap=MATCH_COLOURS, vmin=-1, vmax=1)
    style(axes)
    bands = list(dict.fromkeys(score.band.name for score in chosen))
    middles = [PER_BAND * number + (PER_BAND - 1) / 2 for number in range(len(bands))]
    axes.set_xticks(middles, bands, rotation=40, ha="right")
    axes.set_yticks(middles, bands)
    for number in range(1, len(bands)):
        for line in (axes.axhline, axes.axvline):
            line(PER_BAND * number - 0.5, color="white", linewidth=1)
    color_bar(figure, image, "Similarity (cosine)", ax=axes, pad=0.02)
    headline(figure, "Each piece against each other one", f"{analyzer.model.id}, composed music")
    return figure


def facets() -> Figure:
    """Which factor each facet of the built-in model hears in pieces of known factors."""
    analyzer = Analyzer()
    return draw(ask(analyzer), f"{analyzer.model.id}, composed pieces")


PICTURES: dict[str, Callable[[], Figure]] = {
    "sound": pictures.sound,
    "sampling": pictures.sampling,
    "aliasing": pictures.aliasing_of_chirp,
    "aliasing-music": lambda: pictures.aliasing(phrase()),
    "spectrum": pictures.spectrum,
    "window": pictures.window,
    "stft": lambda: pictures.stft(phrase()),
    "decibel": lambda: pictures.decibel(phrase()),
    "mel-scale": pictures.mel_scale,
    "mel": lambda: pictures.mel(phrase()),
    "model-view": lambda: pictures.model_view(phrase(n_bars=5)),
    "filters": lambda: pictures.filters(phrase(n_bars=5)),
    "cosine": pictures.cosine,
    "similarity": similarity,
    "facets": facets,
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Make the pictures of docs/guide.md.")
    parser.add_argument("names", metavar="NAME", nargs="*", help=", ".join(PICTURES))
    parser.add_argument("--out", metavar="DIR", type=Path, default=DOCS)
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - set(PICTURES))
    if unknown:
        parser.error(f"no picture {', '.join(unknown)}; available: {', '.join(PICTURES)}")
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.names or PICTURES:
        path = options.out / f"guide-{name}.png"
        write_file(path, to_png(PICTURES[name]()))
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
