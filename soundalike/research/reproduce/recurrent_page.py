"""The page of ``soundalike reproduce recurrent``: the values for ``recurrent.html.jinja``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from soundalike.evaluate.intervals import Interval
from soundalike.research.classification import spread
from soundalike.research.report import QUICK_WARNING, RunSummary, show_interval
from soundalike.research.reproduce.differences import Difference
from soundalike.show import charts
from soundalike.show.html import Picture, Table, render
from soundalike.show.times import show_duration

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["recurrent_page"]

Runs = Mapping[str, Sequence[RunSummary]]
Accuracies = Mapping[str, Interval]


def recurrent_page(
    runs: Runs,
    accuracies: Accuracies,
    pairs: Sequence[Difference],
    lines: Sequence[str],
    options: Mapping[str, Mapping[str, Any]],
    *,
    quick: bool,
    command: str,
) -> str:
    """The page as HTML.

    Parameters
    ----------
    runs : by network, one a seed.
    accuracies : by network, over its seeds.
    lines : the findings.
    options : by network, what it was given.
    """
    first = next(iter(runs.values()))[0]
    own = ("name", "network", "network_options", "seed")
    shared = {name: value for name, value in first.config.items() if name not in own}
    return render(
        "recurrent.html.jinja",
        warning=QUICK_WARNING if quick else "",
        run=first,
        lines=lines,
        accuracy_table=_accuracy_table(runs, accuracies),
        accuracy_picture=_accuracy_picture(runs, accuracies),
        times=_times(runs, accuracies),
        differences=_difference_table(pairs),
        command=command,
        config={**options, **shared},
    )


def _accuracy_table(runs: Runs, accuracies: Accuracies) -> Table:
    rows = []
    for network, some in runs.items():
        values = [run.evaluations["test"].track_accuracy.value for run in some]
        excerpts = spread([run.evaluations["test"].excerpt_accuracy.value for run in some])
        rows.append(
            [
                network,
                show_interval(accuracies[network]),
                ", ".join(f"{100 * value:.1f}" for value in values),
                f"{100 * excerpts.mean:.1f} %",
                f"{some[0].n_parameters:,}",
                show_duration(sum(run.duration_s for run in some) / len(some)),
            ]
        )
    headers = ["network", "test tracks right", "each seed", "excerpts right", "parameters", "time"]
    return Table(headers, rows, caption="Time: to train once, mean over the seeds.")


def _accuracy_picture(runs: Runs, accuracies: Accuracies) -> Picture:
    bars = [
        charts.Bar(
            network, accuracies[network].value, accuracies[network].low, accuracies[network].high
        )
        for network in runs
    ]
    return charts.picture(
        lambda drawn, theme: charts.draw_intervals(
            drawn.subplots(), bars, theme, x_label="test tracks right, %"
        ),
        "; ".join(f"{network} {show_interval(accuracies[network])}" for network in runs),
        width_in=5.6,
        height_in=2.8,
    )


def _times(runs: Runs, accuracies: Accuracies) -> Picture:
    minutes = {
        network: sum(run.duration_s for run in some) / len(some) / 60
        for network, some in runs.items()
    }

    def draw(drawn: Figure, theme: charts.Theme) -> None:
        axes = drawn.subplots()
        for number, network in enumerate(runs):
            place = (minutes[network], 100 * accuracies[network].value)
            axes.plot(*place, "os^DvP"[number % 6], color=theme.colours[number % 6], ms=7)
            axes.annotate(network, place, xytext=(7, 4), textcoords="offset points", fontsize=8)
        axes.set(xlabel="minutes to train once", ylabel="test tracks right, %")
        axes.margins(0.18)
        axes.grid()

    told = "; ".join(f"{network} {minutes[network]:.1f} min" for network in runs)
    return charts.picture(draw, f"accuracy against training time: {told}", width_in=5.6)


def _difference_table(pairs: Sequence[Difference]) -> Table:
    return Table(
        ["pair", "points", "real?"],
        [
            [
                f"{pair.better} over {pair.worse}",
                f"{100 * pair.interval.value:.1f} ({100 * pair.interval.low:.1f} to "
                f"{100 * pair.interval.high:.1f})",
                "yes" if pair.is_real else "may be chance",
            ]
            for pair in pairs
        ],
        caption="Paired bootstrap over tracks and seeds; real: beyond chance after Bonferroni's "
        f"correction for {len(pairs)} pairs.",
    )
