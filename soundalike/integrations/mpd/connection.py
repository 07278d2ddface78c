"""A connection to MPD: what is said to it, and what its refusals mean.

The protocol is at https://mpd.readthedocs.io/en/stable/protocol.html; python-mpd2 speaks it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, Final

from soundalike.closing import Closing
from soundalike.errors import InvalidArgument, MissingExtra, ServerAway, ServerError
from soundalike.integrations.credentials import KEYRING_SERVICE, find_password
from soundalike.integrations.mpd.address import Address

try:
    import mpd
    from mpd.base import mpd_commands
except ImportError as error:
    raise MissingExtra("a client of MPD", "mpd") from error

__all__ = [
    "NOT_FOUND",
    "PASSWORD_VARIABLE",
    "QUEUE_IS_FULL",
    "SYSTEM",
    "UNKNOWN",
    "Ask",
    "Mpd",
]

PASSWORD_VARIABLE = "SOUNDALIKE_MPD_PASSWORD"

# The numbers that MPD has for what is wrong: src/protocol/Ack.hxx.
_WRONG_PASSWORD, _FORBIDDEN, UNKNOWN = 3, 4, 5
NOT_FOUND: Final = 50
QUEUE_IS_FULL: Final = 51
SYSTEM: Final = 52

# What mounts has came with this.
_LEAST = (0, 19)
# Who says nothing at all is no MPD, however slow.
_HELLO_S = 10.0
# A connection that is quiet for so long is asked whether it is still there, and so often.
_KEEP_ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}


@mpd_commands("config")  # type: ignore[untyped-decorator]
def _config(_client: Any, lines: Iterator[str]) -> dict[str, str]:
    """What newer versions tell, which is more than one value."""
    return dict(line.split(": ", 1) for line in lines if ": " in line)


class _Client(mpd.MPDClient):  # type: ignore[misc]
    """Closes a connection that breaks: by itself it only lets go of it, and Python complains on
    standard error of what was not written."""

    def _reset(self) -> None:
        for name in ("_wfile", "_rbfile", "_sock"):
            with suppress(OSError, ValueError, KeyError, AttributeError, mpd.MPDError):
                vars(self)[name].close()
        vars(mpd.MPDClient)["_reset"](self)


_Client.add_command("config", _config)

Ask = Callable[[str], str]
"""Asks somebody for something secret, such as a password."""


class Mpd(Closing):
    """A connection, which lasts as long as the context.

    >>> with Mpd(find_address(), needs=["addid"]) as found:             # doctest: +SKIP
    ...     found.ask("addid", "artist/album/piece.flac")

    Parameters
    ----------
    address : where MPD is. Without a password, that in ``SOUNDALIKE_MPD_PASSWORD`` is given, if
        there is one.
    needs : the commands that it must allow. Where it does not, the password that the keyring has
        for ``address.url`` is tried, then the one that somebody is asked for. So what would be
        refused half-way is not begun.
    ask : asks for the password; None where there is nobody.

    Attributes
    ----------
    address : with the password that was given.
    """

    def __init__(self, address: Address, *, needs: Collection[str] = (), ask: Ask | None = None):
        password = address.password or os.environ.get(PASSWORD_VARIABLE) or None
        self.address = replace(address, password=password)
        self._needs = needs
        self._ask_password = ask
        self._client = _Client()

    def __enter__(self) -> Mpd:
        self._connect()
        try:
            if self.address.password is not None:
                self.ask("password", self.address.password)
            self._check_allowed()
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Let go of the connection."""
        with suppress(OSError, mpd.MPDError):
            self._client.disconnect()

    def interrupt(self) -> None:
        """Break the connection from another thread: what waits there for MPD ends."""
        with suppress(OSError, mpd.MPDError), self._socket() as own:
            own.shutdown(socket.SHUT_RDWR)

    @property
    def version(self) -> str:
        """Of the protocol, such as "0.23.5"."""
        return str(self._client.mpd_version)

    def ask(self, command: str, *arguments: str | int | float) -> Any:
        """What MPD answers to a command.

        Parameters
        ----------
        command : such as "addid", or "sticker set".

        Raises
        ------
        ServerError : MPD refuses, with its number for the reason as the code.
        ServerAway : it is gone, or too slow.
        InvalidArgument : an argument that no line can hold.
        """
        _check(arguments)
        with self._told(command):
            return self._method(command)(*arguments)

    def ask_all(self, commands: Sequence[tuple[str | int | float, ...]]) -> list[Any]:
        """What MPD answers to several commands, which it does one after the other without doing
        anything for others between them, up to the first that it refuses.

        Raises
        ------
        As :meth:`ask`.
        """
        for each in commands:
            _check(each)
        if not commands:
            return []
        with self._told(str(commands[0][0])):
            self._client.command_list_ok_begin()
            for command, *arguments in commands:
                self._method(str(command))(*arguments)
            found: list[Any] = self._client.command_list_end()
            return found

    def wait(self, *subsystems: str) -> list[str]:
        """Wait, however long, until something has changed in one of some subsystems; in which.

        Raises
        ------
        As :meth:`ask`.
        """
        with self._told("idle"):
            return list(self._client.idle(*subsystems))

    def allows(self, command: str) -> bool:
        """Whether a command is known and allowed."""
        return command in self.ask("commands")

    def _method(self, command: str) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(self._client, command.replace(" ", "_"))
        return found

    @contextmanager
    def _socket(self) -> Iterator[socket.socket]:
        with socket.socket(fileno=os.dup(self._client.fileno())) as own:
            yield own

    def _connect(self) -> None:
        address = self.address
        self._client.timeout = min(_HELLO_S, address.timeout_s)
        try:
            if address.port is None:
                _try_socket(address.host, self._client.timeout)
            self._client.connect(address.host, address.port)
        except TimeoutError as error:
            raise ServerAway(
                f"{address.url}: nothing says hello there as MPD does, within "
                f"{self._client.timeout:g} s: check host and port, and that MPD is not busy"
            ) from error
        except mpd.ConnectionError as error:
            raise ServerAway(
                f"{address.url}: the connection was closed before MPD said hello: check host and "
                f"port, and how many connections MPD takes (max_connections)"
            ) from error
        except (mpd.ProtocolError, UnicodeDecodeError) as error:
            raise ServerError(
                f"{address.url}: what listens there is no MPD: check host and port"
            ) from error
        except (OSError, ValueError) as error:
            reason = str(getattr(error, "strerror", None) or error).lower()
            raise ServerAway(
                f"{address.url}: cannot be reached ({reason}): check MPD_HOST and MPD_PORT, or "
                f"--host and --port, and that MPD runs"
            ) from error
        self._client.timeout = address.timeout_s
        version = self.version
        if tuple(int(part) for part in version.split(".") if part.isdecimal()) < _LEAST:
            self.close()
            least = ".".join(map(str, _LEAST))
            raise ServerError(
                f"{address.url}: speaks version {version or 'unknown'} of the protocol, and "
                f"{least} is the oldest that is known here: upgrade MPD"
            )
        if address.port is not None:
            with self._socket() as own:
                for name, value in _KEEP_ALIVE.items():
                    if hasattr(socket, name):
                        own.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def _check_allowed(self) -> None:
        """
        Raises
        ------
        ServerError : it does not allow what is needed.
        """
        if not (lacking := self._lacking()):
            return
        url = self.address.url
        if self.address.password is None:
            # A keyring may have to be opened by its owner, so it is asked where there is need.
            password = find_password(url, PASSWORD_VARIABLE)
            if not password and self._ask_password is not None:
                password = self._ask_password(f"Password of {url}")
            if password:
                self.address = replace(self.address, password=password)
                self.ask("password", password)
                lacking = self._lacking()
        if lacking:
            raise ServerError(
                f"{url}: MPD does not allow {' and '.join(lacking)} "
                f"{'without' if self.address.password is None else 'with this'} password: give one "
                f"that may in MPD_HOST (password@host), in {PASSWORD_VARIABLE}, or in the keyring "
                f"(keyring set {KEYRING_SERVICE} {url})",
                _FORBIDDEN,
            )

    def _lacking(self) -> list[str]:
        """The needed commands that MPD has, but does not allow."""
        if not self._needs:
            return []
        forbidden = set(self.ask("notcommands"))
        return [command for command in self._needs if command in forbidden]

    @contextmanager
    def _told(self, command: str) -> Iterator[None]:
        """Turn the errors of the client into ours."""
        url = self.address.url
        try:
            yield
        except mpd.CommandError as error:
            code = getattr(error.errno, "value", None)
            if code == _WRONG_PASSWORD:
                message = f"{url}: the password is wrong"
            elif code == _FORBIDDEN:
                message = (
                    f"{url}: MPD does not allow {error.command} ({error.msg}): give a password "
                    f"that may, in MPD_HOST (password@host) or {PASSWORD_VARIABLE}"
                )
            elif code is None:
                # Without the number of the error and its place.
                message = f"{url}: MPD refuses {command}: {str(error).rpartition('} ')[2]}"
                code = UNKNOWN if "unknown command" in str(error) else None
            else:
                message = f"{url}: MPD refuses {error.command or command}: {error.msg}"
            raise ServerError(message, code) from None
        except TimeoutError as error:
            # Half an answer may be on its way: nothing more can be asked here.
            self.close()
            raise ServerAway(
                f"{url}: {command} is not answered within {self.address.timeout_s:g} s: MPD is "
                f"busy; MPD_TIMEOUT sets how long to wait"
            ) from error
        except UnicodeDecodeError as error:
            self.close()
            raise ServerError(
                f'{url}: the answer to {command} is no UTF-8: set filesystem_charset "UTF-8" in '
                f"MPD's configuration, restart it, and let it look through its music again (mpc "
                f"rescan)"
            ) from error
        except (mpd.MPDError, OSError, ValueError) as error:
            self.close()
            raise ServerAway(
                f"{url}: the connection broke ({' '.join(str(error).split()).lower()}): check that "
                f"MPD runs"
            ) from error


def _try_socket(path: str, timeout_s: float) -> None:
    """Connect to a socket, and let it go: the client would leave one open that fails.

    Raises
    ------
    OSError : it fails.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(timeout_s)
        probe.connect("\0" + path[1:] if path.startswith("@") else path)


def _check(arguments: Sequence[str | int | float]) -> None:
    """
    Raises
    ------
    InvalidArgument : one that no line of the protocol can hold.
    """
    for each in arguments:
        text = str(each)
        if "\n" in text or "\0" in text or "\r" in text:
            raise InvalidArgument(f"{text!r}: MPD takes no text with line breaks in it")
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise InvalidArgument(f"{text!r}: MPD takes only text that is UTF-8") from None
