"""The tables of a library.

::

    tracks   a path: where a file lies, and which content it had when it was last read
    contents the bytes of a file, by their hash, with all that follows from them: format and tags
    models   name and version of what made an embedding
    analyses what a model says of a content
    excerpts the same along the track, apart so that a search reads none of it
    failures why a track could not be analysed, or a folder not be read
    folders  what was scanned, and how: exclusions, the pattern of its paths, the tags' encoding
    changes  which tracks' rows changed, in order, so that an index can catch up with them
    pieces   the music that somebody judged or played, by the hashes of its content
    judgements what somebody said of one, two or three pieces
    plays    when a piece was played, and how much of it
    tastes   what was fitted to judgements and plays, by model: can be made anew
    servers  music servers that the library is linked to; no password is kept
    links    which song of a server is which music, by the hashes of its content
    server_artists the artists of a server's songs, by its ids

An analysis belongs to the content, not to the path: a moved, renamed, swapped, copied or returned
file finds it again by its hash, and nothing is ever copied between rows.

A judgement belongs to the piece, which no other table knows of: it stays when the file is retagged,
moved, copied or gone, and when its track is forgotten. So does a link to a server's song.

On SQLite, ``storage.sqlite`` adds an index of the words of each track, kept up to date by triggers
on ``tracks``: a migration that makes that table anew has to make them anew as well.

Paths are bytes (``os.fsencode``), so that a name in any encoding survives; ``path_text`` is for
people. Arrays are little-endian bytes in C order. Times are seconds since 1970 (UTC) as floating
point, because SQLite has no type for them. All types exist in PostgreSQL as well.
"""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    ScalarSelect,
    Select,
    Table,
    Text,
    UniqueConstraint,
    and_,
    cast,
    or_,
    select,
    text,
)
from sqlalchemy.sql import ColumnElement

from soundalike.analysis import FAST

__all__ = [
    "SCHEMA_VERSION",
    "analyses",
    "below",
    "changes",
    "contents",
    "excerpts",
    "failures",
    "folders",
    "is_fast",
    "judgements",
    "links",
    "metadata",
    "models",
    "own_analysis",
    "own_failure",
    "pieces",
    "plays",
    "searchable_tracks",
    "server_artists",
    "servers",
    "tastes",
    "tracks",
]

ModelId = int | ScalarSelect[int]
"""The row of a model, or how to find it."""

SCHEMA_VERSION = "0008"
"""The newest migration; kept here too, so that opening a library need not import Alembic."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

models = Table(
    "models",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("embedding_dim", Integer, nullable=False),
    Column("labels", JSON, nullable=False),
    # ``facets.Facets`` and ``models.contract.Words`` as JSON; NULL for a model without.
    Column("facets", JSON(none_as_null=True)),
    Column("words", JSON(none_as_null=True)),
    UniqueConstraint("name", "version"),
)

contents = Table(
    "contents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    # Of the audio alone, the same whatever the tags are; NULL until it was looked at.
    Column("audio_digest", LargeBinary, index=True),
    Column("duration_s", Double),
    Column("sample_rate", Integer),
    Column("channels", Integer),
    Column("codec", Text),
    # ``audio.tags.Tags`` as JSON: what is there, by name.
    Column("tags", JSON, nullable=False, server_default="{}"),
)

tracks = Table(
    "tracks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path", LargeBinary, nullable=False, unique=True),
    Column("path_text", Text, nullable=False),
    # All as at the last successful look at the file; NULL when there was none. The ctime is NULL
    # where the system has none, and until a scan has seen it.
    Column("size_bytes", BigInteger),
    Column("mtime_ns", BigInteger),
    Column("ctime_ns", BigInteger),
    # NULL until the file was read once.
    Column("content_id", Integer, ForeignKey("contents.id")),
    # Artist, title, album and file name, without case, accents and punctuation.
    Column("words", Text, nullable=False),
    Column("added_at", Double, nullable=False),
    Column("missing_at", Double),
    Index(None, "content_id"),
    # A file is looked for by its size where its path is not known.
    Index(None, "size_bytes"),
    # Of the missing ones alone, or it would be taken for the others, too, whatever else is asked.
    Index(
        None,
        "missing_at",
        sqlite_where=text("missing_at IS NOT NULL"),
    ),
    # People write ids down; one that was given to another track since would mislead them.
    sqlite_autoincrement=True,
)

analyses = Table(
    "analyses",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("content_id", Integer, ForeignKey("contents.id", ondelete="CASCADE"), nullable=False),
    Column("model_id", Integer, ForeignKey("models.id", ondelete="CASCADE"), nullable=False),
    Column("duration_s", Double, nullable=False),
    # float16 (embedding_dim,), unit length, each facet as long as its weight has it.
    Column("embedding", LargeBinary, nullable=False),
    # float32 (n_labels,).
    Column("probabilities", LargeBinary, nullable=False),
    Column("genre_set", JSON, nullable=False),
    Column("notes", JSON, nullable=False),
    # Share of held-out music that is as far from what the model knows; NULL where it does not tell.
    Column("familiarity", Double),
    # As in ``Analysis``; NULL where the model does not tell or, but for confidences, is not sure.
    Column("tempo_bpm", Double),
    Column("tempo_confidence", Double),
    Column("tempo_alternatives", JSON(none_as_null=True)),
    Column("key", Text),
    Column("key_confidence", Double),
    # float16 (n_words,), probabilities.
    Column("words", LargeBinary),
    Column("analysed_at", Double, nullable=False),
    UniqueConstraint("content_id", "model_id"),
    Index(None, "model_id"),
)

excerpts = Table(
    "excerpts",
    metadata,
    Column(
        "analysis_id",
        Integer,
        ForeignKey("analyses.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    # float64 (n_excerpts,), seconds.
    Column("starts_s", LargeBinary, nullable=False),
    # int8 (n_excerpts, embedding_dim), to be multiplied by float32 (n_excerpts,); facets are scaled
    # to their length again.
    Column("embeddings", LargeBinary, nullable=False),
    Column("scales", LargeBinary, nullable=False),
    # float16 (n_excerpts, n_labels).
    Column("probabilities", LargeBinary, nullable=False),
    # uint8 (n_frames, 6), as in ``Analysis``; NULL where the model's frontend makes none, and where
    # an earlier version analysed.
    Column("fingerprint", LargeBinary),
)

failures = Table(
    "failures",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("track_id", Integer, ForeignKey("tracks.id", ondelete="CASCADE"), unique=True),
    # The path of a folder, for a failure that is no track's.
    Column("folder", LargeBinary, unique=True),
    # The model that could not analyse the content; what other models say of it stands. NULL: it
    # is the file that cannot be read.
    Column("model_id", Integer, ForeignKey("models.id", ondelete="CASCADE")),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("advice", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failed_at", Double, nullable=False),
    Column("retry_at", Double),
    CheckConstraint("(track_id IS NULL) <> (folder IS NULL)", name="one_subject"),
)

folders = Table(
    "folders",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path", LargeBinary, nullable=False, unique=True),
    # Patterns of names and paths that are left out.
    Column("excludes", JSON, nullable=False),
    # How its paths are made, such as "{artist}/{album}/{track} - {title}"; NULL for the default.
    Column("pattern", Text),
    # What 8-bit text in its tags is; NULL to find out.
    Column("tag_encoding", Text),
    Column("scanned_at", Double, nullable=False),
)

changes = Table(
    "changes",
    metadata,
    # Their order. Never given out twice, so that an index knows which it has seen.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("track_id", Integer, nullable=False),
    # The same for all changes of a transaction, drawn at random. A database that was restored
    # from a backup has the numbers of an index made before, but not its tokens.
    Column("token", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

pieces = Table(
    "pieces",
    metadata,
    Column("id", Integer, primary_key=True),
    # As in ``contents``: whichever of the two a content of the library has, is this piece.
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("audio_digest", LargeBinary, index=True),
    # What it was called, for when it is gone.
    Column("name", Text, nullable=False),
)

judgements = Table(
    "judgements",
    metadata,
    Column("id", Integer, primary_key=True),
    # "like", "dislike", "alike", "unlike" or "oddone".
    Column("kind", Text, nullable=False),
    Column("first_id", Integer, ForeignKey("pieces.id", ondelete="CASCADE"), nullable=False),
    Column("second_id", Integer, ForeignKey("pieces.id", ondelete="CASCADE")),
    # The odd one of three.
    Column("odd_id", Integer, ForeignKey("pieces.id", ondelete="CASCADE")),
    Column("judged_at", Double, nullable=False),
    # Where it was imported from; NULL for what was said here.
    Column("source", Text),
    # A number is never given out twice, or what was fitted would seem to be up to date.
    sqlite_autoincrement=True,
)

plays = Table(
    "plays",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("piece_id", Integer, ForeignKey("pieces.id", ondelete="CASCADE"), nullable=False),
    # To the second: nobody hears a piece twice in one, so a play is known again by it.
    Column("played_at", Double, nullable=False),
    # How much of it was heard, 0 to 1; NULL where that is not known.
    Column("share", Double),
    Column("is_skipped", Boolean, nullable=False),
    Column("source", Text, nullable=False),
    UniqueConstraint("piece_id", "played_at"),
    sqlite_autoincrement=True,
)

tastes = Table(
    "tastes",
    metadata,
    # ``name@version`` of the model, which need have no row.
    Column("model", Text, primary_key=True),
    # Of the judgements and plays that it was fitted to.
    Column("stamp", Text, nullable=False),
    # How many tracks could be found then.
    Column("n_tracks", Integer, nullable=False),
    Column("fitted_at", Double, nullable=False),
    Column("fitted", JSON, nullable=False),
)

servers = Table(
    "servers",
    metadata,
    Column("id", Integer, primary_key=True),
    # By which requests and people name it.
    Column("name", Text, nullable=False, unique=True),
    # "subsonic".
    Column("kind", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("user", Text),
    # Such as "navidrome 0.58.0"; NULL where it does not say.
    Column("software", Text),
    # How many songs it had, linked or not.
    Column("n_songs", Integer, nullable=False),
    Column("linked_at", Double, nullable=False),
    # Another one after any change of its links.
    Column("stamp", Text, nullable=False),
    sqlite_autoincrement=True,
)

links = Table(
    "links",
    metadata,
    Column("server_id", Integer, ForeignKey("servers.id", ondelete="CASCADE"), primary_key=True),
    # The song's id at the server.
    Column("item_id", Text, primary_key=True),
    # As in ``contents``: whichever of the two a content of the library has, is this music.
    Column("digest", LargeBinary, nullable=False),
    Column("audio_digest", LargeBinary),
    # ``matching.MatchedBy``.
    Column("matched_by", Text, nullable=False),
    # A hash of what the server said of the song: while it says the same, the match stands.
    Column("said", Text, nullable=False),
    # Ids of ``server_artists``: of the song, and of its album.
    Column("artist_ids", JSON, nullable=False),
    Column("album_artist_ids", JSON, nullable=False),
)

server_artists = Table(
    "server_artists",
    metadata,
    Column("server_id", Integer, ForeignKey("servers.id", ondelete="CASCADE"), primary_key=True),
    Column("artist_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
)


def own_analysis(model_id: ModelId) -> ColumnElement[bool]:
    """Joins a track to what a model says of its content."""
    return and_(analyses.c.content_id == tracks.c.content_id, analyses.c.model_id == model_id)


def is_fast() -> ColumnElement[bool]:
    """Whether only some passages were heard for an analysis, as its first note says."""
    return cast(analyses.c.notes, Text).startswith(f'["{FAST}')


def own_failure(model_id: ModelId) -> ColumnElement[bool]:
    """Joins a track to its failure, if that counts for a model: the file's own, or the model's."""
    counts = or_(failures.c.model_id.is_(None), failures.c.model_id == model_id)
    return and_(failures.c.track_id == tracks.c.id, counts)


def searchable_tracks(model_id: ModelId, *columns: ColumnElement[Any]) -> Select[Any]:
    """Columns of the tracks that a search can find: there, analysed by a model, not failing."""
    return (
        select(*columns)
        .select_from(tracks)
        .join(analyses, own_analysis(model_id))
        .outerjoin(failures, own_failure(model_id))
        .where(tracks.c.missing_at.is_(None), failures.c.id.is_(None))
    )


def below(path: ColumnElement[bytes], folder: str) -> ColumnElement[bool]:
    """Whether a path column lies below a folder: a range, which an index can answer."""
    first = os.fsencode(os.path.join(folder, ""))
    return and_(path >= first, path < first[:-1] + bytes([first[-1] + 1]))
