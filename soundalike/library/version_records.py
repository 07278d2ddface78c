"""What ``Library.versions`` and ``Library.duplicates`` return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from soundalike.library.records import Copy, CopyKind, Track
from soundalike.library.similar_records import Seed

if TYPE_CHECKING:
    from soundalike.similarity.recording import Alignment

__all__ = ["DuplicateGroup", "Version", "VersionGroup", "VersionKind", "VersionsResult"]

VersionKind = CopyKind


@dataclass(frozen=True, slots=True)
class Version:
    """A track with the same music as another.

    Attributes
    ----------
    kind : "copy", the same bytes; "audio", the same audio with other tags; "near", the same
        recording, encoded, mastered or cut otherwise (``similarity.recording`` says by which
        rules); "version", another recording of the same music, such as live, covered, remixed, in
        another key or at another tempo (``similarity.versions``).
    similarity : cosine of the two.
    alignment : how it lies to the other in time and key; None where it has no fingerprint, and
        where the two were not compared themselves, but both with a third.
    """

    track: Track
    kind: VersionKind
    similarity: float
    alignment: Alignment | None


@dataclass(frozen=True, slots=True)
class VersionGroup:
    """Tracks with the same music.

    Attributes
    ----------
    best : the one that is probably worth keeping: of one recording one that is not cut before
        others, then a lossless one, then the one with the higher bit rate, with more tags, with the
        shorter path.
    reason : by what it is better than the next best, such as "lossless".
    of : what the others are versions of: the best, or the track that was asked about; None where
        that is no track of the library, or a passage.
    others : copies first, then near ones, then versions, each in the order in which they are good.
    """

    best: Track
    reason: str
    of: Track | None
    others: tuple[Version, ...]


@dataclass(frozen=True, slots=True)
class VersionsResult:
    """The tracks of a library that hold the same music.

    Attributes
    ----------
    query : what was asked about; None for the whole library.
    model : that made the embeddings, ``name@version``.
    groups : by the path of the best; for a query one at most.
    compared : tracks among which was looked.
    without_fingerprint : of these, those that have none: other cuts and versions of them are not
        found. For a query 0 or 1: whether it is the query that has none.
    has_fingerprints : whether the model's frontend makes fingerprints; then a scan with ``full``
        adds those that are missing.
    """

    query: Seed | None
    model: str
    groups: tuple[VersionGroup, ...]
    compared: int
    without_fingerprint: int
    has_fingerprints: bool


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """A recording that a library has several times.

    Attributes
    ----------
    best : the copy that is probably worth keeping: a lossless one before others, then the one with
        the higher bit rate, with more tags, with the shorter path.
    others : in the same order.
    """

    best: Track
    others: tuple[Copy, ...]

    @property
    def size_bytes(self) -> int:
        """Of the others together."""
        return sum(copy.track.size_bytes or 0 for copy in self.others)
