"""``soundalike link``: music servers, and which of their songs are which tracks."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from soundalike.cli.output import Column, echo, note, print_json, print_table
from soundalike.cli.params import (
    PATH,
    ExampleCommand,
    ExampleGroup,
    json_option,
    library_option,
)
from soundalike.cli.progress import decoding
from soundalike.errors import InvalidArgument
from soundalike.show.amounts import show_count
from soundalike.show.times import show_moment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from soundalike.library.link_records import LinkedServer, LinkReport

__all__ = ["MATCH_WORDS", "link"]

# Songs without a track that are listed; --all and --json have all.
_SHOWN = 20
MATCH_WORDS = {
    "path": "path",
    "tail": "end of the path",
    "musicbrainz": "MusicBrainz id",
    "isrc": "ISRC",
    "names": "artist, title and length",
}


@click.group(
    cls=ExampleGroup,
    invoke_without_command=True,
    examples=(
        ("soundalike link", "which servers are linked"),
        ("soundalike link subsonic https://music.example.org --user me", "link one"),
        ("soundalike link remove music.example.org", "forget one"),
    ),
)
@library_option
@json_option
@click.pass_context
def link(ctx: click.Context, library: str | None, as_json: bool) -> None:
    """Link a music server, for what sounds alike to its songs.

    A server's similarity plugin asks `soundalike serve` what sounds like a song that it names by
    its own id. A link tells which track that is. It belongs to the music: it stays when a file is
    moved or retagged.

    Without a subcommand the linked servers are listed.
    """
    if ctx.invoked_subcommand is not None:
        return
    from soundalike.library import Library

    with Library(library, create=False) as opened:
        found = opened.linked_servers()
    if as_json:
        print_json(found)
    elif not found:
        note("No server is linked: soundalike link subsonic URL links one.")
    else:
        _print_servers(found)


def _print_servers(found: tuple[LinkedServer, ...]) -> None:
    print_table(
        [
            Column("name"),
            Column("address", min_width=12),
            Column("user", drop=3),
            Column("server", drop=2),
            Column("songs", justify="right"),
            Column("linked", justify="right"),
            Column("asked at", drop=4),
        ],
        [
            [
                each.name,
                each.url,
                each.user or "",
                each.software or each.kind,
                f"{each.songs:,}",
                f"{each.linked:,}",
                show_moment(each.linked_at),
            ]
            for each in found
        ],
    )


@link.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike link subsonic https://music.example.org --user me", "asks for the password"),
        ("soundalike link subsonic http://localhost:4533 --user me --name navidrome", "named so"),
        ("soundalike link subsonic navidrome", "again, such as after a scan"),
        ("soundalike link subsonic navidrome --all", "list every song that has no track"),
    ),
)
@click.argument("url", metavar="URL|NAME")
@click.option("--name", help="What to call it; by default its host.")
@click.option("--user", help="Who asks; by default as the last time.")
@click.option("--all", "list_all", is_flag=True, help="List all songs that have no track.")
@library_option
@json_option
def subsonic(
    url: str, name: str | None, user: str | None, list_all: bool, library: str | None, as_json: bool
) -> None:
    """Link a server that speaks Subsonic, such as Navidrome.

    Its songs are told by the end of their path, by the MusicBrainz id of the recording, by the
    ISRC, and by artist, title, album and length. What fits no track, or more than one, is listed
    with the reason. Run it again when either side has changed: only what differs is looked at.

    The password comes from SOUNDALIKE_LINK_PASSWORD, from the keyring (`pip install keyring`, then
    `keyring set soundalike USER@URL`), or from a prompt; an API key from SOUNDALIKE_LINK_API_KEY.
    It is kept nowhere.
    """
    from soundalike.integrations.credentials import find
    from soundalike.integrations.subsonic import Subsonic, checked_url
    from soundalike.library import Library
    from soundalike.library.linking import check_server_name

    with Library(library, create=False) as opened:
        known = opened.linked_servers()
        again = next((each for each in known if each.name == url), None)
        address = again.url if again is not None else checked_url(url)
        again = again or next((each for each in known if each.url == address), None)
        name = name or (again.name if again is not None else _name_of(address))
        check_server_name(name)
        _check_free(name, again, known)
        if not opened.info().tracks:
            raise InvalidArgument(
                f"{opened.location}: there are no tracks to link to: scan the folder that the "
                f"server plays from first (soundalike scan FOLDER)"
            )
        credentials = find(address, user or (again.user if again is not None else None), _ask())
        with Subsonic(address, credentials) as server:
            with decoding(f"asking {address} for its songs"):
                songs = list(server.songs())
            with decoding(f"matching {len(songs):,} songs"):
                report = opened.link(name, server.facts(), songs)
    if as_json:
        print_json(report)
    else:
        _print_report(report, list_all=list_all)


@link.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike link file jellyfin items.json", "the songs of Jellyfin, as it answers /Items"),
        ("soundalike link file lyrion titles.json", "those of Lyrion, as it answers titles"),
    ),
)
@click.argument("name")
@click.argument("file", type=PATH)
@click.option("--all", "list_all", is_flag=True, help="List all songs that have no track.")
@library_option
@json_option
def file(name: str, file: Path, list_all: bool, library: str | None, as_json: bool) -> None:
    """Link Jellyfin or Lyrion, by a file with its songs.

    Neither speaks Subsonic. The file is what the server answers when it is asked for all its songs;
    docs/server.md has the requests. NAME is what to call the server. Run it again when either side
    has changed.
    """
    from soundalike.integrations.listing import read_listing
    from soundalike.library import Library

    facts, songs = read_listing(file)
    with Library(library, create=False) as opened, decoding(f"matching {len(songs):,} songs"):
        report = opened.link(name, facts, songs)
    if as_json:
        print_json(report)
    else:
        _print_report(report, list_all=list_all)


@link.command(
    cls=ExampleCommand,
    examples=(("soundalike link remove navidrome", "forget the server and all its links"),),
)
@click.argument("name")
@library_option
@json_option
def remove(name: str, library: str | None, as_json: bool) -> None:
    """Forget a server and the links to its songs.

    Nothing changes at the server.
    """
    from soundalike.library import Library

    with Library(library, create=False) as opened:
        gone = opened.unlink(name)
    if as_json:
        print_json(gone)
    else:
        echo(f"Forgot {gone.name} ({gone.url}) and {show_count(gone.linked, 'link')}.")


def _ask() -> Callable[[str, bool], str] | None:
    """Asks at the terminal; None where nobody sits there."""
    if not sys.stdin.isatty():
        return None
    return lambda what, secret: str(click.prompt(what, hide_input=secret, err=True))


def _name_of(address: str) -> str:
    """The host, with its port where that is named; without what a name may not have."""
    return re.sub(r"[^\w.]+", "-", urlsplit(address).netloc).strip("-.")[:64]


def _check_free(name: str, again: LinkedServer | None, known: tuple[LinkedServer, ...]) -> None:
    other = next((each for each in known if each.name == name), None)
    if other is not None and other is not again:
        raise InvalidArgument(
            f"--name {name}: {other.url} is linked by this name; choose another one, or forget "
            f"that server first (soundalike link remove {name})"
        )
    if again is not None and name != again.name:
        raise InvalidArgument(
            f"--name {name}: this server is linked as {again.name}; leave --name out, or forget it "
            f"first (soundalike link remove {again.name})"
        )


def _print_report(report: LinkReport, *, list_all: bool) -> None:
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
