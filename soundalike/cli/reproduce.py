"""``soundalike reproduce``: the experiments of the research kit."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from soundalike.cli.output import echo, note
from soundalike.cli.params import PATH, ExampleCommand, ExampleGroup, to_time
from soundalike.cli.progress import work_progress
from soundalike.errors import printable

if TYPE_CHECKING:
    from soundalike.research.reproduce import Outcome

__all__ = ["reproduce"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class _Experiments(ExampleGroup):
    what = "experiment"


@click.group(
    cls=_Experiments,
    examples=(
        ("soundalike reproduce signals", "what sampling, decibels and mel bands do to sound"),
        ("soundalike reproduce stress --quick", "a quick try: one minute instead of ten"),
    ),
)
def reproduce() -> None:
    """Repeat an experiment: one command, one report.

    Each writes report.html, which works offline, and its figures as JSON or CSV. Needs
    soundalike[research]; signals needs only soundalike[plots].
    """


def _shared(command: Decorated) -> Decorated:
    """What every experiment takes."""
    for decorate in (
        click.option("--quick", is_flag=True, help="Do less; the report says so."),
        click.option(
            "--out",
            type=PATH,
            metavar="DIR",
            help="Folder for the report.  [default: runs/NAME]",
        ),
    ):
        command = decorate(command)
    return command


def _run(name: str, out: Path | None, **options: Any) -> Outcome:
    from soundalike.research.reproduce import run

    return run(name, out or Path("runs") / name, **options)


def _run_long(name: str, out: Path | None, **options: Any) -> Outcome:
    with work_progress() as show:
        return _run(name, out, progress=lambda done, total: show("", done, total), **options)


def _print(outcome: Outcome) -> None:
    for line in outcome.lines:
        echo(line)
    note(f"report: {printable(outcome.report)}")


@reproduce.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike reproduce signals", "with a composed phrase"),
        ("soundalike reproduce signals piece.flac --start 1:10", "ten seconds of your music"),
    ),
)
@click.argument("file", type=PATH, required=False)
@click.option(
    "--start", "start_s", type=to_time, default="0", metavar="TIME", help="Where to start: 1:10."
)
@_shared
def signals(file: Path | None, start_s: float, out: Path | None, quick: bool) -> None:
    """Show what sampling, aliasing, decibels and mel bands are.

    Writes a page with pictures of FILE, or of a composed phrase: tones and music sampled at five
    rates without and with a filter, the waveform of each channel, the spectrogram in decibels, the
    mel spectrogram at 22,050 and 44,100 Hz. Takes about ten seconds.
    """
    _print(_run("signals", out, file=file, start_s=start_s, quick=quick))


@reproduce.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike reproduce stress --data data", "all installed models on all clips"),
        ("soundalike reproduce stress --run runs/lstm-0", "the network of a training run"),
    ),
)
@click.option("--data", type=PATH, metavar="DIR", help="The data folder. Default: SOUNDALIKE_DATA.")
@click.option(
    "--model", "models", multiple=True, metavar="NAME", help="Only this model; repeatable."
)
@click.option(
    "--run", "runs", multiple=True, type=PATH, metavar="DIR", help="A training run; repeatable."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed of the noise.")
@_shared
def stress(
    data: Path | None,
    models: tuple[str, ...],
    runs: tuple[Path, ...],
    seed: int,
    out: Path | None,
    quick: bool,
) -> None:
    """Measure how changes to the sound affect each model.

    Real GTZAN recordings are changed in loudness, brightness, pitch and tempo, low-pass filtered,
    encoded as MP3, and mixed with noise. Reports the accuracy lost, how far the embedding moves,
    and whether a changed track still finds itself. Under 10 minutes on 2 cores.
    """
    words = ["soundalike", "reproduce", "stress"]
    words += [f"--model={model}" for model in models] + [f"--run={run}" for run in runs]
    words += [f"--seed={seed}"] if seed else []
    words += ["--quick"] if quick else []
    _print(
        _run_long(
            "stress",
            out,
            data=data,
            models=models,
            runs=runs,
            quick=quick,
            seed=seed,
            command=shlex.join(words),
        )
    )


_data_option = click.option(
    "--data", type=PATH, metavar="DIR", help="The data folder. Default: SOUNDALIKE_DATA."
)


def _train(name: str, out: Path | None, quick: bool, **options: Any) -> None:
    """An experiment that trains; after Ctrl-C it says how to resume."""
    command = shlex.join(["soundalike", *sys.argv[1:]])
    try:
        outcome = _run_long(name, out, quick=quick, command=command, **options)
    except KeyboardInterrupt:
        note("\nStopped. Run the same command again to resume.")
        raise
    _print(outcome)


@reproduce.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike reproduce cifar10", "both recipes, about 12 minutes"),
        ("soundalike reproduce cifar10 --quick", "a quick try: under a minute"),
    ),
)
@_data_option
@_shared
def cifar10(data: Path | None, out: Path | None, quick: bool) -> None:
    """Train the paper's demonstration network on CIFAR-10.

    Ten epochs as in the paper, which states 62 %, and the same network with a tuned recipe. Shows
    test images with predicted and true class. Takes about 12 minutes on one core.
    """
    _train("cifar10", out, quick, data=data)


@reproduce.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike reproduce paper", "three splits of 80 epochs, about an hour"),
        ("soundalike reproduce paper --quick", "a quick try: a few tracks, three epochs"),
    ),
)
@_data_option
@_shared
def paper(data: Path | None, out: Path | None, quick: bool) -> None:
    """Train the paper's CNN, and show the effect of its split.

    On segments split at random, as in the paper, and on segments split by track and artist; after
    25 and 80 epochs; with the confusion matrices. Takes about an hour on one core.
    """
    _train("paper", out, quick, data=data)


@reproduce.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike reproduce recurrent", "six networks, three seeds: an hour and a half"),
        ("soundalike reproduce recurrent --quick", "a quick try: one epoch of each"),
    ),
)
@_data_option
@_shared
def recurrent(data: Path | None, out: Path | None, quick: bool) -> None:
    """Compare CNN, RNN, LSTM, GRU, CNN-LSTM and resnet.

    The same data, epochs and number of parameters for all, three seeds each. Shows intervals, and
    which differences are real. Takes about an hour and a half on one core.
    """
    _train("recurrent", out, quick, data=data)


@reproduce.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike reproduce best", "the default recipe, seeds 0, 1 and 2"),
        ("soundalike reproduce best --config configs/gtzan-resnet.json", "another recipe"),
    ),
)
@click.option("--config", type=PATH, metavar="FILE", help="Settings that differ from the defaults.")
@_data_option
@_shared
def best(config: Path | None, data: Path | None, out: Path | None, quick: bool) -> None:
    """Train the best from-scratch recipe with three seeds.

    Reports mean and spread of the accuracy on GTZAN's filtered test split. Takes about 40 minutes
    on one core.
    """
    _train("best", out, quick, data=data, config=config)
