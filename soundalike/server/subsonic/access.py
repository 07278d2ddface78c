"""Who a Subsonic player says that it is: an API key, a token with salt, or a password."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from soundalike.server.settings import Settings
from soundalike.server.subsonic.envelope import Failure
from soundalike.server.tokens import is_token

__all__ = ["WRONG", "check_access"]

WRONG = (40, 44)
"""The numbers of failures that may be guesses."""

_WRONG = "wrong user name or password"


def check_access(settings: Settings, given: Mapping[str, str]) -> None:
    """Let pass who may ask.

    The token of the server is an API key and a password as well. A token with salt can only be
    checked where the password is known, so it needs one of its own (the hash of the server's token
    is no help). Where the server asks for nothing, any name and password will do, since many
    players insist on sending some.

    Parameters
    ----------
    given : of the request, such as ``u``, ``t``, ``s``, ``p`` and ``apiKey``.

    Raises
    ------
    Failure : not let pass, with the number that the API has for the reason.
    """
    token_hash, password = settings.token_hash, settings.subsonic_password
    if token_hash is None and password is None:
        return
    if "apiKey" in given:
        if {"u", "p", "t", "s"} & set(given):
            raise Failure(43, "an API key and a password are given: send one of them")
        if token_hash is None:
            raise Failure(42, "this server has no token: send the user name and the password")
        if not is_token(given["apiKey"], token_hash):
            raise Failure(44, "wrong API key")
        return
    if "t" in given:
        if password is None:
            raise Failure(
                42,
                "this server knows no Subsonic password: set SOUNDALIKE_SUBSONIC_PASSWORD where it "
                "runs, or send its token as API key or as a plain password",
            )
        expected = hashlib.md5(_bytes(password + given.get("s", ""))).hexdigest()
        if not hmac.compare_digest(expected.encode(), given["t"].lower().encode()):
            raise Failure(40, _WRONG)
        return
    if "p" not in given:
        raise Failure(10, "user name and password, or an API key, are missing")
    plain = _plain(given["p"])
    if password is not None and hmac.compare_digest(_bytes(plain), _bytes(password)):
        return
    if token_hash is None or not is_token(plain, token_hash):
        raise Failure(40, _WRONG)


def _bytes(text: str) -> bytes:
    """In UTF-8; what the environment has that is no UTF-8, as it is there."""
    return text.encode("utf-8", "surrogateescape")


def _plain(given: str) -> str:
    if not given.startswith("enc:"):
        return given
    try:
        return bytes.fromhex(given[4:]).decode("utf-8")
    except ValueError:
        raise Failure(40, _WRONG) from None
