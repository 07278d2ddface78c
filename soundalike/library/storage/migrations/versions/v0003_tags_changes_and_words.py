"""Tags as one record, a log of what changed, and an index of words."""

import random

import sqlalchemy as sa
from alembic import op

from soundalike.library.storage import sqlite

revision = "0003"
down_revision = "0002"

_TAGS = ("title", "artist", "album", "album_artist", "genre", "year", "track_number")


def upgrade() -> None:
    is_sqlite = op.get_context().dialect.name == "sqlite"
    op.add_column("contents", sa.Column("tags", sa.JSON, nullable=False, server_default="{}"))
    if is_sqlite:
        # Only SQLite had libraries before. json_patch() leaves out what is NULL.
        pairs = ", ".join(f"'{name}', {name}" for name in _TAGS)
        op.execute(f"UPDATE contents SET tags = json_patch('{{}}', json_object({pairs}))")
    if not is_sqlite or sqlite.can_drop_columns():
        # In place: a table that is made anew would take the analyses of its rows with it.
        for name in _TAGS:
            op.drop_column("contents", name)
    op.create_index("ix_tracks_size_bytes", "tracks", ["size_bytes"])
    missing = sa.text("missing_at IS NOT NULL")
    op.create_index(
        "ix_tracks_missing_at",
        "tracks",
        ["missing_at"],
        sqlite_where=missing,
        postgresql_where=missing,
    )
    changes = op.create_table(
        "changes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("track_id", sa.Integer, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_changes"),
        sqlite_autoincrement=True,
    )
    # Never empty, so that even an index of this moment can be told from another library's.
    op.bulk_insert(changes, [{"track_id": 0, "token": random.getrandbits(62)}])
    op.drop_table("state")
    if is_sqlite:
        sqlite.make_word_index(op.get_bind())
    else:
        from soundalike.library.storage import postgresql

        postgresql.make_own(op.get_bind())
