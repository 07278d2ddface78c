"""The database as a scan uses it: its models, its transactions, and the end of an upgrade."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from soundalike.library.info_records import Upgrade
from soundalike.library.scan.store import Store
from soundalike.library.storage.database import Database
from soundalike.library.upgrade import drop_older, query_space, stored_line, upgrade_state
from soundalike.models import ModelInfo, ModelKey
from soundalike.models.lineage import Lineage

__all__ = ["Transactions"]


class Transactions:
    """Transactions of one scan.

    Parameters
    ----------
    model : analyses; it gets a row if it has none.
    lineage : the line that the model ends, or None where somebody chose the model.
    takes_fast : whether a track of which only some passages were heard is done.

    Attributes
    ----------
    is_shared : whether other machines may scan into the same library.
    models : with what new files are analysed.
    model_ids : rows of these models by ``name@version``.
    """

    def __init__(
        self,
        database: Database,
        model: ModelInfo,
        lineage: Lineage | None,
        *,
        takes_fast: bool = False,
    ) -> None:
        self._database = database
        self.is_shared = database.is_shared
        self._takes_fast = takes_fast
        self._lineage = lineage
        with database.read() as connection:
            found = Store.model_row(connection, model)
        if found is None:
            with database.write() as connection:
                # Another scan may have done so by now.
                found = Store.model_row(connection, model)
                if found is None:
                    found = Store.add_model(connection, model)
        self._model_id = found
        self._older_ids: tuple[int, ...] = ()
        self.models: tuple[ModelKey, ...] = (model.key,)
        self.model_ids = {model.id: found}
        if lineage is None:
            return
        with database.read() as connection:
            line = stored_line(connection, lineage)
            answers = query_space(connection, lineage).id
        older = {each.id: each.model_id for each in line if each.id != model.id}
        self._older_ids = tuple(older.values())
        self.model_ids |= older
        # What is new is to be found at once, not only after the upgrade.
        self.models += tuple(each.key for each in lineage.installed if each.id == answers)

    @contextmanager
    def reading(self) -> Iterator[Store]:
        with self._database.read() as connection:
            yield self._store(connection)

    @contextmanager
    def writing(self) -> Iterator[Store]:
        with self._database.write() as connection:
            store = self._store(connection)
            yield store
            store.log_changes()

    def check_in_place(self) -> None:
        """Notice where all further work would be lost.

        Raises
        ------
        LibraryError : the database is no longer the file at its path.
        """
        self._database.check_in_place()

    def _store(self, connection: Connection) -> Store:
        return Store(
            connection,
            self._model_id,
            time.time(),
            self._older_ids,
            takes_fast=self._takes_fast,
        )

    def upgrade(self) -> Upgrade | None:
        """How far an upgrade is; None when there is none."""
        if self._lineage is None:
            return None
        with self._database.read() as connection:
            return upgrade_state(connection, self._lineage)

    def finish_upgrade(self) -> str | None:
        """Drop what older models left, if nothing needs it any more; what to tell of that."""
        state = self.upgrade()
        if state is None or self._lineage is None:
            return None
        if state.remaining:
            are = "1 track is" if state.remaining == 1 else f"{state.remaining:,} tracks are"
            return (
                f"{are} still to be re-analysed for {state.model}; until "
                f"then the answers come from {state.query_model}."
            )
        with self._database.write() as connection:
            drop_older(connection, self._lineage)
        return f"All tracks are analysed with {state.model}, which answers from now on."
