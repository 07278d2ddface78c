"""The answer to "what sounds like this?", from what was heard and a view of the library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from soundalike.library.copies import copies_of, copies_of_row
from soundalike.library.seed_scores import score_rows
from soundalike.library.similar_records import Heard, Match, PassedTrack, SimilarResult
from soundalike.similarity.distribution import DECIMALS

if TYPE_CHECKING:
    from soundalike.library.limits import Limits
    from soundalike.library.records import Copy, Track
    from soundalike.library.view import View
    from soundalike.similarity.select import PassedOver
    from soundalike.similarity.taste import Taste

__all__ = ["passed_tracks", "search"]


def search(
    view: View,
    seeds: Sequence[Heard],
    without: Sequence[Heard],
    *,
    k: int,
    limits: Limits,
    min_percentile: float | None,
    weights: Mapping[str, float] | None,
    taste: Taste | None = None,
) -> SimilarResult:
    """Rank a library for some seeds; see ``Library.similar``.

    Parameters
    ----------
    seeds, without : at least one seed; these themselves and their copies are left out.
    weights : of facets, as ``Facets.weights`` takes them. Copies are told by the model's own.
    taste : to rank by, but for weights that are given.
    """
    asked = score_rows(
        view, seeds, without, weights=weights, taste=taste, copies=not limits.versions
    )
    index, ranking, listener = view.index, asked.ranking, asked.ranking.listener
    distribution = listener.distribution
    own_copies = asked.own_copies
    left_out = asked.own | set(own_copies)
    selection = view.select(
        asked.scores,
        k,
        limits,
        exclude=sorted(left_out),
        cosines=asked.cosines,
        estimates=asked.estimates,
    )
    ranks = ranking.ranks_without([each.row for each in selection.chosen], left_out)
    rows = [
        *(row for each in selection.chosen for row in (each.row, *each.copies, *each.versions)),
        *(over.row for each in selection.chosen for over in each.passed_over),
        *own_copies,
    ]
    tracks = dict(zip(rows, view.tracks(rows), strict=True))
    embeddings = index.pick([each.row for each in selection.chosen])
    matches = []
    for each, embedding in zip(selection.chosen, embeddings, strict=True):
        seed = int(asked.nearest[each.row])
        similarity = round(float(asked.similarities[each.row]), DECIMALS)
        matches.append(
            Match(
                rank=each.rank,
                track=tracks[each.row],
                similarity=similarity,
                percentile=distribution.percentile(similarity),
                copies=copies_of_row(index, each.row, each.copies, tracks, each.versions),
                facets=listener.cosines(asked.seeds[seed].embedding, embedding),
                score=round(float(asked.scores[each.row]), DECIMALS),
                seed=seed,
                rank_before=each.rank_before,
                rank_without_taste=ranks.get(each.row),
                liking=listener.liking_of(each.row),
                passed_over=passed_tracks(each.passed_over, tracks),
                passed_counts=each.passed_counts,
            )
        )
    kept, cut = _cut_below(matches, min_percentile)
    best = max(
        (match.percentile for match in matches if match.percentile is not None), default=None
    )
    first = asked.seeds[0].seed
    return SimilarResult(
        query=first.track,
        path=first.path,
        start_s=first.start_s,
        end_s=first.end_s,
        model=view.model,
        weights=listener.weights,
        matches=kept,
        min_percentile=min_percentile,
        cut=len(cut),
        best_cut=cut[0] if cut else None,
        searched=len(index) - len(left_out),
        copies=_own_copies(view, own_copies, tracks),
        not_searched=index.counts["pending"],
        is_unfamiliar=all(heard.is_unfamiliar for heard in asked.seeds),
        is_poor=distribution.is_poor(best),
        seeds=tuple(heard.seed for heard in asked.seeds),
        without=tuple(heard.seed for heard in without),
        limits=limits.in_use,
        passed_counts=selection.passed_counts,
        taste=listener.use,
    )


def _cut_below(
    matches: Sequence[Match], min_percentile: float | None
) -> tuple[tuple[Match, ...], tuple[Match, ...]]:
    """What is closer than a share (0-100) of the library's pairs, and what is not; both in order.

    Without a share nothing is cut. Whoever asks has checked it: it needs the library.
    """
    if min_percentile is None:
        return tuple(matches), ()
    is_kept = [
        each.percentile is not None and each.percentile >= min_percentile for each in matches
    ]
    kept = (match for match, keep in zip(matches, is_kept, strict=True) if keep)
    cut = tuple(match for match, keep in zip(matches, is_kept, strict=True) if not keep)
    # With several seeds the similarities need not fall along the list.
    return tuple(replace(match, rank=rank) for rank, match in enumerate(kept, start=1)), cut


def passed_tracks(
    over: Sequence[PassedOver], tracks: Mapping[int, Track]
) -> tuple[PassedTrack, ...]:
    """What was passed over, with the names of ``tracks`` by row."""
    return tuple(
        PassedTrack(
            tracks[each.row].track_id,
            tracks[each.row].name,
            each.rank,
            each.rule,
            None if each.of is None else tracks[each.of].name,
        )
        for each in over
    )


def _own_copies(
    view: View, own: Mapping[int, Heard], tracks: Mapping[int, Track]
) -> tuple[Copy, ...]:
    """The copies and versions of seeds, as those of each."""
    index = view.index
    found: list[Copy] = []
    for row, heard in own.items():
        seed_row = view.row_of(heard)
        is_version = seed_row is not None and row in view.versions_of([seed_row])[0]
        found += copies_of(
            index,
            [] if is_version else [row],
            tracks,
            embedding=heard.embedding if seed_row is None else index.pick([seed_row])[0],
            content_id=heard.content_id,
            audio_id=None if seed_row is None else int(index.audio_ids[seed_row]),
            versions=[row] if is_version else [],
        )
    return tuple(found)
