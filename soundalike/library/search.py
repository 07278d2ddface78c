"""The answer to "what sounds like this?", from an index and the names of its tracks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundalike.library.copies import copies_of
from soundalike.library.index import Index
from soundalike.library.records import Copy, Match, SimilarResult
from soundalike.library.snapshot import Found, Snapshot
from soundalike.similarity.duplicates import Recordings
from soundalike.similarity.rank import cut_below, rank

if TYPE_CHECKING:
    from soundalike.analysis import Analysis

__all__ = ["search"]


def search(
    index: Index,
    found: Found,
    embedding: NDArray[np.float32],
    snapshot: Snapshot,
    *,
    whole: Analysis | None,
    k: int,
    start_s: float | None,
    end_s: float | None,
    max_per_artist: int | None,
    min_percentile: float | None,
    weights: Mapping[str, float] | None = None,
    is_unfamiliar: bool = False,
) -> SimilarResult:
    """Rank an index for a query; see ``Library.similar``.

    Parameters
    ----------
    found : what the query means; the track itself and its copies are left out.
    embedding : (embedding_dim,), unit length; of the query, or of a passage of it.
    snapshot : where the names of the tracks come from.
    whole : the analysis of the whole query, where it is known and not in the index.
    weights : of facets, as ``Facets.weights`` takes them. Copies are told by the model's own.
    """
    layout = snapshot.space.layout
    distribution = index.weighed(layout.factors(weights) if weights else None)
    recordings = index.recordings(snapshot.excerpts_of)
    row, own = _own_rows(index, recordings, found, whole)
    ranked = rank(
        layout.reweight(embedding, weights),
        index.embeddings,
        k=k,
        exclude=own if row is None else [row, *own],
        artists=index.artist_codes if max_per_artist is not None else None,
        max_per_artist=max_per_artist,
        distribution=distribution,
        copies_of=recordings.copies_of,
    )
    rows = [
        *(each.index for each in ranked),
        *(row for each in ranked for row in each.copies),
        *own,
    ]
    by_id = snapshot.tracks_by_id([int(index.track_ids[row]) for row in rows])
    tracks = {row: by_id[int(index.track_ids[row])] for row in rows}

    def copies(rows: Sequence[int], of: int) -> tuple[Copy, ...]:
        return copies_of(
            index,
            rows,
            tracks,
            embedding=index.embeddings[of],
            content_id=int(index.content_ids[of]),
            audio_id=int(index.audio_ids[of]),
        )

    matches = tuple(
        Match(
            place,
            tracks[each.index],
            each.similarity,
            each.percentile,
            copies(each.copies, each.index),
            layout.cosines(embedding, index.embeddings[each.index]),
        )
        for place, each in enumerate(ranked, start=1)
    )
    kept = len(cut_below(ranked, min_percentile)[0])
    if row is not None:
        own_copies = copies(own, row)
    else:
        own_copies = copies_of(
            index,
            own,
            tracks,
            embedding=embedding if whole is None else whole.embedding,
            content_id=found.content_id,
            audio_id=None,
        )
    return SimilarResult(
        query=found.track,
        path=found.path,
        start_s=start_s,
        end_s=end_s,
        model=index.model,
        weights=layout.weights(weights),
        matches=matches[:kept],
        min_percentile=min_percentile,
        cut=len(matches) - kept,
        best_cut=matches[kept] if kept < len(matches) else None,
        searched=len(index) - len(own) - (row is not None),
        copies=own_copies,
        not_searched=index.counts["pending"],
        is_unfamiliar=is_unfamiliar,
        is_poor=bool(ranked) and distribution.is_poor(ranked[0].percentile),
    )


def _own_rows(
    index: Index, recordings: Recordings, found: Found, whole: Analysis | None
) -> tuple[int | None, list[int]]:
    """The row of the query, if it has one, and those of its copies, ascending."""
    row = index.row_of(found.track.track_id) if found.track else None
    if row is not None:
        return row, recordings.copies_of([row])[0]
    own: set[int] = set()
    if found.content_id is not None:
        own.update(np.flatnonzero(index.content_ids == found.content_id).tolist())
    if own:
        own.update(recordings.copies_of([min(own)])[0])
    elif whole is not None:
        excerpts = whole.excerpt_embeddings
        own.update(recordings.copies_of_other(whole.embedding, whole.duration_s, excerpts))
    return None, sorted(own)
