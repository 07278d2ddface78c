"""Who asks a music server, and with what: never part of a command line, never kept here."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from soundalike.errors import ServerError

__all__ = [
    "API_KEY_VARIABLE",
    "KEYRING_SERVICE",
    "PASSWORD_VARIABLE",
    "Credentials",
    "find",
    "find_password",
]

PASSWORD_VARIABLE = "SOUNDALIKE_LINK_PASSWORD"
API_KEY_VARIABLE = "SOUNDALIKE_LINK_API_KEY"
KEYRING_SERVICE = "soundalike"


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
    ServerError : there is no password, and nobody to ask.
    """
    key = os.environ.get(API_KEY_VARIABLE)
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
            f"{url}: the password of {user} is not known: put it in {PASSWORD_VARIABLE}, or in "
            f"the keyring (keyring set {KEYRING_SERVICE} {user}@{url})"
        )
    return Credentials(user, password)


def find_password(account: str, variable: str) -> str | None:
    """The password of an account, from the environment or the keyring; None where neither has it.

    Parameters
    ----------
    account : what the keyring knows it by, under ``soundalike``.
    variable : of the environment.
    """
    return os.environ.get(variable) or _kept(account)


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
