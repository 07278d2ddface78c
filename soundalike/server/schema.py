"""Schemas of the records that are returned, made of the records themselves.

What is returned is what the command line prints with ``--json``: the fields of the records by
name. Their types become the schema, their docstrings its descriptions, so that neither can differ
from the code.
"""

from __future__ import annotations

import builtins
import dataclasses
import re
import sys
import types
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import PurePath
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, create_model

__all__ = ["documented", "schema_of", "stands_for"]

_OTHERS: dict[type, type[BaseModel]] = {}
_MADE: set[type] = set()
_ATTRIBUTE = re.compile(r"(?P<names>\w+(?:, \w+)*) : (?P<text>.*)")

Schema = TypeVar("Schema", bound=type[BaseModel])


def stands_for(record: type) -> Any:
    """A schema written out, for a record that makes a document of itself; before :func:`schema_of`
    is asked for one that holds it."""

    def decorate(schema: Schema) -> Schema:
        if record in _MADE:
            raise RuntimeError(f"a schema of {record.__name__} was made before this one was known")
        _OTHERS[record] = schema
        return schema

    return decorate


@cache
def schema_of(record: type) -> type[BaseModel]:
    """The schema of a dataclass, with those of the records in it."""
    if record in _OTHERS:
        return _OTHERS[record]
    _MADE.add(record)
    hints = get_type_hints(record, localns=_Lenient(sys.modules[record.__module__]))
    texts = documented(record)
    fields: dict[str, Any] = {}
    for each in dataclasses.fields(record):
        if isinstance(hints[each.name], type) and each.name.startswith("_"):
            continue
        fields[each.name] = (_plain(hints[each.name]), Field(description=texts.get(each.name)))
    summary = (record.__doc__ or "").strip().split("\n\n")[0]
    return create_model(
        record.__name__,
        __config__=ConfigDict(protected_namespaces=()),
        __module__=record.__module__,
        __doc__=" ".join(summary.split()),
        **fields,
    )


def documented(record: type) -> dict[str, str]:
    """What the docstring says of each attribute, by name."""
    found: dict[str, str] = {}
    names: list[str] = []
    docstring = "\n".join(line.strip() for line in (record.__doc__ or "").splitlines())
    _, _, attributes = docstring.partition("Attributes\n----------\n")
    for line in attributes.splitlines():
        match = _ATTRIBUTE.fullmatch(line)
        if match:
            names = match["names"].split(", ")
            found.update(dict.fromkeys(names, match["text"]))
        elif names and line:
            found.update({name: f"{found[name]} {line}" for name in names})
        elif not line:
            names = []
    return found


class _Lenient(dict[str, Any]):
    """Names of a module's annotations; what it imports for the type checker alone is anything."""

    def __init__(self, module: types.ModuleType) -> None:
        super().__init__()
        self._module = module

    def __missing__(self, name: str) -> Any:
        if hasattr(self._module, name) or hasattr(builtins, name):
            raise KeyError(name)
        return Any


def _plain(kind: Any) -> Any:
    """A type as JSON has it."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        parts = [type(None) if each is type(None) else _plain(each) for each in arguments]
        return Union[tuple(parts)]  # noqa: UP007
    if origin is Literal or kind is Any:
        return kind
    if isinstance(origin, type) and issubclass(origin, np.ndarray):
        return list[Any]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return dict[str, _plain(arguments[1])]  # type: ignore[misc]
    if isinstance(origin, type) and issubclass(origin, (Sequence, Collection)):
        inner = [_plain(each) for each in arguments if each is not Ellipsis]
        return list[Union[tuple(inner)]]  # type: ignore[misc]  # noqa: UP007
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return schema_of(kind)
    if isinstance(kind, type) and issubclass(kind, PurePath):
        return str
    if kind in (str, int, float, bool, datetime, dict, list):
        return kind
    return Any
