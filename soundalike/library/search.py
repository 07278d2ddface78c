"""The answer to "what sounds like this?", from an index and the names of its tracks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soundalike.library.index import Index
from soundalike.library.records import Match, SimilarResult
from soundalike.library.snapshot import Found, Snapshot
from soundalike.similarity.rank import cut_below, rank

__all__ = ["search"]


def search(
    index: Index,
    found: Found,
    embedding: NDArray[np.float32],
    snapshot: Snapshot,
    *,
    k: int,
    start_s: float | None,
    end_s: float | None,
    max_per_artist: int | None,
    min_percentile: float | None,
) -> SimilarResult:
    """Rank an index for a query; see ``Library.similar``.

    Parameters
    ----------
    found : what the query means; the track itself and its exact copies are left out.
    embedding : (embedding_dim,), unit length; of the query, or of a passage of it.
    snapshot : where the names of the tracks come from.
    """
    row = index.row_of(found.track.track_id) if found.track else None
    left_out = set() if row is None else {row}
    if found.content_id is not None:
        left_out.update(np.flatnonzero(index.content_ids == found.content_id).tolist())
    ranked = rank(
        embedding,
        index.embeddings,
        k=k,
        exclude=sorted(left_out),
        artists=index.artist_codes if max_per_artist is not None else None,
        max_per_artist=max_per_artist,
        distribution=index.distribution,
    )
    track_ids = [int(index.track_ids[each.index]) for each in ranked]
    by_id = snapshot.tracks_by_id(track_ids)
    matches = tuple(
        Match(place, by_id[track_id], each.similarity, each.percentile)
        for place, (track_id, each) in enumerate(zip(track_ids, ranked, strict=True), start=1)
    )
    kept = len(cut_below(ranked, min_percentile)[0])
    return SimilarResult(
        query=found.track,
        path=found.path,
        start_s=start_s,
        end_s=end_s,
        model=index.model,
        matches=matches[:kept],
        min_percentile=min_percentile,
        cut=len(matches) - kept,
        best_cut=matches[kept] if kept < len(matches) else None,
        searched=len(index) - len(left_out),
        copies=len(left_out) - (row is not None),
        not_searched=index.counts["pending"],
    )
