"""Ask each facet of a model what two pieces have in common, where the answer is known.

    python examples/known_answers.py [--model NAME] [--set combined|small]

Composes the pieces of `controlled`, analyses them, and counts how often the nearest piece, by one
facet alone, is the right one:

- *Factors.* Candidates share one factor with the query, or nothing; the nearest should share the
  facet's own factor. Where candidates share another factor, a facet that does not listen to it
  finds it as often as chance.
- *Tempo.* The same piece, slower or faster, among pieces with other rhythms at the query's tempo.
- *Key.* The same piece in another key, among pieces with other harmonies in the query's key.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from controlled import FACTORS, Factors, compose_piece, pieces
from numpy.typing import NDArray

from soundalike.analysis import unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from soundalike.analyzer import Analyzer

FloatArray = NDArray[np.float32]
ByFacet = Mapping[str, FloatArray]

# What each facet should hear.
OWN_FACTOR = {"sound": "instrumentation", "rhythm": "rhythm", "harmony": "harmony"}


@dataclass(frozen=True)
class Answers:
    """How often a facet found what it was asked for.

    Attributes
    ----------
    facet : that was asked.
    sought : the factor that the nearest piece should share with the query, or "tempo" or "key",
        in which the same piece is sought.
    precision : share of the queries whose nearest piece was right.
    chance : the same for a piece picked at random.
    changed : the tempo as a factor on the query's, the key in semitones above the query's; None
        where a factor is sought.
    """

    facet: str
    sought: str
    precision: float
    chance: float
    n_queries: int
    changed: float | None = None


def factor_answers(embeddings: ByFacet, factors: Sequence[Factors]) -> list[Answers]:
    """Each facet asked for each factor, in sets where all factors vary.

    Parameters
    ----------
    embeddings : for each facet (n_pieces, size), of any length.
    factors : of the pieces, in the same order.

    A query's candidates differ from it in both factors that are not sought: they share the one
    that is, or nothing. A query without a candidate that shares it is not counted.
    """
    same = {
        name: np.equal.outer(levels, levels)
        for name in FACTORS
        for levels in [np.array([getattr(piece, name) for piece in factors])]
    }
    found = []
    for facet, vectors in embeddings.items():
        directions = unit(vectors)
        similarity = directions @ directions.T
        for sought in FACTORS:
            others = [same[name] for name in FACTORS if name != sought]
            candidate = ~(others[0] | others[1])
            asked = (candidate & same[sought]).any(axis=1)
            nearest = np.where(candidate, similarity, -np.inf).argmax(axis=1)
            right = same[sought][np.arange(len(factors)), nearest]
            chance = (candidate & same[sought]).sum(axis=1) / candidate.sum(axis=1)
            found.append(
                Answers(
                    facet,
                    sought,
                    float(right[asked].mean()),
                    float(chance[asked].mean()),
                    int(asked.sum()),
                )
            )
    return found


def changed_answers(
    facet: str,
    vectors: FloatArray,
    factors: Sequence[Factors],
    *,
    level: Callable[[Factors], str],
    change: Callable[[Factors], float],
    unchanged: float,
    sought: str,
) -> list[Answers]:
    """A facet asked for the same piece after a change, among other pieces without that change.

    Parameters
    ----------
    vectors : (n_pieces, size), of a set in which every level has every change.
    level : of a piece, what must be found again: its rhythm, its harmony.
    change : of a piece, what must not matter: its tempo, its key.
    unchanged : the change of the queries and of the wrong candidates.
    sought : "tempo" or "key", see `Answers`.
    """
    directions = unit(vectors)
    place = {(level(piece), change(piece)): number for number, piece in enumerate(factors)}
    levels = list(dict.fromkeys(level(piece) for piece in factors))
    plain = directions[[place[one, unchanged] for one in levels]]
    found = []
    for changed in sorted({change(piece) for piece in factors} - {unchanged}):
        moved = directions[[place[one, changed] for one in levels]]
        right = (plain * moved).sum(axis=1)
        wrong = plain @ plain.T
        np.fill_diagonal(wrong, -np.inf)
        share = float((right > wrong.max(axis=1)).mean())
        found.append(Answers(facet, sought, share, 1 / len(levels), len(levels), changed))
    return found


def tempo_answers(vectors: FloatArray, factors: Sequence[Factors]) -> list[Answers]:
    """The facet "rhythm" asked for the same piece at other tempi; see `changed_answers`."""
    return changed_answers(
        "rhythm",
        vectors,
        factors,
        level=lambda piece: piece.rhythm,
        change=lambda piece: piece.tempo,
        unchanged=1.0,
        sought="tempo",
    )


def key_answers(vectors: FloatArray, factors: Sequence[Factors]) -> list[Answers]:
    """The facet "harmony" asked for the same piece in other keys; see `changed_answers`."""
    return changed_answers(
        "harmony",
        vectors,
        factors,
        level=lambda piece: piece.harmony,
        change=lambda piece: float(piece.key),
        unchanged=0.0,
        sought="key",
    )


def embed(analyzer: Analyzer, chosen: Sequence[tuple[str, Factors]]) -> dict[str, FloatArray]:
    """Compose and analyse pieces.

    Returns
    -------
    For each facet of the model float32 (n_pieces, size).
    """
    analyses = [analyzer.from_waveform(*compose_piece(factors)) for _, factors in chosen]
    embeddings = np.stack([analysis.embedding for analysis in analyses])
    return {name: embeddings[:, where] for name, where in analyses[0].layout.slices.items()}


def ask(analyzer: Analyzer, set_name: str = "combined") -> list[Answers]:
    """Ask the facets of a model everything.

    Parameters
    ----------
    set_name : "combined", or "small", with which tempo and key are left out.
    """
    chosen = pieces(set_name)
    found = factor_answers(embed(analyzer, chosen), [factors for _, factors in chosen])
    if set_name == "small":
        return found
    for facet, other_set, answers in (
        ("rhythm", "tempo", tempo_answers),
        ("harmony", "transposed", key_answers),
    ):
        if facet in {one.facet for one in found}:
            chosen = pieces(other_set)
            vectors = embed(analyzer, chosen)[facet]
            found += answers(vectors, [factors for _, factors in chosen])
    return found


def _named(one: Answers) -> str:
    """What was sought, in words."""
    if one.changed is None:
        return one.sought
    return f"tempo {one.changed:g}" if one.sought == "tempo" else f"key +{one.changed:g}"


def table(answers: Sequence[Answers]) -> str:
    """The answers as a table in Markdown."""
    lines = ["| facet | sought | right | chance | queries |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| {one.facet} | {_named(one)} | {100 * one.precision:.0f} % | {100 * one.chance:.3g} % "
        f"| {one.n_queries} |"
        for one in answers
    ]
    return "\n".join(lines)


def draw(answers: Sequence[Answers], note: str) -> Figure:
    """Facets by factors, and what is found again at other tempi and in other keys."""
    from soundalike.show.drawing import ORANGE, PURPLE, headline, new_figure

    panels = [
        (sought, colour, label, title)
        for sought, colour, label, title in (
            ("tempo", PURPLE, "times the query's tempo", "At another tempo, by rhythm"),
            ("key", ORANGE, "semitones above the query", "In another key, by harmony"),
        )
        if any(one.sought == sought for one in answers)
    ]
    figure = new_figure(780 + 400 * len(panels), 560)
    axes = figure.subplots(
        1, 1 + len(panels), width_ratios=[1.4] + [1] * len(panels), squeeze=False
    )
    _draw_factors(axes[0, 0], [one for one in answers if one.changed is None])
    for number, (sought, colour, label, title) in enumerate(panels, start=1):
        mine = [one for one in answers if one.sought == sought]
        _draw_changes(axes[0, number], mine, colour, label, title)
    headline(figure, "Does each facet hear what its name says?", note)
    return figure


def _draw_factors(axes: Axes, answers: Sequence[Answers]) -> None:
    from soundalike.show.drawing import INK, MATCH_COLOURS, style

    facets = list(dict.fromkeys(one.facet for one in answers))
    shares = {(one.facet, one.sought): 100 * one.precision for one in answers}
    shown = np.array([[shares[facet, sought] for sought in FACTORS] for facet in facets])
    axes.imshow(shown, cmap=MATCH_COLOURS, vmin=0, vmax=100, aspect="auto")
    style(axes)
    for (row, column), value in np.ndenumerate(shown):
        colour = INK if value > 55 else "white"
        own = OWN_FACTOR.get(facets[row]) == FACTORS[column]
        axes.text(
            column,
            row,
            f"{value:.0f} %",
            ha="center",
            va="center",
            color=colour,
            weight="bold" if own else "normal",
        )
    axes.set_xticks(range(len(FACTORS)), FACTORS)
    axes.set_yticks(range(len(facets)), facets)
    axes.set(xlabel="the nearest piece shares the query's", ylabel="compared by")
    axes.set_title(
        f"One factor in common, or none (chance {100 * answers[0].chance:.3g} %)", size=9
    )


def _draw_changes(
    axes: Axes, answers: Sequence[Answers], colour: str, label: str, title: str
) -> None:
    from soundalike.show.drawing import FAINT, style

    chance = 100 * answers[0].chance
    style(axes)
    axes.plot(
        [one.changed for one in answers if one.changed is not None],
        [100 * one.precision for one in answers],
        "o-",
        color=colour,
        markersize=4,
    )
    axes.axhline(chance, color=FAINT, linestyle="--", linewidth=1)
    axes.annotate(
        f"chance {chance:.3g} %",
        (1, chance),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        fontsize=7.5,
        color=FAINT,
    )
    axes.set(ylim=(0, 105), xlabel=label, ylabel="the same piece is nearest, %")
    axes.set_title(title, size=9)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    from soundalike.analyzer import Analyzer
    from soundalike.models import DEFAULT_MODEL

    parser = argparse.ArgumentParser(
        description="Ask each facet of a model what two pieces have in common."
    )
    parser.add_argument(
        "--model", metavar="NAME", default=DEFAULT_MODEL, help="another than the default model"
    )
    parser.add_argument(
        "--set",
        dest="set_name",
        choices=("combined", "small"),
        default="combined",
        help="128 pieces, and others for tempo and key, or 64 shorter ones (combined)",
    )
    options = parser.parse_args(arguments)
    analyzer = Analyzer(options.model)
    print(f"{analyzer.model.id}\n\n{table(ask(analyzer, options.set_name))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
