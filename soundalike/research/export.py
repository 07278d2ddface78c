"""From a training run to an ONNX model that the product runs: ``soundalike models export``.

The file is as :mod:`soundalike.models.contract` has it. Its embedding is the layer that the logits
stand on, less its mean over the training excerpts, so that a cosine of 0 means "no more alike than
most"; or a projection of several blocks of values, centred on the reference tracks
(:mod:`soundalike.research.distill.projection`). Temperature and genre set are fitted on the
validation tracks, which training never sees.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnx.numpy_helper
import torch
from torch import Tensor, nn

from soundalike.analysis import temper
from soundalike.files import write_file
from soundalike.frontends.log_mel import EXCERPT_FRAMES, N_MELS
from soundalike.models import ModelInfo
from soundalike.models.contract import (
    EMBEDDING,
    INPUT,
    LOGITS,
    PROJECTION,
    Calibration,
    ModelMetadata,
)
from soundalike.models.registry import changed_registry, inspect_model
from soundalike.research import classification
from soundalike.research.datasets.frames import LogMelSet, decibels
from soundalike.research.distill.pool_file import Pool
from soundalike.research.distill.projection import (
    Projected,
    ProjectionConfig,
    excerpt_values,
    fit_genre_head,
    fit_projection,
    track_means,
)
from soundalike.research.networks import Output
from soundalike.research.train import load_checkpoint, predict

__all__ = [
    "calibrate",
    "export",
    "fit_projected",
    "mean_embedding",
    "to_onnx",
]

OPSET = 18
COVERAGE = 0.9
_SMALL = 1024  # weights; fewer are not worth storing in another way
DESCRIPTION = "ten genres and a 128-d embedding, trained on GTZAN"


class _Centred(nn.Module):
    """The network with a constant taken off its embedding."""

    def __init__(self, network: nn.Module, centre: npt.NDArray[np.floating]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("centre", torch.from_numpy(np.asarray(centre, dtype=np.float32)))
        self.centre: Tensor

    def forward(self, log_mel: Tensor) -> Output:
        output = self.network(log_mel)
        return Output(output.logits, output.embedding - self.centre)


def mean_embedding(network: nn.Module, data: LogMelSet) -> npt.NDArray[np.float32]:
    """Mean embedding of the training excerpts, float32 (D,)."""
    embeddings = predict(network, data, data.splits["train"]).embeddings
    return np.asarray(embeddings.mean(axis=0), dtype=np.float32)


def calibrate(network: nn.Module, data: LogMelSet) -> Calibration:
    """Fit temperature and set quantile on the validation tracks."""
    predictions = predict(network, data, data.splits["valid"])
    probabilities = classification.mean_by_track(predictions.probabilities, predictions.tracks)
    temperature = classification.fit_temperature(probabilities, predictions.labels)
    calibrated = temper(probabilities, temperature)
    return Calibration(
        temperature, classification.genre_set_quantile(calibrated, predictions.labels, COVERAGE)
    )


def to_onnx(network: nn.Module, properties: Mapping[str, str], *, half: bool = False) -> bytes:
    """The network as the content of an ONNX file, batch normalisation folded into convolutions.

    Parameters
    ----------
    network : takes (n, N_MELS, EXCERPT_FRAMES) in dB, gives :class:`Output`.
    properties : metadata of the file.
    half : store large weights as float16, rounded to 11 bits. ONNX Runtime turns them back when it
        loads the file, so that nothing is slower.
    """
    exported = network.cpu().eval()
    # Two excerpts, since torch.export takes a batch of one for a constant.
    example = torch.randn(2, N_MELS, EXCERPT_FRAMES)
    with warnings.catch_warnings():
        # The exporter itself uses what torch has deprecated.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            exported,
            (example,),
            input_names=[INPUT],
            output_names=[LOGITS, EMBEDDING],
            dynamic_shapes={INPUT: {0: torch.export.Dim("n")}},
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # what the exporter gives with dynamo
    model = program.model_proto
    _strip_traces(model)
    if half:
        _store_as_float16(model)
    onnx.helper.set_model_props(model, dict(properties))
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content


def _strip_traces(model: onnx.ModelProto) -> None:
    """Drop the exporter's notes, which hold stack traces with the paths of this machine."""
    graph = model.graph
    for item in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info):
        item.ClearField("metadata_props")
        item.ClearField("doc_string")
    for tensor in graph.initializer:
        tensor.ClearField("metadata_props")
        tensor.ClearField("doc_string")
    del graph.value_info[:]


def _store_as_float16(model: onnx.ModelProto) -> None:
    """Keep large weights as float16, with a cast to float32 before each use."""
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _SMALL:
            continue
        name, half = tensor.name, f"{tensor.name}.half"
        tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), half))
        casts.append(onnx.helper.make_node("Cast", [half], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def fit_projected(
    network: nn.Module, data: LogMelSet, pool: Pool | None, config: ProjectionConfig
) -> Projected:
    """The network with its embedding projected, and its genres told, as the config says.

    The projection is fitted on the training tracks, and on a pool's soundtracks if there is one;
    the genres on the training tracks alone.
    """
    rows = data.splits["train"]
    values = excerpt_values(network, config.all_blocks, data.decibels(rows))
    head = None
    if config.genre_blocks:
        labels = np.repeat(data.labels[rows], [len(track[config.blocks[0]]) for track in values])
        joined = {name: np.concatenate([track[name] for track in values]) for name in values[0]}
        head = fit_genre_head(joined, labels, config)
    if pool is not None:
        others = (decibels(track[None])[0] for track in pool.tracks)
        values = [*values, *excerpt_values(network, config.all_blocks, others)]
    return Projected(network, config.blocks, fit_projection(track_means(values), config), head)


def export(
    run: Path,
    data: LogMelSet,
    folder: Path,
    *,
    version: str,
    description: str,
    projection: ProjectionConfig | None = None,
    pool: Pool | None = None,
    half: bool = False,
) -> ModelInfo:
    """Export a run's network as ``<name>.onnx``; returns it as it is entered in the registry.

    Parameters
    ----------
    run : folder that training left.
    data : what it was trained on.
    folder : for the file; its ``registry.json`` gets an entry, in place of one of the same name.
    version : of the model; embeddings of two versions cannot be compared.
    description : one line for ``soundalike models``.
    projection : what the embedding is made of, if it is not the layer under the logits.
    pool : whose soundtracks the projection is fitted on, besides the training tracks.
    half : store large weights as float16.

    Raises
    ------
    DataError : the run has no checkpoint, or a damaged one.
    ModelError : the registry is damaged, or the folder cannot be written to.
    """
    config, network = load_checkpoint(run)
    if projection is None:
        network = _Centred(network, mean_embedding(network, data))
    else:
        network = fit_projected(network, data, pool, projection)
    metadata = ModelMetadata(config.name, version, data.label_names, description)
    properties = {**metadata.to_metadata(), **calibrate(network, data).to_metadata()}
    if projection is not None:
        properties[PROJECTION] = json.dumps(asdict(projection))
    content = to_onnx(network, properties, half=half)
    model = inspect_model(content, folder / f"{config.name}.onnx")
    with changed_registry(folder) as registry:
        write_file(model.path, content)
        registry.put(model)
    return model
