"""What servers say in JSON, read leniently: what is of another kind than expected is not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["objects_in", "text_of"]


def objects_in(found: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; none of anything else."""
    return [each for each in (found if isinstance(found, list) else ()) if isinstance(each, dict)]


def text_of(value: Any) -> str | None:
    """Text that any database takes; some servers write ids as numbers."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return str(value).replace("\0", "").encode("utf-8", "replace").decode("utf-8").strip() or None
