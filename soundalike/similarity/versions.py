"""Which tracks hold the same music: one recording in another encoding or cut, or another version.

*Candidates* of a track are those with the nearest embeddings, by all facets and by harmony alone,
which is the same in any key and for any instruments.

*Near* is one recording, by :mod:`soundalike.similarity.recording`.

*Versions* are told by how much better two tracks align than others do
(:mod:`soundalike.similarity.alignment`). The score of two tracks that have nothing to do with each
other grows with their lengths; what a score is above that, as a logarithm, is its excess. From it
is taken what most candidates of either track have, so that a library of pieces that are all alike,
such as one pianist's, does not become one group: what counts is who stands out from a track's own
neighbours. A version that is in the same key and at the same tempo, as one pair of strangers in a
hundred is, needs a little less; one in another key at another tempo, as most strangers are, more.

`benchmarks/versions.py` counts the errors; docs/results.md has them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from soundalike.descriptors.fingerprint import FRAME_RATE
from soundalike.similarity.alignment import Contour, best_path, contour, may_be_in_step, scores
from soundalike.similarity.best import best_first
from soundalike.similarity.orders import Order
from soundalike.similarity.recording import (
    LEAST_SIMILARITY,
    Alignment,
    Music,
    MusicOf,
    one_recording,
)

if TYPE_CHECKING:
    from soundalike.facets import Facets
    from soundalike.similarity.codes import Codes, Pick

__all__ = ["LEAST_EVIDENCE", "Fingerprints", "Relation", "RelationKind", "Rows", "Versions"]

RelationKind = Literal["near", "version"]

Fingerprints = Callable[[Sequence[int]], Mapping[int, NDArray[np.uint8]]]
"""The fingerprints of some rows by row, (n_frames, 6); rows of which there is none are left out."""

FloatArray = NDArray[np.float32]
Rows = Sequence[int] | NDArray[np.integer]

# Candidates of a track: by all facets, and by harmony.
_BY_ALL, _BY_HARMONY = 20, 40
# The logarithm of (1 + score) of two tracks that have nothing in common: a constant, and by the
# logarithms of the seconds of the shorter and of the longer; and the standard deviation around it.
# Of 45,000 pairs of 300 game soundtracks.
_EXPECTED: Final = (-0.56, 0.264, 0.15)
_SPREAD: Final = 0.33
# A track's own level is told by its lower candidates (which percentile), so that versions among
# them do not raise it, and counts the more the more candidates there are; so much is taken at most.
_LOWER, _PRIOR, _MOST_LEVEL = 16, 8, 0.7
# Evidence is the excess and so many times the score a second.
_BY_SCORE: Final = 2.5
LEAST_EVIDENCE: Final = 2.35
"""How far a version stands out at least."""
# Seconds of the shorter: of less, harmony does not tell one piece from another.
_LEAST_LENGTH_S: Final = 20
# The same tempo, to one per cent; in the same key as well, so much less is enough, and with neither
# so much more is needed.
_SAME_PACE, _LESS_EVIDENCE, _MORE_EVIDENCE = 0.01, 0.4, 0.5

# Where cuts are looked for among the rows of a list: cosine from which on, and how many.
_CUT_SIMILARITY, _MOST_CUTS = 0.88, 6

_KEPT_CONTOURS = 8192


@dataclass(frozen=True, slots=True)
class Relation:
    """Another track with the same music.

    Attributes
    ----------
    kind : "near", the same recording; "version", another one of the same music.
    similarity : cosine of the embeddings.
    evidence : by what it was told: of a version how far it stands out (see the module), of a near
        one the mean cosine of the frames that are in step.
    alignment : None where there are no fingerprints.
    """

    row: int
    kind: RelationKind
    similarity: float
    evidence: float
    alignment: Alignment | None


@dataclass(frozen=True, eq=False)
class _Subject:
    """The track that is asked about."""

    embedding: FloatArray
    contour: Contour | None
    music: Callable[[], Music | None]


@dataclass(frozen=True, eq=False)
class _Scored:
    """How candidates align with a track.

    Attributes
    ----------
    rows : (n,), of those that have a fingerprint.
    evidence : (n,), without what is taken from it.
    semitones : (n,), by which each has to be raised.
    level : what is taken from it for this track.
    """

    rows: NDArray[np.intp]
    evidence: NDArray[np.float64]
    semitones: NDArray[np.intp]
    level: float


class Versions:
    """Which rows of a collection hold the same music.

    Parameters
    ----------
    embeddings : float32 (n, D), unit length.
    audio_ids : int64 (n,), equal for the same audio; of those the first row stands for all.
    layout : what the embeddings are made of.
    fingerprints_of, music_of : asked for few rows at a time.
    least_evidence : less finds more versions, and more that are none.
    by_audio : the order of audio_ids, where somebody has it.
    pick : a better way than an index to have few rows of the embeddings.
    """

    def __init__(
        self,
        embeddings: FloatArray,
        audio_ids: NDArray[np.int64],
        layout: Facets,
        *,
        fingerprints_of: Fingerprints,
        music_of: MusicOf,
        least_evidence: float = LEAST_EVIDENCE,
        by_audio: Order | None = None,
        pick: Pick | None = None,
        codes: Codes | None = None,
    ) -> None:
        self._embeddings = embeddings
        self._codes = codes
        self._pick: Pick = (lambda rows: embeddings[rows]) if pick is None else pick
        self._audio_ids = audio_ids
        self._layout = layout
        self._fingerprints_of = fingerprints_of
        self._music_of = music_of
        self._least = least_evidence
        self._repeats = (Order(audio_ids) if by_audio is None else by_audio).repeats
        self._contours: OrderedDict[int, Contour | None] = OrderedDict()
        self._levels: dict[int, float] = {}

    def of(self, row: int) -> list[Relation]:
        """The rows with the music of a row, but for those with its very audio; near ones first,
        then by evidence."""
        return self.of_rows([row])[0]

    def of_rows(self, rows: Sequence[int]) -> list[list[Relation]]:
        """The same for several rows, of which the candidates are looked for together: of many rows
        that is quicker than one by one."""
        found = []
        left_out = [self._left_out(row) for row in rows]
        candidates = self._candidates(self._embeddings[np.asarray(rows, np.intp)], left_out)
        for row, some in zip(rows, candidates, strict=True):
            own = self._subject(row)
            scored = self._scored(own, some)
            self._levels[row] = scored.level
            found.append(self._related(own, some, scored))
        return found

    def of_other(self, embedding: FloatArray, music: Music) -> list[Relation]:
        """The rows with the music of a track that is not among them.

        Parameters
        ----------
        embedding : (D,), unit length.
        """
        own = _Subject(embedding, music.contour, lambda: music)
        (rows,) = self._candidates(embedding[None], [self._repeats])
        return self._related(own, rows, self._scored(own, rows))

    def near(self, rows: Sequence[int], among: Rows) -> list[list[int]]:
        """For each of some rows those of others that hold its recording, ascending: other cuts as
        well. The few that are the most alike are looked at, as cuts are alike."""
        some = np.array(sorted(set(map(int, among))), np.intp)
        some = some[~self._repeats[some]]
        own = np.asarray(rows, np.intp)
        embeddings = self._pick(own)
        if self._codes is not None:
            most = self._codes.most(some, embeddings)
            some = some[(most >= _CUT_SIMILARITY).any(axis=1)]
        cosines = embeddings @ self._pick(some).T
        cosines[self._audio_ids[own][:, None] == self._audio_ids[some]] = -np.inf
        # Most have none.
        picked = {
            place: some[_cuts(cosines[place])]
            for place in np.flatnonzero((cosines >= _CUT_SIMILARITY).any(axis=1)).tolist()
        }
        # At once: what is stored of many rows costs little more than that of one.
        self._load([row for at, each in picked.items() for row in (rows[at], *each.tolist())])
        likely = [
            self._likely(self._contours[row], picked[place]) if place in picked else []
            for place, row in enumerate(rows)
        ]
        open_ones = [row for row, each in zip(rows, likely, strict=True) if each]
        asked = dict.fromkeys([*open_ones, *(other for each in likely for other in each)])
        music = self._music_of(list(asked)) if asked else {}
        found: list[list[int]] = []
        for row, embedding, each in zip(rows, embeddings, likely, strict=True):
            others = {other: music[other] for other in each if other in music}
            own_music = music.get(row)
            same = self._same(embedding, own_music, others) if own_music else {}
            found.append(sorted(same))
        return found

    def near_other(self, embedding: FloatArray, music: Music, among: Rows) -> list[int]:
        """The same for a track that is not among the rows."""
        own = _Subject(embedding, music.contour, lambda: music)
        some = np.array(sorted(set(map(int, among))), np.intp)
        some = some[~self._repeats[some]]
        return sorted(self._near(own, some[_cuts(self._pick(some) @ embedding)]))

    def has_fingerprint(self, row: int) -> bool:
        """Whether there is one; without it neither cuts nor versions are found."""
        self._load([row])
        return self._contours[row] is not None

    # Candidates

    def _subject(self, row: int) -> _Subject:
        self._load([row])
        return _Subject(
            self._embeddings[row],
            self._contours[row],
            lambda: self._music_of([row]).get(row),
        )

    def _left_out(self, row: int) -> NDArray[np.bool_]:
        """Rows that are no candidates of a row: its audio, and what another stands for."""
        left_out: NDArray[np.bool_] = self._repeats | (self._audio_ids == self._audio_ids[row])
        return left_out

    def _candidates(
        self, embeddings: FloatArray, left_out: Sequence[NDArray[np.bool_]]
    ) -> list[NDArray[np.intp]]:
        """For each of some embeddings (n, D) rows that may hold the same music, ascending."""
        harmony = self._layout.slices.get("harmony")
        wanted = [(slice(None), _BY_ALL)]
        wanted += [] if harmony is None else [(harmony, _BY_HARMONY)]
        found: list[list[NDArray[np.intp]]] = [[] for _ in left_out]
        for block, k in wanted:
            cosines = embeddings[:, block] @ self._embeddings[:, block].T
            for own, out, each in zip(cosines, left_out, found, strict=True):
                own[out] = -np.inf
                each.append(best_first(own, k))
        return [np.unique(np.concatenate(each)) for each in found]

    def _scored(self, own: _Subject, rows: NDArray[np.intp]) -> _Scored:
        """How candidates align; none does where there are no fingerprints."""
        known, others = [], []
        if own.contour is not None:
            self._load(rows.tolist())
            known = [row for row in rows.tolist() if self._contours[row] is not None]
            others = [each for row in known if (each := self._contours[row]) is not None]
        if own.contour is None or not others:
            nothing = np.zeros(0, np.intp)
            return _Scored(nothing, np.zeros(0), nothing, 0.0)
        sums, semitones = scores(own.contour, others)
        length = max(1, len(own.contour.coarse))
        lengths = np.array([max(1, len(each.coarse)) for each in others])
        shorter, longer = np.minimum(lengths, length), np.maximum(lengths, length)
        constant, by_shorter, by_longer = _EXPECTED
        expected = constant + by_shorter * np.log(shorter) + by_longer * np.log(longer)
        excess = np.log1p(sums) - expected
        evidence = excess + _BY_SCORE * sums / shorter
        evidence[shorter < _LEAST_LENGTH_S] = -np.inf
        return _Scored(np.array(known, np.intp), evidence, semitones, _level(excess))

    def _level_of(self, row: int) -> float:
        """What is taken from the evidence for a row."""
        if row not in self._levels:
            own = self._subject(row)
            (rows,) = self._candidates(own.embedding[None], [self._left_out(row)])
            self._levels[row] = self._scored(own, rows).level
        return self._levels[row]

    def _load(self, rows: Sequence[int]) -> None:
        """Have the contours of some rows at hand."""
        for row in rows:
            if row in self._contours:
                self._contours.move_to_end(row)
        new = [row for row in dict.fromkeys(rows) if row not in self._contours]
        found = self._fingerprints_of(new) if new else {}
        for row in new:
            packed = found.get(row)
            self._contours[row] = None if packed is None else contour(packed)
        while len(self._contours) > _KEPT_CONTOURS:
            self._contours.popitem(last=False)

    # Relations

    def _related(self, own: _Subject, rows: NDArray[np.intp], scored: _Scored) -> list[Relation]:
        found = self._near(own, rows)
        least = self._least - _LESS_EVIDENCE
        order = np.argsort(-scored.evidence, kind="stable")
        for place in order[scored.evidence[order] - scored.level >= least].tolist():
            row, semitones = int(scored.rows[place]), int(scored.semitones[place])
            if row in found:
                continue
            evidence = float(scored.evidence[place]) - max(scored.level, self._level_of(row))
            self._load([row])
            other = self._contours[row]
            if evidence < least or own.contour is None or other is None:
                continue
            alignment = _aligned(own.contour, other, semitones)
            if evidence >= self._least + _more_evidence(alignment):
                similarity = self._similarity(own, row)
                found[row] = Relation(row, "version", similarity, evidence, alignment)
        return sorted(found.values(), key=lambda each: (each.kind, -each.evidence))

    def _near(self, own: _Subject, rows: NDArray[np.intp]) -> dict[int, Relation]:
        """Those of some rows that hold the recording."""
        similarities = self._embeddings[rows] @ own.embedding
        similar = rows[similarities >= LEAST_SIMILARITY]
        self._load(similar.tolist())
        likely = self._likely(own.contour, similar)
        music = own.music() if likely else None
        return self._same(own.embedding, music, self._music_of(likely)) if music else {}

    def _likely(self, own: Contour | None, rows: NDArray[np.intp]) -> list[int]:
        """Those of some rows at hand that may hold the recording. Most cannot, and what is stored
        of them is more than the fingerprint."""
        return [row for row in rows.tolist() if _may_be_near(own, self._contours[row])]

    def _same(
        self, embedding: FloatArray, music: Music, others: Mapping[int, Music]
    ) -> dict[int, Relation]:
        """Those of others, by row, that hold the recording."""
        found = {}
        for row, other in others.items():
            similarity = float(self._pick(np.array([row]))[0] @ embedding)
            same = one_recording(music, other, similarity=similarity, layout=self._layout)
            if same is not None:
                found[row] = Relation(row, "near", similarity, same.agreement, same.alignment)
        return found

    def _similarity(self, own: _Subject, row: int) -> float:
        return float(self._embeddings[row] @ own.embedding)


def _cuts(cosines: NDArray[np.float32]) -> NDArray[np.intp]:
    """The places of those that may be cuts, among which they are looked for."""
    return best_first(np.where(cosines < _CUT_SIMILARITY, -np.inf, cosines), _MOST_CUTS)


def _may_be_near(a: Contour | None, b: Contour | None) -> bool:
    return a is None or b is None or may_be_in_step(a, b)


def _level(excess: NDArray[np.float64]) -> float:
    """What unrelated tracks reach, by the lower ones of some candidates."""
    by_number = len(excess) / (len(excess) + _PRIOR)
    return float(np.clip((np.percentile(excess, _LOWER) + _SPREAD) * by_number, 0.0, _MOST_LEVEL))


def _more_evidence(alignment: Alignment | None) -> float:
    """What a version needs beside the least evidence, by how it lies to the other."""
    if alignment is None:
        return 0.0
    is_in_key = alignment.semitones == 0
    is_at_pace = abs(alignment.tempo_ratio - 1) <= _SAME_PACE
    if is_in_key and is_at_pace:
        return -_LESS_EVIDENCE
    return 0.0 if is_in_key or is_at_pace else _MORE_EVIDENCE


def _aligned(a: Contour, b: Contour, semitones: int) -> Alignment | None:
    """How b lies to a, if it has to be raised by so many semitones."""
    path = best_path(a, b, semitones)
    if path is None:
        return None
    one, other = (a, path.a) if len(a) <= len(b) else (b, path.b)
    return Alignment(
        share=float(other[-1] - other[0] + 1) / len(one),
        # What has to be raised lies lower; -5 to 6.
        semitones=(5 - semitones) % 12 - 5,
        tempo_ratio=path.tempo_ratio,
        offset_s=float(path.b[0] - path.a[0]) / FRAME_RATE,
    )
