"""Which server a command means, and how it gets in: without a word on the command line."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from soundalike.cli.progress import paused
from soundalike.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable

    from soundalike.integrations.subsonic import Subsonic
    from soundalike.library import Library
    from soundalike.library.link_records import LinkedServer

__all__ = [
    "ask_at_terminal",
    "client_of",
    "name_of",
    "only_server",
    "server_named",
    "subsonic_servers",
]


def ask_at_terminal() -> Callable[[str, bool], str] | None:
    """Asks who sits there; None where nobody does."""
    if sys.stdin is None or not sys.stdin.isatty():
        return None

    def ask(what: str, secret: bool) -> str:
        with paused():
            return str(click.prompt(what, hide_input=secret, err=True))

    return ask


def client_of(server: LinkedServer, user: str | None = None) -> Subsonic:
    """A client of a linked server; who uses it closes it.

    Raises
    ------
    ServerError : no password is to be had.
    """
    from soundalike.integrations.credentials import find
    from soundalike.integrations.subsonic import Subsonic

    return Subsonic(server.url, find(server.url, user or server.user, ask_at_terminal()))


def subsonic_servers(opened: Library) -> list[LinkedServer]:
    """The linked servers that can be asked."""
    return [each for each in opened.linked_servers() if each.kind == "subsonic"]


def only_server(opened: Library, name: str | None) -> LinkedServer:
    """The server of a name, or the only one that is linked.

    Raises
    ------
    TrackNotFound : none is linked by this name.
    InvalidArgument : none is linked, or several are and none is named, or it cannot be asked.
    """
    if name is not None:
        found = opened.linked_server(name)
        if found.kind != "subsonic":
            raise InvalidArgument(
                f"{name} was linked by a file ({found.kind}): only servers that speak Subsonic can "
                f"be asked"
            )
        return found
    linked = subsonic_servers(opened)
    if len(linked) != 1:
        names = ", ".join(each.name for each in linked)
        raise InvalidArgument(
            f"several servers are linked: name one of {names}"
            if linked
            else "no Subsonic server is linked: soundalike subsonic link URL links one"
        )
    return linked[0]


def server_named(opened: Library, text: str, name: str | None) -> tuple[str, LinkedServer | None]:
    """The address that a URL or a name means, and the server that is linked there.

    Parameters
    ----------
    name : by which it is to be known; None for the one that it has, or its host.

    Raises
    ------
    InvalidArgument : neither an address nor the name of a server; or another server has the name,
        or this one another name.
    """
    from soundalike.integrations.addresses import checked_url

    known = opened.linked_servers()
    again = next((each for each in known if each.name == text), None)
    if again is not None:
        only_server(opened, text)  # whether it can be asked
    address = again.url if again is not None else checked_url(text)
    again = again or next((each for each in known if each.url == address), None)
    other = next((each for each in known if each.name == name), None)
    if other is not None and other is not again:
        raise InvalidArgument(
            f"--name {name}: {other.url} is linked by this name; choose another one, or forget "
            f"that server first (soundalike link remove {name})"
        )
    if again is not None and name is not None and name != again.name:
        raise InvalidArgument(
            f"--name {name}: this server is linked as {again.name}; leave --name out, or forget it "
            f"first (soundalike link remove {again.name})"
        )
    return address, again


def name_of(address: str) -> str:
    """The host, with its port where that is named; without what a name may not have."""
    return re.sub(r"[^\w.]+", "-", urlsplit(address).netloc).strip("-.")[:64]
