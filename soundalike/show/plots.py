"""Pictures of sound: waveforms, spectrograms, the match of two tracks, genres along a track.

Every function takes arrays or results and returns a :class:`matplotlib.figure.Figure`; ``save``
writes it. matplotlib is an extra (``pip install 'soundalike[plots]'``) and is imported when the
first picture is made. Only its object interface is used: no global state, no display.

The colour maps are perceptually uniform and read the same with any colour vision.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.frontends.dsp import power_to_db
from soundalike.frontends.log_mel import SAMPLE_RATE, TOP_DB
from soundalike.show.amounts import show_percent, show_percentile
from soundalike.show.drawing import (
    EMPTY,
    FAINT,
    INK,
    MATCH_COLOURS,
    PURPLE,
    SOUND_COLOURS,
    any_text,
    check_picture,
    color_bar,
    excerpt_cells,
    frame_boxes,
    headline,
    mel_axis,
    new_figure,
    power_image,
    save,
    shorten,
    style,
    time_axis,
)
from soundalike.show.sound import Power, Sound, envelope, fewer_columns, power
from soundalike.show.times import show_time

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from soundalike.analysis import Analysis
    from soundalike.similarity.passages import Comparison

__all__ = [
    "check_picture",
    "plot_comparison",
    "plot_genre_timeline",
    "plot_mel",
    "plot_spectrogram",
    "plot_waveform",
    "save",
]

_PEAK_COLOUR, _RMS_COLOUR = "#b9a6d3", PURPLE
_HOP = 512  # samples
_COLUMNS_PER_PIXEL = 4
_MOST_TAGS = 12
_CHANNELS = {
    1: ("Mono",),
    2: ("Left", "Right"),
    6: ("Front left", "Front right", "Centre", "Bass (LFE)", "Back left", "Back right"),
}


def plot_waveform(
    waveform: Sound,
    sample_rate: int,
    *,
    title: str = "",
    width_px: int = 1200,
    height_px: int | None = None,
) -> Figure:
    """The waveform of each channel.

    Where more samples than pixels fall on the picture, it shows the range from the lowest to the
    highest (light) and the root mean square (dark) of each column, so that no peak gets lost.

    Parameters
    ----------
    waveform : (n_samples,) or (n_channels, n_samples), full scale is -1 to 1; or an iterator over
        such blocks, of a track that may last hours.
    sample_rate : Hz.
    title : above the picture; any text.
    width_px, height_px : size; by default higher with more channels.

    Raises
    ------
    InvalidArgument : no samples, a wrong shape or rate, a size under 200 pixels.
    MissingExtra : matplotlib is not installed.
    """
    if sample_rate <= 0:
        raise InvalidArgument(f"sample_rate must be positive, not {sample_rate} Hz")
    shown = envelope(waveform, _COLUMNS_PER_PIXEL * width_px)
    n_channels, n_samples = len(shown.low), shown.n_samples
    figure = new_figure(width_px, height_px or 160 + 300 * n_channels)
    all_axes = figure.subplots(n_channels, 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    names = _CHANNELS.get(n_channels, [f"Channel {i + 1}" for i in range(n_channels)])
    duration_s = n_samples / sample_rate
    limit = max(1.0, -float(shown.low.min()), float(shown.high.max()))
    for axes, low, high, rms, name in zip(
        all_axes, shown.low, shown.high, shown.rms, names, strict=True
    ):
        if shown.is_exact:
            axes.plot(np.arange(n_samples) / sample_rate, low, color=_RMS_COLOUR, linewidth=0.8)
        else:
            time_s = (shown.edges[:-1] + shown.edges[1:]) / 2 / sample_rate
            axes.fill_between(time_s, low, high, color=_PEAK_COLOUR, linewidth=0, label="peak")
            axes.fill_between(time_s, -rms, rms, color=_RMS_COLOUR, linewidth=0, label="RMS")
        axes.axhline(0.0, color=INK, linewidth=0.4)
        _scale(axes, limit)
        axes.set_xlim(0.0, duration_s)
        axes.set_ylabel("Amplitude (full scale = 1)" if n_channels == 1 else "Amplitude")
        style(axes)
        axes.set_title(name, loc="left", fontsize=9, color=FAINT)
    if not shown.is_exact:
        all_axes[0].legend(
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            ncols=2,
            frameon=False,
            fontsize=8,
            borderaxespad=0.1,
            labelcolor=FAINT,
        )
    time_axis(all_axes[-1].xaxis, duration_s)
    headline(figure, title, f"{n_samples:,} samples at {sample_rate:,} Hz")
    return figure


def plot_spectrogram(
    waveform: Sound,
    sample_rate: int,
    *,
    k: float = 1.0,
    n_fft: int = 2048,
    hop_length: int | None = None,
    top_db: float = 90.0,
    title: str = "",
    width_px: int = 1200,
    height_px: int = 700,
) -> Figure:
    """The power spectrogram in decibels, 10 log10(P / k).

    P is the squared magnitude of the short-time Fourier transform with a Hann window of unit sum:
    a sine of amplitude 1 (full scale) has P = 0.25, which is -6.0 dB for k = 1.

    Parameters
    ----------
    waveform : (n_samples,), mono; or an iterator over such blocks.
    sample_rate : Hz; the frequency axis ends at half of it.
    k : the power that is 0 dB.
    n_fft, hop_length : samples. By default the hop is 512. Of audio so long that its frames could
        not be told apart, each column is the mean of 2, 4, 8 ... frames.
    top_db : range of the colours under the maximum, dB.
    title, width_px, height_px : see ``plot_waveform``.

    Raises
    ------
    InvalidArgument : no samples, several channels, k or top_db not positive.
    MissingExtra : matplotlib is not installed.
    """
    _check_decibels(k, top_db)
    hop = _HOP if hop_length is None else hop_length
    found = power(waveform, sample_rate, n_fft, hop)
    decibels = power_to_db(found.values, reference=k, top_db=top_db)
    figure = new_figure(width_px, height_px)
    axes = figure.subplots()
    duration_s = found.n_samples / sample_rate
    power_image(
        figure,
        axes,
        decibels,
        frame_s=hop / sample_rate,
        per_column=found.per_column,
        top_db=top_db,
        rows=(-0.5 * sample_rate / n_fft, (0.5 + n_fft // 2) * sample_rate / n_fft),
        label=f"Power (dB re k = {k:g})",
    )
    axes.set_xlim(0.0, duration_s)
    axes.set_ylim(0.0, sample_rate / 2)
    axes.yaxis.set_major_formatter(lambda hz, _: f"{hz / 1000:g}")
    axes.set_ylabel("Frequency (kHz)")
    time_axis(axes.xaxis, duration_s)
    headline(
        figure,
        title,
        f"{sample_rate:,} Hz, n_fft {n_fft}, hop {hop}{_means(found)}  |  10 log10(P / {k:g}); "
        f"a full-scale sine has P = 0.25",
    )
    return figure


def plot_mel(
    waveform: Sound,
    sample_rate: int,
    *,
    n_mels: int = 128,
    k: float = 1.0,
    n_fft: int = 2048,
    hop_length: int | None = None,
    top_db: float = 80.0,
    title: str = "",
    width_px: int = 1200,
    height_px: int = 700,
) -> Figure:
    """The mel spectrogram in decibels, 10 log10(P / k): bands as wide as the ear hears them.

    P is the power of ``plot_spectrogram`` under triangular filters of unit area (Slaney), from 0
    to half the sample rate.

    Parameters
    ----------
    n_mels : number of bands.
    waveform, sample_rate, k, n_fft, hop_length, top_db, title, width_px, height_px : see
        ``plot_spectrogram``.

    Raises
    ------
    InvalidArgument : as ``plot_spectrogram``, and n_mels less than 1.
    MissingExtra : matplotlib is not installed.
    """
    _check_decibels(k, top_db)
    hop = _HOP if hop_length is None else hop_length
    found = power(waveform, sample_rate, n_fft, hop, n_mels=n_mels)
    decibels = power_to_db(found.values, reference=k, top_db=top_db)
    figure = new_figure(width_px, height_px)
    axes = figure.subplots()
    duration_s = found.n_samples / sample_rate
    power_image(
        figure,
        axes,
        decibels,
        frame_s=hop / sample_rate,
        per_column=found.per_column,
        top_db=top_db,
        rows=(-0.5, n_mels - 0.5),
        label=f"Power in the band (dB re k = {k:g})",
    )
    axes.set_xlim(0.0, duration_s)
    mel_axis(axes.yaxis, n_mels, sample_rate / 2)
    axes.set_ylabel("Mel band, centre frequency (Hz)")
    time_axis(axes.xaxis, duration_s)
    headline(
        figure,
        title,
        f"{n_mels} mel bands, {sample_rate:,} Hz, n_fft {n_fft}, hop {hop}{_means(found)}  |  "
        f"10 log10(P / {k:g})",
    )
    return figure


def plot_comparison(
    comparison: Comparison,
    log_mel_a: NDArray[np.floating],
    log_mel_b: NDArray[np.floating],
    *,
    title: str = "",
    width_px: int = 1200,
    height_px: int | None = None,
) -> Figure:
    """Two tracks and where they match.

    Track a runs from left to right along the top, track b from top to bottom along the side,
    both as mel spectrograms; between them each cell is the similarity of an excerpt of a (its
    column) and one of b (its row). The best-matching passages are framed and numbered in all
    three, best first.

    Parameters
    ----------
    comparison : what ``compare`` returned.
    log_mel_a, log_mel_b : (n_mels, n_frames), decibels, as ``log_mel`` returns them of the whole
        tracks; or fewer columns of the same.
    title, width_px, height_px : see ``plot_waveform``.

    Raises
    ------
    InvalidArgument : a spectrogram of the wrong shape.
    MissingExtra : matplotlib is not installed.
    """
    for name, spectrogram in (("log_mel_a", log_mel_a), ("log_mel_b", log_mel_b)):
        if spectrogram.ndim != 2 or spectrogram.size == 0:
            raise InvalidArgument(
                f"{name} must have the shape (n_mels, n_frames), not {spectrogram.shape}"
            )
    log_mel_a, log_mel_b = fewer_columns(log_mel_a), fewer_columns(log_mel_b)
    figure = new_figure(width_px, height_px or width_px)
    grid = figure.add_gridspec(2, 3, width_ratios=(1.15, 3.1, 0.1), height_ratios=(1.05, 3.1))
    match_axes = figure.add_subplot(grid[1, 1])
    a_axes = figure.add_subplot(grid[0, 1], sharex=match_axes)
    b_axes = figure.add_subplot(grid[1, 0], sharey=match_axes)
    a_cells = excerpt_cells(comparison.a_analysis)
    b_cells = excerpt_cells(comparison.b_analysis)
    a_end_s, b_end_s = comparison.a_analysis.duration_s, comparison.b_analysis.duration_s

    # Pauses have no excerpt: their cells stay empty.
    matrix = np.full((len(b_cells.index), len(a_cells.index)), np.nan)
    cells = np.ix_(b_cells.index >= 0, a_cells.index >= 0)
    matrix[cells] = comparison.excerpt_similarity.T[
        np.ix_(b_cells.index[b_cells.index >= 0], a_cells.index[a_cells.index >= 0])
    ]
    mesh = match_axes.pcolormesh(
        a_cells.edges_s, b_cells.edges_s, matrix, cmap=MATCH_COLOURS, rasterized=True
    )
    match_axes.set_facecolor(EMPTY)
    color_bar(figure, mesh, "Similarity of excerpts (cosine)", cax=figure.add_subplot(grid[1, 2]))

    n_a, n_b = log_mel_a.shape[0], log_mel_b.shape[0]
    a_image = a_axes.imshow(
        log_mel_a,
        origin="lower",
        aspect="auto",
        cmap=SOUND_COLOURS,
        vmin=-TOP_DB,
        vmax=0.0,
        extent=(0.0, a_end_s, -0.5, n_a - 0.5),
    )
    b_axes.imshow(
        log_mel_b.T,
        origin="upper",
        aspect="auto",
        cmap=SOUND_COLOURS,
        vmin=-TOP_DB,
        vmax=0.0,
        extent=(-0.5, n_b - 0.5, b_end_s, 0.0),
    )
    color_bar(figure, a_image, "dB under the\nmaximum", cax=figure.add_subplot(grid[0, 2]))

    for axes in (match_axes, a_axes, b_axes):
        style(axes)
    match_axes.set_xlim(0.0, a_end_s)
    match_axes.set_ylim(b_end_s, 0.0)
    time_axis(match_axes.xaxis, a_end_s, "a: time")
    time_axis(b_axes.yaxis, b_end_s, "b: time")
    match_axes.tick_params(labelleft=False)
    a_axes.tick_params(labelbottom=False)
    mel_axis(a_axes.yaxis, n_a, SAMPLE_RATE / 2, (250, 1000, 4000))
    mel_axis(b_axes.xaxis, n_b, SAMPLE_RATE / 2, (250, 1000, 4000))
    a_axes.set_ylabel("Hz")
    b_axes.set_xlabel("Hz")
    any_text(a_axes.set_title, f"a: {comparison.a}", 56, loc="left", fontsize=9, color=INK)
    any_text(b_axes.set_title, f"b: {comparison.b}", 28, loc="left", fontsize=9, color=INK)

    _legend(figure.add_subplot(grid[0, 0]), comparison)
    headline(figure, title or f"{shorten(comparison.a, 30)} | {shorten(comparison.b, 30)}")
    # Now all stands where it will be: the numbers find their places by it.
    figure.draw_without_rendering()
    times = [
        ((p.a_start_s, min(p.a_end_s, a_end_s)), (p.b_start_s, min(p.b_end_s, b_end_s)))
        for p in comparison.passages
    ]
    frame_boxes(a_axes, [(a, (-0.5, n_a - 0.5)) for a, _ in times])
    frame_boxes(b_axes, [((-0.5, n_b - 0.5), b) for _, b in times])
    frame_boxes(match_axes, [(a_cells.around(*a), b_cells.around(*b)) for a, b in times])
    return figure


def plot_genre_timeline(
    analysis: Analysis,
    *,
    title: str = "",
    width_px: int = 1200,
    height_px: int | None = None,
) -> Figure:
    """The probability of each genre along a track, one column an excerpt.

    Genres are sorted by their probability over the whole track, which stands beside their names;
    a dot marks the most probable one of each excerpt. Of a model's tags only the strongest over the
    whole track are shown.

    Parameters
    ----------
    analysis : of the track.
    title, width_px, height_px : see ``plot_waveform``.

    Raises
    ------
    InvalidArgument : a size under 200 pixels.
    MissingExtra : matplotlib is not installed.
    """
    are_tags = analysis.kind == "tags"
    order = np.argsort(-analysis.probabilities, kind="stable")[: _MOST_TAGS if are_tags else None]
    n_labels = len(order)
    figure = new_figure(width_px, height_px or 230 + 46 * n_labels)
    axes = figure.subplots()
    cells = excerpt_cells(analysis)
    shown = cells.index >= 0
    table = np.full((n_labels, len(cells.index)), np.nan)
    table[:, shown] = analysis.excerpt_probabilities[cells.index[shown]][:, order].T
    mesh = axes.pcolormesh(
        cells.edges_s,
        np.arange(n_labels + 1) - 0.5,
        table,
        cmap=SOUND_COLOURS,
        vmin=0.0,
        vmax=1.0,
        rasterized=True,
    )
    axes.set_facecolor(EMPTY)
    centres_s = (cells.edges_s[:-1] + cells.edges_s[1:]) / 2
    best = table[:, shown].argmax(axis=0)
    axes.scatter(centres_s[shown], best, s=18, color="white", edgecolors="black", linewidths=0.8)
    axes.set_ylim(n_labels - 0.5, -0.5)
    axes.set_xlim(0.0, cells.edges_s[-1])
    axes.set_yticks(
        range(n_labels),
        [
            f"{analysis.labels[i]}  {share:.2f}"
            if are_tags
            else f"{analysis.labels[i]}  {show_percent(share)}"
            for i, share in zip(order, analysis.probabilities[order], strict=True)
        ],
    )
    style(axes)
    axes.tick_params(axis="y", length=0)
    color_bar(figure, mesh, "Activation" if are_tags else "Probability", ax=axes, pad=0.02)
    time_axis(axes.xaxis, analysis.duration_s)
    verdict = "unsure" if analysis.unsure else analysis.genre
    if analysis.unfamiliar:
        verdict = "unlike any music that the model knows"
    headline(figure, title, f"whole track: {verdict}  |  {analysis.model}")
    return figure


def _scale(axes: Axes, limit: float) -> None:
    """Amplitudes from -limit to limit, with a line at full scale, where clipping begins."""
    for level in (-1.0, 1.0):
        axes.axhline(level, color=FAINT, linewidth=0.7, linestyle=(0, (4, 3)), clip_on=False)
    axes.set_ylim(-limit, limit)


def _means(found: Power) -> str:
    return f", means of {found.per_column} frames" if found.per_column > 1 else ""


def _check_decibels(k: float, top_db: float) -> None:
    """Before a track of hours is decoded for it."""
    if not (k > 0 and math.isfinite(k)):
        raise InvalidArgument(f"k must be a positive power, not {k}")
    if not top_db > 0:
        raise InvalidArgument(f"top_db must be positive, not {top_db}")


def _legend(axes: Axes, comparison: Comparison) -> None:
    """The corner: how alike, and where each numbered passage begins in both."""
    axes.set_axis_off()
    place: dict[str, Any] = {"transform": axes.transAxes, "va": "top", "color": INK}
    axes.text(0.0, 1.0, f"Similarity {comparison.similarity:.2f}", fontsize=11, **place)
    if comparison.percentile is not None:
        note = f"{show_percentile(comparison.percentile)} of pairs are less alike"
        axes.text(0.0, 0.87, note, fontsize=7.5, **place)
    rows = [("", "a", "b", "cosine")]
    rows += [
        (
            str(number),
            show_time(passage.a_start_s),
            show_time(passage.b_start_s),
            f"{passage.similarity:.2f}",
        )
        for number, passage in enumerate(comparison.passages, start=1)
    ]
    for line, row in enumerate(rows):
        colour = {**place, "color": FAINT if line == 0 else INK}
        for column, text in zip((0.06, 0.36, 0.62, 0.95), row, strict=True):
            weight = "bold" if column < 0.1 else "normal"
            up = 0.73 - 0.105 * line
            axes.text(column, up, text, fontsize=8, ha="right", fontweight=weight, **colour)
