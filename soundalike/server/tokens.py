"""The token of a server: made once, shown once, kept as a hash."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from soundalike.errors import OutputError, printable
from soundalike.files import why

__all__ = ["hash_of", "is_token", "keep", "kept_hash", "new_token", "token_file"]

_BYTES = 24


def new_token() -> str:
    """A token that nobody can guess (192 bits), as text without characters that need quotes."""
    return secrets.token_urlsafe(_BYTES)


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
            file.write(hash_of(token) + "\n")
    except OSError as error:
        raise OutputError(
            f"{printable(path)}: the token cannot be kept: {why(error)}; make its folder writable, "
            f"or give a token of your own in SOUNDALIKE_TOKEN"
        ) from error
