"""What httpx says of its connections, without who asks, which is a part of the addresses."""

from __future__ import annotations

import logging
import ssl

import httpx

__all__ = ["reason_of"]


class _WithoutQuery(logging.Filter):
    """httpx logs what it asks for, and who asks is a part of these addresses."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                each.copy_with(query=None) if isinstance(each, httpx.URL) else each
                for each in record.args
            )
        return True


logging.getLogger("httpx").addFilter(_WithoutQuery())


def reason_of(error: httpx.HTTPError) -> str:
    """Why nothing came, and what to do; without the address, which has who asks in it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"its certificate cannot be trusted ({cause.verify_message}): SSL_CERT_FILE may "
                f"name the file with that of your own authority"
            )
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ConnectError):
        return f"cannot be reached ({error}): check the address, and that the server runs"
    return f"the connection broke ({type(error).__name__}): try again"
