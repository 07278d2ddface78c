"""``soundalike like``, ``dislike``, ``alike``, ``unlike`` and ``oddone``: what a listener says."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from soundalike.cli.completion import complete_track
from soundalike.cli.output import echo, print_json
from soundalike.cli.params import ExampleCommand, json_option, library_option, model_option
from soundalike.cli.seeds import to_seeds

if TYPE_CHECKING:
    from soundalike.library import Judgement

__all__ = ["alike", "dislike", "judgement_words", "like", "oddone", "unlike"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def judgement_words(judgement: Judgement) -> str:
    """``like: So What``, ``oddone: Joga, beside So What and Blue in Green``."""
    names = [each.name for each in judgement.pieces]
    if judgement.kind == "oddone":
        return f"oddone: {names[2]}, beside {names[0]} and {names[1]}"
    return f"{judgement.kind}: {' + '.join(names)}"


def _judging(command: Decorated) -> Decorated:
    """TRACK..., as ``tracks`` (a list of texts), and the options of all these commands."""

    @functools.wraps(command)
    def wrapped(*args: Any, tracks: tuple[str, ...], **extra: Any) -> Any:
        return command(*args, tracks=to_seeds(tracks), **extra)

    for decorate in (
        json_option,
        library_option,
        model_option,
        click.argument(
            "tracks", nargs=-1, required=True, metavar="TRACK...", shell_complete=complete_track
        ),
    ):
        wrapped = decorate(wrapped)
    return wrapped  # type: ignore[return-value]


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike like miles davis so what", "a track, by words of its artist and title"),
        ("soundalike like 17 18", "two tracks, by their ids"),
        ("soundalike like ~/Music/Debut/", "all tracks of a folder"),
    ),
)
@_judging
def like(tracks: list[str], model: str | None, library: str | None, as_json: bool) -> None:
    """Say that you like tracks.

    What you like gains something wherever tracks are ranked, as soon as that predicts your likes
    better than chance does: see `soundalike taste`. The last word about a track counts.
    """
    from soundalike.library import Library

    with Library(library, model=model, create=False) as opened:
        _print(opened.like(*tracks), as_json)


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike dislike 17", "a track, by its id"),
        ("soundalike dislike blue train + joga", "two, by words of their titles"),
    ),
)
@_judging
def dislike(tracks: list[str], model: str | None, library: str | None, as_json: bool) -> None:
    """Say that you dislike tracks.

    As `soundalike like`, the other way round.
    """
    from soundalike.library import Library

    with Library(library, model=model, create=False) as opened:
        _print(opened.dislike(*tracks), as_json)


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike alike 17 18", "two tracks, by their ids"),
        ("soundalike alike so what + blue in green", "by words of their titles"),
    ),
)
@_judging
def alike(tracks: list[str], model: str | None, library: str | None, as_json: bool) -> None:
    """Say that two tracks sound alike to you.

    From such answers soundalike learns how much sound, rhythm and harmony count for you: see
    `soundalike taste`. The last word about two tracks counts.
    """
    from soundalike.library import Library

    a, b = _several(tracks, 2)
    with Library(library, model=model, create=False) as opened:
        _print([opened.alike(a, b)], as_json)


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike unlike 17 18", "two tracks, by their ids"),
        ("soundalike unlike so what + joga", "by words of their titles"),
    ),
)
@_judging
def unlike(tracks: list[str], model: str | None, library: str | None, as_json: bool) -> None:
    """Say that two tracks do not sound alike to you.

    As `soundalike alike`, the other way round.
    """
    from soundalike.library import Library

    a, b = _several(tracks, 2)
    with Library(library, model=model, create=False) as opened:
        _print([opened.unlike(a, b)], as_json)


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike oddone 17 18 42", "17 and 18 are more alike: 42 is the odd one"),
        ("soundalike oddone so what + joga + blue in green --odd 2", "joga is the odd one"),
    ),
)
@click.option(
    "--odd",
    type=click.IntRange(1, 3),
    default=3,
    show_default=True,
    help="Which of the three is the odd one.",
)
@_judging
def oddone(
    tracks: list[str], odd: int, model: str | None, library: str | None, as_json: bool
) -> None:
    """Say which of three tracks is the odd one: the last.

    The other two sound more alike to you than either of them and the odd one. Such answers say
    most about what counts for you: they need no line between alike and unlike.
    """
    from soundalike.library import Library

    three = _several(tracks, 3)
    last = three.pop(odd - 1)
    a, b = three
    with Library(library, model=model, create=False) as opened:
        _print([opened.odd_one(a, b, last)], as_json)


def _several(tracks: Sequence[str], number: int) -> list[str]:
    """As many tracks as there must be."""
    if len(tracks) != number:
        words = {2: "two", 3: "three"}[number]
        raise click.UsageError(
            f"name {words} tracks, with + between them, such as {' + '.join('ABC'[:number])}; "
            f"there {'is' if len(tracks) == 1 else 'are'} {len(tracks)}: {', '.join(tracks)}"
        )
    return list(tracks)


def _print(made: Sequence[Judgement], as_json: bool) -> None:
    if as_json:
        print_json(list(made))
        return
    for judgement in made:
        echo(judgement_words(judgement))
