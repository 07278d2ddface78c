"""What a library tells of itself as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

__all__ = ["LibraryInfo", "ModelTracks", "ScannedFolder", "Upgrade"]


@dataclass(frozen=True, slots=True)
class ModelTracks:
    """How many of a library's tracks are analysed with a model."""

    model: str
    tracks: int


@dataclass(frozen=True, slots=True)
class Upgrade:
    """How far the re-analysis of a library by a new default model is.

    Attributes
    ----------
    model : the new model, ``name@version``.
    former : the models whose place it takes, oldest first.
    query_model : the one of all these that answers queries now.
    done : tracks that the former and the new model have analysed.
    remaining : tracks that the new one has not yet. With the last of them it answers, and the
        same scan (or the next) drops the analyses of the former ones.
    """

    model: str
    former: tuple[str, ...]
    query_model: str
    done: int
    remaining: int


@dataclass(frozen=True, slots=True)
class ScannedFolder:
    """A folder that was scanned, and how.

    Attributes
    ----------
    path : without symbolic links.
    tracks : in it and below it, without the missing ones.
    excludes : patterns of names and paths that are left out.
    pattern : how its paths are made, such as "{artist}/{album}/{title}"; None for the default.
    tag_encoding : what 8-bit text in its tags is; None to find out.
    scanned_at : the last time.
    """

    path: Path
    tracks: int
    excludes: tuple[str, ...]
    pattern: str | None
    tag_encoding: str | None
    scanned_at: datetime


@dataclass(frozen=True, slots=True)
class LibraryInfo:
    """What a library holds.

    Attributes
    ----------
    location : the database file, or the URL without its password.
    model : that answers queries, ``name@version``; the counts are of this one.
    facets : what its embeddings are made of, and the share of each in a similarity, sum 1.
    upgrade : how far the re-analysis by a new model is; None when there is nothing of the kind.
    models : all models that its tracks are analysed with.
    tracks : all tracks that are not missing: ``analysed + failed + pending``.
    unfamiliar : of the analysed, those that are unlike all music that the model knows.
    fast : of the analysed, those of which only some passages were heard.
    duration_s : of the analysed tracks together.
    size_bytes : of the database; None when it is not a file.
    schema_version : of the database.
    folders : that were scanned, by path.
    """

    location: str
    model: str
    facets: Mapping[str, float] = field(hash=False)
    upgrade: Upgrade | None
    models: tuple[ModelTracks, ...]
    tracks: int
    analysed: int
    failed: int
    pending: int
    missing: int
    unfamiliar: int
    fast: int
    duration_s: float
    size_bytes: int | None
    schema_version: str
    folders: tuple[ScannedFolder, ...]
