"""Which tracks hold the same recording and are as long: exact copies, other tags, other encodings.

What one recording is says :mod:`soundalike.similarity.recording`. Other cuts are found by
:mod:`soundalike.similarity.versions`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundalike.similarity.orders import Order
from soundalike.similarity.recording import Music, MusicOf, one_recording
from soundalike.similarity.sets import RowSets

if TYPE_CHECKING:
    from soundalike.facets import Facets
    from soundalike.similarity.codes import Codes, Pick

__all__ = ["Recordings"]

# Copies of one recording are alike as a whole; this saves a look at more of them. Two encodings of
# a file are as long, but for rounding; two rips differ by the silence at the ends.
_TRACK_SIMILARITY = 0.85
_LENGTH_S = 1.5
# Of a sum of lengths in single precision.
_ROUNDING_S = 0.01

# So many of a track's nearest that are of its length are looked at and turn out to be others, then
# no more are. A copy is among the nearest.
_MOST_OTHERS = 8
_KEPT_CANDIDATES = 64
# What cosines in single precision, or of 8-bit codes, may be off by.
_BOUND_ROUNDING = 0.02
_KEPT_MUSIC = 1024
_BLOCK_QUERIES = 32
_BLOCK_ROWS = 256
_BLOCK_COLUMNS = 4096


class Recordings:
    """Which rows of a collection hold the same recording.

    Parameters
    ----------
    embeddings : float32 (n, D), unit length.
    durations_s : (n,), seconds.
    audio_ids : int64 (n,), equal for the same audio: exact copies, and other tags.
    music_of : asked for few rows, where embedding and length leave it open.
    layout : of the embeddings; None to hear all of them as sound.
    by_length, by_audio : the orders of durations_s and audio_ids, where somebody has them.
    pick : a better way than an index to have few rows of the embeddings.
    codes : of the embeddings, where reading these takes long.
    """

    def __init__(
        self,
        embeddings: NDArray[np.float32],
        durations_s: NDArray[np.floating],
        audio_ids: NDArray[np.int64],
        music_of: MusicOf,
        layout: Facets | None = None,
        *,
        by_length: Order | None = None,
        by_audio: Order | None = None,
        pick: Pick | None = None,
        codes: Codes | None = None,
    ) -> None:
        self._embeddings = embeddings
        self._durations_s = durations_s
        self._audio_ids = audio_ids
        self._codes = codes
        self._pick: Pick = (lambda rows: embeddings[rows]) if pick is None else pick
        self._by_length = Order(durations_s) if by_length is None else by_length
        self._by_audio = Order(audio_ids) if by_audio is None else by_audio
        self._music_of = music_of
        self._layout = layout
        self._kept: OrderedDict[int, Music | None] = OrderedDict()

    def copies_of(
        self, rows: Sequence[int], cosines: NDArray[np.floating] | None = None
    ) -> list[list[int]]:
        """For each row the others that hold its recording, ascending.

        Parameters
        ----------
        cosines : (n,), of all rows with one embedding of unit length, such as that of a query,
            where somebody has them: what is as near to a row as a copy cannot be much farther from
            the query than the row is, so that fewer rows are looked at.
        """
        found = []
        for start in range(0, len(rows), _BLOCK_QUERIES):
            some = list(rows[start : start + _BLOCK_QUERIES])
            embeddings = self._pick(np.array(some, np.intp))
            least = None if cosines is None else _least(embeddings, cosines[some])
            candidates = self._candidates(embeddings, self._durations_s[some], cosines, least)
            others = [
                [each for each in near if self._audio_ids[each] != self._audio_ids[row]]
                for row, (near, _) in zip(some, candidates, strict=True)
            ]
            # At once: what is stored of many rows costs little more than that of one.
            asked = [row for row, near in zip(some, others, strict=True) if near]
            self._load([*asked, *(each for near in others for each in near[:_MOST_OTHERS])])
            for row, near, open_ones in zip(some, candidates, others, strict=True):
                alike = [row]
                if open_ones:
                    known = {int(self._audio_ids[row]): True}
                    alike += self._alike(self._music(row), *near, known=known)
                found.append(self._with_same_audio(alike, without=row))
        return found

    def copies_of_other(self, embedding: NDArray[np.float32], music: Music) -> list[int]:
        """The rows that hold the recording of a track that is not among them, ascending.

        Parameters
        ----------
        embedding : (D,), unit length.
        """
        (near,) = self._candidates(embedding[None], np.array([music.duration_s]))
        return self._with_same_audio(self._alike(music, *near, known={}))

    def groups(self) -> list[list[int]]:
        """All rows that hold a recording that another holds, too: each group ascending, by first.

        Rows in order of their length are compared with those that are up to 1.5 s longer: time
        grows with how many these are, memory does not.
        """
        sets = RowSets(len(self._audio_ids))
        _, firsts, audio = np.unique(self._audio_ids, return_index=True, return_inverse=True)
        for row, first in enumerate(firsts[audio].tolist()):
            if row != first:
                sets.join(first, row)
        firsts.sort()
        order = firsts[np.argsort(self._durations_s[firsts], kind="stable")]
        for start in range(0, len(order), _BLOCK_ROWS):
            block = order[start : start + _BLOCK_ROWS]
            for row, near in zip(block.tolist(), self._longer(order, start), strict=True):
                others = [other for other in near if sets.of(other) != sets.of(row)]
                if others:
                    similarities = self._embeddings[others] @ self._embeddings[row]
                    self._load([row, *others[:_MOST_OTHERS]])
                    for other in self._alike(self._music(row), others, similarities, known={}):
                        sets.join(row, other)
        return [group for group in sets.all() if len(group) > 1]

    def _candidates(
        self,
        queries: NDArray[np.float32],
        durations_s: NDArray[np.floating],
        known: NDArray[np.floating] | None = None,
        least: NDArray[np.floating] | None = None,
    ) -> list[tuple[list[int], NDArray[np.floating]]]:
        """For each query the rows of its length that are near, nearest first, and their cosines.

        Parameters
        ----------
        known, least : cosines with another embedding, (n,), and for each query the least that a row
            near to it has; None to look at all rows.
        """
        picked = []
        for number, duration_s in enumerate(durations_s):
            reach = _LENGTH_S + _ROUNDING_S
            rows = self._by_length.between(duration_s - reach, duration_s + reach)
            if known is not None and least is not None:
                rows = rows[known[rows] >= least[number]]
            rows = rows[np.abs(self._durations_s[rows] - duration_s) <= _LENGTH_S]
            picked.append(rows)
        # Where many are of one length, a product of all rows is less work than picking them:
        # measured, with one query as much as to pick a quarter of them, with four and more all.
        products = None
        if sum(map(len, picked)) > min(len(picked), 4) / 4 * len(self._embeddings):
            products = queries @ self._embeddings.T
        found = []
        for number, rows in enumerate(picked):
            if products is None and self._codes is not None:
                rows = rows[self._codes.most(rows, queries[number]) >= _TRACK_SIMILARITY]
            rows = np.sort(rows)
            if products is None:
                cosines = self._pick(rows) @ queries[number]
            else:
                cosines = products[number, rows]
            is_near = cosines >= _TRACK_SIMILARITY
            rows, cosines = rows[is_near], cosines[is_near]
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
        music: Music | None,
        rows: Sequence[int],
        similarities: NDArray[np.floating],
        *,
        known: dict[int, bool],
    ) -> list[int]:
        """Those of some rows, nearest first, that hold this recording."""
        found: list[int] = []
        others = 0
        for row, similarity in zip(rows, similarities, strict=True):
            audio = int(self._audio_ids[row])
            if audio not in known:
                if music is None or others == _MOST_OTHERS:
                    continue
                other = self._music(row)
                known[audio] = other is not None and bool(
                    one_recording(
                        music,
                        other,
                        similarity=float(similarity),
                        layout=self._layout,
                        most_apart_s=_LENGTH_S,
                    )
                )
                others += not known[audio]
            if known[audio]:
                found.append(row)
        return found

    def _with_same_audio(self, rows: Sequence[int], without: int | None = None) -> list[int]:
        """The rows, and those that have the audio of one of them."""
        same = self._by_audio.having(int(self._audio_ids[row]) for row in rows)
        return [row for row in same if row != without]

    def _music(self, row: int) -> Music | None:
        if row not in self._kept:
            self._load([row])
        return self._kept[row]

    def _load(self, rows: Sequence[int]) -> None:
        """Have what is stored of some rows at hand."""
        for row in rows:
            if row in self._kept:
                self._kept.move_to_end(row)
        new = [row for row in dict.fromkeys(rows) if row not in self._kept]
        if new:
            there = self._music_of(new)
            self._kept.update((row, there.get(row)) for row in new)
        while len(self._kept) > _KEPT_MUSIC:
            self._kept.popitem(last=False)


def _least(embeddings: NDArray[np.float32], cosines: NDArray[np.floating]) -> NDArray[np.floating]:
    """The least cosine with a query that a row can have that is near to an embedding.

    By the triangle inequality of angles, the row lies within the sum of both angles of the query.
    An embedding without a facet is shorter than 1, which only makes its angles smaller.

    Parameters
    ----------
    embeddings : (m, D).
    cosines : (m,), of each with the query.
    """
    lengths = np.maximum(np.linalg.norm(embeddings, axis=1), 1e-6)
    towards = np.clip(cosines / lengths, -1.0, 1.0)
    sines = np.sqrt((1.0 - towards**2) * (1.0 - _TRACK_SIMILARITY**2))
    least = towards * _TRACK_SIMILARITY - sines - _BOUND_ROUNDING
    return np.where(towards > 0, least, -1.0 - _BOUND_ROUNDING)
