"""Make the pictures of the documentation from the composed music.

    python examples/pictures.py [DIR]

Writes into docs/images unless told otherwise. The pictures show only music that the project
composes itself (see compose.py), so they are free to be shown anywhere.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from compose import scores
from demo_music.render import render
from demo_music.score import Score
from demo_music.synthesis import SAMPLE_RATE, Samples
from matplotlib.figure import Figure

from soundalike.analyzer import Analyzer
from soundalike.frontends.log_mel import log_mel
from soundalike.show.drawing import to_png
from soundalike.show.plots import (
    plot_comparison,
    plot_genre_timeline,
    plot_mel,
    plot_spectrogram,
    plot_waveform,
)
from soundalike.similarity.passages import compare_analyses

DOCS = Path(__file__).parents[1] / "docs" / "images"


def _save(figure: Figure, path: Path) -> None:
    path.write_bytes(to_png(figure))


def _piece(title: str) -> tuple[Score, Samples]:
    score = next(score for score in scores() if score.title == title)
    return score, render(score)


def _medley(*titles: str) -> Samples:
    return np.concatenate([_piece(title)[1].mean(axis=0) for title in titles])


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Make the pictures of the documentation.")
    parser.add_argument("folder", metavar="DIR", type=Path, nargs="?", default=DOCS)
    folder: Path = parser.parse_args(arguments).folder
    folder.mkdir(parents=True, exist_ok=True)
    analyzer = Analyzer()

    score, stereo = _piece("Midnight Pier")
    name = f"{score.band.name}: {score.title}"
    mono = stereo.mean(axis=0)
    _save(plot_waveform(stereo, SAMPLE_RATE, title=name), folder / "waveform.png")
    _save(plot_spectrogram(mono, SAMPLE_RATE, title=name), folder / "spectrogram.png")
    _save(plot_mel(mono, SAMPLE_RATE, title=name), folder / "mel.png")

    # Two medleys with parts by the same bands, in another order.
    a = _medley("Anvil Weather", "A Field Under Snow", "Turbo Snail")
    b = _medley("Tidal Memory", "Castle of Crumbs", "The Ninth Foundry")
    comparison = compare_analyses(
        analyzer.from_waveform(a, SAMPLE_RATE),
        analyzer.from_waveform(b, SAMPLE_RATE),
        a="Metal, ambient, chiptune",
        b="Ambient, chiptune, metal",
    )
    figure = plot_comparison(
        comparison,
        log_mel(a, SAMPLE_RATE),
        log_mel(b, SAMPLE_RATE),
        title="Two medleys by the same three bands",
    )
    _save(figure, folder / "compare.png")

    figure = plot_genre_timeline(
        analyzer.from_waveform(a, SAMPLE_RATE), title="A medley: metal, ambient, chiptune"
    )
    _save(figure, folder / "genre-timeline.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
