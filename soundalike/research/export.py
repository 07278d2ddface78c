"""From a training run to an ONNX model that the product runs.

``python -m soundalike.research.export RUN --data DIR --out soundalike/weights`` writes
``<name>.onnx`` and enters it in the folder's ``registry.json``. The file has:

- input ``log_mel``, float32 (n, 128, 128), dB (excerpt, mel, frame); n is free;
- outputs ``logits`` (n, n_labels) and ``embedding`` (n, D), the layer that the logits stand on,
  less its mean over the training excerpts, so that a cosine of 0 means "no more alike than most";
  with ``--blocks``, a projection of several blocks of values instead, centred on the reference
  tracks (:mod:`soundalike.research.distill.projection`);
- metadata: ``name``, ``version``, ``labels`` (JSON), ``temperature`` (divides the logarithm of the
  track's mean probabilities), ``genre_set_quantile`` (labels with p >= 1 - q hold the true one for
  90 % of tracks) and ``description``.

Temperature and quantile are fitted on the validation tracks, which training never sees.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnx.numpy_helper
import torch
from torch import Tensor, nn

from soundalike.analysis import temper
from soundalike.errors import DataError, SoundalikeError
from soundalike.files import write_file
from soundalike.frontends.log_mel import EXCERPT_FRAMES, N_MELS
from soundalike.research import classification
from soundalike.research.datasets import gtzan
from soundalike.research.datasets.frames import LogMelSet, decibels
from soundalike.research.distill.pool_file import Pool, read_pool
from soundalike.research.distill.projection import (
    BLOCKS,
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
    "Calibration",
    "calibrate",
    "export",
    "fit_projected",
    "main",
    "mean_embedding",
    "register",
    "store_as_float16",
    "write_onnx",
]

OPSET = 18
COVERAGE = 0.9
_SMALL = 1024  # weights; fewer are not worth storing in another way
DESCRIPTION = "ten genres and a 128-d embedding, trained on GTZAN"


@dataclass(frozen=True)
class Calibration:
    """What turns a track's mean probabilities into ones that can be believed.

    Attributes
    ----------
    temperature : divides their logarithm.
    genre_set_quantile : labels whose calibrated p is at least 1 minus this form the set.
    """

    temperature: float
    genre_set_quantile: float


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


def write_onnx(
    network: nn.Module,
    metadata: dict[str, str],
    path: Path,
) -> None:
    """Write the network as one ONNX file, batch normalisation folded into the convolutions.

    Parameters
    ----------
    network : takes (n, N_MELS, EXCERPT_FRAMES) in dB, gives :class:`Output`.
    metadata : properties of the file.
    """
    exported = network.cpu().eval()
    # Two excerpts, since torch.export takes a batch of one for a constant.
    example = torch.randn(2, N_MELS, EXCERPT_FRAMES)
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        # The exporter itself uses what torch has deprecated.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            exported,
            (example,),
            path,
            input_names=["log_mel"],
            output_names=["logits", "embedding"],
            dynamic_shapes={"log_mel": {0: torch.export.Dim("n")}},
            opset_version=OPSET,
            external_data=False,
            dynamo=True,
            verbose=False,
        )
    model = onnx.load(path)
    _strip_traces(model)
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    write_file(path, model.SerializeToString())


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


def store_as_float16(path: Path) -> None:
    """Halve an exported file: large weights are stored as float16, and used as float32.

    ONNX Runtime turns them back when it loads the file, so that nothing is slower; the weights are
    rounded to 11 bits.
    """
    model = onnx.load(path)
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
    onnx.checker.check_model(model, full_check=True)
    write_file(path, model.SerializeToString())


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
) -> Path:
    """Export a run's network; returns the file ``<name>.onnx`` in ``folder``.

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
    DataError : the run has no checkpoint, or a damaged one, or the registry is damaged.
    """
    config, network = load_checkpoint(run)
    if projection is None:
        network = _Centred(network, mean_embedding(network, data))
        embedding_dim = len(network.centre)
    else:
        network = fit_projected(network, data, pool, projection)
        embedding_dim = len(network.offset)
    calibration = calibrate(network, data)
    path = folder / f"{config.name}.onnx"
    metadata = {
        "name": config.name,
        "version": version,
        "labels": json.dumps(data.label_names),
        "temperature": repr(calibration.temperature),
        "genre_set_quantile": repr(calibration.genre_set_quantile),
        "description": description,
    }
    if projection is not None:
        metadata["projection"] = json.dumps(asdict(projection))
    write_onnx(network, metadata, path)
    if half:
        store_as_float16(path)
    content = path.read_bytes()
    register(
        folder / "registry.json",
        {
            "name": config.name,
            "version": version,
            "file": path.name,
            "sha256": hashlib.sha256(content).hexdigest(),
            "size_bytes": len(content),
            "embedding_dim": embedding_dim,
            "labels": list(data.label_names),
            "description": description,
        },
    )
    return path


def register(registry: Path, entry: dict[str, object]) -> None:
    """Put an entry into a registry of models, in place of one of the same name.

    Raises
    ------
    DataError : the registry is not a JSON list.
    OutputError : it cannot be written.
    """
    try:
        entries = json.loads(registry.read_text(encoding="utf-8")) if registry.exists() else []
        others = [other for other in entries if other["name"] != entry["name"]]
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{registry}: not a registry of models ({error})") from error
    write_file(registry, json.dumps([*others, entry], indent=1) + "\n")


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Export a training run to ONNX.")
    parser.add_argument("run", type=Path, help="folder that training left")
    parser.add_argument("--data", help="folder of the log-mel store (or SOUNDALIKE_DATA)")
    parser.add_argument("--out", type=Path, default=Path("."), help="folder for the .onnx file")
    parser.add_argument("--version", default="1", help="version of the model")
    parser.add_argument("--description", default=DESCRIPTION, help="one line about it")
    parser.add_argument(
        "--blocks", nargs="+", metavar="NAME", help=f"of the embedding: {', '.join(BLOCKS)}"
    )
    parser.add_argument(
        "--weights", nargs="+", type=float, default=(), metavar="W", help="one for each block (1)"
    )
    parser.add_argument("--dims", type=int, default=0, help="principal axes of the blocks (all)")
    parser.add_argument(
        "--genre-blocks",
        nargs="+",
        default=(),
        metavar="NAME",
        help="of a logistic regression that tells the genres (the network's own head)",
    )
    parser.add_argument(
        "--genre-strength",
        type=float,
        default=ProjectionConfig.genre_strength,
        metavar="C",
        help="of that regression, the inverse of its penalty (%(default)s)",
    )
    parser.add_argument(
        "--pool", type=Path, help="whose soundtracks the blocks are standardised on as well"
    )
    parser.add_argument("--half", action="store_true", help="store large weights as float16")
    options = parser.parse_args(arguments)
    try:
        projection = (
            ProjectionConfig(
                tuple(options.blocks),
                tuple(options.weights),
                options.dims,
                tuple(options.genre_blocks),
                options.genre_strength,
            )
            if options.blocks
            else None
        )
        path = export(
            options.run,
            gtzan.load(options.data),
            options.out,
            version=options.version,
            description=options.description,
            projection=projection,
            pool=read_pool(options.pool) if options.pool else None,
            half=options.half,
        )
    except SoundalikeError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
