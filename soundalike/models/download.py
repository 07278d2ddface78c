"""Downloads that can be trusted: a checksum, a limit on the size, and resuming where it stopped."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from soundalike.errors import DataError, InvalidArgument, printable
from soundalike.files import cannot_write

__all__ = ["Progress", "Remote", "checksum_problem", "fetch"]

Progress = Callable[[int, int | None], None]
"""Called with the bytes received so far and, if known, the total."""

_BLOCK_BYTES: Final = 1 << 18
_TRIES: Final = 3  # a dropped connection resumes
_LIMIT_BYTES: Final = 4 << 30  # for files whose size is not published


@dataclass(frozen=True)
class Remote:
    """A file to download.

    Attributes
    ----------
    url : http or https.
    file_name : its name on disk.
    size_bytes : None where unknown.
    md5, sha256 : hexadecimal; one of them is given, unless what the file holds is ``checked_later``
        by who asks for it.
    limit_bytes : more are not taken, where the size is unknown.
    """

    url: str
    file_name: str
    size_bytes: int | None = None
    md5: str | None = None
    sha256: str | None = None
    checked_later: bool = False
    limit_bytes: int = _LIMIT_BYTES

    def __post_init__(self) -> None:
        if urlsplit(self.url).scheme not in ("http", "https"):
            raise InvalidArgument(f"the URL must start with http or https, not {self.url!r}")
        if self.md5 is None and self.sha256 is None and not self.checked_later:
            raise InvalidArgument(f"{self.url}: a checksum is needed")


def fetch(
    remote: Remote,
    folder: Path,
    *,
    progress: Progress | None = None,
    timeout_s: float = 30.0,
) -> Path:
    """Download a file, or find it there already, and check it.

    An interrupted download stays as ``NAME.part`` and resumes. The file gets its name only if its
    checksum is right; otherwise it is deleted.

    Parameters
    ----------
    folder : where it goes; made if necessary.
    timeout_s : give up after so many seconds without a byte.

    Raises
    ------
    DataError : no network, no such file on the server, more bytes than announced, or a wrong
        checksum. The message says how to get the file by hand.
    OutputError : it cannot be written, or the disk is full.
    """
    path = folder / remote.file_name
    if path.exists():
        problem = checksum_problem(path, remote)
        if problem:
            raise DataError(f"{problem}; to download it again, delete it or move it away")
        return path
    partial = folder / (remote.file_name + ".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, _TRIES + 1):
            try:
                _transfer(remote, partial, progress, timeout_s)
                break
            except urllib.error.HTTPError as error:
                raise DataError(
                    f"{remote.url}: the server answers {error.code} {error.reason}. "
                    f"{_by_hand(remote, folder)}"
                ) from error
            except (
                urllib.error.URLError,
                http.client.HTTPException,
                TimeoutError,
                ConnectionError,
            ) as error:
                if attempt == _TRIES or not _has_begun(partial):
                    reason = getattr(error, "reason", None) or error or type(error).__name__
                    raise DataError(
                        f"{remote.url} cannot be downloaded: {reason}. {_by_hand(remote, folder)}"
                    ) from error
        problem = checksum_problem(partial, remote)
        if problem:
            partial.unlink()
            raise DataError(
                f"{remote.url}: {problem.partition(': ')[2]}. It was deleted. Try again; if "
                f"this happens again, the file on the server has changed"
            )
        partial.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    return path


def checksum_problem(path: Path, remote: Remote) -> str | None:
    """What is wrong with the file at ``path``, starting with its path; None when it is right."""
    if remote.size_bytes is not None and path.stat().st_size != remote.size_bytes:
        return f"{printable(path)}: {path.stat().st_size} bytes instead of {remote.size_bytes}"
    for name, wanted in (("sha256", remote.sha256), ("md5", remote.md5)):
        if wanted is not None:
            # md5 tells damage, not malice: some archives were published with nothing better.
            digest = hashlib.new(name, usedforsecurity=False)
            with path.open("rb") as file:
                while block := file.read(_BLOCK_BYTES):
                    digest.update(block)
            if digest.hexdigest() != wanted:
                return f"{printable(path)}: its {name} is {digest.hexdigest()}, not {wanted}"
    return None


def _has_begun(partial: Path) -> bool:
    return partial.exists() and partial.stat().st_size > 0


def _by_hand(remote: Remote, folder: Path) -> str:
    if remote.checked_later:
        return "Without a network: download it elsewhere, and name the file instead of its URL"
    checksum = f"sha256 {remote.sha256}" if remote.sha256 else f"md5 {remote.md5}"
    return (
        f"Without a network: download it elsewhere and save it as "
        f"{printable(folder / remote.file_name)} ({checksum})"
    )


def _transfer(remote: Remote, partial: Path, progress: Progress | None, timeout_s: float) -> None:
    """Bring the partial file to its full length, from where it stands."""
    have = partial.stat().st_size if partial.exists() else 0
    if remote.size_bytes is not None and have == remote.size_bytes:
        return
    if remote.size_bytes is not None and have > remote.size_bytes:
        partial.unlink()
        have = 0
    request = urllib.request.Request(remote.url, headers={"User-Agent": "soundalike"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        response = urllib.request.urlopen(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        # The server has nothing beyond these bytes, so they are of another file: start again.
        error.close()
        partial.unlink()
        _transfer(remote, partial, progress, timeout_s)
        return
    with response:
        is_continued = response.status == 206 and (
            response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        )
        if not is_continued:
            have = 0
        length = response.headers.get("Content-Length")
        announced = have + int(length) if length and length.isdigit() else None
        limit = remote.size_bytes or remote.limit_bytes
        if announced is not None and announced > limit:
            raise _too_large(remote, limit, announced)
        with partial.open("ab" if is_continued else "wb") as file:
            while block := response.read(_BLOCK_BYTES):
                have += len(block)
                if have > limit:
                    file.close()
                    partial.unlink()
                    raise _too_large(remote, limit, have)
                file.write(block)
                if progress:
                    progress(have, remote.size_bytes or announced)
    if announced is not None and have < announced:
        raise ConnectionError(f"the connection broke off after {have} of {announced} bytes")


def _too_large(remote: Remote, limit: int, size: int) -> DataError:
    return DataError(f"{remote.url}: at least {size} bytes, but at most {limit} were expected")
