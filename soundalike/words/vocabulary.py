"""The words of a model, for who wants to see them all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol, TypeVar

__all__ = ["GROUPS", "by_group"]

GROUPS: Final = ("instrument", "voice", "style", "mood", "other")
"""The groups that come first, in this order; a model may have others."""


class _Word(Protocol):
    @property
    def word(self) -> str: ...

    @property
    def group(self) -> str: ...


AnyWord = TypeVar("AnyWord", bound=_Word)


def by_group(words: Iterable[AnyWord]) -> dict[str, tuple[AnyWord, ...]]:
    """Group -> its words, in the order of the alphabet; groups without words are left out."""
    every = sorted(words, key=lambda word: word.word)
    names = dict.fromkeys((*GROUPS, *(word.group for word in every)))
    groups = {name: tuple(word for word in every if word.group == name) for name in names}
    return {name: found for name, found in groups.items() if found}
