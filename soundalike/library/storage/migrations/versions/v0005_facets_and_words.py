"""What embeddings are made of, and the words, tempo and key of tracks."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("models", sa.Column("facets", sa.JSON))
    op.add_column("models", sa.Column("words", sa.JSON))
    op.add_column("analyses", sa.Column("tempo_bpm", sa.Double))
    op.add_column("analyses", sa.Column("tempo_confidence", sa.Double))
    op.add_column("analyses", sa.Column("tempo_alternatives", sa.JSON))
    op.add_column("analyses", sa.Column("key", sa.Text))
    op.add_column("analyses", sa.Column("key_confidence", sa.Double))
    op.add_column("analyses", sa.Column("words", sa.LargeBinary))
