"""Which MPD is meant, for every command that talks to one."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from soundalike.cli.output import note
from soundalike.cli.progress import decoding
from soundalike.show.amounts import show_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundalike.integrations.mpd.connection import Mpd
    from soundalike.integrations.mpd.linked import Linked
    from soundalike.integrations.mpd.queue import Gone
    from soundalike.library import Library

__all__ = ["AskedMpd", "link_words", "mpd_options", "note_gone"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_TOLD = 10


@dataclass(frozen=True)
class AskedMpd:
    """The MPD that the options name, and what else they say of it; None where they do not."""

    host: str | None = None
    port: int | None = None
    music_directory: str | None = None

    def connect(self, needs: Collection[str]) -> Mpd:
        """A connection that allows some commands; raises as ``Mpd`` does."""
        from soundalike.integrations.mpd.address import find_address
        from soundalike.integrations.mpd.connection import Mpd

        return Mpd(find_address(self.host, self.port), needs=needs, ask=_ask())

    def linked(self, library: Library, mpd: Mpd) -> Linked:
        """The tracks that it can play; raises as ``linked.linked``."""
        from soundalike.integrations.mpd.linked import linked

        with decoding(link_words(0)) as progress:
            return linked(
                library,
                mpd,
                music_directory=self.music_directory,
                progress=lambda n: progress.at(link_words(n)),
            )


def mpd_options(command: Decorated) -> Decorated:
    """``--host``, ``--port`` and ``--music-directory``, as ``asked``."""

    @functools.wraps(command)
    def wrapped(
        *args: Any,
        host: str | None,
        port: int | None,
        music_directory: str | None,
        **extra: Any,
    ) -> Any:
        return command(*args, asked=AskedMpd(host, port, music_directory), **extra)

    for decorate in (
        click.option(
            "--music-directory",
            type=click.Path(file_okay=False),
            metavar="DIR",
            help="Where MPD's music folder is here; it is kept. Default: what MPD says on a local "
            "socket, what was kept, or what the ends of the paths tell.",
        ),
        click.option("--port", type=int, metavar="N", help="Its port. Default: MPD_PORT, or 6600."),
        click.option(
            "--host",
            metavar="HOST",
            help="Where MPD is: a name, or the path of its socket. Default: MPD_HOST, the usual "
            "sockets, or localhost.",
        ),
    ):
        wrapped = decorate(wrapped)
    return wrapped  # type: ignore[return-value]


def link_words(n: int) -> str:
    """What is being done while MPD tells its songs, of which it has told some."""
    return "asking MPD for its songs" + (f": {n:,}" if n else "")


def note_gone(gone: Sequence[Gone], what: str) -> None:
    """Say which songs could not be put somewhere."""
    if gone:
        note(f"{show_count(len(gone), 'song')} left out of {what}:")
    for uri, reason in gone[:_TOLD]:
        note(f"  {uri}: {reason}")
    if len(gone) > _TOLD:
        note(f"  and {len(gone) - _TOLD:,} more")


def _ask() -> Callable[[str], str] | None:
    """Asks for a password at the terminal; None where nobody sits there."""
    if sys.stdin is None or not sys.stdin.isatty():
        return None
    return lambda what: str(click.prompt(what, hide_input=True, err=True))
