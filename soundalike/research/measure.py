"""The figures of a model card, measured on the shipped file through the product's own path.

``python -m soundalike.research.measure gtzan-resnet --data DIR --split valid test`` runs every
track of the splits through :class:`soundalike.Analyzer` and prints the card's table, or JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from soundalike.analyzer import Analyzer
from soundalike.errors import DataError, SoundalikeError
from soundalike.models import DEFAULT_MODEL
from soundalike.research import metrics
from soundalike.research.datasets import gtzan
from soundalike.research.datasets.frames import SPLITS, LogMelSet
from soundalike.research.evaluation import Evaluation, evaluate
from soundalike.research.metrics import Interval

__all__ = ["Measurement", "card_table", "main", "measure"]

NEIGHBOURS = 10


@dataclass(frozen=True)
class Measurement:
    """What a model card states of one split.

    Attributes
    ----------
    model : ``name@version``.
    evaluation : accuracy and its kin; probabilities as the network gives them.
    ece_calibrated : expected calibration error of the probabilities that the product shows.
    nll_calibrated : mean of -ln p(true label) of those.
    set_coverage : share of tracks whose genre set holds the true label.
    set_size : mean number of labels in the set.
    precision_at_10 : share of a track's ten nearest, tracks of its own artist left out, that are
        of its genre; over the tracks whose artist is known, which are also the candidates.
    n_known_artist : how many those are.
    """

    model: str
    evaluation: Evaluation
    ece_calibrated: float
    nll_calibrated: float
    set_coverage: Interval
    set_size: float
    precision_at_10: Interval
    n_known_artist: int

    def to_json(self) -> dict[str, Any]:
        """All of it as what ``json`` can write."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        values["evaluation"] = self.evaluation.to_json()
        for name in ("set_coverage", "precision_at_10"):
            values[name] = asdict(values[name])
        return values


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
    in_set = np.array(
        [
            data.label_names[label] in analysis.genre_set
            for label, analysis in zip(labels, analyses, strict=True)
        ]
    )
    known = artists >= 0
    embeddings = np.stack([analysis.embedding for analysis in analyses])[known]
    precision = metrics.neighbour_precision(embeddings, labels[known], artists[known], NEIGHBOURS)
    return Measurement(
        model=analyzer.model.id,
        evaluation=evaluate(
            np.concatenate([analysis.excerpt_probabilities for analysis in analyses]),
            np.repeat(labels, n_excerpts),
            np.repeat(np.arange(len(rows)), n_excerpts),
            data.label_names,
        ),
        ece_calibrated=metrics.expected_calibration_error(calibrated, labels),
        nll_calibrated=metrics.negative_log_likelihood(calibrated, labels),
        set_coverage=_interval(in_set),
        set_size=float(np.mean([len(analysis.genre_set) for analysis in analyses])),
        precision_at_10=_interval(precision),
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
        ("genre set holds the true genre", lambda m: _percent(m.set_coverage)),
        ("genres in the set, mean", lambda m: f"{m.set_size:.1f}"),
        ("artist-filtered precision at 10", lambda m: _share(m.precision_at_10)),
        ("tracks for it (artist known)", lambda m: f"{m.n_known_artist}"),
    )
    lines = [f"| | {' | '.join(columns)} |", f"| --- |{' --- |' * len(columns)}"]
    for name, figure in rows:
        lines.append(f"| {name} | {' | '.join(figure(found) for found in measurements)} |")
    return "\n".join(lines)


def _percent(interval: Interval) -> str:
    return f"{interval.value:.1%} ({interval.low:.1%} to {interval.high:.1%})"


def _share(interval: Interval) -> str:
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def _interval(by_track: npt.NDArray[Any]) -> Interval:
    return metrics.bootstrap(lambda rows: float(by_track[rows].mean()), len(by_track))


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Measure an installed model on stored frames.")
    parser.add_argument("model", nargs="?", default=DEFAULT_MODEL)
    parser.add_argument("--data", help="folder of the log-mel store (or SOUNDALIKE_DATA)")
    parser.add_argument("--split", choices=SPLITS, nargs="+", default=["valid"])
    parser.add_argument("--json", action="store_true", help="print everything, as JSON")
    options = parser.parse_args(arguments)
    try:
        analyzer, data = Analyzer(options.model), gtzan.load(options.data)
        found = [measure(analyzer, data, split) for split in options.split]
    except SoundalikeError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    if options.json:
        by_split = zip(options.split, found, strict=True)
        print(json.dumps({split: result.to_json() for split, result in by_split}, indent=1))
    else:
        print(card_table(found, options.split))
    return 0


if __name__ == "__main__":
    sys.exit(main())
