"""Addresses of music servers: what is one, and whether what is sent there is seen by others."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit, urlunsplit

from soundalike.errors import InvalidArgument

__all__ = ["checked_url", "is_private"]


def checked_url(url: str) -> str:
    """The address of a server, without what does not belong to it.

    >>> checked_url("https://music.example.org/rest/")
    'https://music.example.org'

    Raises
    ------
    InvalidArgument : it is none, or has a user, a password or parameters in it.
    """
    try:
        apart = urlsplit(url.strip())
        is_address = apart.scheme in ("http", "https") and bool(apart.hostname)
        _ = apart.port
    except ValueError:
        is_address = False
    if not is_address:
        raise InvalidArgument(
            f"{url!r} is no address of a server: write one such as https://music.example.org"
        )
    if apart.username is not None or apart.password is not None or apart.query or apart.fragment:
        raise InvalidArgument(
            f"the address of {apart.hostname} has more in it than the address: leave out user, "
            f"password and parameters, which would stay in the history of the shell"
        )
    path = apart.path.rstrip("/").removesuffix("/rest")
    return urlunsplit((apart.scheme, apart.netloc, path, "", ""))


def is_private(url: str) -> bool:
    """Whether what is sent there is encrypted, or stays on the local network."""
    apart = urlsplit(url)
    if apart.scheme == "https":
        return True
    try:
        found = socket.getaddrinfo(apart.hostname, apart.port or 80, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ipaddress.ip_address(each[4][0]).is_private for each in found)
