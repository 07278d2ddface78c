"""The pairs of audios with the same music, as far as they were looked for, and the file of them.

They are kept by ``audio_ids``, not by tracks: what two audios are to each other stays so, however
often their files are moved, tagged anew, removed and found again.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import SoundalikeError
from soundalike.files import stamp_of
from soundalike.library.changes import Position
from soundalike.library.pieces import Pieces, PiecesOfRows
from soundalike.library.storage.index_file import file_beside, read_arrays, write_arrays
from soundalike.similarity.recording import Alignment
from soundalike.similarity.versions import Relation, RelationKind

if TYPE_CHECKING:
    from soundalike.library.index import Index

__all__ = [
    "Pairs",
    "known_pieces",
    "pairs_file",
    "read_pairs",
    "read_pieces",
    "turned",
    "write_pairs",
]

# To be raised with every change of what is found in the same tracks.
_VERSION: Final = 2
_KINDS: Final[tuple[RelationKind, ...]] = ("near", "version")


@dataclass(eq=False)
class Pairs:
    """What was found in a state of a library.

    Attributes
    ----------
    position : that state.
    compared : the audio of the tracks that were compared with all.
    bare : of it, what has no fingerprint.
    found : by two audios, the lower number first, what the second is to the first; the relation has
        its number in the place of a row.
    """

    position: Position
    compared: set[int] = field(default_factory=set)
    bare: set[int] = field(default_factory=set)
    found: dict[tuple[int, int], Relation] = field(default_factory=dict)

    def add(self, audio_id: int, relation: Relation) -> None:
        """An audio and what another is to it, whose number stands in the place of a row."""
        a, b = audio_id, relation.row
        self.found[min(a, b), max(a, b)] = relation if a < b else turned(relation, a)

    def between(self, a: int, b: int) -> Relation | None:
        """What audio b is to audio a."""
        relation = self.found.get((min(a, b), max(a, b)))
        return relation if relation is None or a < b else turned(relation, b)

    def keep(self, audio_ids: Collection[int]) -> None:
        """Forget all but some."""
        kept = set(audio_ids)
        self.compared &= kept
        self.bare &= kept
        self.found = {pair: each for pair, each in self.found.items() if kept.issuperset(pair)}


def turned(relation: Relation, of: int) -> Relation:
    """What an audio is to the one that is related to it."""
    lies = relation.alignment
    if lies is not None:
        lies = Alignment(
            lies.share,
            6 if lies.semitones == 6 else -lies.semitones,
            1 / lies.tempo_ratio,
            -lies.offset_s,
        )
    return Relation(of, relation.kind, relation.similarity, relation.evidence, lies)


def read_pairs(database: Path, model: str) -> Pairs | None:
    """What was found by a model and kept; None where nothing was, or by another version of this."""
    read = _read(database, model)
    if read is None:
        return None
    arrays, statement = read
    pairs = Pairs(
        Position(*statement["position"]),
        set(arrays["compared"].tolist()),
        set(arrays["bare"].tolist()),
    )
    columns = (arrays[name].tolist() for name in ("a", "b", "kinds", "values"))
    for a, b, kind, (similarity, evidence, share, semitones, ratio, offset_s) in zip(
        *columns, strict=True
    ):
        lies = None
        if not np.isnan(share):
            lies = Alignment(share, round(semitones), ratio, offset_s)
        pairs.found[a, b] = Relation(b, _KINDS[kind], similarity, evidence, lies)
    return pairs


def read_pieces(database: Path, model: str) -> Pieces | None:
    """How what was found and kept is grouped; None as for :func:`read_pairs`."""
    read = _read(database, model)
    if read is None:
        return None
    arrays, _ = read
    return Pieces(*(arrays[name] for name in ("compared", "members", "recordings", "pieces")))


def known_pieces(database: Path | None, index: Index) -> PiecesOfRows | None:
    """How what was found before is grouped, which costs next to nothing; None where nothing was."""
    if database is None:
        return None
    try:
        stamp = stamp_of(os.fspath(pairs_file(database, index.model)))
    except OSError:
        return None

    def read() -> PiecesOfRows | None:
        pieces = read_pieces(database, index.model)
        return None if pieces is None else pieces.of_rows(index.audio_ids)

    return index.kept(("pieces", stamp), read)


def write_pairs(database: Path, model: str, pairs: Pairs, pieces: Pieces) -> None:
    """Keep what was found, and how it is grouped; a failure is no harm."""
    values = np.full((len(pairs.found), 6), np.nan, np.float64)
    for row, each in enumerate(pairs.found.values()):
        values[row, :2] = each.similarity, each.evidence
        if (lies := each.alignment) is not None:
            values[row, 2:] = lies.share, lies.semitones, lies.tempo_ratio, lies.offset_s
    ids = np.array(list(pairs.found), np.int64).reshape(-1, 2)
    kinds = [_KINDS.index(each.kind) for each in pairs.found.values()]
    arrays: Mapping[str, Any] = {
        "compared": pieces.compared,
        "bare": np.array(sorted(pairs.bare), np.int64),
        "a": ids[:, 0],
        "b": ids[:, 1],
        "kinds": np.array(kinds, np.int8),
        "values": values,
        "members": pieces.members,
        "recordings": pieces.recordings,
        "pieces": pieces.pieces,
    }
    statement = {
        "pairs": _VERSION,
        "model": model,
        "position": [pairs.position.last_id, pairs.position.token],
    }
    with suppress(SoundalikeError, OSError):
        write_arrays(pairs_file(database, model), arrays, statement)


def pairs_file(database: Path, model: str) -> Path:
    """Where they are kept."""
    return file_beside(database, model, "versions")


def _read(database: Path, model: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
    read = read_arrays(pairs_file(database, model))
    stated = None if read is None else (read[1].get("pairs"), read[1].get("model"))
    return read if stated == (_VERSION, model) else None
