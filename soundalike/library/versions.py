"""Which tracks of a library hold the same music: of one track, or all that there are.

To compare all tracks takes minutes for thousands. What was found is kept, like the index, and the
next time only those are compared with all that are new or have changed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from soundalike.errors import InvalidArgument
from soundalike.frontends import find_frontend
from soundalike.library.changes import changed_since
from soundalike.library.copies import best_first
from soundalike.library.pairs import Pairs, read_pairs, write_pairs
from soundalike.library.pieces import Pieces, found_pieces
from soundalike.library.records import VERSION_KINDS
from soundalike.library.similar_records import Heard
from soundalike.library.snapshot import Snapshot
from soundalike.library.version_records import (
    Version,
    VersionGroup,
    VersionKind,
    VersionsResult,
)
from soundalike.library.view import View, music_heard
from soundalike.models import ModelInfo

if TYPE_CHECKING:
    from soundalike.library.index import Index
    from soundalike.library.records import Track
    from soundalike.library.storage.database import Database
    from soundalike.models.lineage import EmbeddingSpace
    from soundalike.similarity.versions import Relation, Versions

__all__ = ["all_versions", "known_pairs", "versions_of"]

# Tracks that are compared with all others in one transaction.
_AT_ONCE = 64
# How often it is kept while it is looked for.
_KEEP_EVERY_S = 60.0


# All


def known_pairs(database: Path | None, index: Index, snapshot: Snapshot) -> Pairs:
    """What was found before, of what is there now.

    Parameters
    ----------
    database : the file beside which it was kept; None for none.
    """
    kept = None if database is None else read_pairs(database, index.model)
    if kept is None:
        return Pairs(index.position)
    there = set(index.audio_ids.tolist())
    if kept.bare:
        # A scan may have added a fingerprint to what changed since.
        changed = changed_since(snapshot.connection, kept.position)
        rows = slice(None) if changed is None else np.isin(index.track_ids, list(changed))
        there -= kept.bare.intersection(index.audio_ids[rows].tolist())
    kept.keep(there)
    kept.position = index.position
    return kept


def all_versions(
    database: Database,
    space: EmbeddingSpace,
    index: Index,
    pairs: Pairs,
    kinds: Collection[VersionKind],
    progress: Callable[[int, int], None] | None = None,
) -> VersionsResult:
    """Compare what has not been compared yet, keep what is found, and group all of it.

    Parameters
    ----------
    space : the model that answers.
    pairs : that are known; those that are found are added.
    progress : told how many tracks are compared, and how many there are.
    """
    audio_ids, firsts = np.unique(index.audio_ids, return_index=True)
    new = [row for row in np.sort(firsts).tolist() if index.audio_ids[row] not in pairs.compared]
    snapshot: Snapshot | None = None
    kept_at = time.monotonic()
    try:
        for start in range(0, len(new), _AT_ONCE):
            some = new[start : start + _AT_ONCE]
            # A transaction for some at a time: all of them may take long.
            with database.read() as connection:
                if snapshot is None:
                    snapshot = Snapshot(connection, space)
                    versions = index.versions(snapshot)
                snapshot.connection = connection
                _compare(pairs, index, versions, some)
            if progress is not None:
                progress(len(pairs.compared), len(audio_ids))
            if time.monotonic() - kept_at > _KEEP_EVERY_S:
                _keep(database.beside, index, pairs)
                kept_at = time.monotonic()
    finally:
        # Whoever has waited for half of it need not do so again.
        pieces = _keep(database.beside if new else None, index, pairs)
    with database.read() as connection:
        groups = _groups(pairs, pieces, index, Snapshot(connection, space), kinds)
    return VersionsResult(
        query=None,
        model=index.model,
        groups=groups,
        compared=len(index),
        without_fingerprint=len(pairs.bare),
        has_fingerprints=_has_fingerprints(space),
    )


def _compare(pairs: Pairs, index: Index, versions: Versions, rows: Sequence[int]) -> None:
    """Compare some rows with all, and note what is found."""
    for row, relations in zip(rows, versions.of_rows(rows), strict=True):
        audio_id = int(index.audio_ids[row])
        for relation in relations:
            pairs.add(audio_id, replace(relation, row=int(index.audio_ids[relation.row])))
        if not versions.has_fingerprint(row):
            pairs.bare.add(audio_id)
        pairs.compared.add(audio_id)


def _keep(database: Path | None, index: Index, pairs: Pairs) -> Pieces:
    """The groups of what is known; kept with it beside a database."""
    pieces = found_pieces(np.array(sorted(pairs.compared), np.int64), pairs.found)
    if database is not None:
        write_pairs(database, index.model, pairs, pieces)
    return pieces


def _groups(
    pairs: Pairs,
    pieces: Pieces,
    index: Index,
    snapshot: Snapshot,
    kinds: Collection[VersionKind],
) -> tuple[VersionGroup, ...]:
    """All tracks with the same music, by the path of the best of each group."""
    audio_ids, places, counts = np.unique(index.audio_ids, return_inverse=True, return_counts=True)
    recordings, music = pieces.numbers(audio_ids)
    is_some = (recordings >= 0) | (counts > 1)
    # What is no version of anything is a recording of its own.
    alone = recordings < 0
    recordings[alone] = music[alone] = -2 - np.flatnonzero(alone)
    of_row = (recordings if "version" not in kinds else music)[places].tolist()
    number = recordings[places].tolist()
    by_group: dict[int, list[int]] = {}
    for row in np.flatnonzero(is_some[places]).tolist():
        by_group.setdefault(of_row[row], []).append(row)
    groups = [rows for rows in by_group.values() if len(rows) > 1]
    by_id = snapshot.tracks_by_id([int(index.track_ids[row]) for rows in groups for row in rows])
    found = []
    for rows in groups:
        tracks = {row: by_id[int(index.track_ids[row])] for row in rows}
        order = best_first(tracks, {row: number[row] for row in rows})
        best, *rest = order.rows
        others = []
        for row in rest:
            is_near = number[row] == number[best]
            between = pairs.between(*index.audio_ids[[best, row]].tolist())
            others.append(_version(index, tracks[row], best, row, between, is_near=is_near))
        shown = tuple(each for each in _by_kind(others) if each.kind in kinds)
        if shown:
            found.append(VersionGroup(tracks[best], order.reason, tracks[best], shown))
    return tuple(sorted(found, key=lambda group: os.fsencode(group.best.path)))


# One


def versions_of(
    view: View, heard: Sequence[Heard], kinds: Collection[VersionKind]
) -> VersionsResult:
    """The tracks with the music of one that was heard.

    Raises
    ------
    InvalidArgument : several were, as those of a folder.
    """
    if len(heard) > 1:
        raise InvalidArgument(
            f"a folder of {len(heard):,} tracks has no versions: name one of them, or none for "
            f"all versions in the library"
        )
    (one,) = heard
    return VersionsResult(
        query=one.seed,
        model=view.model,
        groups=_group_of(view, one, kinds),
        compared=len(view),
        without_fingerprint=int(one.fingerprint is None),
        has_fingerprints=_has_fingerprints(view.space),
    )


def _group_of(view: View, heard: Heard, kinds: Collection[VersionKind]) -> tuple[VersionGroup, ...]:
    """No group, or one."""
    index = view.index
    own = view.row_of(heard) if heard.seed.is_whole else None
    same = _same_audio(view, heard)
    if same:
        relations = view.versions.of(same[0])
    else:
        relations = view.versions.of_other(heard.embedding, music_heard(heard))
    by_row: dict[int, Relation | None] = dict.fromkeys(same)
    for relation in relations:
        audio_id = index.audio_ids[relation.row]
        for row in np.flatnonzero(index.audio_ids == audio_id).tolist():
            by_row.setdefault(row, relation)
    tracks = dict(zip(by_row, view.tracks(list(by_row)), strict=True))
    # Those of the recording of what was asked about have one number, others one each.
    is_near = {row: each is None or each.kind == "near" for row, each in by_row.items()}
    order = best_first(tracks, {row: -1 if is_near[row] else row for row in by_row})
    others = [
        _version(index, tracks[row], heard, row, by_row[row], is_near=is_near[row])
        for row in order.rows
        if row != own
    ]
    shown = tuple(each for each in _by_kind(others) if each.kind in kinds)
    if not shown:
        return ()
    of = None if own is None else tracks[own]
    return (VersionGroup(tracks[order.rows[0]], order.reason, of, shown),)


def _same_audio(view: View, heard: Heard) -> list[int]:
    """The rows that have the audio of what was heard, itself among them, ascending."""
    index = view.index
    if not heard.seed.is_whole or heard.content_id is None:
        return []
    audio_ids = index.audio_ids[index.content_ids == heard.content_id]
    return np.flatnonzero(np.isin(index.audio_ids, audio_ids)).tolist()


# Both


def _has_fingerprints(space: EmbeddingSpace) -> bool:
    """Whether a model's frontend makes fingerprints."""
    return isinstance(space, ModelInfo) and find_frontend(space.frontend).has_chroma


def _version(
    index: Index,
    track: Track,
    of: int | Heard,
    row: int,
    relation: Relation | None,
    *,
    is_near: bool,
) -> Version:
    """What the track of a row is to that of another, or to what was heard."""
    if isinstance(of, Heard):
        content_id, audio_id, embedding = of.content_id, None, of.embedding
        if relation is None:
            audio_id = index.audio_ids[row]
    else:
        content_id, audio_id = index.content_ids[of], index.audio_ids[of]
        embedding = index.embeddings[of]
    kind: VersionKind = "near" if is_near else "version"
    if index.content_ids[row] == content_id:
        kind = "copy"
    elif index.audio_ids[row] == audio_id:
        kind = "audio"
    similarity = 1.0 if kind == "copy" else float(index.embeddings[row] @ embedding)
    alignment = None if relation is None else relation.alignment
    return Version(track, kind, similarity, alignment)


def _by_kind(others: Sequence[Version]) -> list[Version]:
    return sorted(others, key=lambda each: VERSION_KINDS.index(each.kind))
