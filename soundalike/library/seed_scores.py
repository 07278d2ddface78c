"""How all tracks of a library fit what somebody asks for: some seeds, and what to be unlike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.library.listener import Listener
from soundalike.library.ranking import Ranking
from soundalike.similarity.seeds import MOST_SEEDS, thinned

if TYPE_CHECKING:
    from soundalike.library.similar_records import Heard
    from soundalike.library.view import View
    from soundalike.similarity.codes import Estimates
    from soundalike.similarity.taste import Taste

__all__ = ["ScoredRows", "own_rows", "score_rows"]


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """The rows of a view for some seeds.

    Attributes
    ----------
    seeds : each once, in their order.
    without : what the rows are to be unlike.
    ranking : what each row is worth, and by what.
    scores : float32 (n,), what to rank by; for one seed, nothing to be unlike, and no taste, the
        cosines.
    nearest : intp (n,), the place in ``seeds`` of the seed that is nearest to each row.
    similarities : float32 (n,), the cosine to that seed under the weights.
    own : the rows of the seeds and of what is pushed away.
    own_copies : rows with the same recording as one of these, and of which; not among ``own``.
    """

    seeds: tuple[Heard, ...]
    without: tuple[Heard, ...]
    ranking: Ranking
    scores: NDArray[np.float32] = field(repr=False)
    nearest: NDArray[np.intp] = field(repr=False)
    similarities: NDArray[np.float32] = field(repr=False)
    own: frozenset[int]
    own_copies: Mapping[int, Heard]

    @property
    def estimates(self) -> Estimates | None:
        """Where scores and similarities are only nearly right yet; None where they are exact."""
        return self.ranking.estimates

    @property
    def cosines(self) -> NDArray[np.float32] | None:
        """float32 (n,), the cosines with the one seed by the model's own metric; None where there
        are several seeds, or another metric."""
        return _plain_cosines(self.ranking, len(self.seeds))


def score_rows(
    view: View,
    seeds: Sequence[Heard],
    without: Sequence[Heard],
    *,
    weights: Mapping[str, float] | None = None,
    taste: Taste | None = None,
    copies: bool = True,
    k: int = 100,
) -> ScoredRows:
    """Score all rows of a view; see ``similarity.seeds`` for how, and on what that rests.

    Parameters
    ----------
    seeds : at least one. One that is there twice, as in a folder, counts once. Of more than
        ``MOST_SEEDS`` some tell what all are like.
    weights : of facets, as ``Facets.weights`` takes them; they go before those of a taste.
    taste : to rank by; None for none.
    copies : whether to look for the copies of the seeds, other cuts among them.
    k : how many rows are wanted, about: among the best of several times as many such cuts are
        looked for.

    Raises
    ------
    ModelMismatch : one was heard by another model.
    InvalidArgument : a seed is among what the rows are to be unlike, or a facet is unknown.
    """
    view.check(*seeds, *without)
    # Who names a track twice, as in a folder, does not mean that it counts twice.
    seeds = tuple({heard.seed.key: heard for heard in seeds}.values())
    keys = {heard.seed.key for heard in seeds}
    if both := [heard.name for heard in without if heard.seed.key in keys]:
        raise InvalidArgument(
            f"{both[0]} is a seed, and among what the tracks are to be unlike: name it once"
        )
    # Of a large folder some tell what all are like; none of it comes out.
    telling = thinned(len(seeds), MOST_SEEDS)
    ranking = Ranking(
        view,
        np.stack([seeds[place].embedding for place in telling.tolist()]),
        np.stack([each.embedding for each in without]) if without else None,
        Listener(view, weights, taste),
    )
    own, own_copies = own_rows(
        view, (*seeds, *without), copies=copies, cosines=_plain_cosines(ranking, len(telling))
    )
    nearest = ranking.scored.nearest
    return ScoredRows(
        seeds=seeds,
        without=tuple(without),
        ranking=ranking,
        scores=ranking.scores,
        nearest=nearest if len(telling) == len(seeds) else telling[nearest],
        similarities=ranking.scored.similarities,
        own=own,
        own_copies=own_copies,
    )


def _plain_cosines(ranking: Ranking, n_seeds: int) -> NDArray[np.float32] | None:
    listener = ranking.listener
    is_plain = listener.metric is None and not listener.asked
    return ranking.scored.similarities if is_plain and n_seeds == 1 else None


def own_rows(
    view: View,
    all_heard: Sequence[Heard],
    *,
    copies: bool = True,
    cosines: NDArray[np.floating] | None = None,
) -> tuple[frozenset[int], dict[int, Heard]]:
    """The rows of what was heard; and of its copies and known versions, with what they are of.

    ``cosines`` as for ``View.copies_of``.
    """
    rows = [view.row_of(heard) for heard in all_heard]
    own = frozenset(row for row in rows if row is not None)
    found: dict[int, Heard] = {}
    if copies:
        # Those of tracks are asked for at once: a folder has many.
        known = iter(view.same_music([row for row in rows if row is not None], cosines))
        for heard, row in zip(all_heard, rows, strict=True):
            for copy in next(known) if row is not None else view.own_rows(heard)[1]:
                if copy not in own:
                    found.setdefault(copy, heard)
    return own, found
