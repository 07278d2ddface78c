"""What a library's database holds, so that two can be compared, and whether all of it is whole."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from soundalike.errors import UnreadableFile
from soundalike.library import Library
from soundalike.library.index import IndexKeeper

__all__ = ["Broken", "check", "contents", "differences"]

# Everything that is said of a file but numbers of rows and times of day.
_TRACKS = """
    SELECT tracks.path, tracks.path_text, tracks.size_bytes, tracks.words,
        tracks.missing_at IS NOT NULL, contents.digest, contents.audio_digest, contents.duration_s,
        contents.sample_rate, contents.channels, contents.codec, contents.tags,
        failures.kind, failures.reason, failures.advice, failed.name, failed.version
    FROM tracks LEFT JOIN contents ON contents.id = tracks.content_id
    LEFT JOIN failures ON failures.track_id = tracks.id
    LEFT JOIN models AS failed ON failed.id = failures.model_id
"""
_ANALYSES = """
    SELECT tracks.path, models.name, models.version, analyses.duration_s, analyses.embedding,
        analyses.probabilities, analyses.genre_set, analyses.notes, analyses.familiarity,
        analyses.tempo_bpm, analyses.tempo_confidence, analyses.tempo_alternatives, analyses.key,
        analyses.key_confidence, analyses.words, excerpts.starts_s, excerpts.embeddings,
        excerpts.scales, excerpts.probabilities, excerpts.fingerprint
    FROM tracks JOIN analyses ON analyses.content_id = tracks.content_id
    JOIN models ON models.id = analyses.model_id
    LEFT JOIN excerpts ON excerpts.analysis_id = analyses.id
"""
_NOTES = 4  # place among what is said of an analysis
_FOLDERS = "SELECT path, excludes, pattern, tag_encoding FROM folders"
_FAILING_FOLDERS = "SELECT folder, kind, reason FROM failures WHERE folder IS NOT NULL"
# A half-written analysis: a part of it is not there, or not as long as the others are.
_HALF = """
    SELECT count(*) FROM analyses JOIN models ON models.id = analyses.model_id
    LEFT JOIN excerpts ON excerpts.analysis_id = analyses.id
    WHERE excerpts.analysis_id IS NULL
        OR length(analyses.embedding) <> 2 * models.embedding_dim
        OR length(analyses.probabilities) <> 4 * json_array_length(models.labels)
        OR length(excerpts.starts_s) = 0
        OR length(excerpts.starts_s) % 8 <> 0
        OR length(excerpts.embeddings) * 8 <> length(excerpts.starts_s) * models.embedding_dim
        OR length(excerpts.scales) * 2 <> length(excerpts.starts_s)
        OR length(excerpts.probabilities) * 4
            <> length(excerpts.starts_s) * json_array_length(models.labels)
"""
_WORD_INDEXES = ("track_trigrams", "track_prefixes")
# With the rank, it is compared with the table that it indexes.
_CHECK_WORDS = "INSERT INTO {0} ({0}, rank) VALUES ('integrity-check', 1)"


class Broken(Exception):
    """A library is not as it has to be; the message says how."""


def contents(database: Path, *, now: bool = False) -> dict[str, Any]:
    """What a database says, by file and folder; the same for two that say the same.

    Parameters
    ----------
    now : leave out what is no longer so: tracks whose files are gone, what was known of those
        that cannot be read, and notes: two files with the same audio have those of the first.
    """
    with closing(sqlite3.connect(database)) as connection:
        found: dict[str, Any] = {}
        left_out = set()
        for path, *said in connection.execute(_TRACKS):
            is_missing, kind = said[3], said[11]
            if now and (is_missing or kind == UnreadableFile.__name__):
                left_out.add(path)
            if not (now and is_missing):
                known = said[-5:] if path in left_out else said
                found[os.fsdecode(path)] = [tuple(known), {}]
        for path, name, version, *said in connection.execute(_ANALYSES):
            if path not in left_out:
                if now:
                    said[_NOTES] = None
                found[os.fsdecode(path)][1][name, version] = _digest(said)
        for path, *said in connection.execute(_FOLDERS):
            found["folder " + os.fsdecode(path)] = tuple(said)
        for path, *said in connection.execute(_FAILING_FOLDERS):
            found["failing folder " + os.fsdecode(path)] = tuple(said)
    return found


def differences(found: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """What differs between two of :func:`contents`, a few lines."""
    lines = [
        f"{name}: {found.get(name)} instead of {expected.get(name)}"
        for name in sorted(found.keys() | expected.keys())
        if found.get(name) != expected.get(name)
    ]
    return lines[:5]


def check(database: Path) -> None:
    """Whether a library is whole: the file, what refers to what, the analyses, what is beside it.

    Raises
    ------
    Broken : it is not.
    """
    with closing(sqlite3.connect(database)) as connection:
        _expect(connection, "PRAGMA integrity_check", [("ok",)])
        _expect(connection, "PRAGMA foreign_key_check", [])
        # Nothing was made yet: it was killed before.
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'tracks'").fetchall():
            return
        _expect(connection, _HALF, [(0,)])
        for name in _WORD_INDEXES:
            try:
                connection.execute(_CHECK_WORDS.format(name))
            except sqlite3.DatabaseError as error:
                raise Broken(f"the index {name} does not fit the tracks: {error}") from error
    with Library(database) as library:
        for track in library.tracks("analysed"):
            analysis = library.analysis(track.track_id)
            length = float(np.linalg.norm(analysis.embedding))
            if not abs(length - 1.0) < 0.01:
                raise Broken(f"{track.path}: an embedding of length {length:.3f}")
        _check_index(library)


def _check_index(library: Library) -> None:
    """Whether the index in the file says what the database does."""
    found = library._reader.index()
    with library._reader.snapshot() as snapshot:
        fresh = IndexKeeper(None, lambda *_: None).current(snapshot)
    for name, column in fresh.columns().items():
        if not np.array_equal(column, found.columns()[name]):
            raise Broken(f"the column {name} of the index is not that of the database")
    if dict(found.counts) != dict(fresh.counts):
        raise Broken(f"the index counts {found.counts}, the database {fresh.counts}")


def _expect(connection: sqlite3.Connection, statement: str, expected: list[Any]) -> None:
    found = connection.execute(statement).fetchall()
    if found != expected:
        raise Broken(f"{' '.join(statement.split())}: {found[:3]}")


def _digest(values: list[Any]) -> str:
    """A short name for some values, bit for bit."""
    return hashlib.blake2b(repr(values).encode(), digest_size=16).hexdigest()
