"""``soundalike reproduce signals``: the paper's figures 1 to 3, on a file or on a composed phrase.

Sampling and aliasing at several rates, the waveform of each channel, the spectrogram in decibels,
the mel spectrogram: a page with all of it, and each picture as a PNG.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from soundalike.audio import load_audio
from soundalike.audio.writing import encode
from soundalike.errors import InvalidArgument, printable
from soundalike.files import write_file
from soundalike.research.reproduce import Outcome, pictures
from soundalike.research.reproduce.folds import measure_folds
from soundalike.research.reproduce.phrase import Sound, phrase
from soundalike.research.reproduce.sampling import resample
from soundalike.research.reproduce.signals_page import signals_page
from soundalike.show.drawing import to_png
from soundalike.show.html import Picture
from soundalike.show.plots import plot_mel, plot_spectrogram, plot_waveform

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["reproduce"]

LONGEST_S = 10.0
QUICK_RATES = (44_100, 8_000, 4_000)


def _read(path: str | os.PathLike[str], start_s: float) -> Sound:
    loaded = load_audio(path, mono=False, start_s=start_s, end_s=start_s + LONGEST_S)
    return Sound(Path(printable(path)).name, np.atleast_2d(loaded.samples), loaded.sample_rate)


def reproduce(
    out: Path,
    *,
    file: str | os.PathLike[str] | None = None,
    start_s: float = 0.0,
    quick: bool = False,
) -> Outcome:
    """Draw the pictures and write the page.

    Parameters
    ----------
    out : folder that is there.
    file : any audio; without it a phrase is composed. Ten seconds of it are looked at.
    start_s : where in the file to begin, seconds.
    quick : three rates instead of five.

    Raises
    ------
    AudioError : the file cannot be read.
    InvalidArgument : a start beyond the end of the file, or no file to start in.
    MissingExtra : matplotlib is not installed.
    """
    if file is None and start_s:
        raise InvalidArgument(f"a start at {start_s:g} s needs a file to start in")
    piece = phrase() if file is None else _read(file, start_s)
    rates = QUICK_RATES if quick else pictures.RATES
    drawn: dict[str, tuple[Figure, str]] = {
        "sampling": (
            pictures.sampling(),
            "a tone of 3 kHz sampled at three rates; at 4,000 Hz it comes back as one of 1 kHz",
        ),
        "aliasing-chirp": (
            pictures.aliasing_of_chirp(rates),
            "spectrograms of a rising tone: without a filter it falls again above half the rate",
        ),
        "aliasing": (
            pictures.aliasing(piece, rates),
            "spectrograms of the piece at each rate, without and with a filter",
        ),
        "waveform": (
            plot_waveform(piece.channels, piece.sample_rate, title=piece.name),
            "the waveform of each channel",
        ),
        "spectrogram": (
            plot_spectrogram(piece.mono, piece.sample_rate, title=piece.name),
            "power over time and frequency, in decibels",
        ),
        "decibel": (pictures.decibel(piece), "a spectrogram in power and in decibels"),
        "mel": (pictures.mel(piece), "mel spectrograms at 22,050 and at 44,100 Hz"),
        "mel-128": (
            plot_mel(
                resample(piece.mono, piece.sample_rate, 22_050, anti_alias=True),
                22_050,
                title=piece.name,
            ),
            "the mel spectrogram at 22,050 Hz, 128 bands",
        ),
    }
    shown: dict[str, Picture] = {}
    for name, (picture, description) in drawn.items():
        content = to_png(picture)
        write_file(out / f"{name}.png", content)
        width_px = round(picture.get_figwidth() * 110)
        shown[name] = Picture(content, None, description, width_px, wide=True)
    if file is None:
        write_file(out / "phrase.wav", encode(piece.channels, piece.sample_rate, "wav"))
    folds = measure_folds(rates)
    html = signals_page(piece, shown, _to_hear(piece), folds, is_composed=file is None, quick=quick)
    report = write_file(out / "report.html", html)
    aliased = [fold for fold in folds if not fold.is_kept]
    worst_hz = max(abs(fold.expected_hz - fold.measured_hz) for fold in folds)
    return Outcome(
        report,
        (
            f"{piece.name}: {piece.duration_s:.1f} s, {len(piece.channels)} channels, "
            f"{piece.sample_rate:,} Hz",
            f"{len(folds)} tones sampled, {len(aliased)} of them above half the rate: each came "
            f"back within {worst_hz:.1f} Hz of where theory says",
        ),
    )


def _to_hear(piece: Sound) -> dict[str, bytes]:
    """The piece at a low rate, without and with a filter, as WAV files by name."""
    if piece.sample_rate <= 8_000:
        return {}
    made = {}
    for name, anti_alias in (("8,000 Hz, no filter", False), ("8,000 Hz, filtered first", True)):
        waveform = resample(piece.mono, piece.sample_rate, 8_000, anti_alias=anti_alias)
        made[name] = encode(waveform, 8_000, "wav")
    return made
