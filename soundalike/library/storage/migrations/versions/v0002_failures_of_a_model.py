"""Tell the failures of a model, beside which older analyses stand, from those of a file."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # Only SQLite cannot add a key in place; a table made anew has its columns in any order.
    is_sqlite = op.get_context().dialect.name == "sqlite"
    with op.batch_alter_table("failures", recreate="always" if is_sqlite else "never") as table:
        model_id = sa.Column("model_id", sa.Integer)
        table.add_column(model_id, insert_after="folder" if is_sqlite else None)
        table.create_foreign_key(
            "fk_failures_model_id_models", "models", ["model_id"], ["id"], ondelete="CASCADE"
        )
