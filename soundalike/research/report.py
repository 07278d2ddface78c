"""The report of a training run, and of several beside each other: one HTML file, and JSON.

``report.html`` holds its pictures and needs no network; ``report.json`` holds every figure in it,
and :func:`read_summary` reads it back, so that runs can be compared later.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from soundalike.errors import DataError, InvalidArgument, printable
from soundalike.evaluate.intervals import Interval
from soundalike.files import output_folder, why, write_file
from soundalike.research.classification import Evaluation, spread
from soundalike.show import charts
from soundalike.show.amounts import show_count
from soundalike.show.charts import Bar, Curve
from soundalike.show.html import Picture, Table, Tile, render
from soundalike.show.times import show_duration

__all__ = [
    "QUICK_WARNING",
    "Epoch",
    "RunSummary",
    "accuracy_tile",
    "read_summary",
    "show_interval",
    "write_comparison",
    "write_report",
]

REPORT_HTML = "report.html"
REPORT_JSON = "report.json"

QUICK_WARNING = (
    "A quick run, with less data and less time than the full experiment. "
    "It only shows that everything works: do not quote its figures."
)


@dataclass(frozen=True)
class Epoch:
    """One line of a learning curve; accuracies are shares, losses nats, None where not measured."""

    epoch: int
    train_loss: float | None = None
    valid_loss: float | None = None
    train_accuracy: float | None = None
    valid_accuracy: float | None = None


@dataclass(frozen=True)
class RunSummary:
    """Everything that a report says about one run.

    Attributes
    ----------
    name : of the run, such as "gtzan-resnet, seed 0".
    network : name of the network.
    n_parameters : trainable parameters.
    data_set : what it was trained on, in one line.
    split : by name, the tracks on each side and whatever else the reader should know.
    evaluations : by the name of what was evaluated ("valid", "test"), the most important first.
    curve : by epoch; empty if there was no training.
    config : everything that the run depends on.
    environment : versions, machine, cores; the seed is in the config.
    command : what to type to run it again.
    started : date and time, ISO 8601.
    duration_s : of the training, seconds.
    notes : what was assumed, or went wrong.
    quick : whether this was a quick run; the report says so.
    """

    name: str
    network: str
    n_parameters: int
    data_set: str
    split: Mapping[str, Any]
    evaluations: Mapping[str, Evaluation]
    config: Mapping[str, Any]
    environment: Mapping[str, Any]
    command: str
    started: str
    duration_s: float
    curve: tuple[Epoch, ...] = ()
    notes: tuple[str, ...] = ()
    quick: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """All of it as what ``json`` can write; :meth:`from_json` is the way back."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        values["evaluations"] = {name: e.to_json() for name, e in self.evaluations.items()}
        values["curve"] = [asdict(epoch) for epoch in self.curve]
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RunSummary:
        """What :meth:`to_json` gave."""
        values = dict(values)
        evaluations = values.pop("evaluations").items()
        return cls(
            evaluations={name: Evaluation.from_json(e) for name, e in evaluations},
            curve=tuple(Epoch(**epoch) for epoch in values.pop("curve")),
            notes=tuple(values.pop("notes")),
            **values,
        )


def show_interval(interval: Interval) -> str:
    """``61.4 % (55.9 to 66.9)``."""
    return f"{100 * interval.value:.1f} % ({100 * interval.low:.1f} to {100 * interval.high:.1f})"


def accuracy_tile(name: str, interval: Interval) -> Tile:
    """A share with its interval, shown large."""
    low, high = 100 * interval.low, 100 * interval.high
    return Tile(name, f"{100 * interval.value:.1f} %", f"95 %: {low:.1f} to {high:.1f}")


def write_report(folder: Path, summary: RunSummary) -> Path:
    """Write ``report.html`` and ``report.json``; returns the path of the former.

    Raises
    ------
    InvalidArgument : no evaluation.
    OutputError : the folder cannot be written to.
    MissingExtra : matplotlib is not installed.
    """
    if not summary.evaluations:
        raise InvalidArgument(f"{summary.name}: nothing was evaluated, so there is no report")
    output_folder(folder)
    html = render(
        "run.html.jinja",
        run=summary,
        warning=QUICK_WARNING if summary.quick else "",
        version=_version(),
        tiles=_tiles(summary),
        curves=_curves(summary.curve),
        evaluations=[
            (name, evaluation, _figures(evaluation), _scores(evaluation), _reliability(evaluation))
            for name, evaluation in summary.evaluations.items()
        ],
        about={
            "started": summary.started,
            "duration": show_duration(summary.duration_s),
            "parameters": f"{summary.n_parameters:,}",
            **summary.extra,
        },
    )
    _write_json(folder / REPORT_JSON, summary.to_json())
    return write_file(folder / REPORT_HTML, html)


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    write_file(path, json.dumps(values, indent=1, ensure_ascii=False, default=str) + "\n")


def read_summary(folder: Path) -> RunSummary:
    """Read the ``report.json`` that :func:`write_report` left.

    Raises
    ------
    DataError : there is none, or it is damaged or of another version.
    """
    path = folder / REPORT_JSON
    try:
        return RunSummary.from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise DataError(f"{printable(path)}: {why(error)}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{printable(path)} is no report of a run ({error!r})") from error


def _version() -> str:
    from soundalike import __version__

    return __version__


def _tiles(summary: RunSummary) -> list[Tile]:
    name, evaluation = next(iter(summary.evaluations.items()))
    return [
        accuracy_tile(f"track accuracy, {name}", evaluation.track_accuracy),
        accuracy_tile(f"excerpt accuracy, {name}", evaluation.excerpt_accuracy),
        accuracy_tile(f"macro-F1, {name}", evaluation.macro_f1),
        Tile("time to train", show_duration(summary.duration_s)),
    ]


def _curves(curve: Sequence[Epoch]) -> list[Picture]:
    """Loss and accuracy by epoch, where they were measured."""

    def lines(kind: str) -> list[Curve]:
        made = []
        for side, name in (("train", "training"), ("valid", "validation")):
            values = [(e.epoch, getattr(e, f"{side}_{kind}")) for e in curve]
            known = [(epoch, value) for epoch, value in values if value is not None]
            if known:
                made.append(Curve(name, *map(list, zip(*known, strict=True))))
        return made

    def drawn(kind: str, y_label: str, curves: Sequence[Curve]) -> Picture:
        ends = "; ".join(f"{c.name} {c.y[0]:.3g} to {c.y[-1]:.3g}" for c in curves)
        return charts.picture(
            lambda figure, _: charts.draw_lines(
                figure.subplots(),
                curves,
                x_label="epoch",
                y_label=y_label,
                percent=kind == "accuracy",
            ),
            f"{kind} by epoch: {ends}",
        )

    kinds = (("loss", "loss, nats"), ("accuracy", "accuracy, %"))
    return [drawn(kind, label, curves) for kind, label in kinds if (curves := lines(kind))]


def _figures(evaluation: Evaluation) -> Table:
    guess = math.log(len(evaluation.labels))
    nll = evaluation.nll
    return Table(
        ["", "value", "95 % from", "to"],
        [
            ["accuracy by track", *_three(evaluation.track_accuracy)],
            ["accuracy by excerpt", *_three(evaluation.excerpt_accuracy)],
            ["macro-F1 by track", *_three(evaluation.macro_f1)],
            [
                f"negative log-likelihood, nats ({guess:.2f} is a guess)",
                *(f"{value:.3f}" for value in (nll.value, nll.low, nll.high)),
            ],
            ["expected calibration error", f"{100 * evaluation.ece:.1f} %", "", ""],
        ],
        caption=f"{show_count(evaluation.n_tracks, 'track')}, "
        f"{show_count(evaluation.n_excerpts, 'excerpt')}",
    )


def _three(interval: Interval) -> list[str]:
    value, low, high = interval.value, interval.low, interval.high
    return [f"{100 * value:.1f} %", f"{100 * low:.1f} %", f"{100 * high:.1f} %"]


def _scores(evaluation: Evaluation) -> Table:
    return Table(
        ["label", "tracks", "precision", "recall", "F1"],
        [
            [
                score.label,
                score.n_tracks,
                *(f"{100 * share:.0f}" for share in (score.precision, score.recall, score.f1)),
            ]
            for score in evaluation.scores
        ],
        caption="Per cent by label",
    )


def _reliability(evaluation: Evaluation) -> Picture:
    return charts.picture(
        lambda figure, theme: charts.draw_reliability(
            figure.subplots(), evaluation.reliability, theme
        ),
        "reliability: "
        + "; ".join(
            f"confidence {100 * item.confidence:.0f} %, right {100 * item.accuracy:.0f} % "
            f"of {item.n_tracks}"
            for item in evaluation.reliability
        ),
        width_in=4.4,
    )


def write_comparison(
    folder: Path,
    runs: Sequence[RunSummary],
    *,
    title: str,
    lead: str = "",
    on: str | None = None,
    conclusion: Sequence[str] = (),
    quick: bool = False,
) -> Path:
    """Write ``report.html`` and ``report.json`` about several runs; returns the former's path.

    Runs with the same ``network`` are treated as seeds of one experiment, and summarised by mean
    and standard deviation.

    Parameters
    ----------
    on : which evaluation to compare, by name; by default the first of the first run.
    conclusion : what can be said, and what cannot, in sentences.

    Raises
    ------
    InvalidArgument : no runs, or a run that was not evaluated on that.
    OutputError : the folder cannot be written to.
    """
    if not runs:
        raise InvalidArgument("a comparison needs at least one run")
    name = on if on is not None else next(iter(runs[0].evaluations), "")
    missing = [run.name for run in runs if name not in run.evaluations]
    if missing:
        raise InvalidArgument(f"not evaluated on {name!r}: {', '.join(missing)}")
    output_folder(folder)
    summed = _sum_up(runs, name)
    html = render(
        "comparison.html.jinja",
        title=title,
        lead=lead,
        warning=QUICK_WARNING if quick or any(run.quick for run in runs) else "",
        version=_version(),
        conclusion=conclusion,
        name=name,
        accuracies=_interval_picture(runs, name),
        runs=runs,
        run_table=_run_table(runs, name),
        seed_table=_seed_table(summed),
    )
    _write_json(
        folder / REPORT_JSON,
        {
            "title": title,
            "evaluated_on": name,
            "conclusion": list(conclusion),
            "networks": summed,
            "runs": [run.to_json() for run in runs],
        },
    )
    return write_file(folder / REPORT_HTML, html)


def _interval_picture(runs: Sequence[RunSummary], name: str) -> Picture:
    bars = [
        Bar(run.name, accuracy.value, accuracy.low, accuracy.high)
        for run in runs
        for accuracy in [run.evaluations[name].track_accuracy]
    ]
    return charts.picture(
        lambda figure, theme: charts.draw_intervals(
            figure.subplots(), bars, theme, x_label="accuracy by track, %"
        ),
        "; ".join(
            f"{run.name} {show_interval(run.evaluations[name].track_accuracy)}" for run in runs
        ),
        width_in=5.6,
        height_in=0.9 + 0.3 * len(bars),
    )


def _run_table(runs: Sequence[RunSummary], name: str) -> Table:
    headers = ["run", "accuracy by track", "by excerpt", "macro-F1", "NLL", "ECE", "parameters"]
    rows = []
    for run in runs:
        evaluation = run.evaluations[name]
        rows.append(
            [
                run.name,
                show_interval(evaluation.track_accuracy),
                f"{100 * evaluation.excerpt_accuracy.value:.1f} %",
                f"{100 * evaluation.macro_f1.value:.1f} %",
                f"{evaluation.nll.value:.3f}",
                f"{100 * evaluation.ece:.1f} %",
                f"{run.n_parameters:,}",
                show_duration(run.duration_s),
            ]
        )
    return Table([*headers, "time"], rows)


def _sum_up(runs: Sequence[RunSummary], name: str) -> list[dict[str, Any]]:
    made = []
    for network in dict.fromkeys(run.network for run in runs):
        mine = [run for run in runs if run.network == network]
        row: dict[str, Any] = {"network": network, "n_runs": len(mine)}
        for measure in ("track_accuracy", "excerpt_accuracy", "macro_f1"):
            row[measure] = asdict(
                spread([getattr(run.evaluations[name], measure).value for run in mine])
            )
        made.append({**row, "duration_s": spread([run.duration_s for run in mine]).mean})
    return made


def _seed_table(summed: Sequence[Mapping[str, Any]]) -> Table:
    def share(values: Mapping[str, Any]) -> str:
        mean, deviation = values["mean"], values["deviation"]
        return f"{100 * mean:.1f} %" + ("" if deviation is None else f" ± {100 * deviation:.1f}")

    rows = [
        [
            row["network"],
            row["n_runs"],
            *(share(row[name]) for name in ("track_accuracy", "excerpt_accuracy", "macro_f1")),
            show_duration(row["duration_s"]),
        ]
        for row in summed
    ]
    headers = ["network", "runs", "accuracy by track", "by excerpt", "macro-F1", "time"]
    return Table(headers, rows, caption="± is the standard deviation over the runs.")
