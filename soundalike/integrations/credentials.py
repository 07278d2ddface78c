"""Who asks a music server, and with what: never part of a command line, never kept here."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from soundalike.errors import ServerError, printable
from soundalike.files import why

__all__ = [
    "API_KEY_VARIABLE",
    "KEYRING_SERVICE",
    "PASSWORD_VARIABLE",
    "Credentials",
    "are_in_environment",
    "find",
    "find_password",
]

PASSWORD_VARIABLE = "SOUNDALIKE_LINK_PASSWORD"
API_KEY_VARIABLE = "SOUNDALIKE_LINK_API_KEY"
_FILE = "_FILE"
"""Behind the name of either: the name of a file that has it, as service managers hand them out."""
KEYRING_SERVICE = "soundalike"
_MOST_CHARACTERS = 4096


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user with a password, or an API key, which stands for its user."""

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)


def find(url: str, user: str | None, ask: Callable[[str, bool], str] | None = None) -> Credentials:
    """The credentials for a server: from the environment, from the keyring, or from who is asked.

    Parameters
    ----------
    url : of the server; the keyring has the password of ``USER@URL`` under ``soundalike``.
    user : None where the environment may have an API key.
    ask : called with what is asked for, and whether it is secret, where that is nowhere else; None
        where nobody can be asked.

    Raises
    ------
    ServerError : there is no password, and nobody to ask; or its file cannot be read.
    """
    key = _given(API_KEY_VARIABLE)
    if key:
        return Credentials(api_key=key)
    if not user and ask is not None:
        user = ask("User", False)
    if not user:
        raise ServerError(
            f"{url}: no user is named: give --user, or an API key in {API_KEY_VARIABLE}"
        )
    password = find_password(f"{user}@{url}", PASSWORD_VARIABLE)
    if not password and ask is not None:
        password = ask(f"Password of {user}", True)
    if not password:
        raise ServerError(
            f"{url}: the password of {user} is not known: put it in {PASSWORD_VARIABLE}, in a "
            f"file that {PASSWORD_VARIABLE}{_FILE} names, or in the keyring "
            f"(keyring set {KEYRING_SERVICE} {user}@{url})"
        )
    return Credentials(user, password)


def are_in_environment() -> bool:
    """Whether the environment has a password or a key, which are those of one server."""
    names = (API_KEY_VARIABLE, PASSWORD_VARIABLE)
    return any(os.environ.get(name) or os.environ.get(name + _FILE) for name in names)


def find_password(account: str, variable: str) -> str | None:
    """The password of an account, from the environment, a file that it names, or the keyring; None
    where none of them has it.

    Parameters
    ----------
    account : what the keyring knows it by, under ``soundalike``.
    variable : of the environment; with ``_FILE`` behind, that of the file.

    Raises
    ------
    ServerError : the file cannot be read, or is empty.
    """
    return _given(variable) or _kept(account)


def _given(variable: str) -> str | None:
    """What the environment has, by itself or in a file.

    Raises
    ------
    ServerError : the file cannot be read, or is empty.
    """
    found, file = os.environ.get(variable), os.environ.get(variable + _FILE)
    if found or not file:
        return found
    try:
        with open(file, encoding="utf-8") as opened:
            text = opened.read(_MOST_CHARACTERS).rstrip("\r\n")
    except OSError as error:
        raise ServerError(f"{variable}{_FILE}: {printable(file)}: {why(error)}") from error
    except UnicodeDecodeError:
        raise ServerError(f"{variable}{_FILE}: {printable(file)}: it is no UTF-8") from None
    if not text:
        raise ServerError(f"{variable}{_FILE}: {printable(file)}: it is empty")
    return text


def _kept(account: str) -> str | None:
    """What the keyring has, where there is one."""
    try:
        import keyring
    except ImportError:
        return None
    try:
        found: str | None = keyring.get_password(KEYRING_SERVICE, account)
    except keyring.errors.KeyringError:
        return None  # locked, or none on this machine: who is at the keyboard can be asked
    return found
