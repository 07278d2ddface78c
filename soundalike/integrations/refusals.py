"""The numbers by which Subsonic servers say what is wrong, and what they mean for who asks.

https://opensubsonic.netlify.app/docs/responses/error/
"""

from __future__ import annotations

from soundalike.integrations.credentials import API_KEY_VARIABLE, Credentials

__all__ = [
    "FORBIDDEN",
    "GENERIC",
    "MISSING",
    "NOT_FOUND",
    "NO_TOKENS",
    "SERVER_TOO_OLD",
    "WRONG",
    "refusal",
]

GENERIC, MISSING, CLIENT_TOO_OLD, SERVER_TOO_OLD, WRONG, NO_TOKENS = 0, 10, 20, 30, 40, 41
KEYS_ONLY, TWO_WAYS, WRONG_KEY, FORBIDDEN, TRIAL_OVER = 42, 43, 44, 50, 60
NOT_FOUND = 70
"""A song or a playlist is not there (any more)."""


def refusal(code: object, message: str | None, endpoint: str, credentials: Credentials) -> str:
    """What the server says, and what to do about it.

    Parameters
    ----------
    message : of the server.
    credentials : that were sent; only the user's name is told.
    """
    for secret in (credentials.password, credentials.api_key):
        # Some servers repeat what they were sent.
        message = message.replace(secret, "...") if message and secret else message
    said = f" (it says: {message})" if message else ""
    if code == WRONG:
        return f"the user {credentials.user!r} or the password is wrong{said}"
    if code == WRONG_KEY:
        return f"the API key in {API_KEY_VARIABLE} is wrong{said}"
    if code in (KEYS_ONLY, NO_TOKENS) and credentials.api_key is not None:
        return (
            f"the server takes no API keys: leave {API_KEY_VARIABLE} unset, and name a user "
            f"with a password{said}"
        )
    if code == KEYS_ONLY:
        return f"the server takes API keys alone: put one in {API_KEY_VARIABLE}{said}"
    if code == TWO_WAYS:
        return f"the server wants either a password or an API key, and got both{said}"
    if code == CLIENT_TOO_OLD:
        return f"the server asks for a newer version of the API than soundalike speaks{said}"
    if code == TRIAL_OVER:
        return f"the server's trial is over{said}"
    if code == FORBIDDEN:
        return f"the user {credentials.user!r} may not do that{said}"
    if code == SERVER_TOO_OLD:
        return f"the server's version of the API is too old: upgrade it{said}"
    return f"{endpoint} failed{said or ': it does not say why'}"
