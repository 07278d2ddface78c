"""How far a track is from all music that a model knows: ``soundalike models familiarity``.

A classifier of genres calls white noise jazz and a sine classical, and is sure of it: its
probabilities only compare the labels. What a network makes of an excerpt below its heads tells
more: the Mahalanobis distance of these values from those of known music (Lee et al. 2018, arXiv
1807.03888), with one mean and one covariance for all music, since a track may be of any genre.

It is appended to the model's graph as the output ``distance``. What a distance means is told by
tracks that were held out; see :class:`soundalike.models.contract.Familiarity`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.helper
import onnx.numpy_helper

from soundalike.errors import DataError, ModelError, printable
from soundalike.files import write_file
from soundalike.frontends.log_mel import EXCERPT_FRAMES, N_MELS, excerpts
from soundalike.models import ModelInfo
from soundalike.models.contract import DISTANCE, INPUT, Familiarity, open_session, run
from soundalike.models.registry import changed_registry, inspect_model

__all__ = ["add_familiarity", "update_model"]

Floats = npt.NDArray[np.float32]

# As many excerpts of each reference track, so that a long one does not count for more.
_EXCERPTS = 4
# What the names of all that is appended to a graph begin with.
_OURS = "familiarity."
_POOLS = ("ReduceMean", "ReduceMax", "Flatten", "Squeeze")
# Share of the mean variance in each axis' own: axes that music hardly uses would decide otherwise.
_SHRINKAGE = 0.02


def add_familiarity(
    content: bytes,
    reference: Iterable[Floats],
    held_out: Iterable[Floats],
    *,
    layer: str | None = None,
) -> bytes:
    """A model file with the output ``distance``, in place of the one it may have.

    Weights, embedding and logits stay as they are.

    Parameters
    ----------
    content : of an ONNX file whose input is our log-mel excerpts.
    reference : log-mel frames (128, n_frames) of the music that it knows, dB; each track is used
        once.
    held_out : the same of music that it neither was trained on nor is fitted to here.
    layer : the value (n_excerpts, D) in the graph that is compared, or (n_excerpts, D, height,
        width), of which the means are; by default what the first linear layer takes, after the last
        pooling.

    Raises
    ------
    ModelError : the graph has no such value.
    DataError : no reference, or nothing held out.
    """
    model = onnx.load_from_string(content)
    _remove(model)
    layer = layer or _pooled(model.graph)
    if _Values(model, layer)(np.zeros((1, N_MELS, EXCERPT_FRAMES), np.float32)).ndim == 4:
        layer = _append_mean(model.graph, layer)
    values = _Values(model, layer)
    known = [values(_spread(track)) for track in reference]
    if not known:
        raise DataError("there is no reference music")
    _append_distance(model.graph, layer, *_fit(np.concatenate(known)))
    session = open_session(model.SerializeToString())
    distances = [
        float(run(session, _inputs(session, excerpts(track).frames), (DISTANCE,))[0].mean())
        for track in held_out
    ]
    if not distances:
        raise DataError("there is no held-out music")
    kept = {each.key: each.value for each in model.metadata_props}
    onnx.helper.set_model_props(model, kept | Familiarity(tuple(distances)).to_metadata())
    onnx.checker.check_model(model, full_check=True)
    made: bytes = model.SerializeToString()
    return made


def update_model(
    path: Path,
    reference: Iterable[Floats],
    held_out: Iterable[Floats],
    *,
    layer: str | None = None,
) -> ModelInfo:
    """Do so with a file of a folder of models; its entry in ``registry.json`` follows.

    Raises
    ------
    ModelError : no model file, or a graph that does not fit.
    DataError : as :func:`add_familiarity`.
    OutputError : the file cannot be written.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{printable(path)}: {error.strerror}") from error
    inspect_model(content, path)
    content = add_familiarity(content, reference, held_out, layer=layer)
    model = inspect_model(content, path)
    with changed_registry(path.parent) as registry:
        write_file(path, content)
        registry.put(model)
    return model


def _spread(track: Floats) -> Floats:
    """Some excerpts of a track, from its beginning to its end."""
    frames = excerpts(track).frames
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(_EXCERPTS, len(frames))).astype(int))
    spread: Floats = frames[chosen]
    return spread


class _Values:
    """The values of one layer, for excerpts."""

    def __init__(self, model: onnx.ModelProto, layer: str) -> None:
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        if layer not in {name for node in copy.graph.node for name in node.output}:
            raise ModelError(f"the model's graph has no value {layer!r}")
        float_type = onnx.TensorProto.FLOAT
        copy.graph.output.append(onnx.helper.make_tensor_value_info(layer, float_type, None))
        self._session = open_session(copy.SerializeToString())
        self._layer = layer

    def __call__(self, frames: Floats) -> Floats:
        inputs = _inputs(self._session, frames)
        return np.asarray(run(self._session, inputs, (self._layer,))[0], np.float32)


def _inputs(session: Any, frames: Floats) -> dict[str, Floats]:
    """Of log-mel excerpts alone: descriptors have no part in what is compared here."""
    sizes = {each.name: each.shape[-1] for each in session.get_inputs() if each.name != INPUT}
    empty = {name: np.zeros((len(frames), size), np.float32) for name, size in sizes.items()}
    return {INPUT: frames, **empty}


def _pooled(graph: onnx.GraphProto) -> str:
    """The last pool that a linear layer takes, or mean and maximum of one value joined."""
    takes = {node.input[0] for node in graph.node if node.op_type in ("Gemm", "MatMul")}
    pools = {node.output[0]: node.input[0] for node in graph.node if node.op_type in _POOLS}
    pooled = []
    for node in graph.node:
        sources = {pools.get(value) for value in node.input}
        # Blocks of an embedding are joined as well, but of different values.
        is_joined = node.op_type == "Concat" and len(sources) == 1 and None not in sources
        if node.output[0] in takes and (node.output[0] in pools or is_joined):
            pooled.append(node.output[0])
    if not pooled:
        raise ModelError("the model's graph has no pooled layer: name one of its values")
    return str(pooled[-1])


def _fit(values: npt.NDArray[np.floating]) -> tuple[Floats, Floats]:
    """Mean (D,) and matrix (D, D): the distance is the mean square of ``(x - mean) @ matrix``."""
    values = values.astype(np.float64)
    mean, spread = values.mean(axis=0), values.std(axis=0) + 1e-4
    variances, axes = np.linalg.eigh(np.cov(((values - mean) / spread).T))
    shrunk = (1 - _SHRINKAGE) * variances + _SHRINKAGE * variances.mean()
    matrix = axes / np.sqrt(shrunk) / spread[:, None]
    return mean.astype(np.float32), matrix.astype(np.float32)


def _append_mean(graph: onnx.GraphProto, layer: str) -> str:
    """The mean of each of a layer's maps, by its name in the graph."""
    axes, means = f"{_OURS}axes", f"{_OURS}means"
    graph.initializer.append(onnx.numpy_helper.from_array(np.array([2, 3], np.int64), axes))
    graph.node.append(onnx.helper.make_node("ReduceMean", [layer, axes], [means], keepdims=0))
    return means


def _append_distance(graph: onnx.GraphProto, layer: str, mean: Floats, matrix: Floats) -> None:
    name = _OURS.removesuffix(".")
    constants: dict[str, npt.NDArray[Any]] = {
        "mean": mean,
        "matrix": matrix,
        "axis": np.array([1], np.int64),
    }
    for part, array in constants.items():
        graph.initializer.append(onnx.numpy_helper.from_array(array, f"{name}.{part}"))
    make = onnx.helper.make_node
    graph.node.extend(
        [
            make("Sub", [layer, f"{name}.mean"], [f"{name}.centred"]),
            make("MatMul", [f"{name}.centred", f"{name}.matrix"], [f"{name}.whitened"]),
            make("Mul", [f"{name}.whitened"] * 2, [f"{name}.squares"]),
            make("ReduceMean", [f"{name}.squares", f"{name}.axis"], [DISTANCE], keepdims=1),
        ]
    )
    n_excerpts = next(each for each in graph.input if each.name == INPUT)
    batch = n_excerpts.type.tensor_type.shape.dim[0].dim_param or "n"
    float_type = onnx.TensorProto.FLOAT
    graph.output.append(onnx.helper.make_tensor_value_info(DISTANCE, float_type, [batch, 1]))


def _remove(model: onnx.ModelProto) -> None:
    """Take out what an earlier fit appended."""
    graph = model.graph
    for items in (graph.node, graph.initializer, graph.output):
        kept = [item for item in items if not _is_ours(item)]
        del items[:]
        items.extend(kept)


def _is_ours(item: Any) -> bool:
    names = [*item.output] if isinstance(item, onnx.NodeProto) else [item.name]
    return any(name == DISTANCE or name.startswith(_OURS) for name in names)
