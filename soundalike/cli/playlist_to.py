"""``--to``: a playlist onto a music server, for the commands that make one with an end."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from soundalike.cli.output import note
from soundalike.show.amounts import show_count

if TYPE_CHECKING:
    from soundalike.library import Library
    from soundalike.playlists import Playlist

__all__ = ["ServerTarget", "chosen_target_options", "server_target_options"]

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

    has: str
    """Which tracks may come, such as "those that MPD has"."""

    def playable(self, library: Library) -> frozenset[int]:
        """The ids of these tracks."""

    def put(self, playlist: Playlist) -> None:
        """Put a playlist there, and say so."""


def chosen_target_options(command: Decorated) -> Decorated:
    """``--to``, ``--replace`` and ``--all-tracks``, for what chooses tracks."""
    return server_target_options(
        click.option(
            "--all-tracks",
            is_flag=True,
            help="With --to: choose among all tracks of the library, and leave out what is not "
            "there.",
        )(command)
    )


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
    to, replace, library, all_tracks : as they were given.

    Raises
    ------
    click.UsageError : options that make no sense.
    SoundalikeError : the server is none, cannot be reached, or does not let anybody in.
    """

    def __init__(
        self, to: str | None, replace: bool, library: str | None, *, all_tracks: bool = False
    ) -> None:
        self._target: Target | None = None
        self._all_tracks = all_tracks
        if to is None:
            for option, is_given in (("--replace", replace), ("--all-tracks", all_tracks)):
                if is_given:
                    raise click.UsageError(f"{option} needs --to")
            return
        kind, _, name = to.partition(":")
        if kind not in TARGETS or not name.strip():
            known = " or ".join(f"{each}:NAME" for each in TARGETS)
            raise click.UsageError(f"--to {to}: write {known}, such as subsonic:Evening")
        module, attribute = TARGETS[kind].split(":")
        self._target = getattr(importlib.import_module(module), attribute)(name, replace, library)

    def playable(self, library: Library) -> frozenset[int] | None:
        """The ids of the tracks that may come, which is said; None for all.

        Raises
        ------
        SoundalikeError : there is none, or the server refuses to tell.
        """
        if self._target is None or self._all_tracks:
            return None
        found = self._target.playable(library)
        total = show_count(len(library.index()), "track")
        note(f"{len(found):,} of {total} of the library may come: {self._target.has}")
        return found

    def put(self, playlist: Playlist) -> None:
        """Put a playlist there, if that is wanted, and say so.

        Raises
        ------
        SoundalikeError : the server refuses, or is gone: what was there is as it was.
        """
        if self._target is not None:
            self._target.put(playlist)
