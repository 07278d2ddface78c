"""YAMNet, converted: beside TensorFlow Lite's own answers, and beside a network in PyTorch."""

from __future__ import annotations

import json
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch
from audio_files import chord, write_audio
from hypothesis import given, settings
from hypothesis import strategies as st
from tflite_files import CONV_2D, Stored, like_yamnet, write_tflite
from torch.nn import functional as F
from yamnet_waveforms import waveforms

from benchmarks.yamnet_reference import find_music, fit_reference
from soundalike.analyzer import Analyzer
from soundalike.errors import DataError, InvalidArgument, ModelError
from soundalike.frontends.yamnet import (
    N_MELS,
    PATCH_FRAMES,
    PATCH_S,
    PatchStream,
    mel_bands,
    patches,
)
from soundalike.models import ModelInfo
from soundalike.models.contract import open_session, read_properties, run
from soundalike.models.pull import pull
from soundalike.models.tflite import FULLY_CONNECTED, read_tflite
from soundalike.models.yamnet import (
    LOG_OFFSET,
    WEIGHTS_SHA256,
    Layer,
    class_names,
    read_weights,
    to_onnx,
    weights_sha256,
)

RATE = 16_000
ANSWERS = Path(__file__).parent / "data" / "yamnet.npz"
SIZES = {
    "logits": 521,
    "embedding": 1024,
    "pooled": 1024,
    "pool_3": 128,
    "pool_5": 256,
    "pool_8": 512,
    "pool_11": 512,
}


@pytest.fixture(scope="module")
def model(yamnet_tflite: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelInfo:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOUNDALIKE_MODELS", str(tmp_path_factory.mktemp("models")))
        return pull("yamnet", file=yamnet_tflite).model


def log_mel_of(waveform: np.ndarray, rate: int = RATE) -> np.ndarray:
    """(64, n_frames)."""
    stream = PatchStream(rate)
    stream.push(waveform)
    return stream.finish()


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(np.ravel(one), np.ravel(other))[0, 1])


def forward(layers: tuple[Layer, ...], log_mel: np.ndarray) -> dict[str, np.ndarray]:
    """MobileNet v1 as its paper has it, from the weights as TensorFlow stores them.

    Parameters
    ----------
    log_mel : float32 (n, 96, 64).
    """
    strided = {2, 4, 6, 12}
    found: dict[str, np.ndarray] = {}

    def same(x: torch.Tensor, stride: int) -> torch.Tensor:
        """TensorFlow's padding for a window of 3, worked out from its rule."""
        pads: list[int] = []
        for size in (x.shape[3], x.shape[2]):
            total = max((-(-size // stride) - 1) * stride + 3 - size, 0)
            pads += [total // 2, total - total // 2]
        return F.pad(x, pads)

    with torch.no_grad():
        weights = [torch.from_numpy(each.weights * each.scale).float() for each in layers]
        biases = [torch.from_numpy(each.bias) for each in layers]
        x = torch.from_numpy(log_mel)[:, None]
        x = F.relu(F.conv2d(same(x, 2), weights[0].permute(0, 3, 1, 2), biases[0], stride=2))
        for pair in range(1, 14):
            each, all_of_them = weights[2 * pair - 1], weights[2 * pair]
            stride = 2 if pair in strided else 1
            filters = each[0].permute(2, 0, 1)[:, None]
            x = F.conv2d(
                same(x, stride), filters, biases[2 * pair - 1], stride, groups=len(filters)
            )
            x = torch.einsum("nchw,oc->nohw", F.relu(x), all_of_them[:, 0, 0])
            x = F.relu(x + biases[2 * pair][:, None, None])
            found["pooled" if pair == 13 else f"pool_{pair}"] = x.mean(dim=(2, 3)).numpy()
        found["logits"] = found["pooled"] @ weights[-1].numpy().T + biases[-1].numpy()
    return found


def check_network(layers: tuple[Layer, ...], log_mel: np.ndarray) -> None:
    session = open_session(to_onnx(layers))
    found = dict(zip(SIZES, run(session, log_mel, tuple(SIZES)), strict=True))
    wanted = forward(layers, log_mel)
    for name, size in SIZES.items():
        assert found[name].shape == (len(log_mel), size)
        if name != "embedding":
            scale = np.abs(wanted[name]).max()
            assert scale > 0.1
            np.testing.assert_allclose(found[name], wanted[name], atol=1e-5 * scale, err_msg=name)
    mean, deviation = np.load(
        Path(__file__).parents[1] / "soundalike" / "models" / "yamnet_reference.npy"
    )
    wanted_embedding = (np.log(wanted["pooled"] + LOG_OFFSET) - mean) / deviation
    np.testing.assert_allclose(found["embedding"], wanted_embedding, atol=0.01)


def test_any_weights_of_its_shape_give_that_network() -> None:
    draw = np.random.default_rng(1)
    log_mel = draw.uniform(-7, 4, (18, PATCH_FRAMES, N_MELS)).astype(np.float32)
    check_network(read_weights(like_yamnet()), log_mel)


def test_the_published_weights(yamnet_tflite: Path) -> None:
    layers = read_weights(yamnet_tflite.read_bytes())
    assert weights_sha256(layers) == WEIGHTS_SHA256
    log_mel = np.stack([log_mel_of(each).T[:PATCH_FRAMES] for each in waveforms().values()])
    check_network(layers, log_mel)


def test_tensorflow_lite_gives_the_same(model: ModelInfo) -> None:
    """But for what it rounds: it also multiplies in eight bits, where we have floats."""
    session = open_session(model.verify())
    names = list(waveforms())
    with np.load(ANSWERS) as stored:
        wanted = {name: stored[name].astype(np.float32) for name in stored}
    logits, pooled = run(session, wanted["log_mel"], ("logits", "pooled"))
    for number, name in enumerate(names):
        assert correlation(logits[number], wanted["logits"][number]) > 0.9999, name
        assert correlation(pooled[number], wanted["pooled"][number]) > 0.999, name
        assert logits[number].argmax() == wanted["logits"][number].argmax()

    # From the waveform on. The transform in the file is of eight bits, too: what is silent beside a
    # loud tone is not silent there, so a tone or a chirp alone differ.
    for name in ("noise", "soft noise that comes and goes", "beat", "chords in noise"):
        number = names.index(name)
        log_mel = log_mel_of(waveforms()[name])
        assert correlation(log_mel.T, wanted["log_mel"][number]) > 0.998, name
        (logits,) = run(session, patches(log_mel).frames, ("logits",))
        assert correlation(logits[0], wanted["logits"][number]) > 0.9995, name


def test_the_file_holds_the_same_mel_bands(yamnet_tflite: Path) -> None:
    model = read_tflite(yamnet_tflite.read_bytes())
    steps = [step for step in model.operators if step.kind == FULLY_CONNECTED]
    bands = model.tensors[steps[-2].inputs[1]]
    assert bands.values is not None
    assert bands.values.shape == (N_MELS, 257)
    # Half a step of eight bits.
    limit = 0.501 * float(bands.scales[0])
    np.testing.assert_allclose(mel_bands().T, bands.values * bands.scales[0], atol=limit, rtol=0)


def test_the_file_says_what_it_is(model: ModelInfo) -> None:
    metadata = read_properties(open_session(model.verify()))
    assert tuple(json.loads(metadata["labels"])) == class_names() == model.labels
    assert len(set(model.labels)) == 521
    places = {0: "Speech", 132: "Music", 214: "Rock music", 494: "Silence", 520: "Field recording"}
    assert {place: model.labels[place] for place in places} == places
    assert (model.kind, model.frontend, model.embedding_dim) == ("tags", "yamnet-64", 1024)
    assert "Apache" in model.card
    assert "ICASSP 2017" in model.card


def test_the_spectrogram_is_that_of_its_definition() -> None:
    """Frames by librosa; bands by hand, straight on the mel scale, as TensorFlow makes them."""
    waveform = chord(RATE, 3.0)
    frames = librosa.util.frame(waveform, frame_length=400, hop_length=160).T
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(401)[:400], 512))
    to_mel = lambda hz: 2595 * np.log10(1 + hz / 700)  # noqa: E731
    bins = to_mel(np.arange(257) * RATE / 512)
    edges = np.linspace(to_mel(125.0), to_mel(7500.0), N_MELS + 2)
    bands = np.stack([np.interp(bins, edges[i : i + 3], [0, 1, 0]) for i in range(N_MELS)])
    wanted = np.log(spectrum @ bands.T + 0.001).T
    found = log_mel_of(waveform)
    assert found.shape == wanted.shape == (64, 298)
    np.testing.assert_allclose(found, wanted, atol=1e-3)


@settings(max_examples=20)
@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=8), st.sampled_from([RATE, 44_100]))
def test_blocks_of_any_length_give_the_same(lengths: list[int], rate: int) -> None:
    waveform = chord(rate, sum(lengths) / rate + 0.1)
    parts = PatchStream(rate)
    for block in np.split(waveform, np.cumsum(lengths)):
        parts.push(block)
    assert parts.n_samples == len(waveform)
    np.testing.assert_allclose(parts.finish(), log_mel_of(waveform, rate), atol=1e-4)


def test_other_rates_are_resampled() -> None:
    waveform = chord(44_100, 4.0)
    wanted = log_mel_of(librosa.resample(waveform, orig_sr=44_100, target_sr=RATE))
    found = log_mel_of(waveform, 44_100)
    assert found.shape == wanted.shape
    inside = (slice(58), slice(5, -5))  # edges, and above 6 kHz, are each resampler's own
    np.testing.assert_allclose(found[inside], wanted[inside], atol=0.1)


def test_patches_do_not_overlap() -> None:
    log_mel = np.arange(2 * PATCH_FRAMES + 50, dtype=np.float32)[None].repeat(N_MELS, axis=0)
    cut = patches(log_mel)
    assert cut.frames.shape == (2, PATCH_FRAMES, N_MELS)
    np.testing.assert_array_equal(cut.frames[:, 0, 5], [0, PATCH_FRAMES])
    np.testing.assert_allclose(cut.starts_s, [0, PATCH_S])
    short = patches(log_mel[:, :40]).frames
    np.testing.assert_array_equal(short[0, :, 0], np.arange(PATCH_FRAMES) % 40)
    with pytest.raises(
        InvalidArgument, match=r"must have the shape \(64, n_frames\), not \(64, 0\)"
    ):
        patches(log_mel[:, :0])


def test_less_than_a_window_is_one_frame() -> None:
    assert log_mel_of(np.ones(50, np.float32)).shape == (64, 1)
    assert log_mel_of(np.ones(400, np.float32)).shape == (64, 1)
    assert log_mel_of(np.ones(560, np.float32)).shape == (64, 2)


def test_an_analysis_with_tags(model: ModelInfo, tmp_path: Path) -> None:
    waveform = chord(RATE, 10.0)
    path = write_audio(tmp_path / "a.flac", waveform, RATE, "flac")
    analysis = Analyzer(model).from_file(path)
    session = open_session(model.verify())
    logits, embedding = run(session, patches(log_mel_of(waveform)).frames)
    assert (analysis.kind, len(analysis.excerpt_starts_s)) == ("tags", 10)
    activations = (1 / (1 + np.exp(-logits.astype(np.float64)))).mean(axis=0)
    np.testing.assert_allclose(analysis.probabilities, activations, atol=0.02)
    mean = embedding.mean(axis=0)
    assert analysis.embedding @ mean / np.linalg.norm(mean) > 0.99
    assert analysis.excerpt_s == PATCH_S


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (like_yamnet(n_classes=520), r"has the shape \(520, 1024\).*this is another network"),
        (write_tflite([Stored("a", (1,))], []), "it has 0 layers, not 28: this is another network"),
        (
            write_tflite([Stored("a", (1,))], [(CONV_2D, (0, 0), (0,))] * 28),
            "a layer has no weights or no bias",
        ),
        (like_yamnet(each_channel=True), "has 64 scales, not one for all: this is another file"),
    ],
)
def test_other_networks(content: bytes, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        read_weights(content)


def test_the_checksum_is_of_all_weights() -> None:
    layers = read_weights(like_yamnet())
    found = {weights_sha256(layers)}
    for number in (0, 13, 27):
        changed = layers[number].weights.copy()
        changed.flat[-1] += 1
        layer = Layer(changed, layers[number].scale, layers[number].bias)
        found.add(weights_sha256((*layers[:number], layer, *layers[number + 1 :])))
        layer = Layer(layers[number].weights, layers[number].scale, -layers[number].bias)
        found.add(weights_sha256((*layers[:number], layer, *layers[number + 1 :])))
    assert len(found) == 7


def test_the_reference_is_mean_and_deviation_over_tracks(tmp_path: Path) -> None:
    draw = np.random.default_rng(2)
    tracks = [draw.uniform(0, 2, (n, 3)) * [1, 1, 0] for n in (5, 1, 9)]
    mean, deviation = fit_reference(tracks)
    logs = np.array([np.log(track + LOG_OFFSET).mean(axis=0) for track in tracks])
    np.testing.assert_allclose(mean, logs.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(deviation[:2], logs.std(axis=0)[:2], rtol=1e-5)
    assert deviation[2] > 0
    with pytest.raises(InvalidArgument, match="two tracks or more, not 1"):
        fit_reference(tracks[:1])

    listed = [
        {"path": "a.ogg", "package": "one"},
        {"path": "b.ogg", "package": "two", "use": "train"},
        {"path": "c.ogg", "package": "two", "use": "validate"},
        {"path": "d.ogg", "package": "three"},
    ]
    (tmp_path / "manifest.json").write_text(json.dumps(listed))
    found = find_music(tmp_path, ["three"])
    assert [path.name for path in found] == ["a.ogg", "b.ogg"]
    (tmp_path / "manifest.json").write_text('[{"package": "one"}]')
    with pytest.raises(DataError, match="not a list of tracks with path and package"):
        find_music(tmp_path)
