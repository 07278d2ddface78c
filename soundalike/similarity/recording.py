"""Whether two tracks hold one recording: the same performance, encoded, mastered or cut otherwise.

*By fingerprint*, where both have one. They are in step (``similarity.alignment``) for most of the
shorter, at one speed: neither gains half a frame on the other over half of a stretch; frame by
frame the chroma agrees, and so does the sound of the excerpts at the same places. What is in
another key, at another tempo or played anew is another recording, and so is a short passage of a
long track. `benchmarks/versions.py` counts the errors; docs/results.md has them.

*By excerpts* else: by length, embedding, and whether the excerpts agree *in order*; two pieces in
one style are as near in any order.

Measured with soundalike@1 on 786 pieces of game soundtracks, sound effects and composed music, 64
of them encoded again. Found are 95 % of the 149 pairs of one piece as FLAC, as MP3 at 128 kbit/s,
as Opus at 64 kbit/s and as it was, all of those without Opus; with MP3 at 64 kbit/s, which ends at
11 kHz, 84 % of 240. Of the 67,417 pairs of different pieces that are as long within 1.5 s, one is
taken for one piece: two versions that agree from beginning to end. With soundalike@2 on 24 pieces
as they were, as MP3 (128, 64 kbit/s) and as Opus, 136 of 144 pairs, the same as with soundalike@1;
of 276 pairs of different pieces none. With gtzan-resnet@1 on 257 soundtracks, copies (MP3 at 128
and 64 kbit/s, 0.9 s cut off, pitch 1 % higher) had an excerpt share of at most 0.30, two pieces at
least 0.49.

A loop that never changes cannot be told from its like, and stays; a cut version is another
recording to this rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.descriptors.fingerprint import FRAME_RATE
from soundalike.frontends.log_mel import EXCERPT_S
from soundalike.similarity.alignment import (
    LEAST_FRAMES,
    Contour,
    Stretch,
    contour,
    in_step,
    may_be_in_step,
)

if TYPE_CHECKING:
    from soundalike.analysis import Analysis
    from soundalike.facets import Facets

__all__ = [
    "LEAST_SIMILARITY",
    "Alignment",
    "Music",
    "MusicOf",
    "SameRecording",
    "is_same_recording",
    "one_recording",
    "same_piece",
]

FloatArray = NDArray[np.float32]

LEAST_SIMILARITY: Final = 0.7
"""Cosine of two tracks below which they are not looked at: no two cuts are so far apart."""
# Share of the shorter that is in step; mean cosine of what is; cosine of the sound of excerpts at
# the same places, and of both together; by how many frames one may gain on the other over half a
# stretch; how much of the longer the shorter is.
_LEAST_SHARE: Final = 0.8
_LEAST_AGREEMENT: Final = 0.8
_LEAST_SOUND: Final = 0.6
_LEAST_BOTH: Final = 1.66
_MOST_GAINED: Final = 0.55
_LEAST_OF_LONGER: Final = 1 / 3

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


@dataclass(frozen=True, slots=True)
class Alignment:
    """How another track lies to one, in time and key.

    Attributes
    ----------
    share : of the shorter track that has its place in the longer, 0 to 1.
    semitones : by which the other is higher, -5 to 6.
    tempo_ratio : its tempo as a factor on that of the one.
    offset_s : by how many seconds the same music comes later in the other, where it begins.
    """

    share: float
    semitones: int
    tempo_ratio: float
    offset_s: float


@dataclass(frozen=True, eq=False)
class Music:
    """What is compared of a track.

    Attributes
    ----------
    duration_s : seconds.
    excerpts : float32 (n_excerpts, D), unit length.
    starts_s : float64 (n_excerpts,), seconds.
    fingerprint : uint8 (n_frames, 6); None where there is none.
    """

    duration_s: float
    excerpts: FloatArray
    starts_s: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    fingerprint: NDArray[np.uint8] | None = None

    @classmethod
    def of(cls, analysis: Analysis) -> Music:
        """That of an analysis."""
        return cls(
            analysis.duration_s,
            analysis.excerpt_embeddings,
            analysis.excerpt_starts_s,
            analysis.fingerprint,
        )

    @cached_property
    def contour(self) -> Contour | None:
        """The fingerprint as it is compared."""
        return None if self.fingerprint is None else contour(self.fingerprint)


MusicOf = Callable[[Sequence[int]], Mapping[int, Music]]
"""What is stored of some rows by row; rows of which nothing is are left out."""


@dataclass(frozen=True, slots=True)
class SameRecording:
    """That two tracks hold one recording.

    Attributes
    ----------
    agreement : mean cosine of the frames that are in step; 1 where there are none.
    alignment : None where there are no fingerprints.
    """

    agreement: float = 1.0
    alignment: Alignment | None = None


def one_recording(
    a: Music,
    b: Music,
    *,
    similarity: float,
    layout: Facets | None = None,
    most_apart_s: float | None = None,
) -> SameRecording | None:
    """Whether two tracks hold one recording, by the rules of this module; None where they do not.

    Parameters
    ----------
    similarity : cosine of the two tracks.
    layout : of the embeddings; None to hear all of them as sound.
    most_apart_s : by how many seconds the music may begin later in one; None for any cut.
    """
    if similarity < LEAST_SIMILARITY:
        return None
    if a.contour is None or b.contour is None or min(len(a.contour), len(b.contour)) < LEAST_FRAMES:
        apart_s = abs(a.duration_s - b.duration_s)
        is_same = is_same_recording(a.excerpts, b.excerpts, similarity=similarity, apart_s=apart_s)
        return SameRecording() if is_same else None
    short_s, long_s = sorted((a.duration_s, b.duration_s))
    if short_s < _LEAST_OF_LONGER * long_s or not may_be_in_step(a.contour, b.contour):
        return None
    steps = in_step(a.contour, b.contour, most_apart_s)
    steady = [each for each in steps if abs(each.drift) * each.length / 2 <= _MOST_GAINED]
    share = sum(each.length for each in steady) / max(1, min(len(a.contour), len(b.contour)))
    if share < _LEAST_SHARE:
        return None
    lengths = [each.length for each in steps]
    agreement = float(np.average([each.similarity for each in steps], weights=lengths))
    sound = _same_sound(a, b, steps, layout)
    if agreement < _LEAST_AGREEMENT or sound < _LEAST_SOUND or agreement + sound < _LEAST_BOTH:
        return None
    offset_s = (steps[0].b - steps[0].a) / FRAME_RATE
    return SameRecording(agreement, Alignment(min(share, 1.0), 0, 1.0, offset_s))


def _same_sound(a: Music, b: Music, steps: Sequence[Stretch], layout: Facets | None) -> float:
    """The mean cosine of the sound of excerpts that lie at the same places; 0 where none do."""
    block = slice(None) if layout is None else layout.slices.get("sound", slice(None))
    cosines = []
    for step in steps:
        later_s = (step.b - step.a) / FRAME_RATE
        first_s, last_s = step.a / FRAME_RATE - 1.0, (step.a + step.length) / FRAME_RATE + 1.0
        inside = (a.starts_s >= first_s) & (a.starts_s + EXCERPT_S <= last_s)
        for place in np.flatnonzero(inside).tolist():
            apart = np.abs(b.starts_s - a.starts_s[place] - later_s)
            nearest = int(apart.argmin()) if len(apart) else -1
            if nearest >= 0 and apart[nearest] <= EXCERPT_S / 2:
                one, other = a.excerpts[place, block], b.excerpts[nearest, block]
                length = float(np.linalg.norm(one) * np.linalg.norm(other))
                cosines.append(float(one @ other) / length if length else 0.0)
    return float(np.mean(cosines)) if cosines else 0.0


def is_same_recording(
    a: NDArray[np.float32], b: NDArray[np.float32], *, similarity: float, apart_s: float
) -> bool:
    """Whether two tracks hold one recording, by length and by excerpts in order.

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
