"""Run by Alembic for every command; the connection comes from ``library.storage.database``."""

from alembic import context

from soundalike.library.storage import sqlite
from soundalike.library.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot change a column in place: Alembic then makes a new table and copies.
    render_as_batch=True,
    include_name=sqlite.is_own_table,
)
with context.begin_transaction():
    context.run_migrations()
