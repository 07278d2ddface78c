"""What tracks are aligned by."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("excerpts", sa.Column("fingerprint", sa.LargeBinary))
