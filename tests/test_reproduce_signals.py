"""Sampling and aliasing as theory has them, and the page and pictures that show it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("matplotlib", reason="needs soundalike[plots]")

from soundalike.audio.writing import encode
from soundalike.cli import cli
from soundalike.errors import InvalidArgument, OutputError, UnreadableFile
from soundalike.research import reproduce
from soundalike.research.reproduce import pictures
from soundalike.research.reproduce.folds import measure_folds
from soundalike.research.reproduce.phrase import Sound, chirp, phrase, pluck
from soundalike.research.reproduce.sampling import fold_hz, loudest_hz, resample

RATE = 44_100


def tone(hz: float, duration_s: float = 0.5, rate: int = RATE) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(round(duration_s * rate)) / rate).astype(np.float32)


def middle(waveform: np.ndarray) -> np.ndarray:
    """Without the ends, where a filter meets the silence around a sound."""
    quarter = len(waveform) // 4
    return waveform[quarter:-quarter]


def level_db(waveform: np.ndarray) -> float:
    """0 for a sine of amplitude 1."""
    return 10 * float(np.log10(2 * np.mean(middle(waveform) ** 2) + 1e-20))


@given(st.floats(0, 50_000), st.integers(1_000, 100_000))
def test_an_alias_lies_below_half_the_rate_and_has_the_same_samples(hz: float, rate: int) -> None:
    heard_hz = fold_hz(hz, rate)
    assert 0 <= heard_hz <= rate / 2
    times_s = np.arange(50) / rate
    np.testing.assert_allclose(
        np.cos(2 * np.pi * hz * times_s), np.cos(2 * np.pi * heard_hz * times_s), atol=1e-6
    )


@pytest.mark.parametrize("rate", pictures.RATES)
@pytest.mark.parametrize("hz", [700.0, 3_100.0, 4_800.0, 9_700.0, 14_300.0])
def test_tones_fold_without_a_filter_and_vanish_with_one(hz: float, rate: int) -> None:
    raw = resample(tone(hz), RATE, rate, anti_alias=False)
    assert loudest_hz(raw, rate) == pytest.approx(fold_hz(hz, rate), abs=2)
    assert level_db(raw) == pytest.approx(0, abs=0.2)
    filtered = resample(tone(hz), RATE, rate, anti_alias=True)
    if hz < 0.9 * rate / 2:
        assert level_db(filtered) == pytest.approx(0, abs=0.1)
        assert loudest_hz(filtered, rate) == pytest.approx(hz, abs=2)
    else:
        assert level_db(filtered) < -60


def test_a_whole_ratio_takes_every_nth_sample() -> None:
    noise = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    np.testing.assert_allclose(
        resample(noise, 44_100, 11_025, anti_alias=False), noise[::4], atol=1e-6
    )


def test_sampling_up_and_down_again_changes_nothing() -> None:
    low = tone(3_000, rate=8_000) + tone(500, rate=8_000)
    high = resample(low, 8_000, 44_100, anti_alias=True)
    np.testing.assert_allclose(
        middle(resample(high, 44_100, 8_000, anti_alias=False)), middle(low), atol=0.01
    )


@pytest.mark.parametrize(("rate_in", "rate_out"), [(0, 8000), (8000, 0), (-1, 8000)])
def test_a_rate_must_be_positive(rate_in: int, rate_out: int) -> None:
    with pytest.raises(InvalidArgument, match="must be positive"):
        resample(np.ones(10, np.float32), rate_in, rate_out, anti_alias=True)


@pytest.mark.parametrize("shape", [(0,), (2, 10)])
def test_only_mono_can_be_sampled(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidArgument, match="n_samples"):
        resample(np.ones(shape, np.float32), 8000, 4000, anti_alias=True)


def test_the_measured_folds_agree_with_theory() -> None:
    folds = measure_folds(pictures.RATES)
    assert any(not fold.is_kept for fold in folds)
    for fold in folds:
        assert fold.measured_hz == pytest.approx(fold.expected_hz, abs=1)
        assert abs(fold.filtered_db) < 0.1 if fold.is_kept else fold.filtered_db < -60


def test_a_chirp_rises_evenly() -> None:
    times_s = np.arange(RATE) / RATE
    sound = chirp(times_s, 10_000, 1.0)
    for at_s in (0.25, 0.5, 0.75):
        around = sound[round((at_s - 0.01) * RATE) : round((at_s + 0.01) * RATE)]
        assert loudest_hz(around, RATE) == pytest.approx(10_000 * at_s, rel=0.03)


def test_a_string_has_its_harmonics() -> None:
    string = pluck(220, 1.0)
    magnitude = np.abs(np.fft.rfft(string))  # one second: bin i is i Hz
    assert magnitude.argmax() in (220, 440)
    between = magnitude[220 * 3 + 60 : 220 * 4 - 60].max()
    assert all(magnitude[220 * k - 3 : 220 * k + 4].max() > 5 * between for k in (1, 2, 3, 4))


@pytest.mark.slow
def test_the_phrase_is_always_the_same_stereo_music() -> None:
    first, second = phrase(), phrase()
    np.testing.assert_array_equal(first.channels, second.channels)
    assert first.channels.shape[0] == 2
    assert 0.7 < np.abs(first.channels).max() <= 0.8
    left, right = first.channels
    assert np.corrcoef(left, right)[0, 1] < 0.9  # two channels that can be told apart


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page on a short stereo file, quickly."""
    folder = tmp_path_factory.mktemp("signals")
    piece = np.stack([tone(440, 1.5), tone(9_000, 1.5)]) * 0.5
    (folder / "<b>two & one.wav").write_bytes(encode(piece, RATE, "wav"))
    outcome = reproduce.run("signals", folder / "out", file=folder / "<b>two & one.wav", quick=True)
    assert outcome.report == folder / "out" / "report.html"
    return folder / "out"


@pytest.mark.slow
def test_the_page_stands_alone_and_says_that_it_is_quick(quick: Path) -> None:
    html = (quick / "report.html").read_text(encoding="utf-8")
    assert "A quick run" in html
    assert "&lt;b&gt;two &amp; one.wav" in html
    assert "<b>two" not in html
    for address in ("http:", "https:", 'src="/', "<script", "<link"):
        assert address not in html
    assert html.count("data:audio/wav") == 2
    assert "1,000 (alias)" in html  # 9,000 Hz at 8,000 Hz


@pytest.mark.slow
def test_every_picture_is_there(quick: Path) -> None:
    names = {path.stem for path in quick.glob("*.png")}
    assert names >= {"sampling", "aliasing-chirp", "aliasing", "waveform", "spectrogram", "mel"}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in quick.glob("*.png"))


def test_pictures_of_the_guide_can_be_drawn() -> None:
    short = Sound("a string", np.stack([pluck(220, 1.0)] * 2), RATE)
    for draw in (pictures.stft, pictures.model_view, pictures.filters):
        assert draw(short).axes
    for draw_alone in (
        pictures.sound,
        pictures.spectrum,
        pictures.window,
        pictures.mel_scale,
        pictures.cosine,
    ):
        assert draw_alone().axes


def test_an_unknown_experiment_is_named_with_those_there_are() -> None:
    with pytest.raises(InvalidArgument, match=r"unknown experiment 'nope'; available: .*signals"):
        reproduce.run("nope", Path("unused"))
    names = sorted(reproduce.EXPERIMENTS)
    assert {"cifar10", "paper", "recurrent", "signals", "stress"} <= {*names}
    result = CliRunner().invoke(cli, ["reproduce", "nope"])
    assert result.exit_code == 2
    assert f"No such experiment 'nope'. There are: {', '.join(names)}." in result.stderr


def test_bad_input_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose another one"):
        reproduce.run("signals", tmp_path / "file")
    with pytest.raises(InvalidArgument, match="needs a file"):
        reproduce.run("signals", tmp_path / "out", start_s=5.0)
    with pytest.raises(UnreadableFile):
        reproduce.run("signals", tmp_path / "out", file=tmp_path / "missing.wav")


def test_the_guide_shows_pictures_that_are_there_with_the_command_that_makes_them() -> None:
    root = Path(__file__).parents[1]
    guide = (root / "docs" / "guide.md").read_text(encoding="utf-8")
    script = (root / "examples" / "guide_pictures.py").read_text(encoding="utf-8")
    shown = re.findall(r"\(images/guide-([a-z-]+)\.png\)\n\n`python examples/([^`]+)`", guide)
    assert len(shown) == guide.count("images/guide-") >= 12
    for name, command in shown:
        assert command == f"guide_pictures.py {name}"
        assert f'"{name}":' in script
        assert (root / "docs" / "images" / f"guide-{name}.png").is_file()
    for linked in re.findall(r"\]\(([^#)][^)]*)\)", guide):
        is_on_the_web = linked.startswith("https://")
        assert is_on_the_web or (root / "docs" / linked.partition("#")[0]).is_file(), linked
