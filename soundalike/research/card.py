"""The figures of a model card, measured on the shipped file: ``soundalike models card``.

Every track of a split goes through :class:`soundalike.Analyzer`, as in the product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from soundalike.analyzer import Analyzer
from soundalike.errors import DataError
from soundalike.evaluate.intervals import Interval, mean_interval
from soundalike.evaluate.retrieval import neighbour_precision
from soundalike.research import calibration, classification
from soundalike.research.calibration import Believability, CalibrationError, LabelCoverage
from soundalike.research.classification import Evaluation, evaluate
from soundalike.research.datasets.frames import LogMelSet
from soundalike.show import charts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Measurement", "card_table", "draw", "measure"]

NEIGHBOURS = 10


@dataclass(frozen=True)
class Measurement:
    """What a model card states of one split.

    Attributes
    ----------
    model : ``name@version``.
    evaluation : accuracy and its kin; probabilities as the network gives them.
    ece_calibrated : expected calibration error of the probabilities that the product shows.
    before, after : confidence against accuracy by track, without calibration and with it.
    nll_calibrated : mean of -ln p(true label) of those.
    set_coverage : share of tracks whose genre set holds the true label.
    set_size : mean number of labels in the set.
    set_by_label : the same for the tracks of each label.
    set_worst_by_chance : coverage of the worst label, if all labels were alike.
    precision_at_10 : share of a track's ten nearest, tracks of its own artist left out, that are
        of its genre; over the tracks whose artist is known, which are also the candidates.
    n_known_artist : how many those are.
    """

    model: str
    evaluation: Evaluation
    ece_calibrated: float
    before: Believability
    after: Believability
    nll_calibrated: float
    set_coverage: Interval
    set_size: float
    set_by_label: tuple[LabelCoverage, ...]
    set_worst_by_chance: float
    precision_at_10: Interval
    n_known_artist: int

    def to_json(self) -> dict[str, Any]:
        """All of it as what ``json`` can write."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        values["evaluation"] = self.evaluation.to_json()
        for name in ("before", "after", "set_coverage", "precision_at_10"):
            values[name] = asdict(values[name])
        values["set_by_label"] = [asdict(each) for each in self.set_by_label]
        return values

    @property
    def worst_label(self) -> LabelCoverage:
        """The label that its tracks' sets hold least often."""
        return min(self.set_by_label, key=lambda each: each.coverage)


def measure(analyzer: Analyzer, data: LogMelSet, split: str) -> Measurement:
    """Analyse the stored frames of every track of a split and compare with the truth.

    Parameters
    ----------
    analyzer : with the model to measure.
    data : whose labels are the model's.
    split : one of :data:`~soundalike.research.datasets.frames.SPLITS`.

    Raises
    ------
    DataError : the data set has other labels than the model.
    """
    if analyzer.model.labels != data.label_names:
        raise DataError(
            f"{analyzer.model.id} knows {', '.join(analyzer.model.labels)}; "
            f"the data set has {', '.join(data.label_names)}"
        )
    rows = data.splits[split]
    analyses = [analyzer.from_log_mel(track) for track in data.decibels(rows)]
    labels, artists = data.labels[rows], data.artists[rows]
    n_excerpts = [len(analysis.excerpt_starts_s) for analysis in analyses]
    calibrated = np.stack([analysis.probabilities for analysis in analyses])
    members = np.array(
        [[name in analysis.genre_set for name in data.label_names] for analysis in analyses]
    )
    by_excerpt = np.concatenate([analysis.excerpt_probabilities for analysis in analyses])
    excerpt_tracks = np.repeat(np.arange(len(rows)), n_excerpts)
    by_label = calibration.label_coverage(members, labels, data.label_names)
    known = artists >= 0
    embeddings = np.stack([analysis.embedding for analysis in analyses])[known]
    precision = neighbour_precision(embeddings, labels[known], artists[known], NEIGHBOURS)
    return Measurement(
        model=analyzer.model.id,
        evaluation=evaluate(
            by_excerpt, np.repeat(labels, n_excerpts), excerpt_tracks, data.label_names
        ),
        ece_calibrated=classification.expected_calibration_error(calibrated, labels),
        before=calibration.believability(
            classification.mean_by_track(by_excerpt, excerpt_tracks), labels
        ),
        after=calibration.believability(calibrated, labels),
        nll_calibrated=classification.negative_log_likelihood(calibrated, labels),
        set_coverage=mean_interval(members[np.arange(len(labels)), labels]),
        set_size=float(np.mean([len(analysis.genre_set) for analysis in analyses])),
        set_by_label=by_label,
        set_worst_by_chance=calibration.worst_by_chance(by_label),
        precision_at_10=mean_interval(precision),
        n_known_artist=int(known.sum()),
    )


def card_table(measurements: Sequence[Measurement], columns: Sequence[str]) -> str:
    """The table of a model card, Markdown: figures down, splits across, 95 % intervals.

    Parameters
    ----------
    measurements : one a column.
    columns : their headings.
    """
    rows: tuple[tuple[str, Callable[[Measurement], str]], ...] = (
        ("tracks (excerpts)", lambda m: f"{m.evaluation.n_tracks} ({m.evaluation.n_excerpts})"),
        ("accuracy by track", lambda m: _percent(m.evaluation.track_accuracy)),
        ("accuracy by excerpt", lambda m: _percent(m.evaluation.excerpt_accuracy)),
        ("macro-F1 by track", lambda m: _share(m.evaluation.macro_f1)),
        ("negative log-likelihood before calibration", lambda m: _share(m.evaluation.nll)),
        ("negative log-likelihood, calibrated", lambda m: f"{m.nll_calibrated:.3f}"),
        ("calibration error before calibration", lambda m: f"{m.evaluation.ece:.3f}"),
        ("calibration error, calibrated", lambda m: f"{m.ece_calibrated:.3f}"),
        ("the same in bins of equally many tracks", lambda m: _error(m.after.error_equal_mass)),
        ("genre set holds the true genre", lambda m: _percent(m.set_coverage)),
        ("the same for the worst genre", _worst),
        ("genres in the set, mean", lambda m: f"{m.set_size:.1f}"),
        ("artist-filtered precision at 10", lambda m: _share(m.precision_at_10)),
        ("tracks for it (artist known)", lambda m: f"{m.n_known_artist}"),
    )
    lines = [f"| | {' | '.join(columns)} |", f"| --- |{' --- |' * len(columns)}"]
    for name, figure in rows:
        lines.append(f"| {name} | {' | '.join(figure(found) for found in measurements)} |")
    return "\n".join(lines)


def draw(measurement: Measurement, split: str) -> bytes:
    """Confidence against accuracy, before and after calibration, as PNG.

    Raises
    ------
    MissingExtra : matplotlib is not installed.
    """

    def panels(figure: Figure, theme: charts.Theme) -> None:
        both = figure.subplots(1, 2, sharey=True)
        sides = (("before calibration", measurement.before), ("calibrated", measurement.after))
        for axes, (title, side) in zip(both, sides, strict=True):
            charts.draw_reliability(axes, side.bins, theme, ranges=side.bin_ranges)
            axes.set_title(title, pad=30)
            axes.annotate(
                f"calibration error {side.error.value:.3f}, by chance up to "
                f"{side.error.by_chance_high:.3f}\nin equally filled bins "
                f"{side.error_equal_mass.value:.3f}, by chance up to "
                f"{side.error_equal_mass.by_chance_high:.3f}",
                (0, 1),
                xycoords="axes fraction",
                xytext=(0, 2),
                textcoords="offset points",
                fontsize=8,
                color=theme.soft,
            )
        both[1].set_ylabel("")
        figure.suptitle(
            f"{measurement.model}, {measurement.after.n_tracks} tracks ({split})",
            x=0.01,
            ha="left",
            fontsize=10,
        )
        figure.supxlabel(
            "bars: tracks by confidence, with their number; dots: mean confidence of the bar\n"
            "lines: where 95 % of bars would end if the confidence was exactly right",
            x=0.01,
            ha="left",
            fontsize=8,
            color=theme.soft,
        )

    return charts.png(panels, 7.6, 4.6)


def _error(error: CalibrationError) -> str:
    return f"{error.value:.3f} (by chance {error.by_chance:.3f}, up to {error.by_chance_high:.3f})"


def _worst(measurement: Measurement) -> str:
    worst = measurement.worst_label
    return (
        f"{worst.coverage:.1%} of {worst.n_tracks} {worst.label} "
        f"(by chance {measurement.set_worst_by_chance:.1%})"
    )


def _percent(interval: Interval) -> str:
    return f"{interval.value:.1%} ({interval.low:.1%} to {interval.high:.1%})"


def _share(interval: Interval) -> str:
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"
