"""``soundalike train``."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import click

from soundalike.cli.output import note, print_fields, print_json
from soundalike.cli.params import PATH, ExampleCommand, json_option
from soundalike.cli.progress import training_progress
from soundalike.errors import MissingExtra, printable
from soundalike.show.times import show_duration

__all__ = ["train"]


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike train --network lstm --epochs 30", "an LSTM on GTZAN, into runs/lstm-0"),
        ("soundalike train --config mine.json --seed 1", "settings from a file, and another seed"),
        ("soundalike train --data ~/mine --set augment.mixup=0", "your own music, without mixup"),
        ("soundalike train --devices cpu:2", "two processes on the CPU share each batch"),
    ),
)
@click.option("--config", type=PATH, metavar="FILE", help="Settings that differ from the defaults.")
@click.option(
    "--network",
    metavar="NAME",
    help="resnet, student, paper-cnn, rnn, lstm, gru or cnn-lstm; cifar-cnn for CIFAR-10.",
)
@click.option("--epochs", type=int, help="How many times to go through the data.")
@click.option("--seed", type=int, help="Random seed.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="Change any setting; repeatable."
)
@click.option(
    "--data",
    type=PATH,
    metavar="DIR",
    help="A prepared data set, or a folder of several. Default: SOUNDALIKE_DATA.",
)
@click.option(
    "--pool", type=PATH, metavar="DIR", help="What a student learns from besides the data set."
)
@click.option(
    "--out", type=PATH, metavar="DIR", help="Folder of the run.  [default: runs/NAME-SEED]"
)
@click.option(
    "--devices",
    default="1",
    show_default=True,
    metavar="WHAT",
    help="N: so many GPUs, or processes on the CPU if there is none. auto: every GPU. "
    "cuda:0,1: these GPUs. cpu:N: N processes on the CPU.",
)
@click.option("--skip-missing", is_flag=True, help="Skip missing or broken examples.")
@click.option(
    "--test", is_flag=True, help="Also evaluate on the test split: once, at the very end."
)
@json_option
def train(
    config: Path | None,
    network: str | None,
    epochs: int | None,
    seed: int | None,
    settings: tuple[str, ...],
    data: Path | None,
    pool: Path | None,
    out: Path | None,
    devices: str,
    skip_missing: bool,
    test: bool,
    as_json: bool,
) -> None:
    """Train a network, and write a report about it.

    The folder of the run gets its config, learning curve, checkpoint, metrics and report. If you
    stop a run, the same command resumes it, also on other devices. Needs soundalike[research].
    """
    chosen = [f"network={network}", f"name={network}"] if network is not None else []
    chosen += [f"epochs={epochs}"] if epochs is not None else []
    chosen += [f"seed={seed}"] if seed is not None else []
    try:
        from soundalike.research.config import read_config
        from soundalike.research.datasets.training import load_for
        from soundalike.research.devices import find_devices
        from soundalike.research.report import show_interval
        from soundalike.research.train import train as train_network
    except ModuleNotFoundError as error:
        raise MissingExtra("training", "research") from error

    # As JSON, or a name such as 1 would be taken for a number.
    chosen += [f"distill.pool={json.dumps(str(pool))}"] if pool is not None else []
    given = read_config(config, [*chosen, *settings])
    found_devices = find_devices(devices)
    folder = out or Path("runs") / f"{given.name}-{given.seed}"
    found = load_for(given.network, data, skip_missing=skip_missing, allow_leaks=given.allow_leaks)
    try:
        with training_progress() as progress:
            summary = train_network(
                given,
                found.data,
                folder,
                test=test,
                data_set=found.words,
                command=shlex.join(["soundalike", *sys.argv[1:]]),
                devices=found_devices,
                progress=progress,
            )
    except KeyboardInterrupt:
        note(f"\nStopped. Run the same command again to resume from {printable(folder)}.")
        raise
    if as_json:
        print_json(summary.to_json())
        return
    rows = [("network", f"{summary.network}, {summary.n_parameters:,} parameters")]
    for side, evaluation in summary.evaluations.items():
        rows.append((f"accuracy, {side}", show_interval(evaluation.track_accuracy)))
    print_fields([*rows, ("trained in", show_duration(summary.duration_s, on_a_clock=True))])
    note(f"report: {printable(folder / 'report.html')}")
