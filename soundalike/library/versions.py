"""Which tracks of a library hold the same music: of one track, or all that there are.

To compare all tracks takes minutes for thousands. What was found is kept, like the index, and the
next time only those are compared with all that are new or have changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.frontends import find_frontend
from soundalike.library.changes import NO_TRACK, changed_since
from soundalike.library.copies import best_first
from soundalike.library.index import Index
from soundalike.library.pairs import Pairs, read_pairs, write_pairs
from soundalike.library.records import Track
from soundalike.library.similar_records import Heard
from soundalike.library.snapshot import Snapshot
from soundalike.library.storage.database import Database
from soundalike.library.version_records import (
    VERSION_KINDS,
    Version,
    VersionGroup,
    VersionKind,
    VersionsResult,
)
from soundalike.library.view import View, music_heard
from soundalike.models import ModelInfo
from soundalike.models.lineage import EmbeddingSpace
from soundalike.similarity.sets import RowSets
from soundalike.similarity.versions import Relation, Versions

__all__ = ["all_versions", "known_pairs", "versions_of"]

# Tracks that are compared with all others in one transaction.
_AT_ONCE = 64
# Of the pairs of recordings of two groups that are about to become one, so many are versions.
_LINKED = 1 / 3

Related = Mapping[tuple[int, int], Relation]
"""By two rows what the second is to the first."""


# All


def known_pairs(database: Path | None, index: Index, snapshot: Snapshot) -> Pairs:
    """What was found before and still holds; pairs of what changed since are forgotten.

    Parameters
    ----------
    database : the file beside which it was kept; None for none.
    """
    kept = None if database is None else read_pairs(database, index.model)
    changed = None if kept is None else changed_since(snapshot.connection, kept.position)
    if kept is None or changed is None:
        return Pairs(index.position)
    kept.forget((changed - {NO_TRACK}) | (kept.compared - set(index.track_ids.tolist())))
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
    firsts = _firsts(index)
    rows = [row for row in np.unique(firsts).tolist() if index.track_ids[row] not in pairs.compared]
    done, total = len(pairs.compared), len(pairs.compared) + len(rows)
    snapshot: Snapshot | None = None
    try:
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            # A transaction for some at a time: all of them may take long.
            with database.read() as connection:
                if snapshot is None:
                    snapshot = Snapshot(connection, space)
                    versions = index.versions(snapshot)
                snapshot.connection = connection
                _compare(pairs, index, versions, some)
            if progress is not None:
                progress(done + start + len(some), total)
    finally:
        # Whoever has waited for half of it need not do so again.
        if rows and database.path is not None:
            write_pairs(database.path, index.model, pairs)
    with database.read() as connection:
        groups = _groups(pairs, index, firsts, Snapshot(connection, space), kinds)
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
    for row in rows:
        track_id = int(index.track_ids[row])
        for relation in versions.of(row):
            pairs.add(track_id, replace(relation, row=int(index.track_ids[relation.row])))
        if not versions.has_fingerprint(row):
            pairs.bare.add(track_id)
        pairs.compared.add(track_id)


def _groups(
    pairs: Pairs,
    index: Index,
    firsts: NDArray[np.intp],
    snapshot: Snapshot,
    kinds: Collection[VersionKind],
) -> tuple[VersionGroup, ...]:
    """All tracks with the same music, by the path of the best of each group."""
    row_of = {track_id: row for row, track_id in enumerate(index.track_ids.tolist())}
    related: dict[tuple[int, int], Relation] = {}
    for (a, b), relation in pairs.found.items():
        if a in row_of and b in row_of:
            related[row_of[a], row_of[b]] = relation
    recordings = _recordings(firsts, related)
    number = {row: each for each, rows in enumerate(recordings) for row in rows}
    groups = _pieces(recordings, number, related) if "version" in kinds else recordings
    groups = [rows for rows in groups if len(rows) > 1]
    by_id = snapshot.tracks_by_id([int(index.track_ids[row]) for rows in groups for row in rows])
    found = []
    for rows in groups:
        tracks = {row: by_id[int(index.track_ids[row])] for row in rows}
        order = best_first(tracks, number)
        best, *rest = order.rows
        others = []
        for row in rest:
            is_near = number[row] == number[best]
            between = pairs.between(*index.track_ids[firsts[[best, row]]].tolist())
            others.append(_version(index, tracks[row], best, row, between, is_near=is_near))
        shown = tuple(each for each in _by_kind(others) if each.kind in kinds)
        if shown:
            found.append(VersionGroup(tracks[best], order.reason, tracks[best], shown))
    return tuple(sorted(found, key=lambda group: os.fsencode(group.best.path)))


def _recordings(firsts: NDArray[np.intp], related: Related) -> list[list[int]]:
    """The rows of each recording: of one audio, or near each other."""
    sets = RowSets(len(firsts))
    for row, first in enumerate(firsts.tolist()):
        sets.join(first, row)
    for (a, b), relation in related.items():
        if relation.kind == "near":
            sets.join(a, b)
    return sets.all()


def _pieces(
    recordings: Sequence[Sequence[int]], number: Mapping[int, int], related: Related
) -> list[list[int]]:
    """The rows of each piece: recordings that are versions of each other.

    Those that stand out most become one first. A recording that is a version of one in a group, but
    not of the others, does not join it: chains of such would end up anywhere.
    """
    links: dict[tuple[int, int], float] = {}
    for (a, b), relation in related.items():
        low, high = sorted((number[a], number[b]))
        if low != high:
            links[low, high] = max(links.get((low, high), 0.0), relation.evidence)
    groups = {each: [each] for each in range(len(recordings))}
    group_of = list(range(len(recordings)))
    for low, high in sorted(links, key=lambda pair: (-links[pair], pair)):
        one, other = group_of[low], group_of[high]
        if one == other:
            continue
        across = [tuple(sorted((a, b))) for a in groups[one] for b in groups[other]]
        if sum(pair in links for pair in across) >= _LINKED * len(across):
            for each in groups[other]:
                group_of[each] = one
            groups[one] += groups.pop(other)
    return [[row for each in members for row in recordings[each]] for members in groups.values()]


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


def _firsts(index: Index) -> NDArray[np.intp]:
    """For each row the one that stands for its audio: (n,)."""
    _, firsts, audio = np.unique(index.audio_ids, return_index=True, return_inverse=True)
    return firsts[audio]


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
