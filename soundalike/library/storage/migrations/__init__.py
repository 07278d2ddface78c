"""Alembic's environment: how the database gets from one schema to the next.

``versions/`` has one module for each schema version, numbered. To make the next one, change
``schema.py``, add ``versions/v0003_what.py`` with ``down_revision = "0002"``, and raise
``SCHEMA_VERSION``; a test compares what the migrations make with what ``schema.py`` declares.
"""
