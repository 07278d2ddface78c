"""Run by Alembic for every command; the connection comes from ``library.storage.database``."""

from alembic import context

from soundalike.library.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot change a column in place: Alembic then makes a new table and copies.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
