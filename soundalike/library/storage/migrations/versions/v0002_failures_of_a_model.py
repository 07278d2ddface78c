"""Tell the failures of a model, beside which older analyses stand, from those of a file."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # Only SQLite cannot add a key in place; a table made anew has its columns in any order.
    is_sqlite = op.get_context().dialect.name == "sqlite"
    recreate, after = ("always", "folder") if is_sqlite else ("never", None)
    with op.batch_alter_table("failures", recreate=recreate) as table:
        table.add_column(sa.Column("model_id", sa.Integer), insert_after=after)
        table.create_foreign_key(
            "fk_failures_model_id_models", "models", ["model_id"], ["id"], ondelete="CASCADE"
        )
