"""What a playlist is to be like, as options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from soundalike.cli.limits import only_playlist_options, playlist_limit_options, weight_options

__all__ = ["wish_options"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def wish_options(*, with_seeds: bool = False) -> Callable[[Decorated], Decorated]:
    """The options of :class:`.Wishes`, as ``wishes``.

    Parameters
    ----------
    with_seeds : whether the seeds may come first, by ``--with-seeds``.
    """

    def decorate(command: Decorated) -> Decorated:
        @functools.wraps(command)
        def wrapped(*args: Any, seed: int, **given: Any) -> Any:
            from soundalike.recommend.wishes import Wishes

            wished = {name: given.pop(name) for name in _WISHED if name in given}
            return command(*args, wishes=Wishes(random_seed=seed, **wished), **given)

        found: Any = wrapped
        for option in reversed(
            (
                *_LENGTH,
                playlist_limit_options,
                only_playlist_options,
                weight_options,
                *_SURPRISE,
                *((_WITH_SEEDS,) if with_seeds else ()),
            )
        ):
            found = option(found)
        return found  # type: ignore[no-any-return]

    return decorate


_WISHED = (
    "tracks",
    "minutes",
    "limits",
    "only_playlists",
    "not_playlists",
    "weights",
    "surprise",
    "order",
    "with_seeds",
)

_LENGTH = (
    click.option("--tracks", type=int, metavar="N", help="How many tracks. Default: 25."),
    click.option(
        "--minutes",
        type=float,
        metavar="N",
        help="As near to this length as can be. With --tracks, whichever comes first.",
    ),
)
_SURPRISE = (
    click.option(
        "--surprise",
        type=float,
        default=0.0,
        metavar="0..1",
        help="Draw among more than the nearest: with 1, among ten times as many.",
    ),
    click.option(
        "--seed",
        type=int,
        default=0,
        show_default=True,
        metavar="N",
        help="Number of the draw of --surprise: the same one gives the same list.",
    ),
    click.option(
        "--order",
        type=click.Choice(["smooth", "similar"]),
        default="smooth",
        show_default=True,
        help="Each close to the next, or the nearest to TRACK first.",
    ),
)
_WITH_SEEDS = click.option(
    "--with-seeds", is_flag=True, help="Put the TRACKs themselves first; they count for the length."
)
