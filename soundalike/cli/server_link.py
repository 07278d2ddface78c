"""``soundalike subsonic link``: a music server, and which of its songs are which tracks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from soundalike.cli.output import Column, echo, note, print_json, print_table
from soundalike.cli.params import ExampleCommand, json_option, library_option
from soundalike.cli.progress import decoding
from soundalike.cli.server_access import ask_at_terminal, name_of, server_named
from soundalike.errors import InvalidArgument
from soundalike.show.amounts import show_count

if TYPE_CHECKING:
    from soundalike.library.link_records import LinkReport

__all__ = ["MATCH_WORDS", "link_server", "print_link_report"]

# Songs without a track that are listed; --all and --json have all.
_SHOWN = 20
MATCH_WORDS = {
    "path": "path",
    "tail": "end of the path",
    "musicbrainz": "MusicBrainz id",
    "isrc": "ISRC",
    "names": "artist, title and length",
}


@click.command(
    "link",
    cls=ExampleCommand,
    examples=(
        ("soundalike subsonic link https://music.example.org --user me", "asks for the password"),
        ("soundalike subsonic link http://localhost:4533 --user me --name navidrome", "named so"),
        ("soundalike subsonic link navidrome", "again, such as after a scan"),
        ("soundalike subsonic link navidrome --all", "list every song that has no track"),
    ),
)
@click.argument("url", metavar="URL|NAME")
@click.option("--name", help="What to call it; by default its host.")
@click.option("--user", help="Who asks; by default as the last time.")
@click.option("--all", "list_all", is_flag=True, help="List all songs that have no track.")
@library_option
@json_option
def link_server(
    url: str, name: str | None, user: str | None, list_all: bool, library: str | None, as_json: bool
) -> None:
    """Link a server that speaks Subsonic, such as Navidrome.

    Its songs are told by the end of their path, by the MusicBrainz id of the recording, by the
    ISRC, and by artist, title, album and length. What fits no track, or more than one, is listed
    with the reason. Run it again when either side has changed: only what differs is looked at.

    The password comes from SOUNDALIKE_LINK_PASSWORD, from the file that
    SOUNDALIKE_LINK_PASSWORD_FILE names, from the keyring (`pip install keyring`, then `keyring set
    soundalike USER@URL`), or from a prompt; an API key from SOUNDALIKE_LINK_API_KEY, or the file of
    SOUNDALIKE_LINK_API_KEY_FILE. It is kept nowhere.
    """
    from soundalike.integrations.credentials import find
    from soundalike.integrations.subsonic import Subsonic
    from soundalike.library import Library
    from soundalike.library.linking import check_server_name

    with Library(library, create=False) as opened:
        address, again = server_named(opened, url, name)
        name = name or (again.name if again is not None else name_of(address))
        check_server_name(name)
        if not opened.info().tracks:
            raise InvalidArgument(
                f"{opened.location}: there are no tracks to link to: scan the folder that the "
                f"server plays from first (soundalike scan FOLDER), or have its songs fetched and "
                f"analysed (soundalike subsonic scan URL)"
            )
        known = again.user if again is not None else None
        with Subsonic(address, find(address, user or known, ask_at_terminal())) as server:
            with decoding(f"asking {address} for its songs"):
                songs = list(server.songs())
            with decoding(f"matching {len(songs):,} songs"):
                report = opened.link(name, server.facts(), songs)
    if as_json:
        print_json(report)
    else:
        print_link_report(report, list_all=list_all)


def print_link_report(report: LinkReport, *, list_all: bool) -> None:
    """How many songs were told by what, and which are not linked and why."""
    server = report.server
    software = f" ({server.software})" if server.software else ""
    echo(f"{server.name}: {server.url}{software}")
    echo(f"{server.linked:,} of {show_count(server.songs, 'song')} are linked:")
    print_table(
        [Column("told by"), Column("songs", justify="right")],
        [[MATCH_WORDS[by], f"{count:,}"] for by, count in report.matched_by.items()],
    )
    changes = (
        (report.added, "new"),
        (report.changed, "to other music than before"),
        (report.removed, "no longer linked"),
    )
    words = ", ".join(f"{count:,} {what}" for count, what in changes if count)
    note(f"Links: {words or 'all as before'}.")
    if report.unlinked:
        _print_unlinked(report, list_all=list_all)


def _print_unlinked(report: LinkReport, *, list_all: bool) -> None:
    n = len(report.unlinked)
    echo("")
    echo(f"{show_count(n, 'song')} without a track:")
    some = report.unlinked if list_all else report.unlinked[:_SHOWN]
    print_table(
        [
            Column("song", min_width=16),
            Column("path", min_width=12, drop=2),
            Column("why", min_width=12),
        ],
        [[each.song.name, each.song.path or "", each.reason] for each in some],
    )
    if n > len(some):
        note(f"{n - len(some):,} more: --all lists them, --json has all that is known of them.")
