"""From a training run to an ONNX model that the product runs: ``soundalike models export``.

The file is as :mod:`soundalike.models.contract` has it. Its embedding is the layer that the logits
stand on, less its mean over the training excerpts, so that a cosine of 0 means "no more alike than
most"; or facets, each a projection of values that is centred on reference tracks
(:mod:`soundalike.research.distill.projection`). Temperature and genre set are fitted on the
validation tracks of the data set, and the thresholds of words on a pool of recordings, of which
training sees none.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.numpy_helper
import torch
from torch import Tensor, nn

from soundalike.analysis import sigmoid, temper
from soundalike.descriptors.key import CALIBRATION as KEY_CALIBRATION
from soundalike.descriptors.tempo import CALIBRATION as TEMPO_CALIBRATION
from soundalike.errors import InvalidArgument
from soundalike.facets import SOUND
from soundalike.files import write_file
from soundalike.frontends.log_mel import EXCERPT_FRAMES, N_MELS
from soundalike.frontends.streams import DESCRIPTORS
from soundalike.models import ModelInfo
from soundalike.models.contract import (
    EMBEDDING,
    INPUT,
    KEY,
    LOGITS,
    PROJECTION,
    TEMPO,
    WORDS,
    Calibration,
    ModelMetadata,
    Words,
    calibration_metadata,
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
from soundalike.research.distill.word_fit import fit_words
from soundalike.research.distill.words import TAUGHT_WORDS, teachers_say, word_targets
from soundalike.research.networks import Output
from soundalike.research.train import load_checkpoint, predict

__all__ = [
    "References",
    "calibrate",
    "export",
    "fit_projected",
    "fit_vocabulary",
    "mean_embedding",
    "to_onnx",
]

OPSET = 18
COVERAGE = 0.9
_SMALL = 1024  # weights; fewer are not worth storing in another way
_LARGE = (
    500_000  # weights of a convolution; the fewer there are, the more does each rounding matter
)


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


def to_onnx(
    network: nn.Module,
    properties: Mapping[str, str],
    *,
    half: bool = False,
    eight_bits: bool = False,
    descriptors: Mapping[str, int] | None = None,
    tells_words: bool = False,
) -> bytes:
    """The network as the content of an ONNX file, batch normalisation folded into convolutions.

    Parameters
    ----------
    network : takes (n, N_MELS, EXCERPT_FRAMES) in dB and the descriptors, gives logits, embedding
        and, if it tells them, words.
    properties : metadata of the file.
    half : store large weights as float16, rounded to 11 bits. ONNX Runtime turns them back when it
        loads the file, so that nothing is slower.
    eight_bits : store the weights of convolutions that have 500,000 and more as whole numbers from
        -127 to 127, with a scale for each channel that comes out; likewise turned back.
    descriptors : the further inputs, in their order, and how many numbers each has.
    """
    exported = network.cpu().eval()
    sizes = dict(descriptors or {})
    # Two excerpts, since torch.export takes a batch of one for a constant.
    examples = [
        torch.randn(2, N_MELS, EXCERPT_FRAMES),
        *(torch.randn(2, n) for n in sizes.values()),
    ]
    n = torch.export.Dim("n")
    free: list[Any] = [{0: n} for _ in examples]
    with warnings.catch_warnings():
        # The exporter itself uses what torch has deprecated.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            exported,
            tuple(examples),
            input_names=[INPUT, *sizes],
            output_names=[LOGITS, EMBEDDING, *([WORDS] if tells_words else [])],
            # What follows the first is one argument of the network, however many there are.
            dynamic_shapes=(free[0], tuple(free[1:])) if sizes else (free[0],),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # what the exporter gives with dynamo
    model = program.model_proto
    _strip_traces(model)
    if eight_bits:
        _store_as_int8(model)
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


def _store_as_int8(model: onnx.ModelProto) -> None:
    """Keep the weights of large convolutions as int8, multiplied by scales before each use."""
    graph = model.graph
    convolved = {node.input[1] for node in graph.node if node.op_type == "Conv"}
    scales, nodes = [], []
    for tensor in graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if tensor.name not in convolved or values.dtype != np.float32 or values.size < _LARGE:
            continue
        name, stored, steps, scale = (
            f"{tensor.name}{ending}" for ending in ("", ".int8", ".steps", ".scale")
        )
        largest = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True)
        step = (np.maximum(largest, np.finfo(np.float32).tiny) / 127).astype(np.float32)
        rounded = np.clip(np.rint(values / step), -127, 127).astype(np.int8)
        tensor.CopyFrom(onnx.numpy_helper.from_array(rounded, stored))
        scales.append(onnx.numpy_helper.from_array(step, scale))
        nodes += [
            onnx.helper.make_node("Cast", [stored], [steps], to=onnx.TensorProto.FLOAT),
            onnx.helper.make_node("Mul", [steps, scale], [name]),
        ]
    graph.initializer.extend(scales)
    nodes += graph.node
    del graph.node[:]
    graph.node.extend(nodes)


@dataclass(frozen=True)
class References:
    """What an embedding of facets is fitted on, beside the training tracks of the data set.

    Attributes
    ----------
    pool : recordings that the student learned from.
    descriptors : of each track of some music (n_excerpts, size), by the input's name.
    unheard : recordings that it did not learn from, for the thresholds of words; None for no words.
    """

    pool: Pool | None = None
    descriptors: Iterable[Mapping[str, npt.NDArray[np.float32]]] = ()
    unheard: Pool | None = None


def fit_projected(
    network: nn.Module, data: LogMelSet, references: References, config: ProjectionConfig
) -> Projected:
    """The network with its embedding projected, and its genres told, as the config says.

    The projection of the sound is fitted on the training tracks and the pool's recordings, those of
    the other facets on the tracks whose descriptors are given, the genres on the training tracks
    alone.

    Raises
    ------
    InvalidArgument : facets without reference tracks, or too few of them.
    """
    rows = data.splits["train"]
    values = excerpt_values(network, config.all_blocks, data.decibels(rows))
    head = None
    if config.genre_blocks:
        seen = list(values)
        for copy in range(1, config.genre_copies + 1):
            tracks = data.decibels(rows)
            seen += excerpt_values(network, config.genre_blocks, tracks, copy)
        n_excerpts = [len(track[config.genre_blocks[0]]) for track in seen]
        labels = np.repeat(np.tile(data.labels[rows], config.genre_copies + 1), n_excerpts)
        joined = {
            name: np.concatenate([track[name] for track in seen]) for name in config.genre_blocks
        }
        head = fit_genre_head(joined, labels, config)
    if references.pool is not None:
        others = (decibels(each.log_mel[None])[0] for each in references.pool.recordings)
        values = [*values, *excerpt_values(network, config.all_blocks, others)]
    means = track_means(values)
    shapes = {name: (size, evening) for name, _, size, evening in config.facets}
    shape = shapes.pop(SOUND, (config.dims, 0.0))
    fitted = {SOUND: fit_projection(means, config.blocks, config.weights, *shape)}
    further = tuple(shapes)
    if further:
        known = list(references.descriptors)
        if not known:
            raise InvalidArgument(f"{', '.join(further)} need music to be fitted on: name some")
        means = track_means(known)
        fitted |= {name: fit_projection(means, (name,), (), *shapes[name]) for name in further}
    return Projected(network, config, fitted, head)


def fit_vocabulary(network: nn.Module, unheard: Pool) -> tuple[tuple[int, ...], Words]:
    """The words that the network has learned, and when they hold, by recordings that are new to it.

    Returns
    -------
    Their positions in the head's output, and the words. What was measured and found wanting is left
    out; of what is too rare to be measured there is no precision, so it never holds, but it ranks.

    Raises
    ------
    DataError : the pool lacks a teacher of whom words are learned.
    """
    teachers = dict.fromkeys(teacher for word in TAUGHT_WORDS for teacher in word.sources)
    unheard.check_outputs((teacher, LOGITS) for teacher in teachers)
    probabilities, said = [], []
    for recording in unheard.recordings:
        frames = decibels(recording.log_mel[None])
        logits = excerpt_values(network, ("words",), frames)[0]["words"]
        probabilities.append(sigmoid(logits).mean(axis=0))
        said.append(
            {
                teacher: sigmoid(values.arrays["logits"].astype(np.float32)).mean(axis=0)
                for teacher, values in recording.said.items()
            }
        )
    outputs = {teacher: np.stack([each[teacher] for each in said]) for teacher in said[0]}
    says = teachers_say(word_targets(outputs, unheard.labels))
    figures = fit_words(TAUGHT_WORDS, np.stack(probabilities), says)
    kept = [at for at, each in enumerate(figures) if each.auc is None or each.is_learned]
    return tuple(kept), Words(tuple(figures[at].word for at in kept))


def export(
    run: Path,
    data: LogMelSet,
    folder: Path,
    *,
    version: str,
    description: str,
    projection: ProjectionConfig | None = None,
    references: References | None = None,
    half: bool = False,
    eight_bits: bool = False,
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
    references : what that is fitted on, besides the training tracks.
    half, eight_bits : how large weights are stored; see :func:`to_onnx`.

    Raises
    ------
    DataError : the run has no checkpoint, or a damaged one.
    InvalidArgument : the projection cannot be fitted.
    ModelError : the registry is damaged, or the folder cannot be written to.
    """
    config, network = load_checkpoint(run)
    references = references or References()
    metadata = ModelMetadata(config.name, version, data.label_names, description)
    descriptors: tuple[str, ...] = ()
    exported: nn.Module
    heard: nn.Module
    if projection is None:
        exported = _Centred(network, mean_embedding(network, data))
        heard = exported
    else:
        projected = fit_projected(network, data, references, projection)
        exported, heard = projected, projected.of_sound()
        descriptors = projected.descriptors
        if projection.layout is not None:
            metadata = replace(metadata, frontend="facets-1", facets=projection.layout)
        if references.unheard is not None:
            positions, words = fit_vocabulary(network, references.unheard)
            exported = projected.telling(positions)
            metadata = replace(metadata, words=words)
    properties = {**metadata.to_metadata(), **calibrate(heard, data).to_metadata()}
    if projection is not None:
        properties[PROJECTION] = json.dumps(asdict(projection))
    if "rhythm" in descriptors:
        properties |= calibration_metadata(TEMPO, TEMPO_CALIBRATION)
    if "harmony" in descriptors:
        properties |= calibration_metadata(KEY, KEY_CALIBRATION)
    content = to_onnx(
        exported,
        properties,
        half=half,
        eight_bits=eight_bits,
        descriptors={name: DESCRIPTORS[name] for name in descriptors},
        tells_words=bool(metadata.words),
    )
    model = inspect_model(content, folder / f"{config.name}.onnx")
    with changed_registry(folder) as registry:
        write_file(model.path, content)
        registry.put(model)
    return model
