"""What is drawn of a whole track: its waveform and its mel spectrogram."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
from audio_files import write_wav
from hypothesis import given, settings
from hypothesis import strategies as st

from soundalike.errors import UnsupportedAudio
from soundalike.show.outline import Outline, draw_mel, outline

RATE = 8000


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Outline:
    """Ten seconds: a low tone that gets louder, then a high one, then silence."""
    time_s = np.arange(4 * RATE) / RATE
    low = np.linspace(0, 0.8, 4 * RATE) * np.sin(2 * np.pi * 200 * time_s)
    high = 0.5 * np.sin(2 * np.pi * 3000 * time_s)
    samples = np.concatenate([low, high, np.zeros(2 * RATE)])
    return outline(write_wav(tmp_path_factory.mktemp("drawn") / "a.wav", samples, RATE))


def pixels_of(png: bytes) -> np.ndarray:
    assert png.startswith(b"\x89PNG\r\n")
    with av.open(io.BytesIO(png)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def test_the_waveform_is_that_of_the_samples(drawn: Outline) -> None:
    found = drawn.peaks(10)
    assert found.duration_s == 10
    assert np.allclose(found.maxima[:4], [0.2, 0.4, 0.6, 0.8], atol=0.01)
    assert np.allclose(found.minima[:4], [-0.2, -0.4, -0.6, -0.8], atol=0.01)
    assert np.allclose(found.maxima[4:], [0.5] * 4 + [0] * 2, atol=0.01)


@settings(max_examples=25)
@given(points=st.integers(1, 4000))
def test_no_peak_is_lost_at_any_width(drawn: Outline, points: int) -> None:
    found = drawn.peaks(points)
    assert len(found.minima) == len(found.maxima) == min(points, len(drawn.low))
    assert max(found.maxima) == pytest.approx(0.8, abs=0.01)
    assert min(found.minima) == pytest.approx(-0.8, abs=0.01)


def test_high_tones_are_above_and_time_goes_right(drawn: Outline) -> None:
    dark = pixels_of(draw_mel(drawn, 100, "dark")).sum(axis=-1).astype(int)
    assert dark.shape == (128, 100)
    # The brightest row: low in the picture for the first tone, high for the second.
    assert dark[:, 30].argmax() > 100
    assert dark[:, 60].argmax() < 50
    assert dark[:, 90].max() == dark.min()  # silence


def test_each_theme_begins_with_its_page(drawn: Outline) -> None:
    silent = {theme: pixels_of(draw_mel(drawn, 50, theme))[64, 47] for theme in ("light", "dark")}
    assert silent["light"].tolist() == [255, 255, 255]
    assert silent["dark"].sum() < 60
    for theme, sign in (("light", -1), ("dark", 1)):
        colours = pixels_of(draw_mel(_ramp(), 256, theme))[0] @ [0.2126, 0.7152, 0.0722]
        # Lightness tells how loud it is, whatever the eye makes of colours.
        assert (sign * np.diff(colours) > -1).all()
        assert sign * (colours[-1] - colours[0]) > 180


def _ramp() -> Outline:
    mel = np.tile(np.arange(256, dtype=np.uint8), (128, 1))
    return Outline(1.0, np.array([0, 1]), *np.zeros((2, 1), np.int16), mel)


@pytest.mark.parametrize("width", [16, 99, 1200, 4000])
def test_any_width(drawn: Outline, width: int) -> None:
    assert pixels_of(draw_mel(drawn, width)).shape == (128, width, 3)


def test_what_is_kept_is_the_same_and_what_is_damaged_is_none(drawn: Outline) -> None:
    data = drawn.to_bytes()
    again = Outline.from_bytes(data)
    assert again is not None
    assert again.peaks(500) == drawn.peaks(500)
    assert draw_mel(again, 200) == draw_mel(drawn, 200)
    for damaged in (b"", b"x" * 100, data[:-30], data[:200] + bytes(200) + data[400:]):
        assert Outline.from_bytes(damaged) is None


@pytest.mark.parametrize("n_samples", [1, 40, 9000])
def test_a_very_short_file_has_an_outline(tmp_path: Path, n_samples: int) -> None:
    found = outline(write_wav(tmp_path / "a.wav", np.full(n_samples, 0.5), RATE))
    assert found.duration_s == n_samples / RATE
    assert max(found.peaks(1000).maxima) == pytest.approx(0.5, abs=0.001)
    assert pixels_of(draw_mel(found, 100)).shape == (128, 100, 3)


def test_hours_take_no_more_columns(tmp_path: Path) -> None:
    found = outline(write_wav(tmp_path / "a.wav", np.zeros(600 * 2000), 2000, bits=8))
    assert len(found.low) == 4000
    assert 1200 <= found.mel.shape[1] <= 2400


def test_what_is_no_sound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("nothing")
    with pytest.raises(UnsupportedAudio):
        outline(tmp_path / "a.wav")
