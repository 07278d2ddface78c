"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "models",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("embedding_dim", sa.Integer, nullable=False),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_models"),
        sa.UniqueConstraint("name", "version", name="uq_models_name_version"),
    )
    op.create_table(
        "contents",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("duration_s", sa.Double),
        sa.Column("sample_rate", sa.Integer),
        sa.Column("channels", sa.Integer),
        sa.Column("codec", sa.Text),
        sa.Column("title", sa.Text),
        sa.Column("artist", sa.Text),
        sa.Column("album", sa.Text),
        sa.Column("album_artist", sa.Text),
        sa.Column("genre", sa.Text),
        sa.Column("year", sa.Integer),
        sa.Column("track_number", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="pk_contents"),
        sa.UniqueConstraint("digest", name="uq_contents_digest"),
    )
    op.create_table(
        "tracks",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("path", sa.LargeBinary, nullable=False),
        sa.Column("path_text", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger),
        sa.Column("mtime_ns", sa.BigInteger),
        sa.Column("content_id", sa.Integer),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("added_at", sa.Double, nullable=False),
        sa.Column("missing_at", sa.Double),
        sa.PrimaryKeyConstraint("id", name="pk_tracks"),
        sa.UniqueConstraint("path", name="uq_tracks_path"),
        sa.ForeignKeyConstraint(
            ["content_id"], ["contents.id"], name="fk_tracks_content_id_contents"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tracks_content_id", "tracks", ["content_id"])
    op.create_table(
        "analyses",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("content_id", sa.Integer, nullable=False),
        sa.Column("model_id", sa.Integer, nullable=False),
        sa.Column("duration_s", sa.Double, nullable=False),
        sa.Column("embedding", sa.LargeBinary, nullable=False),
        sa.Column("probabilities", sa.LargeBinary, nullable=False),
        sa.Column("genre_set", sa.JSON, nullable=False),
        sa.Column("notes", sa.JSON, nullable=False),
        sa.Column("analysed_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_analyses"),
        sa.UniqueConstraint("content_id", "model_id", name="uq_analyses_content_id_model_id"),
        sa.ForeignKeyConstraint(
            ["content_id"],
            ["contents.id"],
            name="fk_analyses_content_id_contents",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["model_id"], ["models.id"], name="fk_analyses_model_id_models", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_analyses_model_id", "analyses", ["model_id"])
    op.create_table(
        "excerpts",
        sa.Column("analysis_id", sa.Integer, nullable=False),
        sa.Column("starts_s", sa.LargeBinary, nullable=False),
        sa.Column("embeddings", sa.LargeBinary, nullable=False),
        sa.Column("scales", sa.LargeBinary, nullable=False),
        sa.Column("probabilities", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("analysis_id", name="pk_excerpts"),
        sa.ForeignKeyConstraint(
            ["analysis_id"],
            ["analyses.id"],
            name="fk_excerpts_analysis_id_analyses",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "failures",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("track_id", sa.Integer),
        sa.Column("folder", sa.LargeBinary),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("advice", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("failed_at", sa.Double, nullable=False),
        sa.Column("retry_at", sa.Double),
        sa.PrimaryKeyConstraint("id", name="pk_failures"),
        sa.UniqueConstraint("track_id", name="uq_failures_track_id"),
        sa.UniqueConstraint("folder", name="uq_failures_folder"),
        sa.CheckConstraint(
            "(track_id IS NULL) <> (folder IS NULL)", name=op.f("ck_failures_one_subject")
        ),
        sa.ForeignKeyConstraint(
            ["track_id"], ["tracks.id"], name="fk_failures_track_id_tracks", ondelete="CASCADE"
        ),
    )
    state = op.create_table(
        "state",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_state"),
    )
    op.bulk_insert(state, [{"id": 1, "generation": 0}])
