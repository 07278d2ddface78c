"""The token of a server: made once, shown once, kept as a hash."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import sys
from pathlib import Path

from soundalike.errors import InvalidArgument, OutputError, printable
from soundalike.files import why

__all__ = ["checked", "hash_of", "is_token", "keep", "kept_hash", "new_token", "token_file"]

_BYTES = 24
# Of a token that somebody made up: too many to be guessed over the net.
_LEAST_LENGTH = 16
_MOST_LENGTH = 200


def new_token() -> str:
    """A token that nobody can guess (192 bits), as text without characters that need quotes."""
    return secrets.token_urlsafe(_BYTES)


def checked(name: str, token: str) -> str:
    """A token that somebody made up, where it can serve as one.

    Parameters
    ----------
    name : of where it comes from, for the message.

    Raises
    ------
    InvalidArgument : it is too short or too long, or has what headers cannot carry.
    """
    if not _LEAST_LENGTH <= len(token) <= _MOST_LENGTH:
        raise InvalidArgument(
            f"{name} has {len(token)} characters: it must have {_LEAST_LENGTH} to {_MOST_LENGTH}, "
            f"such as {new_token()}"
        )
    if not all("!" <= character <= "~" for character in token):
        raise InvalidArgument(f"{name} must be of ASCII letters, digits and signs, without spaces")
    return token


def hash_of(token: str) -> str:
    """SHA-256, hexadecimal. A token has no pattern that a slower hash would have to protect."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def is_token(text: str, token_hash: str) -> bool:
    """Whether the text is the token; takes as long whatever the text is."""
    return hmac.compare_digest(hash_of(text), token_hash)


def token_file() -> Path:
    """Where the hash is kept, in the user's settings."""
    import platformdirs

    return Path(platformdirs.user_config_dir("soundalike", appauthor=False)) / "server-token"


def kept_hash() -> str | None:
    """The hash that is kept; None where there is none."""
    try:
        text = token_file().read_text("ascii").strip()
    except (OSError, ValueError):
        return None
    return text if len(text) == 64 else None


def keep(token: str) -> None:
    """Keep the hash of a token, for the user's eyes alone.

    Raises
    ------
    OutputError : the file cannot be written.
    """
    path = token_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            if sys.platform != "win32":
                # Also where the file was there before, with other rights.
                os.fchmod(descriptor, 0o600)
            file.write(hash_of(token) + "\n")
    except OSError as error:
        raise OutputError(
            f"{printable(path)}: the token cannot be kept: {why(error)}; make its folder writable, "
            f"or give a token of your own in SOUNDALIKE_TOKEN"
        ) from error
