"""``--to``: a playlist onto a music server, for the commands that make one with an end."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

if TYPE_CHECKING:
    from soundalike.library import Library, Limits
    from soundalike.playlists import Playlist

__all__ = ["ServerTarget", "server_target_options"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

# What a target begins with -> "module:class", called with the name behind it, whether another's
# playlist of this name may be replaced, and the library that was named.
TARGETS: dict[str, str] = {
    "listenbrainz": "soundalike.cli.listenbrainz_target:ListenBrainzTarget",
    "mpd": "soundalike.cli.mpd_target:MpdTarget",
    "subsonic": "soundalike.cli.subsonic_target:SubsonicTarget",
}


class Target(Protocol):
    """A playlist on some server."""

    def within(self, library: Library, limits: Limits) -> Limits:
        """Limits that leave what the server has."""

    def put(self, playlist: Playlist) -> None:
        """Put a playlist there, and say so."""


def server_target_options(command: Decorated) -> Decorated:
    """``--to`` and ``--replace``; see :class:`ServerTarget`."""
    for decorate in (
        click.option(
            "--replace",
            is_flag=True,
            help="With --to: also in the place of a playlist that soundalike did not make.",
        ),
        click.option(
            "--to",
            metavar="|".join(f"{kind}:NAME" for kind in TARGETS),
            help="Store it there as the playlist NAME, in the place of the one that soundalike "
            "made before.",
        ),
    ):
        command = decorate(command)
    return command


class ServerTarget:
    """Where on a server a playlist goes, asked before the work is done.

    Parameters
    ----------
    to, replace, library : as they were given.

    Raises
    ------
    click.UsageError : options that make no sense.
    SoundalikeError : the server is none, cannot be reached, or does not let anybody in.
    """

    def __init__(self, to: str | None, replace: bool, library: str | None) -> None:
        self._target: Target | None = None
        if to is None:
            if replace:
                raise click.UsageError("--replace needs --to")
            return
        kind, _, name = to.partition(":")
        if kind not in TARGETS or not name.strip():
            known = " or ".join(f"{each}:NAME" for each in TARGETS)
            raise click.UsageError(f"--to {to}: write {known}, such as subsonic:Evening")
        module, attribute = TARGETS[kind].split(":")
        self._target = getattr(importlib.import_module(module), attribute)(name, replace, library)

    def within(self, library: Library, limits: Limits) -> Limits:
        """Limits that leave what the server has; the same ones without a server."""
        return limits if self._target is None else self._target.within(library, limits)

    def put(self, playlist: Playlist) -> None:
        """Put a playlist there, if that is wanted, and say so.

        Raises
        ------
        SoundalikeError : the server refuses, or is gone: what was there is as it was.
        """
        if self._target is not None:
            self._target.put(playlist)
