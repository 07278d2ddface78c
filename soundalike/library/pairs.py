"""The pairs of tracks with the same music, as far as they were looked for, and the file of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np

from soundalike.errors import SoundalikeError
from soundalike.library.changes import Position
from soundalike.library.storage.index_file import read_arrays, write_arrays
from soundalike.similarity.recording import Alignment
from soundalike.similarity.versions import Relation, RelationKind

__all__ = ["Pairs", "read_pairs", "turned", "write_pairs"]

# To be raised with every change of what is found in the same tracks.
_VERSION: Final = 1
_KINDS: Final[tuple[RelationKind, ...]] = ("near", "version")


@dataclass(eq=False)
class Pairs:
    """What was found in a state of a library.

    Attributes
    ----------
    position : that state.
    compared : ids of the tracks that were compared with all; of those with one audio, one.
    bare : of those, the ones that have no fingerprint.
    found : by the ids of two tracks, the lower first, what the second is to the first; the relation
        has its id in the place of a row.
    """

    position: Position
    compared: set[int] = field(default_factory=set)
    bare: set[int] = field(default_factory=set)
    found: dict[tuple[int, int], Relation] = field(default_factory=dict)

    def add(self, track_id: int, relation: Relation) -> None:
        """A track and what another is to it, whose id stands in the place of a row."""
        a, b = track_id, relation.row
        self.found[min(a, b), max(a, b)] = relation if a < b else turned(relation, a)

    def between(self, a: int, b: int) -> Relation | None:
        """What track b is to track a."""
        relation = self.found.get((min(a, b), max(a, b)))
        return relation if relation is None or a < b else turned(relation, b)

    def forget(self, track_ids: Collection[int]) -> None:
        """Some tracks changed, or are gone."""
        gone = set(track_ids)
        self.compared -= gone
        self.bare -= gone
        self.found = {
            pair: each for pair, each in self.found.items() if not gone.intersection(pair)
        }


def turned(relation: Relation, of: int) -> Relation:
    """What a track, by id, is to the one that is related to it."""
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
    read = read_arrays(_path(database, model))
    if read is None:
        return None
    arrays, statement = read
    if (statement.get("pairs"), statement.get("model")) != (_VERSION, model):
        return None
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


def write_pairs(database: Path, model: str, pairs: Pairs) -> None:
    """Keep what was found; a failure is no harm."""
    values = np.full((len(pairs.found), 6), np.nan, np.float64)
    for row, each in enumerate(pairs.found.values()):
        values[row, :2] = each.similarity, each.evidence
        if (lies := each.alignment) is not None:
            values[row, 2:] = lies.share, lies.semitones, lies.tempo_ratio, lies.offset_s
    ids = np.array(list(pairs.found), np.int64).reshape(-1, 2)
    kinds = [_KINDS.index(each.kind) for each in pairs.found.values()]
    arrays: Mapping[str, Any] = {
        "compared": np.array(sorted(pairs.compared), np.int64),
        "bare": np.array(sorted(pairs.bare), np.int64),
        "a": ids[:, 0],
        "b": ids[:, 1],
        "kinds": np.array(kinds, np.int8),
        "values": values,
    }
    statement = {
        "pairs": _VERSION,
        "model": model,
        "position": [pairs.position.last_id, pairs.position.token],
    }
    with suppress(SoundalikeError, OSError):
        write_arrays(_path(database, model), arrays, statement)


def _path(database: Path, model: str) -> Path:
    # A model from elsewhere may call its version anything.
    return database.with_name(f"{database.name}.{quote(model, safe='@+')}.versions")
