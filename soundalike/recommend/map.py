"""The map of a library, and how it keeps up with it: what is on it stays where it is.

It lies in a file beside the database (``library.db.MODEL.map``), a cache that can be deleted. The
file holds the nearest neighbours of all tracks as well, from which groups follow.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.arguments import whole_number
from soundalike.errors import LibraryError, SoundalikeError
from soundalike.library.index import Index
from soundalike.library.storage.index_file import file_beside, read_arrays, write_arrays
from soundalike.recommend.affinity import affinities, shares
from soundalike.recommend.communities import communities
from soundalike.recommend.fidelity import kept_shares, nearest_in_plane, trustworthiness
from soundalike.recommend.layout import NEAREST, lay_out, main_axes, place
from soundalike.similarity.best import best_columns
from soundalike.similarity.neighbours import Neighbours, Progress, nearest

__all__ = ["UNCLEAR", "Fidelity", "LibraryMap", "kept_map", "map_file", "map_of"]

Floats = NDArray[np.float32]
Rows = NDArray[np.int32]

UNCLEAR: Final = 0.5
"""A track of which less than this share belongs to its group belongs to none clearly."""

# Neighbours that say to which group a track belongs, and how many of them count, about.
_RELATED: Final = 15
_PERPLEXITY: Final = 9.0
# More groups than this are too many to look at; who asks for more gets them.
_MOST_GROUPS: Final = 24
_FEWEST_GROUPED: Final = 10
_BLOCK: Final = 64
_VERSION: Final = 1
_CHECK: Final = "checking the map"


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How far a map can be believed, and beside it the two main axes of the embeddings (PCA).

    Attributes
    ----------
    k : nearest neighbours that are looked at.
    kept, kept_by_axes : share of them that are among the k nearest on the map; a mean over tracks.
    trustworthiness, trustworthiness_by_axes : see ``fidelity.trustworthiness``; None for a library
        with no more than 2 k tracks.
    """

    k: int
    kept: float
    kept_by_axes: float
    trustworthiness: float | None
    trustworthiness_by_axes: float | None


@dataclass(frozen=True, eq=False)
class LibraryMap:
    """Where the tracks of a library lie, in the order of its index.

    Attributes
    ----------
    model : whose embeddings are compared, ``name@version``.
    track_ids : int64 (n,).
    places : float32 (n, 2), x and y; one unit apart, nearness on the map is a half.
    groups : int32 (n,), the group of each track, the largest 0.
    memberships : float32 (n,), 0 to 1, how much of what is near to a track is in its group; below
        :data:`UNCLEAR` it belongs to none clearly.
    trust : float32 (n,), 0 to 1, the share of a track's nearest that are among its nearest here.
    is_new : bool (n,), whether it was placed among the others after the map was made.
    nearest : int32 (n, k), rows of the nearest by sound, the nearest first; -1 where there are no
        more, or where one is gone.
    fidelity : of the map when it was made.
    was_there : whether it was made before, so that the seed and the like had no say.
    """

    model: str
    track_ids: NDArray[np.int64]
    places: Floats
    groups: Rows
    memberships: Floats
    trust: Floats
    is_new: NDArray[np.bool_]
    nearest: Rows
    fidelity: Fidelity
    was_there: bool = False

    def __len__(self) -> int:
        return len(self.track_ids)

    @property
    def n_groups(self) -> int:
        return int(self.groups.max(initial=-1)) + 1

    def row_of(self, track_id: int) -> int | None:
        """Where a track is; None where it is not on the map."""
        found = np.flatnonzero(self.track_ids == track_id)
        return int(found[0]) if len(found) else None

    @property
    def is_unclear(self) -> NDArray[np.bool_]:
        """bool (n,), which tracks belong to no group clearly."""
        return np.asarray(self.memberships < UNCLEAR)


@dataclass(frozen=True, eq=False)
class _Kept:
    """What is in the file: all tracks that were ever on this map, a row each.

    ``related`` are rows of tracks that the map was made of, which stand first.
    """

    track_ids: NDArray[np.int64]
    audio_ids: NDArray[np.int64]
    places: Floats
    groups: Rows
    memberships: Floats
    trust: Floats
    is_new: NDArray[np.bool_]
    related: Rows
    similarities: Floats

    def __len__(self) -> int:
        return len(self.track_ids)

    def rows_of(self, index: Index) -> NDArray[np.int64]:
        """Where the tracks of an index are; -1 where they are not, or have other audio by now."""
        keys = zip(self.track_ids.tolist(), self.audio_ids.tolist(), strict=True)
        known = {key: row for row, key in enumerate(keys)}
        wanted = zip(index.track_ids.tolist(), index.audio_ids.tolist(), strict=True)
        return np.array([known.get(key, -1) for key in wanted], np.int64)


def map_of(
    index: Index,
    database: Path | None,
    *,
    n_groups: int | None = None,
    again: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> LibraryMap:
    """The map of a library: the one that was made before, with what is new placed on it.

    A track whose audio is another than before counts as new. Nothing else moves, whatever is
    added or removed.

    Parameters
    ----------
    index : of the library; its embeddings are compared.
    database : its file, beside which the map lies; None for none.
    n_groups : how many groups; by default as many as there are, and at most 24.
    again : make it anew, of all tracks there are now.
    seed : of a map that is made.
    progress : told what is done, and how far it is.

    Raises
    ------
    LibraryError : there is no track.
    InvalidArgument : n_groups is no whole number from 1 on, or more than half of the tracks; or the
        seed is none from 0 on.
    """
    seed = whole_number("seed", seed, least=0)
    if not len(index):
        raise LibraryError("no track is analysed: scan a folder with music first")
    path = None if database is None else map_file(database, index.model)
    found = None if again else _up_to_date(path, index)
    was_there = found is not None
    if found is None:
        found = _made(index, seed, progress)
        if path is not None:
            _write(path, found[0], index.model, found[1])
    kept, fidelity = found
    if n_groups is not None:
        kept = _regrouped(kept, n_groups, seed, progress)
    return replace(_shown(kept, index, fidelity), was_there=was_there)


def kept_map(index: Index, database: Path | None) -> LibraryMap | None:
    """The map that was made before, with what is new placed on it; None where none was, or where
    too little of it is left. See :func:`map_of`."""
    path = None if database is None else map_file(database, index.model)
    found = _up_to_date(path, index) if len(index) else None
    if found is None:
        return None
    return replace(_shown(found[0], index, found[1]), was_there=True)


def map_file(database: Path, model: str) -> Path:
    """Where the map of a library lies, by the model whose embeddings are compared."""
    return file_beside(database, model, "map")


def _up_to_date(path: Path | None, index: Index) -> tuple[_Kept, Fidelity] | None:
    """What is in the file, with the tracks that are not on the map yet."""
    stored = None if path is None else _read(path, index.model)
    kept = None if stored is None else _with_new(stored[0], index)
    if path is None or stored is None or kept is None:
        return None
    if kept is not stored[0]:
        _write(path, kept, index.model, stored[1])
    return kept, stored[1]


def _made(index: Index, seed: int, progress: Progress | None) -> tuple[_Kept, Fidelity]:
    n = len(index)
    tell = progress or (lambda *_: None)
    found = nearest(index.embeddings, _RELATED, seed=seed, progress=progress)
    places = lay_out(index.embeddings, found.rows, seed=seed, progress=progress)
    groups = _groups(found, None, seed, progress)
    tell(_CHECK, 0, 3)
    near = found.rows[:, :NEAREST]
    trust = kept_shares(near, nearest_in_plane(places, NEAREST))
    axes = main_axes(index.embeddings)
    tell(_CHECK, 1, 3)
    by_axes = kept_shares(near, nearest_in_plane(axes, NEAREST))
    both: list[float | None] = [None, None]
    if n > 2 * NEAREST:
        tell(_CHECK, 2, 3)
        both = [trustworthiness(index.embeddings, each, NEAREST) for each in (places, axes)]
    tell(_CHECK, 3, 3)
    fidelity = Fidelity(NEAREST, float(trust.mean()), float(by_axes.mean()), *both)
    kept = _Kept(
        track_ids=np.array(index.track_ids),
        audio_ids=np.array(index.audio_ids),
        places=places,
        groups=groups,
        memberships=_memberships(found.rows, found.similarities, groups, groups),
        trust=trust,
        is_new=np.zeros(n, bool),
        related=found.rows,
        similarities=found.similarities,
    )
    return kept, fidelity


def _groups(found: Neighbours, n_groups: int | None, seed: int, progress: Progress | None) -> Rows:
    """The groups of the tracks that a map is made of."""
    n = len(found)
    if n < _FEWEST_GROUPED and n_groups is None:
        return np.zeros(n, np.int32)
    # Among few tracks, those that are all joined with each other cannot be told apart.
    k = min(_RELATED, max(2, n // 3))
    weights = shares(found.similarities[:, :k], _PERPLEXITY)
    graph = affinities(found.rows[:, :k], weights)
    return communities(graph, n_groups, most=_MOST_GROUPS, seed=seed, progress=progress)


def _memberships(related: Rows, similarities: Floats, groups: Rows, own: Rows) -> Floats:
    """How much of what is near to each track is in its own group: float32 (n,).

    Parameters
    ----------
    groups : of the tracks that ``related`` names.
    own : (n,), the group of each track itself.
    """
    if not related.shape[1]:
        return np.ones(len(related), np.float32)
    is_own = groups[related] == own[:, None]
    return np.asarray((shares(similarities, _PERPLEXITY) * is_own).sum(axis=1), np.float32)


def _likeliest(related: Rows, similarities: Floats, groups: Rows) -> Rows:
    """The group that most of what is near to each new track is in: int32 (n,)."""
    weights = shares(similarities, _PERPLEXITY)
    found = np.empty(len(related), np.int32)
    for row, (theirs, counts) in enumerate(zip(groups[related], weights, strict=True)):
        found[row] = np.bincount(theirs, counts).argmax()
    return found


def _with_new(kept: _Kept, index: Index) -> _Kept | None:
    """With the tracks that are not on the map yet; the same where there are none, None where too
    few of those that it was made of are left to say where the new ones belong."""
    rows = kept.rows_of(index)
    new = np.flatnonzero(rows < 0)
    if not len(new):
        return kept
    # Places are told by the tracks that the map was made of, so that errors do not add up.
    known = np.flatnonzero((rows >= 0) & ~kept.is_new[rows])
    if len(known) <= _RELATED:
        return None
    there = rows[known]
    related = np.empty((len(new), _RELATED), np.int32)
    similarities = np.empty((len(new), _RELATED), np.float32)
    on_map = np.empty((len(new), NEAREST), np.int32)
    places = np.empty((len(new), 2), np.float32)
    embeddings = index.embeddings[known]
    for start in range(0, len(new), _BLOCK):
        block = slice(start, start + _BLOCK)
        columns, similarities[block] = best_columns(
            index.embeddings[new[block]] @ embeddings.T, _RELATED
        )
        related[block] = there[columns]
        places[block] = place(kept.places, related[block, :NEAREST])
        apart = places[block, None] - kept.places[there]
        on_map[block] = there[best_columns(-(apart**2).sum(axis=2), NEAREST)[0]]
    groups = _likeliest(related, similarities, kept.groups)
    added = _Kept(
        track_ids=index.track_ids[new],
        audio_ids=index.audio_ids[new],
        places=places,
        groups=groups,
        memberships=_memberships(related, similarities, kept.groups, groups),
        trust=kept_shares(related[:, :NEAREST], on_map),
        is_new=np.ones(len(new), bool),
        related=related,
        similarities=similarities,
    )
    return _Kept(
        **{
            each.name: np.concatenate([getattr(kept, each.name), getattr(added, each.name)])
            for each in fields(_Kept)
        }
    )


def _regrouped(kept: _Kept, n_groups: int, seed: int, progress: Progress | None) -> _Kept:
    """With another number of groups."""
    old = ~kept.is_new
    found = Neighbours(kept.related[old], kept.similarities[old])
    groups = np.empty(len(kept), np.int32)
    groups[old] = _groups(found, n_groups, seed, progress)
    groups[~old] = _likeliest(kept.related[~old], kept.similarities[~old], groups)
    memberships = _memberships(kept.related, kept.similarities, groups, groups)
    return replace(kept, groups=groups, memberships=memberships)


def _shown(kept: _Kept, index: Index, fidelity: Fidelity) -> LibraryMap:
    """The tracks that are in the library now."""
    rows = kept.rows_of(index)
    shown_as = np.full(len(kept), -1, np.int32)
    shown_as[rows] = np.arange(len(rows))
    related = shown_as[kept.related[rows]]
    # Those that are gone to the end.
    order = np.argsort(related < 0, axis=1, kind="stable")[:, :NEAREST]
    return LibraryMap(
        model=index.model,
        track_ids=index.track_ids,
        places=kept.places[rows],
        groups=kept.groups[rows],
        memberships=kept.memberships[rows],
        trust=kept.trust[rows],
        is_new=kept.is_new[rows],
        nearest=np.take_along_axis(related, order, axis=1),
        fidelity=fidelity,
    )


def _write(path: Path, kept: _Kept, model: str, fidelity: Fidelity) -> None:
    arrays = {each.name: getattr(kept, each.name) for each in fields(_Kept)}
    statement = {"version": _VERSION, "model": model, "fidelity": asdict(fidelity)}
    # A folder that cannot be written to is no reason not to show the map.
    with suppress(SoundalikeError, OSError):
        write_arrays(path, arrays, statement)


def _read(path: Path, model: str) -> tuple[_Kept, Fidelity] | None:
    found = read_arrays(path)
    if found is None:
        return None
    arrays: dict[str, Any] = found[0]
    statement = found[1]
    try:
        kept = _Kept(**arrays)
        fits = statement["version"] == _VERSION and statement["model"] == model
        return (kept, Fidelity(**statement["fidelity"])) if fits else None
    except (KeyError, TypeError):
        return None  # of another version
