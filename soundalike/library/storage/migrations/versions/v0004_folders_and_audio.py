"""Scanned folders and their settings, a digest of the audio alone, and the ctime of files."""

import sqlalchemy as sa
from alembic import op

from soundalike.library.naming import refresh_words

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("contents", sa.Column("audio_digest", sa.LargeBinary))
    op.create_index("ix_contents_audio_digest", "contents", ["audio_digest"])
    op.add_column("tracks", sa.Column("ctime_ns", sa.BigInteger))
    op.create_table(
        "folders",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("path", sa.LargeBinary, nullable=False),
        sa.Column("excludes", sa.JSON, nullable=False),
        sa.Column("pattern", sa.Text),
        sa.Column("tag_encoding", sa.Text),
        sa.Column("scanned_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_folders"),
        sa.UniqueConstraint("path", name="uq_folders_path"),
    )
    # Folders are words, too, from here on.
    refresh_words(op.get_bind())
