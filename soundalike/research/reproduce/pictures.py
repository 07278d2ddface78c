"""Pictures that explain: sampling, aliasing, spectra, decibels, the mel scale, the model's view.

Each function returns a :class:`matplotlib.figure.Figure`. ``docs/guide.md`` is illustrated with
them, and ``soundalike reproduce signals`` draws some of them of any file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundalike.frontends.dsp import (
    mel_filterbank,
    mel_frequencies,
    mel_spectrogram,
    power_spectrogram,
    power_to_db,
)
from soundalike.frontends.log_mel import EXCERPT_FRAMES, SAMPLE_RATE, excerpts, log_mel
from soundalike.research.reproduce.phrase import Sound, chirp, pluck
from soundalike.research.reproduce.sampling import fold_hz, resample
from soundalike.show.drawing import (
    FAINT,
    INK,
    ORANGE,
    PURPLE,
    SOUND_COLOURS,
    TEAL,
    headline,
    mel_axis,
    new_figure,
    style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "RATES",
    "aliasing",
    "aliasing_of_chirp",
    "cosine",
    "decibel",
    "filters",
    "mel",
    "mel_scale",
    "model_view",
    "sampling",
    "sound",
    "spectrum",
    "stft",
    "window",
]

Samples = NDArray[np.float32]

RATES = (44_100, 22_050, 11_025, 8_000, 4_000)  # Hz
_CHIRP_S, _CHIRP_END_HZ = 4.0, 20_000.0
_WIDTH_PX = 1200


def _panel(axes: Axes, title: str, x: str = "", y: str = "") -> None:
    style(axes)
    axes.set_title(title, loc="left", fontsize=9.5, color=INK)
    if x:
        axes.set_xlabel(x, fontsize=9, color=INK)
    if y:
        axes.set_ylabel(y, fontsize=9, color=INK)


def _spectrogram(
    axes: Axes, waveform: Samples, rate: int, *, window_s: float = 0.046, top_db: float = 70.0
) -> None:
    """A spectrogram over kHz with a window of about so many seconds, whatever the rate is."""
    n_fft = 2 ** max(5, round(np.log2(window_s * rate)))
    hop = max(1, len(waveform) // 600)
    decibels = power_to_db(power_spectrogram(waveform, rate, n_fft, hop), top_db=top_db)
    axes.imshow(
        decibels,
        origin="lower",
        aspect="auto",
        cmap=SOUND_COLOURS,
        extent=(0, len(waveform) / rate, 0, rate / 2000),
        interpolation="nearest",
    )


def sound() -> Figure:
    """A pure tone and a plucked string: the same pitch, another shape; and how the string fades."""
    rate = 44_100
    time_s = np.arange(round(0.02 * rate)) / rate
    tone = 0.8 * np.sin(2 * np.pi * 220 * time_s)
    string = pluck(220, 1.5, rate)
    start = round(0.06 * rate)
    cut = string[start : start + len(time_s)]
    figure = new_figure(_WIDTH_PX, 620)
    grid = figure.add_gridspec(2, 2)
    axes = figure.add_subplot(grid[0, 0])
    axes.plot(1000 * time_s, tone, color=PURPLE)
    _panel(axes, "A tuning fork: one frequency", "time, ms", "air pressure")
    axes = figure.add_subplot(grid[0, 1], sharey=axes)
    axes.plot(1000 * time_s, cut / np.abs(cut).max() * 0.8, color=ORANGE)
    _panel(axes, "A plucked string: many at once", "time, ms")
    for panel in figure.axes:
        panel.axhline(0, color=FAINT, linewidth=0.5)
        panel.annotate(
            "", (1000 / 220, -0.95), (0, -0.95), arrowprops={"arrowstyle": "<->", "color": FAINT}
        )
        panel.text(1.1 * 1000 / 220, -1.0, "one period: 4.5 ms", fontsize=8, color=FAINT)
        panel.set_ylim(-1.15, 1)
    axes = figure.add_subplot(grid[1, :])
    axes.plot(np.arange(len(string)) / rate, string, color=ORANGE, linewidth=0.4)
    _panel(axes, "The string, a second and a half of it: the waveform", "time, s", "air pressure")
    axes.set_xlim(0, 1.5)
    headline(figure, "", "220 Hz: 220 periods a second, the A below middle C")
    return figure


def sampling() -> Figure:
    """A tone of 3 kHz, sampled at three rates, and the slowest tone that fits the samples."""
    frequency_hz, span_s = 3000, 0.0024
    fine_s = np.linspace(0, span_s, 2000)
    figure = new_figure(_WIDTH_PX, 900)
    rates = (22_050, 8_000, 4_000)
    for axes, rate in zip(figure.subplots(len(rates), 1, sharex=True), rates, strict=True):
        heard_hz = fold_hz(frequency_hz, rate)
        sign = 1 if frequency_hz % rate == heard_hz else -1
        axes.plot(
            1000 * fine_s, np.sin(2 * np.pi * frequency_hz * fine_s), color=FAINT, linewidth=0.9
        )
        heard = np.sin(sign * 2 * np.pi * heard_hz * fine_s)
        colour = PURPLE if heard_hz == frequency_hz else ORANGE
        axes.plot(1000 * fine_s, heard, color=colour, linewidth=1.8)
        taken_s = np.arange(round(span_s * rate) + 1) / rate
        axes.plot(
            1000 * taken_s, np.sin(2 * np.pi * frequency_hz * taken_s), "o", color=INK, ms=4.5
        )
        verdict = "comes back as it was" if heard_hz == frequency_hz else "comes back as another"
        _panel(
            axes,
            f"{rate:,} samples a second (half: {rate / 2:,.0f} Hz): "
            f"{frequency_hz:,} Hz {verdict}, {heard_hz:,.0f} Hz",
        )
        axes.set_xlim(0, 1000 * span_s)
    figure.axes[-1].set_xlabel("time, ms", fontsize=9)
    headline(figure, "", "grey: the tone; dots: what is stored; colour: what is played back")
    return figure


def _alias_grid(
    title: str, versions: Sequence[tuple[int, Samples, Samples]], top_khz: float
) -> Figure:
    """Spectrograms by rate (columns), without and with the filter (rows), all to one scale."""
    figure = new_figure(_WIDTH_PX, 680)
    rows = figure.subplots(2, len(versions), sharex=True, sharey=True)
    for column, (rate, raw, filtered) in enumerate(versions):
        for row, waveform in enumerate((raw, filtered)):
            axes = rows[row][column]
            _spectrogram(axes, waveform, rate)
            axes.axhline(rate / 2000, color=ORANGE, linewidth=1.5, linestyle="--")
            axes.set_facecolor("#eceaf0")
            _panel(axes, f"{rate:,} Hz" if row == 0 else "")
            axes.set(xlim=(0, len(raw) / rate), ylim=(0, top_khz))
    for row, name in enumerate(("no filter", "filtered first")):
        rows[row][0].set_ylabel(f"{name}\nfrequency, kHz", fontsize=9)
    for axes in rows[1]:
        axes.set_xlabel("time, s", fontsize=9)
    headline(figure, title, "dashed: half the sample rate (Nyquist); grey: cannot be stored")
    return figure


def aliasing_of_chirp(rates: Sequence[int] = RATES) -> Figure:
    """A tone that rises from 0 to 20 kHz, sampled at each rate, without and with a filter."""
    versions = []
    fine_rate = 2 * max(rates)
    fine = chirp(np.arange(round(_CHIRP_S * fine_rate)) / fine_rate, _CHIRP_END_HZ, _CHIRP_S)
    for rate in rates:
        times_s = np.arange(round(_CHIRP_S * rate)) / rate
        raw = chirp(times_s, _CHIRP_END_HZ, _CHIRP_S)
        versions.append((rate, raw, resample(fine, fine_rate, rate, anti_alias=True)))
    return _alias_grid("A tone that rises from 0 to 20 kHz", versions, 22.05)


def aliasing(piece: Sound, rates: Sequence[int] = RATES) -> Figure:
    """A piece at each rate that is not above its own, without and with a filter."""
    versions = [
        (
            rate,
            resample(piece.mono, piece.sample_rate, rate, anti_alias=False),
            resample(piece.mono, piece.sample_rate, rate, anti_alias=True),
        )
        for rate in rates
        if rate <= piece.sample_rate
    ]
    return _alias_grid(piece.name, versions, piece.sample_rate / 2000)


def spectrum() -> Figure:
    """A tenth of a second of a string: its harmonics, in plain numbers and in decibels."""
    rate, n_fft = 44_100, 8192
    string = pluck(220, 1.0, rate)[2000 : 2000 + n_fft]
    window = np.hanning(n_fft + 1)[:-1]
    magnitude = np.abs(np.fft.rfft(string * window / window.sum())) * 2
    hz = np.arange(len(magnitude)) * rate / n_fft
    shown = hz < 5000
    figure = new_figure(_WIDTH_PX, 640)
    top, bottom = figure.subplots(2, 1, sharex=True)
    top.plot(hz[shown], magnitude[shown], color=PURPLE)
    for number in range(1, 6):
        near = magnitude[np.abs(hz - 220 * number) < 30].max()
        top.annotate(
            f"{220 * number} Hz",
            (220 * number, near),
            xytext=(4, 0),
            textcoords="offset points",
            fontsize=8,
            color=FAINT,
        )
    _panel(top, "In plain numbers: five harmonics can be seen", "", "amplitude")
    decibels = 20 * np.log10(np.maximum(magnitude[shown], 1e-6))
    bottom.plot(hz[shown], decibels, color=ORANGE)
    _panel(bottom, "In decibels: all of them", "frequency, Hz", "amplitude, dB")
    bottom.set_ylim(-100, 0)
    bottom.set_xlim(0, 5000)
    return figure


def window() -> Figure:
    """The same tone cut out hard and cut out softly, and what either does to the spectrum."""
    rate, n_fft, frequency_hz = 22_050, 1024, 1003.0
    time_s = np.arange(n_fft) / rate
    tone = np.sin(2 * np.pi * frequency_hz * time_s)
    soft = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    figure = new_figure(_WIDTH_PX, 620)
    rows = figure.subplots(2, 2)
    for row, (name, weights, colour) in enumerate(
        (("cut out hard", np.ones(n_fft), ORANGE), ("Hann window", soft, PURPLE))
    ):
        rows[row][0].plot(1000 * time_s, tone * weights, color=colour, linewidth=0.8)
        _panel(rows[row][0], f"{name}: 46 ms of a tone", "time, ms" if row else "", "amplitude")
        # Sixteen times the length: the spectrum between the bins, too.
        magnitude = np.abs(np.fft.rfft(tone * weights / weights.sum(), 16 * n_fft)) * 2
        hz = np.arange(len(magnitude)) * rate / (16 * n_fft)
        decibels = 20 * np.log10(np.maximum(magnitude, 1e-6))
        rows[row][1].plot(hz, decibels, color=colour, linewidth=0.8)
        _panel(rows[row][1], f"{name}: its spectrum", "frequency, Hz" if row else "", "dB")
        rows[row][1].set(xlim=(0, 3000), ylim=(-110, 5))
    return figure


def stft(piece: Sound) -> Figure:
    """One piece, three lengths of window: sharp in time, or sharp in frequency."""
    rate = SAMPLE_RATE
    waveform = resample(piece.mono, piece.sample_rate, rate, anti_alias=True)[: 4 * rate]
    figure = new_figure(_WIDTH_PX, 500)
    for axes, n_fft in zip(
        figure.subplots(1, 3, sharex=True, sharey=True), (256, 2048, 16_384), strict=True
    ):
        _spectrogram(axes, waveform, rate, window_s=n_fft / rate)
        _panel(
            axes,
            f"window {1000 * n_fft / rate:.0f} ms, bins of {rate / n_fft:.1f} Hz",
            "time, s",
            "frequency, kHz" if not axes.get_subplotspec().colspan.start else "",
        )
        axes.set(xlim=(0, len(waveform) / rate), ylim=(0, 3))
    headline(figure, "", f"{piece.name}, 0 to 3 kHz; n_fft 256, 2,048 and 16,384 at 22,050 Hz")
    return figure


def decibel(piece: Sound) -> Figure:
    """The same spectrogram in power and in decibels."""
    power = power_spectrogram(piece.mono, piece.sample_rate, 2048, 512)
    extent = (0, piece.duration_s, 0, piece.sample_rate / 2000)
    figure = new_figure(_WIDTH_PX, 500)
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, image, title in (
        (left, power / power.max(), "power: nearly all of it is black"),
        (right, power_to_db(power), "decibels: what the ear hears"),
    ):
        shown = axes.imshow(image, origin="lower", aspect="auto", cmap=SOUND_COLOURS, extent=extent)
        _panel(axes, title, "time, s", "frequency, kHz" if axes is left else "")
        figure.colorbar(shown, ax=axes, pad=0.02).ax.tick_params(labelsize=8)
    headline(figure, piece.name, "")
    return figure


def mel_scale() -> Figure:
    """Hertz against mel, and the filters that sum up the bins of a spectrum to bands."""
    hz = mel_frequencies(400, SAMPLE_RATE / 2)
    figure = new_figure(_WIDTH_PX, 520)
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    left.plot(hz / 1000, np.linspace(0, 100, len(hz)), color=PURPLE)
    half_khz = hz[len(hz) // 2] / 1000
    left.plot([0, half_khz, half_khz], [50, 50, 0], color=FAINT, linestyle="--", linewidth=0.9)
    _panel(left, "The mel scale (Slaney)", "frequency, kHz", "way up the scale, %")
    left.set(xlim=(0, 11.025), ylim=(0, 100))
    bank = mel_filterbank(SAMPLE_RATE, 8192, 16)
    bins_khz = np.arange(bank.shape[1]) * SAMPLE_RATE / 8192 / 1000
    for number, band in enumerate(bank):
        right.fill_between(
            bins_khz, band / band.max(), alpha=0.35, color=(PURPLE, ORANGE, TEAL)[number % 3]
        )
    _panel(right, "Sixteen mel bands (the models use 128)", "frequency, kHz", "weight")
    right.set(xlim=(0, 11.025), ylim=(0, 1.05))
    headline(figure, "", f"half of the way up is {half_khz:.1f} of 11.0 kHz")
    return figure


def mel(piece: Sound) -> Figure:
    """Mel spectrograms of the same sound at 22,050 and at 44,100 Hz, 128 bands each."""
    figure = new_figure(_WIDTH_PX, 500)
    for axes, rate in zip(figure.subplots(1, 2), (22_050, 44_100), strict=True):
        waveform = resample(piece.mono, piece.sample_rate, rate, anti_alias=True)
        # The window lasts as long at either rate.
        n_fft = 2048 * rate // 22_050
        decibels = power_to_db(mel_spectrogram(waveform, rate, n_fft, n_fft // 4))
        axes.imshow(
            decibels,
            origin="lower",
            aspect="auto",
            cmap=SOUND_COLOURS,
            extent=(0, piece.duration_s, -0.5, len(decibels) - 0.5),
        )
        _panel(
            axes,
            f"{rate:,} Hz: 128 bands from 0 to {rate / 2:,.0f} Hz",
            "time, s",
            "band, at its centre in Hz" if rate == 22_050 else "",
        )
        mel_axis(axes.yaxis, 128, rate / 2)
    headline(figure, piece.name, "128 mel bands, decibels, 80 dB from black to white")
    return figure


def _excerpt(piece: Sound) -> Samples:
    """The first excerpt as a model gets it: (128, 128), zero mean and unit variance."""
    frames = excerpts(log_mel(piece.mono, piece.sample_rate)).frames[0]
    normalised: Samples = (frames - frames.mean()) / max(float(frames.std()), 1e-6)
    return normalised


def model_view(piece: Sound) -> Figure:
    """The excerpt of 128 bands by 128 frames that a model sees, in decibels and normalised."""
    decibels = excerpts(log_mel(piece.mono, piece.sample_rate)).frames[0]
    figure = new_figure(_WIDTH_PX, 600)
    for axes, image, title in zip(
        figure.subplots(1, 2),
        (decibels, _excerpt(piece)),
        ("decibels under the loudest moment", "as the model has it: mean 0, variance 1"),
        strict=True,
    ):
        shown = axes.imshow(image, origin="lower", aspect="equal", cmap=SOUND_COLOURS)
        _panel(axes, title, "frame (77.6 ms each)", "mel band" if image is decibels else "")
        axes.set_xticks(range(0, EXCERPT_FRAMES + 1, 32))
        figure.colorbar(shown, ax=axes, pad=0.02, shrink=0.8).ax.tick_params(labelsize=8)
    headline(figure, "", f"{piece.name}: 128 x 128 numbers, 9.9 s; what is shorter is repeated")
    return figure


def filters(piece: Sound) -> Figure:
    """Two small filters, what each finds in the excerpt, and what pooling leaves of it."""
    excerpt = _excerpt(piece)
    # Brightening in time (an onset), and a line along time (a held tone).
    onset = np.array([[-1, 0, 1]] * 3, dtype=np.float32) / 3
    tone = np.array([[-1, -1, -1], [2, 2, 2], [-1, -1, -1]], dtype=np.float32) / 6
    figure = new_figure(_WIDTH_PX, 740)
    rows = figure.subplots(2, 4, width_ratios=(1, 3, 3, 3))
    for row, (name, kernel) in enumerate((("onsets", onset), ("held tones", tone))):
        patches = np.lib.stride_tricks.sliding_window_view(np.pad(excerpt, 1, mode="edge"), (3, 3))
        found = np.maximum(np.einsum("ijkl,kl->ij", patches, kernel), 0)
        pooled = found.reshape(32, 4, 32, 4).max(axis=(1, 3))
        for axes, image, title in zip(
            rows[row],
            (kernel, excerpt, found, pooled),
            ("filter", "excerpt", f"what it finds: {name}", "after pooling: 32 x 32"),
            strict=True,
        ):
            colours = "PuOr" if image is kernel else SOUND_COLOURS
            axes.imshow(image, origin="lower", aspect="equal", cmap=colours)
            axes.set_title(title, loc="left", fontsize=9, color=INK)
            axes.set_xticks([])
            axes.set_yticks([])
    headline(figure, "", "filters made by hand; a network learns some hundred of them by itself")
    return figure


def cosine() -> Figure:
    """Embeddings as arrows: the angle between two says how alike they are, their length nothing."""
    figure = new_figure(_WIDTH_PX, 480)
    pairs = ((20, 32, "much alike"), (15, 75, "a little"), (10, 100, "nothing in common"))
    for axes, (first, second, title) in zip(figure.subplots(1, 3), pairs, strict=True):
        for degrees, colour, length in ((first, PURPLE, 1.0), (second, ORANGE, 0.75)):
            x, y = length * np.cos(np.radians(degrees)), length * np.sin(np.radians(degrees))
            axes.annotate(
                "", (x, y), (0, 0), arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2}
            )
        arc = np.radians(np.linspace(first, second, 50))
        axes.plot(0.35 * np.cos(arc), 0.35 * np.sin(arc), color=FAINT, linewidth=1)
        angle = second - first
        axes.set(xlim=(-0.35, 1.1), ylim=(-0.1, 1.1), aspect="equal", xticks=[], yticks=[])
        _panel(axes, f"{title}: {angle}°, cosine {abs(np.cos(np.radians(angle))):.2f}")
        axes.spines[:].set_visible(False)
        axes.axhline(0, color="#e3e1e7", linewidth=0.8, zorder=0)
        axes.axvline(0, color="#e3e1e7", linewidth=0.8, zorder=0)
    headline(figure, "", "drawn in two dimensions; an embedding has more than a hundred")
    return figure
