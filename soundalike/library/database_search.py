"""What sounds like a track, searched by the vectors of the database, for who keeps no index.

The server gives the nearest by float16 numbers, more than are asked for. What is made of them
(copies, limits, names) is made by the code that makes it of an index of all tracks, here of one of
these alone, with the similarities that an index has. Where float16 may have left out one that
belongs among them, more are asked for: the matches are those of a search in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Connection, and_, exists, not_, or_, select
from sqlalchemy.sql import ColumnElement

from soundalike.errors import InvalidArgument, LibraryError
from soundalike.library.filters import genre_condition, genre_texts
from soundalike.library.index import Index, IndexKeeper, artist_code
from soundalike.library.search import search
from soundalike.library.storage import vector_search
from soundalike.library.storage.schema import analyses, below, contents, own_analysis, tracks
from soundalike.library.view import View

if TYPE_CHECKING:
    from soundalike.library.limits import Filter, Limits
    from soundalike.library.lookup import Asked, SeedQuery
    from soundalike.library.similar_records import Heard, SimilarResult
    from soundalike.library.snapshot import Snapshot
    from soundalike.models.lineage import EmbeddingSpace

__all__ = ["asked_track", "index_vectors", "search_vectors", "stored"]

# Candidates of the first look, for each track that is wanted and beside these; then four times as
# many, until it is enough.
_EACH, _MORE, _GROWTH = 10, 100, 4
# By how much float16 may be wrong about the cosine of two vectors of unit length: half a unit in
# the last of 11 binary places of either, and what brings the facets back to their length.
_ERROR = 2e-3


def asked_track(snapshot: Snapshot, keeper: IndexKeeper, seed: SeedQuery) -> Asked:
    """What a query means.

    Raises
    ------
    InvalidArgument : a folder, or a library without vectors.
    TrackNotFound, AmbiguousTrack : as ``lookup.find``.
    """
    _check(snapshot.connection)
    view = View(snapshot, keeper.part(snapshot, (), {}))
    if view.folder_of(seed.query) is not None:
        raise InvalidArgument(
            f"{seed.query} is a folder: a search in the database is for one track; search without "
            f"it, or name a track"
        )
    (found,) = view.asked(seed)
    return found


def stored(snapshot: Snapshot, keeper: IndexKeeper, asked: Asked) -> Heard | None:
    """What is stored of it; None for what has to be analysed."""
    track = asked.found.track
    ids = [] if track is None else [track.track_id]
    return View(snapshot, keeper.part(snapshot, ids, {})).heard(asked, with_excerpts=False)


def search_vectors(
    snapshot: Snapshot,
    keeper: IndexKeeper,
    seed: Heard,
    *,
    k: int,
    weights: Mapping[str, float] | None,
    limits: Limits,
    approximate: bool,
) -> SimilarResult:
    """See ``Library.similar_in_database``."""
    connection = snapshot.connection
    layout = snapshot.space.layout
    try:
        query = layout.reweight(seed.embedding, weights)
    except InvalidArgument as error:
        raise InvalidArgument(f"{snapshot.space.id}: {error}") from None
    conditions = _conditions(snapshot, keeper, limits)
    nearest = vector_search.Nearest(connection, snapshot.model_id, query, where=conditions)
    if approximate and not nearest.has_index:
        raise InvalidArgument(
            f"there is no index of the vectors of {snapshot.space.id}: make it with `soundalike "
            f"library index` (in Python: Library.index_vectors), or search exactly"
        )
    own = [seed.track.track_id] if seed.track is not None else []
    margin = _ERROR * max(1.0, float(np.linalg.norm(query)))
    counts = keeper.of_state(snapshot, "counts", snapshot.count_by_status)
    wanted = max(_EACH * k + _MORE, View.pool_size(k))
    while True:
        look = nearest(wanted, approximate=approximate)
        ids = [track_id for track_id, _ in look.found]
        if conditions:
            # The copies of the seed, which no limits may hide: they are told beside the matches.
            ids += look.barred
            ids += _with_their_audio(connection, ids)
        part = keeper.part(snapshot, [*ids, *own], counts)
        _tell_artists(snapshot, keeper, part, limits)
        result = search(
            View(snapshot, part),
            [seed],
            [],
            k=k,
            limits=limits,
            min_percentile=None,
            weights=weights,
        )
        if look.least is None:
            break
        is_full = len(result.matches) == k
        # What was not looked at is at most so alike.
        if is_full and (approximate or result.matches[-1].similarity >= look.least + margin):
            break
        wanted *= _GROWTH
    return replace(result, searched=counts["analysed"] - (len(part) - result.searched))


def index_vectors(connection: Connection, space: EmbeddingSpace, *, drop: bool) -> int:
    """See ``Library.index_vectors``; in a transaction that writes."""
    _check(connection)
    if drop:
        vector_search.drop_index(connection, space)
        return 0
    n = vector_search.make_index(connection, space)
    if n is None:
        raise LibraryError(f"nothing is analysed with {space.id} yet; scan a folder first")
    return n


def _check(connection: Connection) -> None:
    if not vector_search.has_vectors(connection):
        raise InvalidArgument(
            "a library in a file has no vectors to search by: it is searched in memory"
        )


def _with_their_audio(connection: Connection, track_ids: Sequence[int]) -> list[int]:
    """The tracks with the bytes or the audio of one of some: copies are told, whatever the limits
    say of them."""
    theirs = (
        select(contents.c.audio_digest)
        .join(tracks, tracks.c.content_id == contents.c.id)
        .where(tracks.c.id.in_(track_ids), contents.c.audio_digest.is_not(None))
    )
    having = select(contents.c.id).where(contents.c.audio_digest.in_(theirs))
    return list(connection.scalars(select(tracks.c.id).where(tracks.c.content_id.in_(having))))


def _conditions(
    snapshot: Snapshot, keeper: IndexKeeper, limits: Limits
) -> list[ColumnElement[bool]]:
    """What of some limits the database can tell; all are held to again, in the candidates."""
    found: list[ColumnElement[bool]] = []
    for asked, must in ((limits.only, True), (limits.never, False)):
        each = _of_filter(snapshot, keeper, asked)
        found += each if must else map(not_, each)
    length = []
    if limits.min_length_s is not None:
        length.append(analyses.c.duration_s >= limits.min_length_s - 0.001)
    if limits.max_length_s is not None:
        length.append(analyses.c.duration_s <= limits.max_length_s + 0.001)
    if length:
        found.append(exists().where(own_analysis(snapshot.model_id or 0), *length))
    return found


def _of_filter(snapshot: Snapshot, keeper: IndexKeeper, asked: Filter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if asked.folders:
        found.append(or_(*(below(tracks.c.path, folder) for folder in asked.real_folders)))
    if asked.track_ids is not None:
        found.append(tracks.c.id.in_(sorted(asked.track_ids)))
    # Where paths stand in for tags, only a look at each path tells.
    if asked.genres and not snapshot.roots.say("genre"):
        texts = keeper.of_state(snapshot, "genres", lambda: genre_texts(snapshot.connection))
        found.append(genre_condition(asked, texts))
    if asked.years and not snapshot.roots.say("year"):
        year = contents.c.tags["year"].as_integer()
        each = [
            and_(year >= max(1, one.first or 1), *([] if one.last is None else [year <= one.last]))
            for one in asked.years
        ]
        within: Any = or_(*each)
        found.append(exists().where(contents.c.id == tracks.c.content_id, within))
    return found


def _tell_artists(snapshot: Snapshot, keeper: IndexKeeper, part: Index, limits: Limits) -> None:
    """Tell a part of an index who is an artist by himself in the whole library: by that "A & B" is
    taken for two."""
    if limits.max_per_artist is None and not limits.artist_gap:
        return

    def read() -> frozenset[int]:
        names = select(contents.c.tags["artist"].as_string()).distinct()
        return frozenset(map(artist_code, snapshot.connection.scalars(names)))

    of_tags = keeper.of_state(snapshot, "artists", read)
    part.kept("artist codes", lambda: of_tags | set(part.artist_codes.tolist()))
