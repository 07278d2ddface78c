"""Seeds on the command line: one or several tracks, and what the answer is to be unlike."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from soundalike.cli.completion import SEPARATOR, complete_track
from soundalike.library.words import track_number_in
from soundalike.times import split_span
from soundalike.urls import url_of

__all__ = ["optional_seed_options", "seed_options", "seed_words", "to_seeds"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_NAMED = 4


def to_seeds(words: Sequence[str]) -> list[str]:
    """The seeds that the words of a command line are.

    Words belong together, as those of ``miles davis so what``; a + stands between two seeds. Where
    each is a seed by itself for certain (a file, a folder, an id, several words in quotes), there
    are as many as words.

    >>> to_seeds(["so", "what", "+", "17"])
    ['so what', '17']
    >>> to_seeds(["17", "18", "miles davis so what"])
    ['17', '18', 'miles davis so what']

    Raises
    ------
    click.UsageError : nothing before, behind or between +.
    """
    if SEPARATOR in words:
        groups: list[list[str]] = [[]]
        for word in words:
            if word == SEPARATOR:
                groups.append([])
            else:
                groups[-1].append(word)
        if not all(groups):
            raise click.UsageError("there must be a TRACK before and behind each +")
        return [" ".join(group) for group in groups]
    if all(map(_is_seed, words)):
        return list(words)
    return [" ".join(words)]


def seed_words(seeds: Sequence[str]) -> str:
    """Some seeds in a line: the first of them, and how many more.

    >>> seed_words(["1", "2", "3", "4", "5", "6"])
    '1 + 2 + 3 + 4 + 2 more'
    """
    more = [f"{len(seeds) - _NAMED:,} more"] if len(seeds) > _NAMED else []
    return " + ".join([*seeds[:_NAMED], *more])


def seed_options(command: Decorated) -> Decorated:
    """TRACK..., as ``seeds`` (a list of texts), and ``--without``, as ``without``."""
    return _seed_options(command, required=True)


def optional_seed_options(command: Decorated) -> Decorated:
    """The same for a command that can do without a TRACK; ``seeds`` may be empty."""
    return _seed_options(command, required=False)


def _seed_options(command: Decorated, *, required: bool) -> Decorated:
    @functools.wraps(command)
    def wrapped(*args: Any, seeds: tuple[str, ...], **extra: Any) -> Any:
        return command(*args, seeds=to_seeds(seeds) if seeds else [], **extra)

    for decorate in (
        click.option(
            "--without",
            multiple=True,
            metavar="TRACK",
            shell_complete=complete_track,
            help="What the tracks are to be unlike; may be given several times.",
        ),
        click.argument(
            "seeds",
            nargs=-1,
            required=required,
            metavar="TRACK..." if required else "[TRACK...]",
            shell_complete=complete_track,
        ),
    ):
        wrapped = decorate(wrapped)
    return wrapped  # type: ignore[return-value]


def _is_seed(word: str) -> bool:
    """Whether a word of a command line is a seed by itself."""
    apart = split_span(word)
    whole = word if apart is None else apart[0]
    return (
        " " in whole.strip()
        or track_number_in(whole) is not None
        or url_of(whole) is not None
        or os.path.isdir(os.path.expanduser(whole))
        or any(os.path.isfile(os.path.expanduser(each)) for each in (word, whole))
    )
