"""The groups of what holds the same music, as lists of tracks ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundalike.similarity.sets import RowSets

if TYPE_CHECKING:
    from soundalike.similarity.versions import Relation

__all__ = ["Pieces", "PiecesOfRows", "found_pieces"]

Ids = NDArray[np.int64]

# Of the pairs of recordings of two groups that are about to become one, so many are versions.
_LINKED = 1 / 3


class Pieces:
    """Which audios are one recording, and which one piece of music.

    Parameters
    ----------
    compared : int64 (n_compared,), all audios that were compared, ascending.
    members : int64 (n,), those that are not alone, ascending.
    recordings, pieces : int64 (n,), equal for members that are one recording, or one piece.
    """

    def __init__(self, compared: Ids, members: Ids, recordings: Ids, pieces: Ids) -> None:
        self.compared = compared
        self.members = members
        self.recordings = recordings
        self.pieces = pieces

    def numbers(self, audio_ids: Ids) -> tuple[Ids, Ids]:
        """The recordings and the pieces of some audios: (n,) each, -1 for what is alone."""
        recordings = np.full(len(audio_ids), -1, np.int64)
        pieces = recordings.copy()
        places, known = _places(self.members, audio_ids)
        recordings[known], pieces[known] = self.recordings[places], self.pieces[places]
        return recordings, pieces

    def of_rows(self, audio_ids: Ids) -> PiecesOfRows:
        """The same for the rows of an index, by their audio."""
        return PiecesOfRows(*self.numbers(audio_ids), _places(self.compared, audio_ids)[1])


class PiecesOfRows:
    """Which rows hold the same music.

    Parameters
    ----------
    recordings, pieces : int64 (n,), equal for rows of one recording, or of one piece; -1 where
        nothing is known to hold it, too.
    compared : bool (n,), what was compared at all.
    """

    def __init__(self, recordings: Ids, pieces: Ids, compared: NDArray[np.bool_]) -> None:
        self._recordings = recordings
        self._pieces = pieces
        self.is_whole = bool(compared.all())
        """Whether all rows were compared."""

    def recording(self, row: int) -> list[int]:
        """The other rows that hold the recording of a row, ascending."""
        mine = self._recordings[row]
        return [each for each in self._piece(row) if self._recordings[each] == mine and each != row]

    def versions(self, row: int) -> list[int]:
        """The rows that hold its piece in another recording, ascending."""
        mine = self._recordings[row]
        return [each for each in self._piece(row) if self._recordings[each] != mine]

    def _piece(self, row: int) -> list[int]:
        return self._members.get(int(self._pieces[row]), [])

    @cached_property
    def _members(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for row in np.flatnonzero(self._pieces >= 0).tolist():
            found.setdefault(int(self._pieces[row]), []).append(row)
        return found


def _places(among: Ids, ids: Ids) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Where the ids that are among others stand there; and which are, bool (len(ids),)."""
    places = np.searchsorted(among, ids)
    places[places == len(among)] = 0
    known = among[places] == ids if len(among) else np.zeros(len(ids), np.bool_)
    return places[known], known


def found_pieces(compared: Ids, related: Mapping[tuple[int, int], Relation]) -> Pieces:
    """The groups of pairs of audios that hold the same music.

    Parameters
    ----------
    compared : all audios that were compared, ascending.
    related : by two of them what the second is to the first.
    """
    members = np.unique(np.array(list(related), np.int64))
    place_of = {audio_id: place for place, audio_id in enumerate(members.tolist())}
    sets = RowSets(len(members))
    for (a, b), relation in related.items():
        if relation.kind == "near":
            sets.join(place_of[a], place_of[b])
    recordings = sets.all()
    number = {place: n for n, places in enumerate(recordings) for place in places}
    links: dict[tuple[int, int], float] = {}
    for (a, b), relation in related.items():
        low, high = sorted((number[place_of[a]], number[place_of[b]]))
        if low != high:
            links[low, high] = max(links.get((low, high), 0.0), relation.evidence)
    pieces = np.zeros(len(members), np.int64)
    for piece, group in enumerate(_linked(len(recordings), links)):
        for recording in group:
            pieces[recordings[recording]] = piece
    numbers = np.array([number[place] for place in range(len(members))], np.int64)
    return Pieces(compared, members, numbers, pieces)


def _linked(n: int, links: Mapping[tuple[int, int], float]) -> list[list[int]]:
    """The recordings of each piece.

    Those that stand out most become one first. A recording that is a version of one in a group, but
    not of the others, does not join it: chains of such would end up anywhere.
    """
    groups = {each: [each] for each in range(n)}
    group_of = list(range(n))
    for low, high in sorted(links, key=lambda pair: (-links[pair], pair)):
        one, other = group_of[low], group_of[high]
        if one == other:
            continue
        across = [tuple(sorted((a, b))) for a in groups[one] for b in groups[other]]
        if sum(pair in links for pair in across) >= _LINKED * len(across):
            for each in groups[other]:
                group_of[each] = one
            groups[one] += groups.pop(other)
    return list(groups.values())
