"""Whether a column is one of some numbers, in the way that is quick on each kind of database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ARRAY, Integer, any_, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ColumnElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType

__all__ = ["one_of"]


class _OneOf(FunctionElement[Any]):
    """A column, and the name of a parameter: a list of whole numbers."""

    inherit_cache = True
    # As a truth value SQLite, which has none, would be asked whether it equals 1, for each row of
    # the table.
    type = NullType()


def one_of(column: ColumnElement[int], name: str) -> ColumnElement[bool]:
    """Whether a column is among the numbers of a parameter.

    PostgreSQL takes them as one array. As parameters one by one, hundreds of them take longer to
    be written down than the rows take to be read, and each other number of them is another
    statement to plan.
    """
    return _OneOf(column, bindparam(name, expanding=True, type_=Integer()))


@compiles(_OneOf)
def _in(element: _OneOf, compiler: Any, **options: Any) -> str:
    column, numbers = element.clauses
    text: str = compiler.process(column.in_(numbers), **options)
    return text


@compiles(_OneOf, "postgresql")
def _any(element: _OneOf, compiler: Any, **options: Any) -> str:
    column, numbers = element.clauses
    array = bindparam(numbers.key, type_=ARRAY(Integer()))
    text: str = compiler.process(column == any_(array), **options)
    return text
