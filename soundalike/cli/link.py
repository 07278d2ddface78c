"""``soundalike link``: music servers, and which of their songs are which tracks."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from soundalike.cli.server_link import link_server, print_link_report
from soundalike.show.amounts import show_count
from soundalike.show.times import show_moment

if TYPE_CHECKING:
    from pathlib import Path

    from soundalike.library.link_records import LinkedServer

__all__ = ["link"]


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
        note("No server is linked: soundalike subsonic link URL links one.")
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
        print_link_report(report, list_all=list_all)


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


link.add_command(link_server, "subsonic")
