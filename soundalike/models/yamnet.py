"""The published weights of YAMNet as an ONNX model that :class:`soundalike.Analyzer` runs.

A MobileNet v1 (Howard et al. 2017, arXiv 1704.04861) that Google trained on AudioSet (Gemmeke et
al., "Audio Set: an ontology and human-labeled dataset for audio events", ICASSP 2017) and published
as a TensorFlow Lite file. In the file that is written (:mod:`soundalike.models.contract`)

- the input is float32 (n, 96, 64), as ``frontends.yamnet`` makes it (patch, frame, mel);
- ``logits`` (n, 521) are the classes before the sigmoid;
- ``pooled`` (n, 1024) is the layer that they stand on: the mean over time and bands of the last
  convolution; ``pool_3`` (n, 128), ``pool_5`` (n, 256), ``pool_8`` and ``pool_11`` (n, 512) are
  the same after so many pairs of convolutions;
- ``embedding`` (n, 1024) is the logarithm of ``pooled``, each value brought to mean 0 and deviation
  1 over reference music: what cosines of neighbours are best taken of.

Needs ``onnx``, which :mod:`soundalike.models.onnx_graph` writes with: extra ``yamnet``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import MissingExtra, ModelError
from soundalike.frontends.yamnet import N_MELS, PATCH_FRAMES
from soundalike.models.contract import EMBEDDING, INPUT, LOGITS, ModelMetadata
from soundalike.models.tflite import (
    CONV_2D,
    DEPTHWISE_CONV_2D,
    DEQUANTIZE,
    FULLY_CONNECTED,
    Tensor,
    TfliteModel,
    read_tflite,
)

try:
    from soundalike.models.onnx_graph import Graph
except ImportError as error:
    raise MissingExtra("converting YAMNet", "yamnet") from error

__all__ = [
    "DESCRIPTION",
    "EMBEDDING_DIM",
    "LOG_OFFSET",
    "NAME",
    "POOLED",
    "VERSION",
    "WEIGHTS_SHA256",
    "Layer",
    "class_names",
    "read_weights",
    "to_onnx",
    "weights_sha256",
]

NAME: Final = "yamnet"
VERSION: Final = "1"
DESCRIPTION: Final = "521 classes of sound and a 1,024-d embedding, trained on AudioSet"
EMBEDDING_DIM: Final = 1024
POOLED: Final = "pooled"

WEIGHTS_SHA256: Final = "9b6fe6a62003fad95fc5fb001e07e7c3e1572ef9b3c75ee4620fb39f6ed656be"
"""Of the weights (:func:`weights_sha256`): files that are published differ in what stands beside
them."""

LOG_OFFSET: Final = 1e-2
"""Added to the pooled values before their logarithm is taken: many of them are 0."""

_N_CLASSES = 521
_FIRST_CHANNELS = 32
# For each pair of convolutions: channels that come out, and the stride of the first of the two.
_PAIRS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
)
_POOLS = {3: "pool_3", 5: "pool_5", 8: "pool_8", 11: "pool_11", 13: POOLED}


@dataclass(frozen=True)
class Layer:
    """A convolution, or the last layer.

    Attributes
    ----------
    weights : int8 or float32, of the shape that the file has.
    scale : what multiplies them.
    bias : float32, one a channel that comes out.
    """

    weights: NDArray[np.generic]
    scale: np.float32
    bias: NDArray[np.float32]


def _expected_shapes() -> Iterator[tuple[int, ...]]:
    """Of the weights, as TensorFlow Lite stores them: out, height, width, in; (1, ...) if each
    channel is filtered for itself."""
    yield _FIRST_CHANNELS, 3, 3, 1
    before = _FIRST_CHANNELS
    for channels, _ in _PAIRS:
        yield 1, 3, 3, before
        yield channels, 1, 1, before
        before = channels
    yield _N_CLASSES, before


def read_weights(content: bytes) -> tuple[Layer, ...]:
    """The 28 layers of the network in a TensorFlow Lite file, the first one first.

    Raises
    ------
    ModelError : no such file, a damaged one, or one of another network.
    """
    model = read_tflite(content)
    layers = []
    steps = [step for step in model.operators if step.kind in (CONV_2D, DEPTHWISE_CONV_2D)]
    steps += [step for step in model.operators if step.kind == FULLY_CONNECTED][-1:]
    shapes = tuple(_expected_shapes())
    if len(steps) != len(shapes):
        raise ModelError(f"it has {len(steps)} layers, not {len(shapes)}: this is another network")
    for step, shape in zip(steps, shapes, strict=True):
        if len(step.inputs) != 3 or min(step.inputs) < 0:
            raise ModelError("a layer has no weights or no bias: this is another network")
        weights = _stored(model, step.inputs[1])
        layers.append(_layer(weights, _stored(model, step.inputs[2]), shape))
    return tuple(layers)


def _stored(model: TfliteModel, at: int) -> Tensor:
    """A tensor, or what the file makes it of."""
    for step in model.operators:
        if step.kind == DEQUANTIZE and step.outputs == (at,) and len(step.inputs) == 1:
            at = step.inputs[0]
            break
    return model.tensors[at]


def _layer(weights: Tensor, bias: Tensor, shape: tuple[int, ...]) -> Layer:
    n_out = shape[3] if len(shape) == 4 and shape[0] == 1 else shape[0]
    if weights.shape != shape or bias.shape != (n_out,):
        raise ModelError(
            f"{weights.name!r} has the shape {weights.shape}, and its bias {bias.shape}, not "
            f"{shape} and {(n_out,)}: this is another network"
        )
    scale = np.float32(1)
    if weights.values is not None and weights.values.dtype == np.int8:
        if weights.scales.size != 1 or weights.zero_points[0] != 0:
            raise ModelError(
                f"{weights.name!r} has {weights.scales.size} scales, not one for all: this is "
                "another file of YAMNet's"
            )
        scale = np.float32(weights.scales[0])
    elif weights.values is None or weights.values.dtype != np.float32:
        raise ModelError(f"{weights.name!r} is neither of int8 nor of float32")
    if bias.values is None or bias.values.dtype != np.float32:
        raise ModelError(f"{bias.name!r} is not of float32")
    layer = Layer(weights.values, scale, bias.values.astype(np.float32))
    if not (
        np.isfinite(layer.weights).all() and np.isfinite(scale) and np.isfinite(layer.bias).all()
    ):
        raise ModelError(f"{weights.name!r} holds NaN or infinite values")
    return layer


def weights_sha256(layers: tuple[Layer, ...]) -> str:
    """SHA-256 over the layers' weights times their scale, and biases, all little-endian float32."""
    digest = hashlib.sha256()
    for layer in layers:
        digest.update((layer.weights.astype("<f4") * layer.scale).astype("<f4").tobytes())
        digest.update(layer.bias.astype("<f4").tobytes())
    return digest.hexdigest()


def class_names() -> tuple[str, ...]:
    """AudioSet's 521 classes, in the order of the logits."""
    text = resources.files("soundalike.models").joinpath("yamnet_classes.txt").read_text("utf-8")
    return tuple(line for line in text.splitlines() if not line.startswith("#"))


def to_onnx(layers: tuple[Layer, ...]) -> bytes:
    """The network as the content of an ONNX file; see the module's docstring.

    Weights of int8 stay so in the file and are multiplied by their scale when it is loaded.
    """
    graph = Graph()
    channel_axis = graph.constant(np.asarray([1], np.int64))
    value = graph.add("Unsqueeze", INPUT, channel_axis)
    value = _convolution(graph, value, layers[0], stride=2)
    pools = {}
    for number, (_, stride) in enumerate(_PAIRS, 1):
        value = _convolution(graph, value, layers[2 * number - 1], stride=stride)
        value = _convolution(graph, value, layers[2 * number])
        if number in _POOLS:
            pools[number] = graph.reduced("ReduceMean", value, 2, 3, output=_POOLS[number])
    last = layers[-1]
    graph.add(
        "Gemm",
        POOLED,
        _weights(graph, last.weights, last.scale),
        graph.constant(last.bias),
        transB=1,
        output=LOGITS,
    )
    offset = graph.constant(np.array([LOG_OFFSET]))
    mean, deviation = _reference()
    graph.scaled(
        graph.add("Log", graph.add("Add", POOLED, offset)),
        1 / deviation,
        -mean / deviation,
        output=EMBEDDING,
    )
    metadata = ModelMetadata(
        NAME, VERSION, class_names(), DESCRIPTION, kind="tags", frontend="yamnet-64"
    )
    sizes = {LOGITS: _N_CLASSES, EMBEDDING: EMBEDDING_DIM}
    sizes |= {name: _PAIRS[number - 1][0] for number, name in _POOLS.items()}
    return graph.to_file(metadata, (PATCH_FRAMES, N_MELS), sizes)


def _convolution(graph: Graph, value: str, layer: Layer, stride: int = 1) -> str:
    """A convolution and its ReLU; each channel for itself where the shape says so."""
    n_out, height, _, n_in = layer.weights.shape
    each = n_out == 1
    # TensorFlow's "same": with a stride of 2 the odd row and column of zeros come last.
    before, after = ((0, 1) if stride == 2 else (1, 1)) if height == 3 else (0, 0)
    filtered = graph.add(
        "Conv",
        value,
        _weights(
            graph, layer.weights.transpose((3, 0, 1, 2) if each else (0, 3, 1, 2)), layer.scale
        ),
        graph.constant(layer.bias),
        strides=[stride, stride],
        pads=[before, before, after, after],
        group=n_in if each else 1,
    )
    return graph.add("Relu", filtered)


def _weights(graph: Graph, values: NDArray[np.generic], scale: np.float32) -> str:
    if values.dtype == np.float32:
        return graph.constant(values)
    # Not DequantizeLinear, which the runtime would do again with every call.
    return graph.add(
        "Mul", graph.add("Cast", graph.constant(values), to=1), graph.constant(np.asarray(scale))
    )


def _reference() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and deviation of the logarithms over reference music: each float32 (1024,)."""
    file = resources.files("soundalike.models").joinpath("yamnet_reference.npy")
    with file.open("rb") as opened:
        mean, deviation = np.load(opened, allow_pickle=False)
    return mean, deviation
