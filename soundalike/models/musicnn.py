"""The published weights of musicnn as an ONNX model that :class:`soundalike.Analyzer` runs.

Pons and Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging", ISMIR
late-breaking demo 2019, arXiv 1909.06654. Of the networks in the wheel this is ``MSD_musicnn``,
which was trained on the Million Song Dataset. In the file that is written
(:mod:`soundalike.models.contract`)

- the input is float32 (n, 187, 96), as ``frontends.musicnn`` makes it (patch, frame, mel);
- ``logits`` (n, 50) are the tags before the sigmoid, ``embedding`` (n, 200) the layer that they
  stand on; two more outputs, ``mean_pool`` and ``max_pool`` (n, 753), are the features of all
  layers over time.

Needs ``onnx``, which :mod:`soundalike.models.onnx_graph` writes with: extra ``musicnn``.
"""

from __future__ import annotations

import ast
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import MissingExtra, ModelError, printable
from soundalike.frontends.musicnn import N_MELS, PATCH_FRAMES
from soundalike.models.contract import EMBEDDING, INPUT, LOGITS, ModelMetadata
from soundalike.models.tensorflow import read_bundle

try:
    from soundalike.models.onnx_graph import Graph
except ImportError as error:
    raise MissingExtra("converting musicnn", "musicnn") from error

__all__ = ["DESCRIPTION", "EMBEDDING_DIM", "NAME", "VERSION", "Musicnn", "read_wheel", "to_onnx"]

NAME = "musicnn"
VERSION = "0.1.0"
DESCRIPTION = "50 tags and a 200-d embedding, trained on the Million Song Dataset"
EMBEDDING_DIM = 200

_CHECKPOINT = "musicnn/MSD_musicnn/"
_N_TAGS = 50
_EPSILON = 1e-3  # of every batch normalisation: the default of TensorFlow's layers
# Weight decay has shrunk 496 of the 561 filters of the front end to nothing: by the sum of their
# absolute weights none lies between 1e-6 and 1e-5. They give the same value whatever they hear.
_DEAD_BELOW = 1e-6

FloatArray = NDArray[np.float32]

# Kernels as TensorFlow stores them: (frames, mels or channels, channels in, channels out).
_FRONT_SHAPES = ((7, 38, 1, 204), (7, 67, 1, 204), (128, 1, 1, 51), (64, 1, 1, 51), (32, 1, 1, 51))
_N_FRONT = sum(shape[-1] for shape in _FRONT_SHAPES)
_N_MID = 64
_MID_SHAPES = ((7, _N_FRONT, 1, _N_MID), (7, _N_MID, 1, _N_MID), (7, _N_MID, 1, _N_MID))
_N_POOLED = _N_FRONT + len(_MID_SHAPES) * _N_MID  # 753


def _numbered(name: str, number: int) -> str:
    """How TensorFlow tells layers of one kind apart."""
    return f"{name}_{number}" if number else name


def _expected_shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    normalised = [1]  # channels of the batch normalisations, in the order in which they come
    for number, shape in enumerate((*_FRONT_SHAPES, *_MID_SHAPES)):
        layer = _numbered("conv2d", number)
        shapes[f"{layer}/kernel"] = shape
        shapes[f"{layer}/bias"] = shape[-1:]
        normalised.append(shape[-1])
    normalised += [2 * _N_POOLED, EMBEDDING_DIM]
    for number, (n_in, n_out) in enumerate(
        ((2 * _N_POOLED, EMBEDDING_DIM), (EMBEDDING_DIM, _N_TAGS))
    ):
        layer = _numbered("dense", number)
        shapes[f"{layer}/kernel"] = (n_in, n_out)
        shapes[f"{layer}/bias"] = (n_out,)
    for number, channels in enumerate(normalised):
        layer = _numbered("batch_normalization", number)
        for part in ("beta", "gamma", "moving_mean", "moving_variance"):
            shapes[f"{layer}/{part}"] = (channels,)
    return shapes


@dataclass(frozen=True)
class Musicnn:
    """What the wheel holds of the network.

    Attributes
    ----------
    weights : name in the checkpoint -> float32 array, shapes checked.
    labels : the tags, in the order of the outputs.
    """

    weights: Mapping[str, FloatArray]
    labels: tuple[str, ...]


def read_wheel(wheel: Path) -> Musicnn:
    """Read weights and tags out of the wheel; nothing in it is run.

    Raises
    ------
    ModelError : not that wheel, or a checkpoint that is damaged or of another network.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            index = archive.read(_CHECKPOINT + ".index")
            data = archive.read(_CHECKPOINT + ".data-00000-of-00001")
            settings = archive.read("musicnn/configuration.py").decode("utf-8")
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ModelError(f"{printable(wheel)} is not a wheel of musicnn: {error}") from error
    shapes = _expected_shapes()
    weights = read_bundle(index, data, shapes)
    for name, shape in shapes.items():
        if weights[name].shape != shape:
            raise ModelError(
                f"{printable(wheel)}: {name!r} has the shape {weights[name].shape}, not {shape}: "
                "this is another network"
            )
        if not np.isfinite(weights[name]).all():
            raise ModelError(f"{printable(wheel)}: {name!r} holds NaN or infinite values")
    return Musicnn(weights, _labels(settings, wheel))


def _labels(settings: str, wheel: Path) -> tuple[str, ...]:
    """The tags, from the source text of the module that lists them."""
    try:
        for statement in ast.parse(settings).body:
            if isinstance(statement, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == "MSD_LABELS"
                for target in statement.targets
            ):
                labels = tuple(map(str, ast.literal_eval(statement.value)))
                if len(labels) == len(set(labels)) == _N_TAGS:
                    return labels
    except (SyntaxError, ValueError, TypeError):
        pass
    raise ModelError(f"{printable(wheel)}: its list of {_N_TAGS} tags cannot be read")


class _Layers:
    """The weights, layer by layer, in double precision for what is folded together."""

    def __init__(self, weights: Mapping[str, FloatArray]) -> None:
        self._weights = weights

    def kernel_and_bias(
        self, layer: str, number: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        name = _numbered(layer, number)
        kernel = self._weights[f"{name}/kernel"].astype(np.float64)
        return kernel, self._weights[f"{name}/bias"].astype(np.float64)

    def normalisation(self, number: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Batch normalisation number ``number`` as a scale and a shift."""
        name = _numbered("batch_normalization", number)
        beta, gamma, mean, variance = (
            self._weights[f"{name}/{part}"].astype(np.float64)
            for part in ("beta", "gamma", "moving_mean", "moving_variance")
        )
        scale = gamma / np.sqrt(variance + _EPSILON)
        return scale, beta - mean * scale


def to_onnx(network: Musicnn) -> bytes:
    """The network as the content of an ONNX file; see the module's docstring.

    Batch normalisation is written as a scale and a shift, and filters that are dead as the constant
    that they give, which leaves a seventh of the work; the outputs are the same but for rounding.
    """
    layers = _Layers(network.weights)
    graph = Graph()
    features = [_front_end(graph, layers)]
    for number in range(len(_MID_SHAPES)):
        features.append(_mid_layer(graph, layers, number, features))
    pooled = graph.add("Concat", *features, axis=1)
    _back_end(graph, layers, pooled)

    metadata = ModelMetadata(
        NAME, VERSION, network.labels, DESCRIPTION, kind="tags", frontend="musicnn-96"
    )
    sizes = {
        LOGITS: _N_TAGS,
        EMBEDDING: EMBEDDING_DIM,
        "mean_pool": _N_POOLED,
        "max_pool": _N_POOLED,
    }
    return graph.to_file(metadata, (PATCH_FRAMES, N_MELS), sizes)


def _front_end(graph: Graph, layers: _Layers) -> str:
    """Filters over timbre and over time, the largest value of each frame: (n, 561, 187)."""
    scale, shift = layers.normalisation(0)
    channel_axis = graph.constant(np.asarray([1], np.int64))
    patches = graph.add("Unsqueeze", graph.scaled(INPUT, scale, shift), channel_axis)
    # Normalisation comes after the ReLU and before the maximum over frequency, so a filter whose
    # scale is negative wants its least value. With its kernel negated it wants the largest, too,
    # and ReLU and scale can wait until the maximum has made the data small.
    signs, scales, shifts, sources, maxima = [], [], [], [], []
    n_live = 0
    for number in range(len(_FRONT_SHAPES)):
        kernel, bias = layers.kernel_and_bias("conv2d", number)
        scale, shift = layers.normalisation(number + 1)
        live = np.abs(kernel).sum(axis=(0, 1, 2)) > _DEAD_BELOW
        sign = np.where(scale < 0, -1.0, 1.0)
        frames = kernel.shape[0]
        before = (frames - 1) // 2
        filtered = graph.add(
            "Conv",
            patches,
            graph.constant((kernel * sign)[..., live].transpose(3, 2, 0, 1)),
            graph.constant((bias * sign)[live]),
            pads=[before, 0, frames - 1 - before, 0],
        )
        maxima.append(graph.reduced("ReduceMax", filtered, 3))
        signs.append(sign)
        scales.append(np.where(live, scale, 0.0))
        shifts.append(np.where(live, shift, shift + scale * np.maximum(bias, 0.0)))
        # Where each filter's values lie among the live ones; the dead take any: their scale is 0.
        sources.append(np.where(live, n_live + np.cumsum(live) - 1, 0))
        n_live += int(live.sum())
    every = graph.add(
        "Gather",
        graph.add("Concat", *maxima, axis=1),
        graph.constant(np.concatenate(sources).astype(np.int64)),
        axis=1,
    )
    signed = graph.add("Mul", every, graph.constant(np.concatenate(signs)[:, None]))
    return graph.scaled(
        graph.add("Relu", signed),
        np.concatenate(scales)[:, None],
        np.concatenate(shifts)[:, None],
    )


def _mid_layer(graph: Graph, layers: _Layers, number: int, features: list[str]) -> str:
    """Seven frames of all channels; from the second layer on added to what came in."""
    kernel, bias = layers.kernel_and_bias("conv2d", len(_FRONT_SHAPES) + number)
    scale, shift = layers.normalisation(len(_FRONT_SHAPES) + number + 1)
    filtered = graph.add(
        "Conv",
        features[-1],
        graph.constant(kernel[:, :, 0, :].transpose(2, 1, 0)),
        graph.constant(bias),
        pads=[3, 3],
    )
    normalised = graph.scaled(graph.add("Relu", filtered), scale[:, None], shift[:, None])
    return graph.add("Add", normalised, features[-1]) if number else normalised


def _back_end(graph: Graph, layers: _Layers, features: str) -> None:
    """Maximum and mean over time, then two dense layers."""
    largest = graph.reduced("ReduceMax", features, 2, output="max_pool")
    mean = graph.reduced("ReduceMean", features, 2, output="mean_pool")
    kernel, bias = layers.kernel_and_bias("dense", 0)
    scale, shift = layers.normalisation(9)
    bias = bias + shift @ kernel
    kernel = kernel * scale[:, None]
    dense = graph.add(
        "Gemm",
        graph.add("Concat", largest, mean, axis=1),
        # In the checkpoint maximum and mean of a channel lie beside each other.
        graph.constant(np.concatenate([kernel[0::2], kernel[1::2]])),
        graph.constant(bias),
    )
    embedding = graph.scaled(graph.add("Relu", dense), *layers.normalisation(10), output=EMBEDDING)
    kernel, bias = layers.kernel_and_bias("dense", 1)
    graph.add("Gemm", embedding, graph.constant(kernel), graph.constant(bias), output=LOGITS)
