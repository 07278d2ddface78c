"""``soundalike reproduce signals``: the paper's figures 1 to 3, on a file or on a composed phrase.

Sampling and aliasing at several rates, the waveform of each channel, the spectrogram in decibels,
the mel spectrogram: a page with all of it, and each picture as a PNG.
"""

from __future__ import annotations

import io
import os
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

import numpy as np

from soundalike.audio import load_audio
from soundalike.errors import InvalidArgument, printable
from soundalike.files import write_file
from soundalike.research.reproduce import Outcome, pictures
from soundalike.research.reproduce.phrase import Samples, Sound, phrase
from soundalike.research.reproduce.sampling import fold_hz, loudest_hz, resample
from soundalike.show.charts import reduce_colours
from soundalike.show.html import Picture, audio, figure, page, paragraph, section, table
from soundalike.show.plots import plot_mel, plot_spectrogram, plot_waveform

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Fold", "measure_folds", "png", "reproduce", "wav"]

LONGEST_S = 10.0
QUICK_RATES = (44_100, 8_000, 4_000)
TONES_HZ = (1_000.0, 3_000.0, 5_000.0, 9_000.0, 15_000.0)

_QUICK = "A quick run: three sample rates instead of five."


@dataclass(frozen=True)
class Fold:
    """A tone that was sampled at a rate.

    Attributes
    ----------
    tone_hz : its frequency.
    sample_rate : Hz.
    expected_hz : where theory says that it is heard.
    measured_hz : where the spectrum of the samples has its peak.
    filtered_db : what is left of its level when a filter has gone before, dB.
    """

    tone_hz: float
    sample_rate: int
    expected_hz: float
    measured_hz: float
    filtered_db: float

    @property
    def is_kept(self) -> bool:
        """Whether the tone lies below half the rate."""
        return self.tone_hz < self.sample_rate / 2


def measure_folds(
    rates: tuple[int, ...] = pictures.RATES, tones_hz: tuple[float, ...] = TONES_HZ
) -> tuple[Fold, ...]:
    """Sample pure tones at each rate and measure what comes back."""
    fine_rate, duration_s = 2 * max(rates), 0.5
    fine_s = np.arange(round(duration_s * fine_rate)) / fine_rate
    folds = []
    for tone_hz in tones_hz:
        tone = np.sin(2 * np.pi * tone_hz * fine_s)
        for rate in rates:
            taken = np.sin(2 * np.pi * tone_hz * np.arange(round(duration_s * rate)) / rate)
            filtered = resample(tone, fine_rate, rate, anti_alias=True)
            # The ends are where the filter meets the silence around the tone.
            middle = filtered[len(filtered) // 4 : 3 * len(filtered) // 4]
            level_db = 10 * np.log10(max(2 * float(np.mean(np.square(middle))), 1e-10))
            folds.append(
                Fold(tone_hz, rate, fold_hz(tone_hz, rate), loudest_hz(taken, rate), level_db)
            )
    return tuple(folds)


def png(drawn: Figure) -> bytes:
    """A picture as the bytes of a small PNG."""
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="png", metadata={"Software": None})
    return reduce_colours(buffer.getvalue())


def wav(waveform: Samples, sample_rate: int) -> bytes:
    """(n_samples,) or (n_channels, n_samples) as a WAV file of 16 bits."""
    channels = np.atleast_2d(waveform)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes((np.clip(channels, -1, 1) * 32_767).astype("<i2").T.tobytes())
    return buffer.getvalue()


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
    shown: dict[str, Element] = {}
    for name, (picture, description) in drawn.items():
        content = png(picture)
        write_file(out / f"{name}.png", content)
        width_px = round(picture.get_figwidth() * 110)
        shown[name] = figure(Picture(content, None, description, width_px, wide=True))
    if file is None:
        write_file(out / "phrase.wav", wav(piece.channels, piece.sample_rate))
    folds = measure_folds(rates)
    html = _page(piece, file, shown, folds, quick=quick)
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


def _page(
    piece: Sound,
    file: str | os.PathLike[str] | None,
    shown: Mapping[str, Element],
    folds: tuple[Fold, ...],
    *,
    quick: bool,
) -> str:
    what = (
        "A phrase that was composed for this page"
        if file is None
        else f"{piece.duration_s:.1f} s of {piece.name}"
    )
    return page(
        f"Signals: {piece.name}",
        section(
            "Sampling",
            paragraph(
                "Sound is stored as numbers, so many a second: the sample rate. The samples tell "
                "all about a tone below half the rate (the Nyquist frequency). From a tone above "
                "it they are the same as from another tone below it, its alias, and nothing can "
                "tell the two apart afterwards."
            ),
            shown["sampling"],
            *_fold_table(folds),
        ),
        section(
            "Aliasing",
            paragraph(
                "A tone rises evenly. Where it passes half the rate, its alias comes down again: "
                "it folds back. The lower row has had a filter before it was sampled, which takes "
                "out what cannot be stored."
            ),
            shown["aliasing-chirp"],
            paragraph("The same with music. Without the filter, the high sounds come back low."),
            shown["aliasing"],
            *_to_hear(piece),
        ),
        section("Waveform", paragraph("Each channel over time."), shown["waveform"]),
        section(
            "Spectrogram",
            paragraph(
                "How much power there is at each moment and frequency. In plain numbers little "
                "of it can be seen, since what is easily heard may have a millionth of the power "
                "of the loudest. Decibels, 10 log10(P / k), make equal ratios equal steps."
            ),
            shown["decibel"],
            shown["spectrogram"],
        ),
        section(
            "Mel spectrogram",
            paragraph(
                "The frequencies are summed up to bands that are narrow below 1 kHz and wider "
                "and wider above, as the ear does it. A rate of 44,100 Hz adds what lies between "
                "11 and 22 kHz, and leaves fewer bands for what lies below."
            ),
            shown["mel"],
            shown["mel-128"],
        ),
        lead=f"{what}: {len(piece.channels)} channels at {piece.sample_rate:,} Hz. These are the "
        f"figures 1 to 3 of the paper that soundalike grew out of, drawn anew.",
        warning=_QUICK if quick else "",
    )


def _fold_table(folds: tuple[Fold, ...]) -> list[Element]:
    rates = list(dict.fromkeys(fold.sample_rate for fold in folds))
    rows = []
    for tone_hz in dict.fromkeys(fold.tone_hz for fold in folds):
        cells = [
            f"{fold.measured_hz:,.0f}" + ("" if fold.is_kept else " (alias)")
            for fold in folds
            if fold.tone_hz == tone_hz
        ]
        rows.append([f"{tone_hz:,.0f} Hz", *cells])
    worst_hz = max(abs(fold.expected_hz - fold.measured_hz) for fold in folds)
    lost_db = max((fold.filtered_db for fold in folds if not fold.is_kept), default=-100.0)
    change_db = max(abs(fold.filtered_db) for fold in folds if fold.is_kept)
    return [
        table(
            ["tone", *(f"at {rate:,} Hz" for rate in rates)],
            rows,
            caption="Pure tones, sampled without a filter: the frequency that was measured, Hz",
        ),
        paragraph(
            f"Theory says |f - r round(f / r)| for a tone f at the rate r; the figures measured "
            f"differ from it by {worst_hz:.1f} Hz at most. With the filter, tones below half the "
            f"rate keep their level within {change_db:.1f} dB, and those above sink by "
            f"{-lost_db:.0f} dB or more, so that nothing comes back."
        ),
    ]


def _to_hear(piece: Sound) -> list[Element]:
    if piece.sample_rate <= 8_000:
        return []
    made = []
    for name, anti_alias in (("8,000 Hz, no filter", False), ("8,000 Hz, filtered first", True)):
        waveform = resample(piece.mono, piece.sample_rate, 8_000, anti_alias=anti_alias)
        made.append(audio(name, wav(waveform, 8_000)))
    return made
