"""Where MPD listens, as its clients are told: by ``MPD_HOST``, ``MPD_PORT`` and ``MPD_TIMEOUT``.

What they mean is what libmpdclient makes of them (https://www.musicpd.org/doc/mpc/html/).
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field

from soundalike.arguments import number
from soundalike.errors import InvalidArgument, printable

__all__ = ["PORT", "Address", "find_address"]

PORT = 6600
_TIMEOUT_S = 30.0
_HIGHEST_PORT = 65_535
_LONGEST_NAME = 64
# Of a system's MPD; that of a user's comes first.
_SOCKET = "/run/mpd/socket"


@dataclass(frozen=True, slots=True)
class Address:
    """Where an MPD is, and what is said to it first.

    Attributes
    ----------
    host : a name or number, the path of a socket, or "@" and the name of an abstract one.
    port : None for a socket.
    timeout_s : seconds without an answer after which it counts as down.
    password : that its clients give; never shown.
    """

    host: str
    port: int | None
    timeout_s: float = _TIMEOUT_S
    password: str | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """For people, and as a name of the server: "mpd://localhost:6600"."""
        if self.port is None:
            return f"mpd:{printable(self.host)}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"mpd://{host}:{self.port}"

    @property
    def name(self) -> str:
        """What the server is called in the library: "mpd-localhost-6600"."""
        name = re.sub(r"[^\w.]+", "-", self.url.lower()).strip("-.")
        if len(name) > _LONGEST_NAME:
            digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
            name = f"{name[: _LONGEST_NAME - 9]}-{digest[:8]}"
        return name


def find_address(
    host: str | None = None,
    port: int | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Address:
    """The MPD that is meant: by what is given, by the environment, or the one that is usual.

    Parameters
    ----------
    host : a name, the path of a socket, or "@" and the name of an abstract one.
    port : of a name; it means nothing to a socket.
    environ : with ``MPD_HOST`` (also ``password@host``), ``MPD_PORT`` and ``MPD_TIMEOUT``.

    Raises
    ------
    InvalidArgument : a value of another form; or a password in ``host``, which is given by
        command lines, and would stay in the history of the shell.
    """
    password = None
    if host is not None and "@" in host[1:]:
        raise InvalidArgument(
            "--host has more in it than a host: leave the password out, which would stay in the "
            "history of the shell; MPD_HOST may hold password@host"
        )
    if host is None:
        host = environ.get("MPD_HOST") or None
        # An @ at the beginning is that of an abstract socket.
        if host is not None and "@" in host[1:]:
            password, _, host = host.partition("@")
    if host is None and port is None and not environ.get("MPD_PORT"):
        host = _usual_socket(environ)
    host = host or "localhost"
    if host.startswith("~"):
        host = os.path.expanduser(host)
    is_socket = host.startswith(("/", "@"))
    return Address(
        host=host,
        port=None if is_socket else _port(port, environ.get("MPD_PORT")),
        timeout_s=_timeout_s(environ.get("MPD_TIMEOUT")),
        password=password or None,
    )


def _usual_socket(environ: Mapping[str, str]) -> str | None:
    runtime = environ.get("XDG_RUNTIME_DIR")
    places = [os.path.join(runtime, "mpd", "socket")] if runtime else []
    for place in (*places, _SOCKET):
        try:
            if stat.S_ISSOCK(os.stat(place).st_mode):
                return place
        except OSError:
            continue
    return None


def _port(given: int | None, said: str | None) -> int:
    if given is None and not said:
        return PORT
    name, text = ("--port", str(given)) if given is not None else ("MPD_PORT", str(said))
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= _HIGHEST_PORT):
        raise InvalidArgument(f"{name} is {text!r}: it must be a number from 1 to {_HIGHEST_PORT}")
    return int(text)


def _timeout_s(said: str | None) -> float:
    if not said:
        return _TIMEOUT_S
    try:
        found = number("MPD_TIMEOUT", float(said), least=0)
    except ValueError:
        found = 0.0
    if not found:
        raise InvalidArgument(f"MPD_TIMEOUT is {said!r}: it must be seconds, more than 0")
    return found
