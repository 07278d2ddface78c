"""Compose and render forty short pieces by eight invented bands.

    python examples/compose.py DIR [--seed N]

Five pieces a band, 22 to 30 seconds each, in DIR/<band>/<album>/NN <title>.<suffix>, tagged, in a
mix of MP3, FLAC, Ogg Vorbis, M4A and Opus. The pieces of a band share their instruments, the range
of their tempo, their harmony and their rhythms, and differ in key, melody, arrangement and mix: a
program that knows what sounds alike finds the other four of the same band. Another seed composes
other pieces by the same bands; the same seed the same ones, to the sample.

Needs NumPy, PyAV and mutagen, which soundalike itself depends on.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from demo_music.bands import BANDS
from demo_music.files import FORMATS, write_audio, write_tags
from demo_music.render import render
from demo_music.score import Score, compose
from demo_music.synthesis import SAMPLE_RATE

TONICS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")


@dataclass(frozen=True)
class Piece:
    """A piece that was written to disk."""

    path: Path
    score: Score
    duration_s: float


def scores(seed: int = 0) -> list[Score]:
    """Compose all pieces, band by band."""
    return [
        compose(band, band_number, track_number, seed)
        for band_number, band in enumerate(BANDS)
        for track_number in range(1, len(band.titles) + 1)
    ]


def make_piece(folder: Path, score: Score) -> Piece:
    """Render one piece into its place under the folder."""
    band_number = score.seed[1]
    # Each band uses every format, so that a format never tells one band from another.
    audio_format = FORMATS[(score.track_number + band_number) % len(FORMATS)]
    name = f"{score.track_number:02d} {score.title}{audio_format.suffix}"
    path = folder / score.band.name / score.band.album / name
    path.parent.mkdir(parents=True, exist_ok=True)
    stereo = render(score)
    write_audio(path, stereo, audio_format)
    write_tags(path, score)
    return Piece(path, score, stereo.shape[1] / SAMPLE_RATE)


def make_all(folder: Path, seed: int = 0, threads: int | None = None) -> Iterator[Piece]:
    """Render all pieces, in order, as they are finished.

    Parameters
    ----------
    threads : NumPy and FFmpeg let go of the interpreter while they compute, so threads are
        enough to keep all cores busy. None for one a core.
    """
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        yield from pool.map(lambda score: make_piece(folder, score), scores(seed))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description="Compose and render forty short pieces by eight invented bands."
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="where to put them")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other pieces (0)")
    options = parser.parse_args(arguments)
    started_s = time.perf_counter()
    pieces = []
    for piece in make_all(options.folder, options.seed):
        if piece.score.track_number == 1:
            band = piece.score.band
            print(f"\n{band.name}: {band.album} ({band.genre}, {band.year})")
        key = piece.score.key
        print(
            f"  {piece.path.name:<36} {piece.duration_s:4.1f} s  {piece.score.tempo_bpm:3.0f} bpm  "
            f"{TONICS[key.tonic]} {key.scale}",
            flush=True,
        )
        pieces.append(piece)
    minutes = sum(piece.duration_s for piece in pieces) / 60
    print(
        f"\n{len(pieces)} pieces, {minutes:.1f} minutes of music "
        f"in {time.perf_counter() - started_s:.1f} s: {options.folder}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
