"""``soundalike reproduce paper``: the paper's CNN, split as in the paper and split as it should be.

Three runs of 80 epochs, of each of which the weights after 25 are kept: (a) segments of 3 s dealt
out at random, so that nearly every test segment has neighbours of its own track in training; (b)
the fault-filtered split by track and artist; (c) the tracks and the numbers of segments of (b),
split at random as in (a), so that (b) and (c) differ in nothing but the leak.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from soundalike.files import write_file
from soundalike.research import classification
from soundalike.research.augment import AugmentConfig
from soundalike.research.checkpoints import load_checkpoint, snapshot_name
from soundalike.research.config import TrainConfig
from soundalike.research.datasets import gtzan
from soundalike.research.datasets.frames import LogMelSet
from soundalike.research.datasets.gtzan import Gtzan
from soundalike.research.report import RunSummary
from soundalike.research.reproduce import Outcome
from soundalike.research.reproduce.paper_page import paper_page
from soundalike.research.reproduce.paper_results import SplitResult
from soundalike.research.reproduce.segments import cut, shuffle_segments, source_tracks
from soundalike.research.reproduce.series import PlannedRun, Progress, run_all
from soundalike.research.tasks import predict
from soundalike.show.times import show_duration

__all__ = ["PAPER_ACCURACY", "RECIPE", "reproduce"]

PAPER_ACCURACY: Final = {25: 0.4897, 80: 0.6034}
"""By epochs, as in the paper."""

NO_AUGMENT: Final = AugmentConfig(
    stretch=1.0,
    mel_shift=0.0,
    mel_scale=0.0,
    tilt_db=0.0,
    floor=0.0,
    noise=0.0,
    time_masks=0,
    mel_masks=0,
    mixstyle=0.0,
    mixup=0.0,
)

RECIPE: Final = TrainConfig(
    name="paper-cnn",
    network="paper-cnn",
    network_options={"n_frames": 38},
    augment=NO_AUGMENT,
    segments=True,
    epochs=80,
    snapshots=(25,),
    crops_per_track=1,
    batch_size=32,
    optimizer="sgd",
    learning_rate=0.01,
    schedule="constant",
    momentum=0.9,
    weight_decay=0.0,
    warmup=0.0,
    label_smoothing=0.0,
    ema_decay=0.0,
    valid_every=5,
)
"""Cross-entropy and SGD with momentum, as in the paper; rate, batch and sizes are ours."""

QUICK_TRACKS: Final = 8
QUICK_EPOCHS: Final = {25: 1, 80: 3}


def reproduce(
    out: Path,
    *,
    data: str | os.PathLike[str] | None = None,
    quick: bool = False,
    seed: int = 0,
    command: str = "soundalike reproduce paper",
    progress: Progress | None = None,
) -> Outcome:
    """Train, and write ``report.html``, ``report.json`` and a folder for each run.

    Parameters
    ----------
    out : folder that is there; runs that are finished in it are not repeated.
    data : where GTZAN's store lies; by default ``SOUNDALIKE_DATA``.
    quick : a few tracks of each genre, three epochs.
    command : what was typed, for the report.

    Raises
    ------
    DataError : no data, or damaged data.
    """
    tracks = gtzan.load(data)
    if quick:
        tracks = _fewer(tracks)
    splits = _splits(tracks, seed)
    config = replace(RECIPE, seed=seed)
    if quick:
        config = replace(config, epochs=QUICK_EPOCHS[80], snapshots=(QUICK_EPOCHS[25],))
    planned = [
        PlannedRun(
            folder,
            replace(config, name=f"paper-cnn, {folder}", allow_leaks=leaks),
            segments,
            f"GTZAN in segments of 3 s, {words}",
            cost=float(len(segments.splits["train"])),
        )
        for folder, (words, segments, leaks) in splits.items()
    ]
    runs = run_all(out, planned, quick=quick, command=command, progress=progress)
    results = [
        _evaluate(out / run.folder, f"({letter}) {run.folder}", run.data, summary)
        for letter, run, summary in zip("abc", planned, runs, strict=True)
        if isinstance(run.data, LogMelSet)
    ]
    epochs = (config.snapshots[0], config.epochs)
    lines = _in_short(results, epochs)
    report = write_file(
        out / "report.html",
        paper_page(results, epochs, PAPER_ACCURACY, lines, quick=quick, command=command),
    )
    write_file(out / "report.json", json.dumps(_to_json(results, lines, quick), indent=1) + "\n")
    return Outcome(report, lines)


def _fewer(data: Gtzan) -> Gtzan:
    """A few tracks of each genre on each side."""
    names = [
        data.tracks[row]
        for rows in data.splits.values()
        for label in range(len(data.label_names))
        for row in rows[data.labels[rows] == label][:QUICK_TRACKS]
    ]
    chosen = data.subset(names)
    assert isinstance(chosen, Gtzan)
    return chosen


def _splits(tracks: Gtzan, seed: int) -> dict[str, tuple[str, LogMelSet, tuple[str, ...]]]:
    """By folder: the split in words, the segments, and the leaks that are wanted."""
    segments = cut(tracks)
    everything = np.arange(len(segments.tracks))
    n_test = len(everything) // 10
    random_sizes = {"train": len(everything) - 2 * n_test, "valid": n_test, "test": n_test}
    used = np.sort(np.concatenate(list(segments.splits.values())))
    same_sizes = {side: len(rows) for side, rows in segments.splits.items()}
    leaks = ("artist", "repeat", "track")
    return {
        "random": (
            "all tracks, segments split at random",
            shuffle_segments(segments, everything, random_sizes, seed),
            leaks,
        ),
        "fault-filtered": ("split by track and artist, faults left out", segments, ()),
        "random, same segments": (
            "the tracks of the filtered split, their segments split at random",
            shuffle_segments(segments, used, same_sizes, seed),
            leaks,
        ),
    }


def _evaluate(folder: Path, name: str, data: LogMelSet, run: RunSummary) -> SplitResult:
    """Ask the snapshot and the final network about the test segments."""
    rows = data.splits["test"]
    source = source_tracks(data, rows)
    by_segment, by_track = {}, {}
    snapshots = run.config["snapshots"]
    for epochs in (*snapshots, run.config["epochs"]):
        path = folder / snapshot_name(epochs) if epochs in snapshots else folder
        _, network = load_checkpoint(path, network="paper-cnn")
        found = predict(network, data, rows, whole=True)
        by_track[epochs] = classification.evaluate(
            found.probabilities, found.labels, source, data.label_names
        )
        # The matrix of the paper counts what was classified, which is segments.
        single = classification.evaluate(
            found.probabilities, found.labels, np.arange(len(rows)), data.label_names
        )
        by_segment[epochs] = replace(single, track_accuracy=by_track[epochs].excerpt_accuracy)
    trained = {data.tracks[row].partition("#")[0] for row in data.splits["train"]}
    shared = sum(data.tracks[row].partition("#")[0] in trained for row in rows)
    return SplitResult(
        name,
        {side: len(one) for side, one in data.splits.items()},
        shared,
        by_segment,
        by_track,
        run,
    )


def _in_short(results: list[SplitResult], epochs: tuple[int, int]) -> tuple[str, ...]:
    a, b, c = results

    def share(result: SplitResult, epoch: int) -> str:
        return f"{100 * result.by_segment[epoch].track_accuracy.value:.1f} %"

    last = epochs[1]
    gap = 100 * (a.by_segment[last].track_accuracy.value - b.by_segment[last].track_accuracy.value)
    leak = 100 * (c.by_segment[last].track_accuracy.value - b.by_segment[last].track_accuracy.value)
    paper = " and ".join(f"{100 * value:.2f} %" for value in PAPER_ACCURACY.values())
    return (
        f"Random split of segments: {share(a, epochs[0])} after {epochs[0]} epochs, "
        f"{share(a, last)} after {last}; the paper: {paper}.",
        f"Fault-filtered split: {share(b, epochs[0])} and {share(b, last)} of the segments, "
        f"{100 * b.by_track[last].track_accuracy.value:.1f} % of the tracks.",
        f"The gap after {last} epochs is {gap:.1f} points. The same tracks and numbers of "
        f"segments split at random give {share(c, last)}: {leak:.1f} points come from test "
        f"segments whose own track was trained on.",
        f"{b.run.n_parameters:,} parameters; "
        f"{show_duration(sum(result.run.duration_s for result in results))} of training.",
    )


def _to_json(results: list[SplitResult], lines: tuple[str, ...], quick: bool) -> dict[str, Any]:
    return {
        "paper_accuracy": PAPER_ACCURACY,
        "quick": quick,
        "conclusion": list(lines),
        "splits": [
            {
                "name": result.name,
                "segments": dict(result.sizes),
                "test_segments_of_trained_tracks": result.n_shared,
                "by_segment": {n: one.to_json() for n, one in result.by_segment.items()},
                "by_track": {n: one.to_json() for n, one in result.by_track.items()},
                "run": result.run.to_json(),
            }
            for result in results
        ],
    }
