"""What a scan writes of files and folders that fail."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from soundalike.library.changes import log_changes
from soundalike.library.overview import to_failure
from soundalike.library.scan import statements
from soundalike.library.scan_records import Failure
from soundalike.library.storage.schema import analyses, failures, models, tracks

__all__ = ["DAMAGED_ANALYSIS", "FailureStore"]

# UnreadableFile (a disk, a permission, a file being written) may pass by itself, and what killed
# a decoder may have been a lack of memory. What is wrong inside a file stays wrong. A damaged
# analysis is no fault of the file: any scan makes it anew.
DAMAGED_ANALYSIS = "DamagedAnalysis"
_FIRST_RETRY_S = {DAMAGED_ANALYSIS: 0.0, "UnreadableFile": 60.0, "DecoderCrashed": 86_400.0}
_LAST_RETRY_S = 7 * 86_400.0


class FailureStore:
    """The failures, within one transaction.

    Parameters
    ----------
    connection : in a transaction.
    model_id : row of the model that the scan analyses with.
    now : seconds since 1970.
    older_ids : rows of the models that it takes the place of.
    """

    def __init__(
        self, connection: Connection, model_id: int, now: float, older_ids: tuple[int, ...] = ()
    ) -> None:
        self._connection = connection
        self._model_id = model_id
        self._now = now
        self._older_ids = older_ids
        # Tracks whose status or analysis may no longer be what an index knows of them.
        self._changed: set[int] = set()

    def put_failure(
        self,
        subject: int | str,
        *,
        kind: str,
        reason: str,
        advice: str,
        in_analysis: bool = False,
    ) -> Failure:
        """Store why a track (by id) or a folder (by path) failed.

        Where another model has analysed what this one fails at, the failure is this model's alone.
        """
        if isinstance(subject, int):
            self._changed.add(subject)
            where = failures.c.track_id == subject
            key: dict[str, Any] = {"track_id": subject}
        else:
            where = failures.c.folder == os.fsencode(subject)
            key = {"folder": os.fsencode(subject)}
        others = (
            select(models.c.id)
            .join(analyses, analyses.c.model_id == models.c.id)
            .join(tracks, tracks.c.content_id == analyses.c.content_id)
            .where(tracks.c.id == (subject if in_analysis else None))
        )
        key["model_id"] = self._model_id if self._connection.scalar(others) else None
        before = self._connection.scalar(select(failures.c.attempts).where(where)) or 0
        self._connection.execute(delete(failures).where(where))
        retry_at = None
        if kind in _FIRST_RETRY_S:
            # Doubled a bounded number of times: 2.0 ** 2000 is an error.
            pause_s = _FIRST_RETRY_S[kind] * 2.0 ** min(before, 30)
            retry_at = self._now + min(pause_s, _LAST_RETRY_S)
        values = {
            **key,
            "kind": kind,
            "reason": reason,
            "advice": advice,
            "attempts": before + 1,
            "failed_at": self._now,
            "retry_at": retry_at,
        }
        self._connection.execute(insert(failures), values)
        path = func.coalesce(failures.c.folder, tracks.c.path).label("path")
        row = self._connection.execute(select(failures, path).outerjoin(tracks).where(where)).one()
        return to_failure(row)

    def drop_failure(self, track_id: int) -> None:
        found = self._connection.execute(statements.DROP_FAILURE, {"for_track": track_id})
        if found.rowcount:
            self._changed.add(track_id)

    def failing_folders(self) -> list[str]:
        """The folders that could not be read."""
        statement = select(failures.c.folder).where(failures.c.folder.is_not(None))
        return [os.fsdecode(folder) for folder in self._connection.scalars(statement)]

    def drop_folder_failures(self, folders: Iterable[str]) -> None:
        for folder in folders:
            self._connection.execute(
                delete(failures).where(failures.c.folder == os.fsencode(folder))
            )

    def log_changes(self) -> None:
        """Tell whoever keeps an index which tracks to look at again; the end of a transaction."""
        log_changes(self._connection, self._changed)
        self._changed.clear()
