"""Between two models of a line: what is re-analysed, what remains, and which of them answers.

Nothing is remembered of an upgrade but the analyses themselves, so a scan that is killed in its
midst leaves nothing to be repaired: whoever opens the library sees from them how far it is.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, and_, case, delete, exists, func, or_, select
from sqlalchemy.sql import ColumnElement

from soundalike.facets import Facets
from soundalike.files import file_is_gone
from soundalike.library.changes import NO_TRACK, log_changes
from soundalike.library.server_places import is_on_server
from soundalike.library.storage.schema import analyses, failures, models, tracks

if TYPE_CHECKING:
    from soundalike.library.info_records import Upgrade
    from soundalike.models.lineage import EmbeddingSpace, Lineage

__all__ = [
    "StoredModel",
    "drop_older",
    "files_there",
    "has_analysis",
    "query_space",
    "stored_line",
    "to_reanalyse",
    "upgrade_state",
]

# A failure that may pass by itself keeps the older analyses alive; after so many attempts in a
# row it no longer does, or one bad file would keep all of them for ever.
_MOST_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model that has analyses in the library, installed or not."""

    model_id: int
    name: str
    version: str
    embedding_dim: int
    layout: Facets

    @property
    def id(self) -> str:
        return f"{self.name}@{self.version}"


def files_there(paths: Sequence[bytes]) -> tuple[list[str], list[str]]:
    """Of the files that remain, those that are there now, and what to tell of the others."""
    decoded = [os.fsdecode(path) for path in paths]
    named = [path for path in decoded if not is_on_server(path)]
    there = [path for path in named if not file_is_gone(path)]
    away, elsewhere = len(named) - len(there), len(decoded) - len(named)
    fetched = (
        f"{elsewhere:,} of the tracks are on music servers alone: soundalike subsonic scan NAME "
        f"analyses them again"
    )
    note = (
        f"{away:,} of the files are missing. Is their disk mounted? If they are gone for "
        f"good, scan their folders; the upgrade then continues without them."
    )
    return there, [note] * bool(away) + [fetched] * bool(elsewhere)


def stored_line(connection: Connection, lineage: Lineage) -> list[StoredModel]:
    """The models of a line that the library has analyses by, the oldest first."""
    statement = select(models).where(exists().where(analyses.c.model_id == models.c.id))
    found = {}
    for row in connection.execute(statement):
        age = lineage.age(row.name, row.version)
        if age is not None:
            layout = Facets.from_json(row.facets) if row.facets else Facets.one(row.embedding_dim)
            found[age] = StoredModel(row.id, row.name, row.version, row.embedding_dim, layout)
    return [found[age] for age in sorted(found)]


def query_space(connection: Connection, lineage: Lineage) -> EmbeddingSpace:
    """The one model that answers now: the newest as soon as it has all tracks.

    Before that it is the predecessor that has the most of them.
    """
    older, current = _split(connection, lineage)
    if not older or (current and not _count_where(connection, _is_open(older, current))):
        return lineage.current
    # Of equals the newest.
    return max(reversed(older), key=lambda model: _count_where(connection, _analysed([model])))


def upgrade_state(connection: Connection, lineage: Lineage) -> Upgrade | None:
    """How far an upgrade is; None when no analyses of a predecessor are left."""
    older, current = _split(connection, lineage)
    if not older:
        return None
    from soundalike.library.info_records import Upgrade

    return Upgrade(
        model=lineage.current.id,
        former=tuple(model.id for model in older),
        query_model=query_space(connection, lineage).id,
        done=_count_where(connection, and_(_analysed(older), _analysed(current))),
        remaining=_count_where(connection, _is_open(older, current)),
    )


def to_reanalyse(connection: Connection, lineage: Lineage) -> list[bytes]:
    """The paths of the tracks that only predecessors have analysed, in order."""
    older, current = _split(connection, lineage)
    statement = _select_present(tracks.c.path, _is_open(older, current)).order_by(tracks.c.path)
    return list(connection.scalars(statement))


def drop_older(connection: Connection, lineage: Lineage) -> bool:
    """Drop the predecessors' analyses if no track needs them any more; whether they are gone."""
    older, current = _split(connection, lineage)
    if not older or _count_where(connection, _is_open(older, current)):
        return False
    ids = [model.model_id for model in older]
    connection.execute(delete(analyses).where(analyses.c.model_id.in_(ids)))
    # No track's status changes, but another model answers from now on.
    log_changes(connection, (NO_TRACK,))
    return True


def has_analysis(content_id: ColumnElement[int], model_ids: Sequence[int]) -> ColumnElement[bool]:
    """Whether one of the models has analysed a content."""
    some = analyses.alias()
    return exists().where(some.c.content_id == content_id, some.c.model_id.in_(list(model_ids)))


def _split(connection: Connection, lineage: Lineage) -> tuple[list[StoredModel], list[StoredModel]]:
    """The predecessors, and the current model if it has analysed anything."""
    line = stored_line(connection, lineage)
    older = [model for model in line if model.id != lineage.current.id]
    return older, [model for model in line if model.id == lineage.current.id]


def _is_open(older: Sequence[StoredModel], current: Sequence[StoredModel]) -> ColumnElement[bool]:
    """Whether a track still needs its older analysis."""
    # Not so where the current model failed for good.
    may_succeed = case(
        (failures.c.id.is_(None), True),
        else_=and_(failures.c.retry_at.is_not(None), failures.c.attempts < _MOST_ATTEMPTS),
    )
    return and_(_analysed(older), ~_analysed(current), may_succeed)


def _analysed(some: Sequence[StoredModel]) -> ColumnElement[bool]:
    return has_analysis(tracks.c.content_id, [model.model_id for model in some])


def _count_where(connection: Connection, where: ColumnElement[bool]) -> int:
    return connection.scalar(_select_present(func.count(), where)) or 0


def _select_present(column: ColumnElement[Any], where: ColumnElement[bool]) -> Select[Any]:
    """A column of the tracks that are there and can be read."""
    readable = or_(failures.c.id.is_(None), failures.c.model_id.is_not(None))
    return (
        select(column)
        .select_from(tracks)
        .outerjoin(failures, failures.c.track_id == tracks.c.id)
        .where(tracks.c.missing_at.is_(None), readable, where)
    )
