"""``soundalike reproduce recurrent`` and ``best``: networks on the same data, over several seeds.

``recurrent`` is what the paper leaves as future work: RNN, LSTM, GRU and CNN-LSTM beside its CNN
and a residual CNN, all with about the same number of parameters, the same excerpts, epochs and
augmentation. ``best`` trains the network that the product ships with its own recipe.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from soundalike.errors import InvalidArgument
from soundalike.evaluate.intervals import Interval
from soundalike.files import write_file
from soundalike.research import classification
from soundalike.research.augment import AugmentConfig
from soundalike.research.classification import spread
from soundalike.research.config import TrainConfig, read_config
from soundalike.research.datasets import gtzan
from soundalike.research.report import RunSummary, write_comparison
from soundalike.research.reproduce import Outcome
from soundalike.research.reproduce.differences import Difference, Hits, differences, means
from soundalike.research.reproduce.recurrent_page import recurrent_page
from soundalike.research.reproduce.series import PlannedRun, Progress, run_all
from soundalike.research.runs import read_predictions
from soundalike.show.times import show_duration

__all__ = ["COMPARED", "RECIPE", "SEEDS", "TARGET", "Compared", "reproduce", "reproduce_best"]

SEEDS: Final = (0, 1, 2)
TARGET: Final = 0.65
"""Track accuracy on the filtered test split that ``best`` is to reach."""

RECIPE: Final = TrainConfig(
    augment=AugmentConfig(
        stretch=1.15,
        mel_shift=3.0,
        tilt_db=3.0,
        noise=0.0,
        floor=0.0,
        time_masks=1,
        mel_masks=1,
        mixup_share=0.0,
    ),
    epochs=20,
    crops_per_track=4,
    batch_size=32,
    learning_rate=1e-3,
    weight_decay=0.02,
    label_smoothing=0.1,
    ema_decay=0.99,
    valid_every=4,
)
"""The same for all. Milder than the resnet's own, which would favour it."""


@dataclass(frozen=True)
class Compared:
    """A network with options that give it about 300,000 parameters.

    Attributes
    ----------
    cost_ms : about how long an excerpt takes in training on one core, for the time left.
    """

    options: dict[str, Any]
    cost_ms: float


COMPARED: Final = {
    "paper-cnn": Compared({"channels": [16, 24, 48, 80, 80], "hidden": [128, 64, 64, 32]}, 2.4),
    "rnn": Compared({"hidden": 292}, 3.7),
    "lstm": Compared({"hidden": 136}, 2.6),
    "gru": Compared({"hidden": 160}, 4.4),
    "cnn-lstm": Compared({"hidden": 160}, 2.4),
    "resnet": Compared({"widths": [16, 32, 64, 128], "blocks": [1, 1, 1, 1]}, 2.1),
}


def reproduce(
    out: Path,
    *,
    data: str | os.PathLike[str] | None = None,
    quick: bool = False,
    seeds: Sequence[int] = SEEDS,
    command: str = "soundalike reproduce recurrent",
    progress: Progress | None = None,
) -> Outcome:
    """Train every network once a seed; write ``report.html``, ``report.json`` and the runs.

    Parameters
    ----------
    out : folder that is there; runs that are finished in it are not repeated.
    data : where GTZAN's store lies; by default ``SOUNDALIKE_DATA``.
    quick : one seed, one epoch.
    command : what was typed, for the report.

    Raises
    ------
    DataError : no data, or damaged data.
    """
    config = replace(RECIPE, epochs=1, crops_per_track=1) if quick else RECIPE
    runs = _train(
        out,
        gtzan.load(data),
        [
            (
                replace(config, name=network, network=network, network_options=one.options),
                one.cost_ms,
            )
            for network, one in COMPARED.items()
        ],
        seeds[:1] if quick else seeds,
        quick,
        command,
        progress,
    )
    hits = {
        network: np.stack([_hits(out / f"{network}-{seed}") for seed in _seeds_of(runs[network])])
        for network in COMPARED
    }
    accuracies = means(hits)
    pairs = differences(hits)
    lines = _in_short(runs, accuracies, pairs)
    html = recurrent_page(
        runs,
        accuracies,
        pairs,
        lines,
        {network: one.options for network, one in COMPARED.items()},
        quick=quick,
        command=command,
    )
    report = write_file(out / "report.html", html)
    values: dict[str, Any] = {
        "quick": quick,
        "command": command,
        "conclusion": list(lines),
        "networks": {
            network: {
                "accuracy": asdict(accuracies[network]),
                "by_seed": [run.evaluations["test"].track_accuracy.value for run in runs[network]],
                "parameters": runs[network][0].n_parameters,
                "duration_s": [run.duration_s for run in runs[network]],
            }
            for network in COMPARED
        },
        "differences": [asdict(pair) for pair in pairs],
        "runs": [run.to_json() for network in COMPARED for run in runs[network]],
    }
    write_file(out / "report.json", json.dumps(values, indent=1, default=str) + "\n")
    return Outcome(report, lines)


def reproduce_best(
    out: Path,
    *,
    data: str | os.PathLike[str] | None = None,
    config: Path | None = None,
    quick: bool = False,
    seeds: Sequence[int] = SEEDS,
    command: str = "soundalike reproduce best",
    progress: Progress | None = None,
) -> Outcome:
    """Train the shipped kind of network with several seeds; arguments as of :func:`reproduce`.

    Parameters
    ----------
    config : of the runs; by default the usual one.
    """
    chosen = read_config(config)
    if chosen.network == "cifar-cnn":
        raise InvalidArgument("best trains on music; cifar-cnn is for images")
    if quick:
        chosen = replace(chosen, epochs=1, crops_per_track=1)
    found = _train(
        out,
        gtzan.load(data),
        [(chosen, 1.0)],
        seeds[:1] if quick else seeds,
        quick,
        command,
        progress,
    )
    runs = found[chosen.network]
    reached = spread([run.evaluations["test"].track_accuracy.value for run in runs])
    deviation = "" if reached.deviation is None else f" ± {100 * reached.deviation:.1f}"
    verdict = "reached" if reached.mean >= TARGET else "missed"
    lines = (
        f"{chosen.network}, {runs[0].n_parameters:,} parameters, from scratch: "
        f"{100 * reached.mean:.1f} %{deviation} of the test tracks (mean and standard deviation "
        f"over {len(runs)} seeds); {100 * TARGET:.0f} % is {verdict}.",
        f"{show_duration(sum(run.duration_s for run in runs))} of training.",
    )
    report = write_comparison(
        out,
        runs,
        title=f"{chosen.network} from scratch on GTZAN",
        lead="Fault-filtered split; tuned on the validation tracks alone.",
        on="test",
        conclusion=lines,
        quick=quick,
    )
    return Outcome(report, lines)


def _train(
    out: Path,
    data: gtzan.Gtzan,
    configs: Sequence[tuple[TrainConfig, float]],
    seeds: Sequence[int],
    quick: bool,
    command: str,
    progress: Progress | None,
) -> dict[str, list[RunSummary]]:
    """By network, a run for each seed; the seeds outside, so that a stop leaves whole rounds."""
    planned = [
        PlannedRun(
            f"{config.network}-{seed}",
            replace(config, seed=seed),
            data,
            "GTZAN, fault-filtered split",
            cost,
        )
        for seed in seeds
        for config, cost in configs
    ]
    found: dict[str, list[RunSummary]] = {config.network: [] for config, _ in configs}
    for run in run_all(out, planned, quick=quick, command=command, progress=progress):
        found[run.network].append(run)
    return found


def _seeds_of(runs: Sequence[RunSummary]) -> list[int]:
    return [run.config["seed"] for run in runs]


def _hits(folder: Path) -> Hits:
    """Whether each test track was named right, bool (n_tracks,)."""
    found = read_predictions(folder / "predictions-test.npz")
    by_track = classification.mean_by_track(found.probabilities, found.tracks)
    return np.asarray(by_track.argmax(axis=1) == found.labels)


def _in_short(
    runs: dict[str, list[RunSummary]],
    accuracies: dict[str, Interval],
    pairs: Sequence[Difference],
) -> tuple[str, ...]:
    order = sorted(accuracies, key=lambda network: -accuracies[network].value)
    ranked = ", ".join(f"{network} {100 * accuracies[network].value:.1f} %" for network in order)
    real = [f"{pair.better} over {pair.worse}" for pair in pairs if pair.is_real]
    rest = len(pairs) - len(real)
    verdict = (
        f"Real, as far as these tracks and seeds can tell: {'; '.join(real)}. The other {rest} of "
        f"{len(pairs)} differences may be chance."
        if real
        else f"None of the {len(pairs)} differences is beyond what chance gives."
    )
    n_runs = len(next(iter(runs.values())))
    total_s = sum(run.duration_s for some in runs.values() for run in some)
    return (
        f"Test tracks right, mean of {n_runs} seed{'s' if n_runs > 1 else ''}: {ranked}.",
        verdict,
        f"{show_duration(total_s)} of training in all.",
    )
