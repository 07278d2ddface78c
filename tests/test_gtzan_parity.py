"""Real recordings through the whole audio path give the frames and the answers of the store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from soundalike.analysis import unit
from soundalike.analyzer import Analyzer
from soundalike.audio import load_audio
from soundalike.frontends.dsp import mel_spectrogram, power_to_db

pytestmark = pytest.mark.gtzan

N_COLUMNS = 387
STFT_HOP = 512
LENGTHS = range(1285, 1325)  # frames; the tracks of GTZAN last 29.9 to 30.6 s


@pytest.fixture(scope="module")
def store(gtzan: Path) -> dict[str, np.ndarray]:
    """Stored frames by track name (`blues.00000`): uint8 (128, 387)."""
    with np.load(gtzan / "logmel_u8.npz") as archive:
        names = [str(name).split("/")[-1] for name in archive["track"]]
        return dict(zip(names, archive["logmel"], strict=True))


def columns(n_frames: int) -> np.ndarray:
    """Which frames of a transform with a hop of 512 samples the store keeps: int (387,).

    Of the T frames of a track, the last one before (c + 0.5) T / 387.5 is column c.
    """
    return np.ceil((np.arange(N_COLUMNS) + 0.5) * n_frames / 387.5).astype(np.int64) - 1


def frames_of(path: Path) -> np.ndarray:
    """All frames of a clip at a hop of 512 samples, by the product's transform: (128, n_frames)."""
    audio = load_audio(path)
    assert audio.sample_rate == 22_050
    power = mel_spectrogram(audio.samples, audio.sample_rate, hop_length=STFT_HOP)
    return power_to_db(power)


def decibels(stored: np.ndarray, like: np.ndarray) -> np.ndarray:
    """The stored values in decibels; their range is not stored, so it is fitted to ``like``."""
    live = (stored > 0) & (like > like.min() + 1)
    scale, offset = np.polyfit(stored[live].astype(float), like[live].astype(float), 1)
    return scale * stored + offset


def clips(gtzan: Path, folder: str) -> list[Path]:
    found = sorted((gtzan / "clips" / folder).glob("*.flac"))
    assert found
    return found


def rms_difference(found: np.ndarray, stored: np.ndarray) -> float:
    """Root mean square of what is left between the two, dB, the floor left out."""
    live = (stored > 0) & (found > found.min() + 1)
    return float(np.sqrt(np.mean((found - decibels(stored, found))[live] ** 2)))


def test_full_clips_have_the_frames_of_the_store(gtzan: Path, store: dict[str, np.ndarray]) -> None:
    for path in clips(gtzan, "full"):
        frames = frames_of(path)
        found = frames[:, columns(frames.shape[1])]
        assert rms_difference(found, store[path.stem]) < 0.15, path.name


@pytest.mark.slow
def test_long_clips_have_the_frames_of_the_store(gtzan: Path, store: dict[str, np.ndarray]) -> None:
    for path in clips(gtzan, "long"):
        frames = frames_of(path)
        # The clip is the start of a track whose length, which places the columns, is not known.
        rms_db = []
        for n_frames in LENGTHS:
            kept = columns(n_frames)
            kept = kept[kept < frames.shape[1] - 2]  # the last two reach over the clip's end
            rms_db.append(rms_difference(frames[:, kept], store[path.stem][:, : kept.size]))
        assert min(rms_db) < 0.15, (path.name, LENGTHS[int(np.argmin(rms_db))])


def test_clips_get_the_answers_that_their_stored_frames_get(
    gtzan: Path, store: dict[str, np.ndarray]
) -> None:
    analyzer = Analyzer()
    agreed = 0
    for path in clips(gtzan, "full"):
        frames = frames_of(path)
        stored = decibels(store[path.stem], frames[:, columns(frames.shape[1])])
        from_store = analyzer.from_log_mel(stored)
        aligned = analyzer.from_log_mel(frames[:, columns(frames.shape[1])])
        np.testing.assert_allclose(
            aligned.probabilities, from_store.probabilities, atol=0.02, err_msg=path.name
        )
        ours, theirs = unit(aligned.embedding[None])[0], unit(from_store.embedding[None])[0]
        assert ours @ theirs > 0.99, path.name
        # Nobody aligns a user's file: the product's own frames lie up to 12 ms aside.
        agreed += analyzer.from_file(path).genre == from_store.genre
    assert agreed >= 9  # of ten; a track between two genres may fall either way
