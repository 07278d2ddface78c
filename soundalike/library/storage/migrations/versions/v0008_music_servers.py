"""Music servers, and which of their songs are which music of the library."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "servers",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("user", sa.Text),
        sa.Column("software", sa.Text),
        sa.Column("n_songs", sa.Integer, nullable=False),
        sa.Column("linked_at", sa.Double, nullable=False),
        sa.Column("stamp", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_servers"),
        sa.UniqueConstraint("name", name="uq_servers_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "links",
        sa.Column("server_id", sa.Integer, nullable=False),
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("audio_digest", sa.LargeBinary),
        sa.Column("matched_by", sa.Text, nullable=False),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("artist_ids", sa.JSON, nullable=False),
        sa.Column("album_artist_ids", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("server_id", "item_id", name="pk_links"),
        sa.ForeignKeyConstraint(
            ["server_id"], ["servers.id"], name="fk_links_server_id_servers", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "server_artists",
        sa.Column("server_id", sa.Integer, nullable=False),
        sa.Column("artist_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("server_id", "artist_id", name="pk_server_artists"),
        sa.ForeignKeyConstraint(
            ["server_id"],
            ["servers.id"],
            name="fk_server_artists_server_id_servers",
            ondelete="CASCADE",
        ),
    )
