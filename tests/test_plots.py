"""Pictures of signals whose pictures are known."""

from __future__ import annotations

import dataclasses
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from soundalike.analysis import Analysis
from soundalike.errors import InvalidArgument, MissingExtra, OutputError
from soundalike.frontends.log_mel import EXCERPT_S, FRAME_S
from soundalike.similarity.passages import Comparison, Passage

pytest.importorskip("matplotlib")

from matplotlib.image import imread

from soundalike.show.drawing import excerpt_cells, shorten
from soundalike.show.plots import (
    check_picture,
    plot_comparison,
    plot_genre_timeline,
    plot_mel,
    plot_spectrogram,
    plot_waveform,
    save,
)
from soundalike.show.sound import MOST_COLUMNS
from soundalike.show.times import show_time

N_FFT = 2205  # at 22,050 Hz the bins are exactly 10 Hz apart


def sine(frequency_hz: float, sample_rate: int, duration_s: float = 2.0) -> np.ndarray:
    time_s = np.arange(round(duration_s * sample_rate)) / sample_rate
    return np.sin(2 * np.pi * frequency_hz * time_s).astype(np.float32)


def analysis(duration_s: float, starts_s: list[float], n_labels: int = 3) -> Analysis:
    rng = np.random.default_rng(len(starts_s))
    embeddings = rng.standard_normal((len(starts_s), 4)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    probabilities = rng.dirichlet(np.ones(n_labels), len(starts_s)).astype(np.float32)
    return Analysis(
        model="test@1",
        duration_s=duration_s,
        labels=("blues", "jazz", "metal")[:n_labels],
        probabilities=probabilities.mean(axis=0),
        embedding=embeddings[0],
        excerpt_embeddings=embeddings,
        excerpt_probabilities=probabilities,
        excerpt_starts_s=np.array(starts_s),
        genre_set=("blues",),
    )


def comparison(a: str = "a.flac", b: str = "b.mp3") -> Comparison:
    a_analysis = analysis(26.0, [0.0, EXCERPT_S, 26.0 - EXCERPT_S])
    b_analysis = analysis(2 * EXCERPT_S, [0.0, EXCERPT_S])
    return Comparison(
        a=a,
        b=b,
        a_path=None,
        b_path=None,
        similarity=0.71,
        facets={"sound": 0.71},
        shares={"sound": 0.71},
        percentile=97.0,
        passages=(
            Passage(EXCERPT_S, 2 * EXCERPT_S, 0.0, EXCERPT_S, 0.9),
            Passage(0.0, EXCERPT_S, EXCERPT_S, 2 * EXCERPT_S, 0.8),
        ),
        excerpt_similarity=np.array([[0.1, 0.8], [0.9, 0.2], [0.3, 0.4]], dtype=np.float32),
        a_analysis=a_analysis,
        b_analysis=b_analysis,
    )


def log_mel_of(duration_s: float) -> np.ndarray:
    n_frames = round(duration_s / FRAME_S)
    return np.random.default_rng(0).uniform(-80, 0, (128, n_frames)).astype(np.float32)


def png_size(path: Path) -> tuple[int, int]:
    header = path.read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", header[16:24])
    return width, height


# 0.25 is the power of a full-scale sine: -6.02 dB for k = 1, 0 dB for k = 0.25, +24 dB for 0.001.
@pytest.mark.parametrize(
    ("k", "expected_db"), [(1.0, -6.0206), (0.25, 0.0), (0.001, 23.9794), (4.0, -12.0412)]
)
def test_a_1_khz_sine_lies_at_1_khz_with_the_right_level(k: float, expected_db: float) -> None:
    figure = plot_spectrogram(sine(1000, 22_050), 22_050, k=k, n_fft=N_FFT)
    axes, bar = figure.axes
    image = axes.images[0]
    decibels = np.asarray(image.get_array())
    left, right, bottom, top = image.get_extent()
    middle = decibels[:, decibels.shape[1] // 2]
    row = int(middle.argmax())
    row_hz = bottom + (row + 0.5) * (top - bottom) / len(middle)
    assert row_hz == pytest.approx(1000.0, abs=0.01)
    assert middle[row] == pytest.approx(expected_db, abs=0.01)
    # A Hann window puts a quarter of the power into each neighbour, and nothing beyond.
    assert middle[row + 1] == pytest.approx(expected_db - 6.0206, abs=0.01)
    assert middle[row + 3] < expected_db - 60
    assert bar.get_ylabel() == f"Power (dB re k = {k:g})"
    assert axes.get_ylabel() == "Frequency (kHz)"
    frame_s = (right - left) / decibels.shape[1]
    assert left + 0.5 * frame_s == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("sample_rate", [22_050, 44_100])
def test_the_frequency_axis_ends_at_half_the_rate(sample_rate: int) -> None:
    figure = plot_spectrogram(sine(1000, sample_rate), sample_rate)
    axes = figure.axes[0]
    assert axes.get_ylim() == (0.0, sample_rate / 2)
    assert axes.get_xlim() == pytest.approx((0.0, 2.0))
    assert axes.get_xlabel() == "Time (s)"


def test_the_range_of_colours_is_top_db_under_the_maximum() -> None:
    figure = plot_spectrogram(sine(1000, 22_050), 22_050, n_fft=N_FFT, top_db=60)
    low, high = figure.axes[0].images[0].get_clim()
    assert (low, high) == pytest.approx((-66.02, -6.02), abs=0.02)


@pytest.mark.parametrize("sample_rate", [22_050, 44_100])
@pytest.mark.parametrize("n_mels", [40, 128])
def test_mel_bands_are_labelled_where_the_sound_lies(sample_rate: int, n_mels: int) -> None:
    figure = plot_mel(sine(2000, sample_rate), sample_rate, n_mels=n_mels)
    axes = figure.axes[0]
    decibels = np.asarray(axes.images[0].get_array())
    assert len(decibels) == n_mels
    loudest = int(decibels[:, decibels.shape[1] // 2].argmax())
    labels = [label.get_text() for label in axes.get_yticklabels()]
    at_2k = axes.get_yticks()[labels.index("2k")]
    assert loudest == pytest.approx(at_2k, abs=1.0)
    assert "Hz" in axes.get_ylabel()


@pytest.mark.parametrize("plot", [plot_spectrogram, plot_mel])
@pytest.mark.parametrize("k", [0.0, -1.0, float("nan"), float("inf")])
def test_k_must_be_a_power(plot, k: float) -> None:
    with pytest.raises(InvalidArgument, match=r"k must be a positive power"):
        plot(sine(1000, 22_050), 22_050, k=k)


@pytest.mark.parametrize("plot", [plot_spectrogram, plot_mel])
def test_silence_is_drawn(plot, tmp_path: Path) -> None:
    target = tmp_path / "silence.png"
    save(plot(np.zeros(22_050, dtype=np.float32), 22_050), target)
    assert png_size(target) == (1200, 700)


def test_long_audio_stays_within_so_many_columns() -> None:
    figure = plot_spectrogram(np.zeros(22_050 * 600, dtype=np.float32), 22_050, n_fft=256)
    assert np.asarray(figure.axes[0].images[0].get_array()).shape[1] <= 4001
    assert figure.axes[0].get_xlabel() == "Time (m:ss)"


def test_each_channel_has_its_axes() -> None:
    left, right = sine(440, 22_050), 0.5 * sine(220, 22_050)
    figure = plot_waveform(np.stack([left, right]), 22_050)
    first, second = figure.axes
    assert (first.get_title(loc="left"), second.get_title(loc="left")) == ("Left", "Right")
    assert first.get_xlim() == pytest.approx((0.0, 2.0))
    assert second.get_xlabel() == "Time (s)"
    # Two seconds are more samples than columns: ranges, whose tops are the channels' peaks.
    tops = [axes.collections[0].get_paths()[0].vertices[:, 1].max() for axes in (first, second)]
    assert tops == pytest.approx([1.0, 0.5], abs=1e-3)


def test_no_peak_is_lost_in_a_long_waveform() -> None:
    waveform = np.zeros(22_050 * 200, dtype=np.float32)
    waveform[22_050 * 150 + 7] = -0.9
    axes = plot_waveform(waveform, 22_050).axes[0]
    envelope = axes.collections[0].get_paths()[0].vertices
    deepest = envelope[envelope[:, 1].argmin()]
    assert deepest[1] == pytest.approx(-0.9)
    assert deepest[0] == pytest.approx(150.0, abs=0.2)
    assert axes.get_xlabel() == "Time (m:ss)"


def test_a_short_waveform_is_drawn_sample_by_sample() -> None:
    waveform = sine(440, 22_050, 0.01)
    line = plot_waveform(waveform, 22_050).axes[0].lines[0]
    np.testing.assert_array_equal(line.get_ydata(), waveform)
    assert line.get_xdata()[-1] == pytest.approx((len(waveform) - 1) / 22_050)


def test_a_clipped_waveform_fits_its_axes() -> None:
    low, high = plot_waveform(2 * sine(440, 22_050), 22_050).axes[0].get_ylim()
    assert (low, high) == pytest.approx((-2.0, 2.0), abs=1e-4)


@pytest.mark.parametrize("shape", [(0,), (2, 0), (1, 2, 3)])
def test_a_waveform_needs_samples(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidArgument, match=r"n_samples"):
        plot_waveform(np.zeros(shape, dtype=np.float32), 22_050)


def test_excerpts_become_cells_without_overlap() -> None:
    cells = excerpt_cells(analysis(26.0, [0.0, EXCERPT_S, 26.0 - EXCERPT_S]))
    assert cells.edges_s == pytest.approx([0.0, EXCERPT_S, 2 * EXCERPT_S, 26.0])
    assert cells.index.tolist() == [0, 1, 2]
    assert cells.around(26.0 - EXCERPT_S, 26.0) == pytest.approx((2 * EXCERPT_S, 26.0))


def test_pauses_become_empty_cells() -> None:
    cells = excerpt_cells(analysis(60.0, [EXCERPT_S, 3 * EXCERPT_S]))
    assert cells.edges_s == pytest.approx([i * EXCERPT_S for i in range(5)] + [60.0])
    assert cells.index.tolist() == [-1, 0, -1, 1, -1]


def test_a_track_shorter_than_an_excerpt_is_one_cell() -> None:
    cells = excerpt_cells(analysis(3.0, [0.0]))
    assert cells.edges_s == pytest.approx([0.0, 3.0])
    assert cells.index.tolist() == [0]


def test_the_comparison_is_aligned_in_time() -> None:
    found = comparison()
    figure = plot_comparison(found, log_mel_of(26.0), log_mel_of(2 * EXCERPT_S))
    match_axes, a_axes, b_axes = figure.axes[:3]
    assert match_axes.get_xlim() == a_axes.get_xlim() == pytest.approx((0.0, 26.0))
    assert match_axes.get_ylim() == b_axes.get_ylim() == pytest.approx((2 * EXCERPT_S, 0.0))
    matrix = np.asarray(match_axes.collections[0].get_array()).reshape(2, 3)
    np.testing.assert_allclose(matrix, found.excerpt_similarity.T)
    a_extent, b_extent = a_axes.images[0].get_extent(), b_axes.images[0].get_extent()
    assert a_extent[:2] == pytest.approx((0.0, 26.0), abs=FRAME_S)
    assert b_extent[2:] == pytest.approx((2 * EXCERPT_S, 0.0), abs=FRAME_S)
    # Both spectrograms line up with the matrix on the page, too.
    figure.canvas.draw()
    match_box, a_box, b_box = (axes.get_position() for axes in (match_axes, a_axes, b_axes))
    assert (a_box.x0, a_box.x1) == pytest.approx((match_box.x0, match_box.x1))
    assert (b_box.y0, b_box.y1) == pytest.approx((match_box.y0, match_box.y1))


def test_passages_are_framed_and_numbered_everywhere() -> None:
    figure = plot_comparison(comparison(), log_mel_of(26.0), log_mel_of(2 * EXCERPT_S))
    for axes in figure.axes[:3]:
        assert [text.get_text() for text in axes.texts] == ["1", "2"]
    match_axes, a_axes, b_axes = figure.axes[:3]
    first = match_axes.patches[0]
    assert (first.get_x(), first.get_width()) == pytest.approx((EXCERPT_S, EXCERPT_S))
    assert (first.get_y(), first.get_height()) == pytest.approx((0.0, EXCERPT_S))
    assert a_axes.patches[0].get_x() == pytest.approx(EXCERPT_S)
    assert b_axes.patches[0].get_y() == pytest.approx(0.0)


def test_a_comparison_needs_spectrograms() -> None:
    with pytest.raises(InvalidArgument, match=r"log_mel_b.*\(128,\)"):
        plot_comparison(comparison(), log_mel_of(26.0), np.zeros(128))


def test_the_genre_timeline_is_sorted_and_complete() -> None:
    found = analysis(26.0, [0.0, EXCERPT_S, 26.0 - EXCERPT_S])
    axes = plot_genre_timeline(found).axes[0]
    labels = [label.get_text().split("  ")[0] for label in axes.get_yticklabels()]
    assert labels == list(found.genres)
    table = np.asarray(axes.collections[0].get_array()).reshape(3, 3)
    order = [found.labels.index(label) for label in labels]
    np.testing.assert_allclose(table, found.excerpt_probabilities[:, order].T)
    dots = axes.collections[1].get_offsets()
    np.testing.assert_array_equal(dots[:, 1], table.argmax(axis=0))
    assert axes.get_xlim() == pytest.approx((0.0, 26.0))


@pytest.mark.parametrize(
    "name",
    [
        "灯籠とピアノ.flac",
        "Ночь $x_1$ and $unclosed.mp3",
        "emoji 🎸 and\nnew\tlines",
        "lone surrogate \udce9.ogg",
        "x" * 400,
        "مرحبا",
        "",
    ],
)
def test_any_name_can_be_drawn(name: str, tmp_path: Path) -> None:
    target = tmp_path / "any.png"
    found = comparison(a=name, b=name)
    save(plot_comparison(found, log_mel_of(26.0), log_mel_of(20.0), title=name), target)
    assert png_size(target) == (1200, 1200)


@pytest.mark.parametrize(("width_px", "height_px"), [(1200, 700), (640, 480), (1801, 333)])
def test_a_png_has_the_asked_size_and_a_picture_in_it(
    width_px: int, height_px: int, tmp_path: Path
) -> None:
    target = tmp_path / "picture.png"
    figure = plot_mel(sine(440, 22_050), 22_050, width_px=width_px, height_px=height_px)
    save(figure, target)
    assert png_size(target) == (width_px, height_px)
    pixels = imread(target)[..., :3]
    assert pixels.min() < 0.2
    assert pixels.max() == 1.0


def test_a_picture_must_not_be_tiny() -> None:
    with pytest.raises(InvalidArgument, match=r"100 x 700 pixels is too small"):
        plot_mel(sine(440, 22_050), 22_050, width_px=100)


@pytest.mark.parametrize(
    ("suffix", "start"),
    [(".jpg", b"\xff\xd8"), (".svg", b"<?xml"), (".pdf", b"%PDF"), (".PNG", b"\x89PNG")],
)
def test_the_suffix_says_the_format(suffix: str, start: bytes, tmp_path: Path) -> None:
    target = tmp_path / f"picture{suffix}"
    save(plot_waveform(sine(440, 22_050), 22_050), target)
    assert target.read_bytes().startswith(start)


@pytest.mark.parametrize("name", ["picture.bmpx", "picture", "picture.mp3"])
def test_an_unknown_suffix_is_refused_by_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"\.png, \.jpg"):
        save(plot_waveform(sine(440, 22_050), 22_050), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    target = tmp_path / "missing" / "picture.png"
    with pytest.raises(OutputError, match=r"missing.*picture\.png: cannot be written"):
        save(plot_waveform(sine(440, 22_050), 22_050), target)


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"pip install 'soundalike\[plots\]'"):
        plot_waveform(sine(440, 22_050), 22_050)


def test_pictures_leave_no_global_state_and_need_no_display(tmp_path: Path) -> None:
    code = (
        "import sys, numpy as np, soundalike.show.plots as plots\n"
        "assert 'matplotlib' not in sys.modules\n"
        "plots.save(plots.plot_waveform(np.zeros(9), 22050), sys.argv[1])\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "x.png")], check=True)


@pytest.mark.parametrize(
    ("time_s", "step_s", "text"),
    [
        (0, 1, "0:00"),
        (59.94, 1, "1:00"),
        (65.2, 1, "1:05"),
        (3661, 1, "1:01:01"),
        (10.5, 0.5, "0:10.5"),
    ],
)
def test_times_read_like_a_clock(time_s: float, step_s: float, text: str) -> None:
    assert show_time(time_s, step_s) == text


def test_long_names_lose_their_middle() -> None:
    assert shorten("short.mp3", 20) == "short.mp3"
    cut = shorten("a very long name of a file.flac", 20)
    assert len(cut) <= 20
    assert cut.startswith("a very long")
    assert cut.endswith(".flac")


def test_the_waveforms_axis_ends_at_full_scale_with_a_line_there() -> None:
    axes = plot_waveform(0.5 * sine(440, 22_050), 22_050).axes[0]
    assert axes.get_ylim() == (-1.0, 1.0)
    levels = sorted(line.get_ydata()[0] for line in axes.lines)
    assert levels == [-1.0, 0.0, 1.0]


# Times in excerpts of a, and of b; the first and the last lie in corners, two touch each other.
PASSAGES = {
    "short": [(0, 1, 0, 1), (20, 21, 60, 61), (21, 22, 61, 62), (40, 44, 10, 14), (89, 90, 89, 90)],
    "crowded": [(i, i + 1, i, i + 1) for i in (3, 0, 1, 2, 4)],
    "long": [(0, 40, 0, 40), (45, 90, 50, 90), (0, 90, 20, 24)],
}


@pytest.mark.parametrize("kind", PASSAGES)
def test_no_number_hides_a_small_box(kind: str) -> None:
    both = analysis(90 * EXCERPT_S, [i * EXCERPT_S for i in range(90)])
    times = [tuple(EXCERPT_S * n for n in where) for where in PASSAGES[kind]]
    found = dataclasses.replace(
        comparison(),
        passages=tuple(Passage(*where, 0.9) for where in times),
        excerpt_similarity=np.zeros((90, 90), np.float32),
        a_analysis=both,
        b_analysis=both,
    )
    figure = plot_comparison(found, log_mel_of(both.duration_s), log_mel_of(both.duration_s))
    figure.canvas.draw()
    for axes in figure.axes[:3]:
        badges = [text.get_bbox_patch().get_window_extent() for text in axes.texts]
        boxes = [patch.get_window_extent() for patch in axes.patches]
        assert len(badges) == len(boxes) == len(times)
        for i, badge in enumerate(badges):
            assert not any(badge.overlaps(other) for other in badges[:i])
            for box in boxes:
                if min(box.width, box.height) < 2 * badge.width:
                    assert not badge.overlaps(box)


def test_the_percentile_of_a_comparison_is_not_rounded_up() -> None:
    found = dataclasses.replace(comparison(), percentile=98.6)
    figure = plot_comparison(found, log_mel_of(26.0), log_mel_of(2 * EXCERPT_S))
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert "98.6 % of pairs are less alike" in words


def test_a_comparison_of_long_tracks_is_drawn_in_few_columns() -> None:
    both = analysis(3600.0, [0.0, EXCERPT_S, 2 * EXCERPT_S])
    found = dataclasses.replace(
        comparison(),
        a_analysis=both,
        b_analysis=both,
        excerpt_similarity=np.zeros((3, 3), np.float32),
    )
    figure = plot_comparison(found, log_mel_of(3600.0), log_mel_of(3600.0))
    image = figure.axes[1].images[0]
    assert np.asarray(image.get_array()).shape == (128, MOST_COLUMNS)
    assert image.get_extent()[:2] == [0.0, 3600.0]


def minutes_of_noise(n: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(1)
    for _ in range(60 * n):
        yield rng.uniform(-0.5, 0.5, 22_050).astype(np.float32)


@pytest.mark.parametrize("plot", [plot_waveform, partial(plot_mel, n_mels=16, n_fft=256)])
def test_the_length_of_a_track_takes_no_memory(plot: Callable[..., object]) -> None:
    plot(minutes_of_noise(1), 22_050)
    tracemalloc.start()
    plot(minutes_of_noise(20), 22_050)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The samples alone would take 106 MB.
    assert peak < 40_000_000


def test_a_target_is_checked_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_picture(tmp_path / "new.png")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InvalidArgument, match=r"\.png, \.jpg"):
        check_picture(tmp_path / "new.mp3")
    with pytest.raises(OutputError, match=r"cannot be written"):
        check_picture(tmp_path / "missing" / "new.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OutputError, match=r"folder\.png: cannot be written"):
        check_picture(tmp_path / "folder.png")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra):
        check_picture(tmp_path / "new.png")
