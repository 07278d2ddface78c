"""Limits on what is recommended, as options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from soundalike.cli.params import to_weights
from soundalike.errors import InvalidArgument
from soundalike.library.limits import NO_LIMITS, Filter, Limits, Years
from soundalike.recommend.defaults import PLAYLIST_LIMITS, lengths
from soundalike.times import parse_length

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "filter_options",
    "gap_limit_options",
    "limit_options",
    "only_playlist_options",
    "passed_words",
    "playlist_limit_options",
    "to_length",
    "weight_options",
]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def to_length(text: str) -> float:
    """The type of an option such as ``--min-length 60s`` or ``1:00``: seconds."""
    try:
        return parse_length(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _to_years(text: str) -> Years:
    try:
        return Years.parse(text)
    except InvalidArgument as error:
        raise click.BadParameter(str(error)) from error


def limit_options(command: Decorated) -> Decorated:
    """The options of :class:`.Limits`, as ``limits``."""
    return _limited(command, _OPTIONS)


def playlist_limit_options(command: Decorated) -> Decorated:
    """The same for playlists and radio, of which the lengths have limits by default."""
    return _limited(command, [*_OPTIONS[:2], _GAP, *_LENGTHS, *_REST], PLAYLIST_LIMITS)


def gap_limit_options(command: Decorated) -> Decorated:
    """The same for paths and radio, which have no limit on how many of an artist or album."""
    return _limited(command, [_GAP, *_LENGTHS, *_REST], PLAYLIST_LIMITS)


def filter_options(command: Decorated) -> Decorated:
    """Those that tell which tracks are meant, where nothing is ranked: lengths, tags, folders."""
    return _limited(command, _OPTIONS[2:-1])


def only_playlist_options(command: Decorated) -> Decorated:
    """``--only-playlist`` and ``--not-playlist``, as ``only_playlists`` and ``not_playlists``."""
    for name, parameter, text in (
        ("--not-playlist", "not_playlists", "No track of this playlist."),
        ("--only-playlist", "only_playlists", "Only tracks of this playlist, or another so named."),
    ):
        command = click.option(
            name,
            parameter,
            multiple=True,
            type=click.Path(dir_okay=False),
            metavar="FILE",
            help=text,
        )(command)
    return command


def weight_options(command: Decorated) -> Decorated:
    """``--weight`` and ``--weights``, as ``weights``: a mapping, or None where none is given."""

    @functools.wraps(command)
    def wrapped(
        *args: Any,
        weight: tuple[dict[str, float], ...],
        weights: dict[str, float] | None,
        **extra: Any,
    ) -> Any:
        found = dict(weights or {})
        for each in weight:
            if again := [name for name in each if name in found]:
                raise click.UsageError(f"the weight of {again[0]} is given twice")
            found.update(each)
        return command(*args, weights=found or None, **extra)

    for decorate in (
        click.option(
            "--weights",
            type=to_weights,
            metavar="FACET=N[,FACET=N]",
            help="Several of these at once.",
        ),
        click.option(
            "--weight",
            type=to_weights,
            multiple=True,
            metavar="FACET=N",
            help="What counts how much, such as rhythm=2; may be given several times. A facet that "
            "is not named keeps its weight. `soundalike info` shows the facets.",
        ),
    ):
        wrapped = decorate(wrapped)
    return wrapped  # type: ignore[return-value]


def passed_words(counts: Mapping[str, int]) -> str:
    """``3 by artist, 12 by length``: what limits took, the most first; without copies and
    versions, which are told beside the track that stands for them."""
    by_rule = sorted(counts.items(), key=lambda each: -each[1])
    return ", ".join(
        # Of a playlist, or of what a server has.
        f"{count:,} not among those that may come" if rule == "track" else f"{count:,} by {rule}"
        for rule, count in by_rule
        if rule not in ("copy", "version")
    )


def _limited(
    command: Decorated, options: list[Callable[[Any], Any]], defaults: Limits = NO_LIMITS
) -> Decorated:
    @functools.wraps(command)
    def wrapped(
        *args: Any,
        min_length: float | None,
        max_length: float | None,
        genre: tuple[str, ...],
        not_genre: tuple[str, ...],
        year: tuple[Years, ...],
        not_year: tuple[Years, ...],
        folder: tuple[str, ...],
        not_folder: tuple[str, ...],
        versions: str = "hide",
        max_per_artist: int | None = None,
        max_per_album: int | None = None,
        artist_gap: int | None = None,
        **extra: Any,
    ) -> Any:
        limits = Limits(
            max_per_artist=max_per_artist,
            max_per_album=max_per_album,
            artist_gap=artist_gap,
            **lengths(min_length, max_length, defaults),
            only=Filter(folder, genre, year),
            never=Filter(not_folder, not_genre, not_year),
            versions=versions == "show",
        )
        return command(*args, limits=limits, **extra)

    for decorate in reversed(options):
        wrapped = decorate(wrapped)
    return wrapped  # type: ignore[return-value]


def _several(
    name: str, metavar: str, text: str, kind: Callable[[str], Any] = str
) -> Callable[[Any], Any]:
    return click.option(name, multiple=True, type=kind, metavar=metavar, help=text)


_GAP = click.option(
    "--artist-gap",
    type=int,
    metavar="N",
    help="None of the last N tracks is by an artist of the next.",
)
_OPTIONS: list[Callable[[Any], Any]] = [
    click.option(
        "--max-per-artist",
        type=int,
        metavar="N",
        help='At most N tracks by one artist; "A feat. B" counts for both.',
    ),
    click.option("--max-per-album", type=int, metavar="N", help="At most N tracks of one album."),
    click.option(
        "--min-length",
        type=to_length,
        metavar="TIME",
        help="Only tracks that last as long, such as 60s or 1:00.",
    ),
    click.option(
        "--max-length",
        type=to_length,
        metavar="TIME",
        help="Only tracks that last no longer, such as 15:00.",
    ),
    _several("--genre", "NAME", "Only tracks with this genre in their tags, or another so named."),
    _several("--not-genre", "NAME", "No track with this genre in its tags."),
    _several(
        "--year",
        "YEARS",
        "Only tracks of these years, such as 1994, 1990-1999 or 1990-.",
        _to_years,
    ),
    _several("--not-year", "YEARS", "No track of these years.", _to_years),
    _several("--folder", "DIR", "Only tracks below this folder, or another so named."),
    _several("--not-folder", "DIR", "No track below this folder."),
    click.option(
        "--versions",
        type=click.Choice(["hide", "show"]),
        default="hide",
        show_default=True,
        help="Whether all copies of one recording may come, and all its versions that `soundalike "
        "versions` has found, or one for all.",
    ),
]
_LENGTHS = [
    click.option(
        "--min-length",
        type=to_length,
        metavar="TIME",
        help="Only tracks that last as long. Default: 1:00; 0 for all.",
    ),
    click.option(
        "--max-length",
        type=to_length,
        metavar="TIME",
        help="Only tracks that last no longer. Default: 15:00, so that no mix of an hour fills the "
        "list; 24h for all.",
    ),
]
_REST = _OPTIONS[4:]
