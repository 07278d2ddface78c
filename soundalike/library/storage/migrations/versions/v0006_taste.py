"""Judgements and plays, the music that they are about, and what is fitted to them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "pieces",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("audio_digest", sa.LargeBinary),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pieces"),
        sa.UniqueConstraint("digest", name="uq_pieces_digest"),
    )
    op.create_index("ix_pieces_audio_digest", "pieces", ["audio_digest"])
    op.create_table(
        "judgements",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("first_id", sa.Integer, nullable=False),
        sa.Column("second_id", sa.Integer),
        sa.Column("odd_id", sa.Integer),
        sa.Column("judged_at", sa.Double, nullable=False),
        sa.Column("source", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_judgements"),
        *(
            sa.ForeignKeyConstraint(
                [column],
                ["pieces.id"],
                name=f"fk_judgements_{column}_pieces",
                ondelete="CASCADE",
            )
            for column in ("first_id", "second_id", "odd_id")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "plays",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("piece_id", sa.Integer, nullable=False),
        sa.Column("played_at", sa.Double, nullable=False),
        sa.Column("share", sa.Double),
        sa.Column("is_skipped", sa.Boolean, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_plays"),
        sa.UniqueConstraint("piece_id", "played_at", name="uq_plays_piece_id_played_at"),
        sa.ForeignKeyConstraint(
            ["piece_id"], ["pieces.id"], name="fk_plays_piece_id_pieces", ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "tastes",
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("stamp", sa.Text, nullable=False),
        sa.Column("n_tracks", sa.Integer, nullable=False),
        sa.Column("fitted_at", sa.Double, nullable=False),
        sa.Column("fitted", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("model", name="pk_tastes"),
    )
