"""Calls of the Subsonic API: their parameters, and which function answers which."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from soundalike.server.service import Service
from soundalike.server.subsonic.envelope import Failure

__all__ = ["HANDLERS", "Call", "Handler", "endpoint"]


@dataclass(frozen=True)
class Call:
    """A request.

    Attributes
    ----------
    service : that answers.
    given : the parameters by name, each with all of its values.
    user : the name that the player gave.
    headers : of the request, by their names in lower case.
    """

    service: Service
    given: Mapping[str, Sequence[str]]
    user: str
    headers: Mapping[str, str]

    def text(self, name: str, default: str | None = None) -> str:
        """Raises Failure where it is missing and has no default."""
        values = self.given.get(name)
        if values:
            return values[0]
        if default is None:
            raise Failure(10, f"the parameter {name} is missing")
        return default

    def texts(self, name: str) -> list[str]:
        """All values; none where it is missing."""
        return list(self.given.get(name, ()))

    def number(self, name: str, default: int, *, least: int = 0, most: int = 500) -> int:
        """A whole number, brought within bounds. Raises Failure for what is none."""
        text = self.text(name, str(default))
        try:
            return min(max(int(text), least), most)
        except ValueError:
            words = f"the parameter {name} is {text!r}: a whole number is wanted"
            raise Failure(10, words) from None

    def track_id(self, name: str = "id") -> int:
        """The id of a track."""
        return as_track_id(self.text(name))

    def track_ids(self, name: str) -> list[int]:
        """The ids of several tracks."""
        return [as_track_id(each) for each in self.texts(name)]


Handler = Callable[[Call], Mapping[str, Any] | Response]
HANDLERS: dict[str, Handler] = {}


def endpoint(*names: str) -> Callable[[Handler], Handler]:
    """Have a function answer the endpoints of these names."""

    def decorate(function: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(names, function))
        return function

    return decorate


def as_track_id(text: str) -> int:
    """The id of a track. Raises Failure for the id of anything else."""
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Failure(70, f"there is no track {text!r}")
    return int(text)
