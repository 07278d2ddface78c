"""musicnn, converted: its spectrogram beside librosa's, its network beside one in PyTorch."""

from __future__ import annotations

import json
from pathlib import Path

import librosa
import numpy as np
import onnxruntime
import pytest
import torch
from audio_files import chord, write_audio
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from soundalike.analyzer import Analyzer
from soundalike.audio import load_audio
from soundalike.errors import InvalidArgument, ModelError
from soundalike.frontends.musicnn import N_MELS, PATCH_FRAMES, PATCH_S, PatchStream, patches
from soundalike.library.storage.encoding import decode, encode
from soundalike.models import ModelInfo, find_model
from soundalike.models.musicnn import Musicnn, read_wheel
from soundalike.models.pull import pull

RATE = 16_000


@pytest.fixture(scope="module")
def network(musicnn_wheel: Path) -> Musicnn:
    return read_wheel(musicnn_wheel)


@pytest.fixture(scope="module")
def model(musicnn_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelInfo:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOUNDALIKE_MODELS", str(tmp_path_factory.mktemp("models")))
        return pull("musicnn", wheel=musicnn_wheel).model


@pytest.fixture(scope="module")
def analyzer(model: ModelInfo) -> Analyzer:
    return Analyzer(model)


def music(seconds: float, seed: int = 0) -> np.ndarray:
    """Decaying tones over noise that comes and goes, float32, 16 kHz."""
    draw = np.random.default_rng(seed)
    time_s = np.arange(int(seconds * RATE)) / RATE
    tone_hz = 220 * 2 ** (draw.integers(0, 25, 200)[(time_s * 4).astype(int) % 200] / 12)
    tones = np.sin(2 * np.pi * np.cumsum(tone_hz) / RATE) * np.exp(-4 * (time_s % 0.25))
    noise = draw.standard_normal(len(time_s)) * (1 + np.sin(time_s)) / 40
    return (0.4 * tones + noise).astype(np.float32)


def librosa_patches(waveform: np.ndarray) -> np.ndarray:
    """(96, n_frames), by the call that the authors name."""
    power = librosa.feature.melspectrogram(
        y=waveform, sr=RATE, n_fft=512, hop_length=256, n_mels=96
    )
    return np.log10(10_000 * power + 1)


def forward(network: Musicnn, log_mel: np.ndarray) -> dict[str, np.ndarray]:
    """The network as its paper and the names in its checkpoint describe it, layer by layer.

    Parameters
    ----------
    log_mel : float32 (n, 187, 96).
    """
    weights = {name: torch.from_numpy(values) for name, values in network.weights.items()}

    def layer(kind: str, number: int, part: str) -> Tensor:
        return weights[f"{kind}_{number}/{part}" if number else f"{kind}/{part}"]

    def normalised(x: Tensor, number: int) -> Tensor:  # channels second
        parts = ("moving_mean", "moving_variance", "gamma", "beta")
        mean, variance, gamma, beta = (layer("batch_normalization", number, part) for part in parts)
        return F.batch_norm(x, mean, variance, gamma, beta, training=False, eps=1e-3)

    def filtered(x: Tensor, number: int, before: int, after: int) -> Tensor:
        kernel = layer("conv2d", number, "kernel").permute(3, 2, 0, 1)
        padded = F.pad(x, (0, 0, before, after))
        return normalised(
            F.relu(F.conv2d(padded, kernel, layer("conv2d", number, "bias"))), number + 1
        )

    with torch.no_grad():
        x = normalised(torch.from_numpy(log_mel)[:, None], 0)
        # "Same" padding of an even kernel puts the odd frame behind.
        padding = [(3, 3), (3, 3), (63, 64), (31, 32), (15, 16)]
        front = torch.cat(
            [filtered(x, number, *pad).amax(dim=3) for number, pad in enumerate(padding)], dim=1
        )
        features = [front]
        for number in (5, 6, 7):
            before = features[-1].transpose(1, 2)[:, None]  # (n, 1, time, channels)
            new = filtered(before, number, 3, 3)[..., 0]
            features.append(new if number == 5 else new + features[-1])
        pooled = torch.cat(features, dim=1)
        largest, mean = pooled.amax(dim=2), pooled.mean(dim=2)
        flat = normalised(torch.stack([largest, mean], dim=2).flatten(1), 9)
        dense = F.linear(flat, layer("dense", 0, "kernel").T, layer("dense", 0, "bias"))
        embedding = normalised(F.relu(dense), 10)
        logits = F.linear(embedding, layer("dense", 1, "kernel").T, layer("dense", 1, "bias"))
    named = {"logits": logits, "embedding": embedding, "mean_pool": mean, "max_pool": largest}
    return {name: values.numpy() for name, values in named.items()}


def test_the_converted_network_is_the_published_one(network: Musicnn, model: ModelInfo) -> None:
    draw = np.random.default_rng(1)
    log_mel = np.concatenate(
        [
            patches(librosa_patches(music(13.0))).frames,
            patches(librosa_patches(0.01 * music(4.0, seed=1))).frames,
            np.zeros((1, PATCH_FRAMES, N_MELS), np.float32),
            draw.uniform(0, 4, (2, PATCH_FRAMES, N_MELS)).astype(np.float32),
        ]
    )
    session = onnxruntime.InferenceSession(model.verify(), providers=["CPUExecutionProvider"])
    wanted = forward(network, log_mel)
    found = dict(zip(wanted, session.run(list(wanted), {"log_mel": log_mel}), strict=True))
    shapes = {"logits": 50, "embedding": 200, "mean_pool": 753, "max_pool": 753}
    for name, size in shapes.items():
        assert found[name].shape == (len(log_mel), size)
        # The pooled features reach 70; single precision has seven digits.
        np.testing.assert_allclose(found[name], wanted[name], atol=1e-4, rtol=1e-5, err_msg=name)
    for name in ("logits", "embedding"):
        np.testing.assert_allclose(found[name], wanted[name], atol=1e-4, rtol=0, err_msg=name)
    assert wanted["logits"].std() > 1  # not all alike


def test_the_file_says_what_it_is(network: Musicnn, model: ModelInfo) -> None:
    session = onnxruntime.InferenceSession(model.verify(), providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    assert tuple(json.loads(metadata["labels"])) == network.labels == model.labels
    assert (model.kind, model.frontend, model.embedding_dim) == ("tags", "musicnn-96", 200)
    assert model.labels[:3] == ("rock", "pop", "alternative")
    assert {"metal", "female vocalists", "80s", "happy"} < set(model.labels)
    assert "ISC" in model.card
    assert "arXiv 1909.06654" in model.card


@pytest.mark.parametrize("seconds", [0.5, 2.99, 7.013])
def test_the_spectrogram_is_librosas(seconds: float) -> None:
    waveform = music(seconds)
    stream = PatchStream(RATE)
    stream.push(waveform)
    found, wanted = stream.finish(), librosa_patches(waveform)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, atol=1e-3)


@settings(max_examples=20)
@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=8), st.sampled_from([RATE, 44_100]))
def test_blocks_of_any_length_give_the_same(lengths: list[int], rate: int) -> None:
    waveform = music(sum(lengths) / RATE + 0.1)
    whole, parts = PatchStream(rate), PatchStream(rate)
    whole.push(waveform)
    for block in np.split(waveform, np.cumsum(lengths)):
        parts.push(block)
    assert parts.n_samples == whole.n_samples == len(waveform)
    np.testing.assert_allclose(parts.finish(), whole.finish(), atol=1e-5)


def test_other_rates_are_resampled() -> None:
    """As by librosa, below 6.9 kHz and within the track: edges are each resampler's own."""
    waveform = chord(44_100, 4.0)
    stream = PatchStream(44_100)
    stream.push(waveform)
    resampled = librosa.resample(waveform, orig_sr=44_100, target_sr=RATE)
    found, wanted = stream.finish(), librosa_patches(resampled)
    assert found.shape == wanted.shape
    inside = (slice(90), slice(3, -3))
    np.testing.assert_allclose(found[inside], wanted[inside], atol=0.01)


def test_patches_do_not_overlap() -> None:
    log_mel = np.arange(2 * PATCH_FRAMES + 50, dtype=np.float32)[None].repeat(N_MELS, axis=0)
    cut = patches(log_mel)
    assert cut.frames.shape == (2, PATCH_FRAMES, N_MELS)
    np.testing.assert_array_equal(cut.frames[:, 0, 5], [0, PATCH_FRAMES])
    np.testing.assert_allclose(cut.starts_s, [0, PATCH_S])
    short = patches(log_mel[:, :100]).frames
    np.testing.assert_array_equal(short[0, :, 0], np.arange(PATCH_FRAMES) % 100)
    with pytest.raises(
        InvalidArgument, match=r"must have the shape \(96, n_frames\), not \(96, 0\)"
    ):
        patches(log_mel[:, :0])


def test_an_analysis_with_tags(network: Musicnn, analyzer: Analyzer, tmp_path: Path) -> None:
    path = write_audio(tmp_path / "a.flac", music(10.0), RATE, "flac")
    analysis = analyzer.from_file(path)
    waveform = load_audio(path).samples
    wanted = forward(network, patches(librosa_patches(waveform)).frames)
    activations = 1 / (1 + np.exp(-wanted["logits"]))
    assert (analysis.kind, len(analysis.excerpt_starts_s)) == ("tags", 3)
    np.testing.assert_allclose(analysis.excerpt_probabilities, activations, atol=1e-3)
    np.testing.assert_allclose(analysis.probabilities, activations.mean(axis=0), atol=1e-3)
    mean = wanted["embedding"].mean(axis=0)
    assert analysis.embedding @ mean / np.linalg.norm(mean) > 0.9999
    assert analysis.genre == network.labels[activations.mean(axis=0).argmax()]
    assert (analysis.genre_set, analysis.unsure) == ((), False)
    assert analysis.excerpt_s == PATCH_S

    # As the library keeps it: activations are not made to sum to one.
    kept = decode(
        encode(analysis),
        model=analysis.model,
        labels=analysis.labels,
        kind=analysis.kind,
        excerpt_s=analysis.excerpt_s,
    )
    assert (kept.kind, kept.excerpt_s) == ("tags", PATCH_S)
    np.testing.assert_allclose(
        kept.excerpt_probabilities, analysis.excerpt_probabilities, atol=1e-3
    )


def test_a_spectrogram_of_the_other_frontend_is_refused(analyzer: Analyzer) -> None:
    with pytest.raises(InvalidArgument, match=r"must have the shape \(96, n_frames\)"):
        analyzer.from_log_mel(np.zeros((128, 200), np.float32))
    with pytest.raises(ModelError, match=r"unknown model 'musicnn'; installed: soundalike@2"):
        find_model("musicnn")  # it lies in another folder than this test's


@pytest.mark.gtzan
def test_tags_of_real_music_make_sense(gtzan: Path, analyzer: Analyzer) -> None:
    """Each of these tags is strongest, on average, for the recordings of its genre."""
    tags = {
        "blues": "blues",
        "country": "country",
        "hiphop": "Hip-Hop",
        "jazz": "jazz",
        "metal": "metal",
        "classical": "instrumental",
    }
    mean = {}
    for genre in tags:
        found = [
            analyzer.from_file(path).genres
            for path in sorted((gtzan / "clips" / "long").glob(f"{genre}.*.flac"))
        ]
        assert len(found) == 10
        mean[genre] = {tag: np.mean([each[tag] for each in found]) for tag in tags.values()}
    for genre, tag in tags.items():
        assert max(mean, key=lambda other: mean[other][tag]) == genre, tag
