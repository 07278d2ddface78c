"""Which tracks hold the same recording: exact copies, other tags, other encodings.

Near-duplicates are told by length, embedding, and whether the excerpts agree *in order*: two pieces
in one style are as near in any order.

Measured with soundalike@1 on 786 pieces of game soundtracks, sound effects and composed music, 64
of them encoded again. Found are 95 % of the 149 pairs of one piece as FLAC, as MP3 at 128 kbit/s,
as Opus at 64 kbit/s and as it was, all of those without Opus; with MP3 at 64 kbit/s, which ends at
11 kHz, 84 % of 240. Of the 67,417 pairs of different pieces that are as long within 1.5 s, one is
taken for one piece: two versions that agree from beginning to end. With soundalike@2 on 24 pieces
as they were, as MP3 (128, 64 kbit/s) and as Opus, 136 of 144 pairs, the same as with soundalike@1;
of 276 pairs of different pieces none. With gtzan-resnet@1 on 257 soundtracks, copies (MP3 at 128
and 64 kbit/s, 0.9 s cut off, pitch 1 % higher) had an excerpt share of at most 0.30, two pieces at
least 0.49.

A loop that never changes cannot be told from its like, and stays; another performance, a remix or a
cut version is another recording.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Excerpts", "Recordings", "is_same_recording", "same_piece"]

Excerpts = Callable[[Sequence[int]], Mapping[int, NDArray[np.float32]]]
"""The excerpts of some rows by row, (n_excerpts, D), unit length; rows of which there are none are
left out."""

# Copies of one recording are alike as a whole; this saves a look at their excerpts.
_TRACK_SIMILARITY = 0.9
# Two encodings of a file are as long, but for rounding. Two rips differ by the silence at the ends.
_SAME_LENGTH_S = 0.1
_LENGTH_S = 1.5
# The distance of excerpts that stand at the same time, as a share of that of others: for the same
# length and for another, where there are many excerpts and where there are few. Three or four may
# well be in the same order by chance: one order in six.
_MANY_EXCERPTS, _FEW_EXCERPTS = 6, 3
_SHARES = {True: (1 / 2, 1 / 5), False: (1 / 3, 0.1)}
_MOST_EXCERPT_DISTANCE = 0.1
# Of a piece that is shorter than three excerpts there is no order.
_SHORT_SIMILARITY = 0.998

# So many of a track's nearest that are of its length are looked at and turn out to be others, then
# no more are. A copy is among the nearest.
_MOST_OTHERS = 8
_KEPT_CANDIDATES = 64
_KEPT_EXCERPTS = 1024
_BLOCK_QUERIES = 32
_BLOCK_ROWS = 256
_BLOCK_COLUMNS = 4096


def is_same_recording(
    a: NDArray[np.float32], b: NDArray[np.float32], *, similarity: float, apart_s: float
) -> bool:
    """Whether two tracks hold one recording, by the rules and error rates of this module.

    Parameters
    ----------
    a, b : embeddings of the excerpts, (n_excerpts, D), unit length.
    similarity : cosine of the two tracks.
    apart_s : how much longer one is than the other, in seconds.
    """
    if similarity < _TRACK_SIMILARITY or apart_s > _LENGTH_S:
        return False
    n = min(len(a), len(b))
    # The end of a track may or may not make an excerpt of its own.
    if n == 0 or abs(len(a) - len(b)) > 1:
        return False
    is_as_long = apart_s <= _SAME_LENGTH_S
    if n < _FEW_EXCERPTS:
        return is_as_long and similarity >= _SHORT_SIMILARITY
    distances = 1.0 - a[:n].astype(np.float64) @ b[:n].T
    together = float(np.mean(np.diag(distances)))
    others = float(np.mean(distances[~np.eye(n, dtype=bool)]))
    many, few = _SHARES[is_as_long]
    share = many if n >= _MANY_EXCERPTS else few
    return together <= share * others and (is_as_long or together <= _MOST_EXCERPT_DISTANCE)


def same_piece(
    similarities: NDArray[np.floating], durations_s: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Pairs that hold the same piece by what is known without their excerpts: as long within 0.1 s,
    and a cosine of at least 0.998. Of 430,000 pairs of different pieces of any length one is so
    near, and of pairs of MP3 at 128 kbit/s and original 86 %.

    Parameters
    ----------
    similarities : (n, n).
    durations_s : (n,), seconds.

    Returns
    -------
    bool (n, n).
    """
    found = similarities >= _SHORT_SIMILARITY
    # Few are: no table of differences for all.
    rows, columns = np.nonzero(found)
    found[rows, columns] = np.abs(durations_s[rows] - durations_s[columns]) <= _SAME_LENGTH_S
    return found


class Recordings:
    """Which rows of a collection hold the same recording.

    Parameters
    ----------
    embeddings : float32 (n, D), unit length.
    durations_s : (n,), seconds.
    audio_ids : int64 (n,), equal for the same audio: exact copies, and other tags.
    excerpts_of : asked for few rows, where embedding and length leave it open.
    """

    def __init__(
        self,
        embeddings: NDArray[np.float32],
        durations_s: NDArray[np.floating],
        audio_ids: NDArray[np.int64],
        excerpts_of: Excerpts,
    ) -> None:
        self._embeddings = embeddings
        self._durations_s = durations_s
        self._audio_ids = audio_ids
        self._excerpts_of = excerpts_of
        self._kept: OrderedDict[int, NDArray[np.float32] | None] = OrderedDict()

    def copies_of(self, rows: Sequence[int]) -> list[list[int]]:
        """For each row the others that hold its recording, ascending."""
        found = []
        for start in range(0, len(rows), _BLOCK_QUERIES):
            some = list(rows[start : start + _BLOCK_QUERIES])
            candidates = self._candidates(self._embeddings[some], self._durations_s[some])
            others = [
                [each for each in near if self._audio_ids[each] != self._audio_ids[row]]
                for row, (near, _) in zip(some, candidates, strict=True)
            ]
            # At once: the excerpts of many rows cost little more than those of one.
            asked = [row for row, near in zip(some, others, strict=True) if near]
            self._load([*asked, *(each for near in others for each in near[:_MOST_OTHERS])])
            for row, near, open_ones in zip(some, candidates, others, strict=True):
                alike = [row]
                if open_ones:
                    duration_s = float(self._durations_s[row])
                    known = {int(self._audio_ids[row]): True}
                    alike += self._alike(self._excerpts(row), duration_s, *near, known=known)
                found.append(self._with_same_audio(alike, without=row))
        return found

    def copies_of_other(
        self, embedding: NDArray[np.float32], duration_s: float, excerpts: NDArray[np.float32]
    ) -> list[int]:
        """The rows that hold the recording of a track that is not among them, ascending.

        Parameters
        ----------
        embedding : (D,), unit length.
        excerpts : (n_excerpts, D), unit length.
        """
        (near,) = self._candidates(embedding[None], np.array([duration_s]))
        return self._with_same_audio(self._alike(excerpts, duration_s, *near, known={}))

    def groups(self) -> list[list[int]]:
        """All rows that hold a recording that another holds, too: each group ascending, by first.

        Rows in order of their length are compared with those that are up to 1.5 s longer: time
        grows with how many these are, memory does not.
        """
        parent = np.arange(len(self._audio_ids))

        def root(row: int) -> int:
            while parent[row] != row:
                parent[row] = parent[parent[row]]
                row = int(parent[row])
            return row

        def join(one: int, other: int) -> None:
            low, high = sorted((root(one), root(other)))
            parent[high] = low

        _, firsts, audio = np.unique(self._audio_ids, return_index=True, return_inverse=True)
        for row, first in enumerate(firsts[audio].tolist()):
            if row != first:
                join(first, row)
        firsts.sort()
        order = firsts[np.argsort(self._durations_s[firsts], kind="stable")]
        for start in range(0, len(order), _BLOCK_ROWS):
            block = order[start : start + _BLOCK_ROWS]
            for row, near in zip(block.tolist(), self._longer(order, start), strict=True):
                others = [other for other in near if root(other) != root(row)]
                if others:
                    similarities = self._embeddings[others] @ self._embeddings[row]
                    self._load([row, *others[:_MOST_OTHERS]])
                    duration_s = float(self._durations_s[row])
                    for other in self._alike(
                        self._excerpts(row), duration_s, others, similarities, known={}
                    ):
                        join(row, other)
        members: dict[int, list[int]] = {}
        for row in range(len(parent)):
            members.setdefault(root(row), []).append(row)
        return [group for group in members.values() if len(group) > 1]

    def _candidates(
        self, queries: NDArray[np.float32], durations_s: NDArray[np.floating]
    ) -> list[tuple[list[int], NDArray[np.floating]]]:
        """For each query the rows of its length that are near, nearest first, and their cosines."""
        masks = [np.abs(self._durations_s - duration_s) <= _LENGTH_S for duration_s in durations_s]
        # Where most are of one length, a product of all rows is less work than picking them.
        products = None
        if sum(map(np.count_nonzero, masks)) > len(self._embeddings):
            products = queries @ self._embeddings.T
        found = []
        for number, mask in enumerate(masks):
            if products is None:
                rows = np.flatnonzero(mask)
                cosines = self._embeddings[rows] @ queries[number]
                is_near = cosines >= _TRACK_SIMILARITY
                rows, cosines = rows[is_near], cosines[is_near]
            else:
                rows = np.flatnonzero((products[number] >= _TRACK_SIMILARITY) & mask)
                cosines = products[number, rows]
            # Equal ones in their order, whatever the last bits are.
            order = np.argsort(-np.round(cosines, 5), kind="stable")
            found.append((rows[order].tolist(), cosines[order]))
        return found

    def _longer(self, order: NDArray[np.int64], start: int) -> Iterable[list[int]]:
        """For each row of a block, in order of length, those after it that are near, nearest
        first; as many as are worth a look."""
        lengths = self._durations_s[order]
        block = order[start : start + _BLOCK_ROWS]
        stop = int(np.searchsorted(lengths, lengths[start + len(block) - 1] + _LENGTH_S, "right"))
        near: list[list[tuple[float, int]]] = [[] for _ in block]
        for first in range(start, stop, _BLOCK_COLUMNS):
            columns = order[first : min(first + _BLOCK_COLUMNS, stop)]
            cosines = self._embeddings[block] @ self._embeddings[columns].T
            later = first + np.arange(len(columns)) > start + np.arange(len(block))[:, None]
            fits = (cosines >= _TRACK_SIMILARITY) & later
            for row, column in zip(*np.nonzero(fits), strict=True):
                near[row].append((-round(float(cosines[row, column]), 5), int(columns[column])))
            near = [sorted(each)[:_KEPT_CANDIDATES] for each in near]
        for row, each in zip(block, near, strict=True):
            limit = self._durations_s[row] + _LENGTH_S
            yield [other for _, other in each if self._durations_s[other] <= limit]

    def _alike(
        self,
        excerpts: NDArray[np.float32] | None,
        duration_s: float,
        rows: Sequence[int],
        similarities: NDArray[np.floating],
        *,
        known: dict[int, bool],
    ) -> list[int]:
        """Those of some rows, nearest first, that hold the recording with these excerpts."""
        found: list[int] = []
        others = 0
        for row, similarity in zip(rows, similarities, strict=True):
            audio = int(self._audio_ids[row])
            if audio not in known:
                if excerpts is None or others == _MOST_OTHERS:
                    continue
                own = self._excerpts(row)
                apart_s = abs(float(self._durations_s[row]) - duration_s)
                known[audio] = own is not None and is_same_recording(
                    excerpts, own, similarity=float(similarity), apart_s=apart_s
                )
                others += not known[audio]
            if known[audio]:
                found.append(row)
        return found

    def _with_same_audio(self, rows: Sequence[int], without: int | None = None) -> list[int]:
        """The rows, and those that have the audio of one of them."""
        same = np.zeros(len(self._audio_ids), np.bool_)
        for audio in {int(self._audio_ids[row]) for row in rows}:
            same |= self._audio_ids == audio
        return [row for row in np.flatnonzero(same).tolist() if row != without]

    def _excerpts(self, row: int) -> NDArray[np.float32] | None:
        if row not in self._kept:
            self._load([row])
        return self._kept[row]

    def _load(self, rows: Sequence[int]) -> None:
        """Have the excerpts of some rows at hand."""
        for row in rows:
            if row in self._kept:
                self._kept.move_to_end(row)
        new = [row for row in dict.fromkeys(rows) if row not in self._kept]
        if new:
            there = self._excerpts_of(new)
            self._kept.update((row, there.get(row)) for row in new)
        while len(self._kept) > _KEPT_EXCERPTS:
            self._kept.popitem(last=False)
