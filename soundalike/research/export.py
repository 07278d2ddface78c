"""From a training run to an ONNX model that the product runs.

``python -m soundalike.research.export RUN --data DIR --out soundalike/weights`` writes
``<name>.onnx`` and enters it in the folder's ``registry.json``. The file has:

- input ``log_mel``, float32 (n, 128, 128), dB (excerpt, mel, frame); n is free;
- outputs ``logits`` (n, n_labels) and ``embedding`` (n, D), the layer that the logits stand on,
  less its mean over the training excerpts, so that a cosine of 0 means "no more alike than most";
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
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn

from soundalike.errors import DataError, SoundalikeError
from soundalike.frontend import EXCERPT_FRAMES, N_MELS
from soundalike.research import metrics
from soundalike.research.datasets import gtzan
from soundalike.research.datasets.frames import LogMelSet
from soundalike.research.networks import Output
from soundalike.research.train import load_checkpoint, predict

__all__ = ["Calibration", "calibrate", "export", "main", "mean_embedding", "register", "write_onnx"]

OPSET = 18
COVERAGE = 0.9
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
    probabilities = metrics.mean_by_track(predictions.probabilities, predictions.tracks)
    temperature = metrics.fit_temperature(probabilities, predictions.labels)
    calibrated = metrics.temper(probabilities, temperature)
    return Calibration(
        temperature, metrics.genre_set_quantile(calibrated, predictions.labels, COVERAGE)
    )


def write_onnx(
    network: nn.Module,
    centre: npt.NDArray[np.floating],
    metadata: dict[str, str],
    path: Path,
) -> None:
    """Write the network as one ONNX file, batch normalisation folded into the convolutions.

    Parameters
    ----------
    network : takes (n, N_MELS, EXCERPT_FRAMES) in dB, gives :class:`Output`.
    centre : (D,), taken off the embedding.
    metadata : properties of the file.
    """
    exported = _Centred(network.cpu(), centre).eval()
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
    onnx.save(model, path)


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


def export(run: Path, data: LogMelSet, folder: Path, *, version: str, description: str) -> Path:
    """Export a run's network; returns the file ``<name>.onnx`` in ``folder``.

    Parameters
    ----------
    run : folder that training left.
    data : what it was trained on.
    folder : for the file; its ``registry.json`` gets an entry, in place of one of the same name.
    version : of the model; embeddings of two versions cannot be compared.
    description : one line for ``soundalike models``.

    Raises
    ------
    DataError : the run has no checkpoint, or a damaged one, or the registry is damaged.
    """
    config, network = load_checkpoint(run)
    calibration = calibrate(network, data)
    centre = mean_embedding(network, data)
    path = folder / f"{config.name}.onnx"
    metadata = {
        "name": config.name,
        "version": version,
        "labels": json.dumps(data.label_names),
        "temperature": repr(calibration.temperature),
        "genre_set_quantile": repr(calibration.genre_set_quantile),
        "description": description,
    }
    write_onnx(network, centre, metadata, path)
    content = path.read_bytes()
    register(
        folder / "registry.json",
        {
            "name": config.name,
            "version": version,
            "file": path.name,
            "sha256": hashlib.sha256(content).hexdigest(),
            "size_bytes": len(content),
            "embedding_dim": len(centre),
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
    """
    try:
        entries = json.loads(registry.read_text(encoding="utf-8")) if registry.exists() else []
        others = [other for other in entries if other["name"] != entry["name"]]
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{registry}: not a registry of models ({error})") from error
    registry.write_text(json.dumps([*others, entry], indent=1) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Export a training run to ONNX.")
    parser.add_argument("run", type=Path, help="folder that training left")
    parser.add_argument("--data", help="folder of the log-mel store (or SOUNDALIKE_DATA)")
    parser.add_argument("--out", type=Path, default=Path("."), help="folder for the .onnx file")
    parser.add_argument("--version", default="1", help="version of the model")
    parser.add_argument("--description", default=DESCRIPTION, help="one line about it")
    options = parser.parse_args(arguments)
    try:
        path = export(
            options.run,
            gtzan.load(options.data),
            options.out,
            version=options.version,
            description=options.description,
        )
    except SoundalikeError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
