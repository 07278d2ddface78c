"""Files at an address, such as ``s3://bucket/a.mp3``: listed, looked at, copied here for reading.

fsspec knows the protocols, and takes credentials from where each has them (the environment,
``~/.aws``, ``~/.ssh``): none stands in an address, and none is kept. A file is read as a whole
several times over: for its hash, its tags and its sound. So it is copied once into a folder of
this machine's that keeps within bounds, and whoever opens it next finds it there.

What fsspec has no protocol for, such as songs on a music server, is fetched by whoever registers
for its scheme (:func:`fetch_by`), in the process where that is done.
"""

from __future__ import annotations

import errno
import hashlib
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar
from urllib.parse import urlsplit

from soundalike.errors import InvalidArgument, MissingExtra
from soundalike.partial import partial_file
from soundalike.urls import url_of

__all__ = [
    "Entry",
    "Fetcher",
    "check_url",
    "fetch_by",
    "fetch_no_more_by",
    "forget_connections",
    "here",
    "is_gone",
    "list_folder",
    "local_copy",
    "look",
]

_T = TypeVar("_T")

_MOST_COPIES_BYTES = 4 << 30
_MOST_FILE_BYTES = 2 << 30
_BLOCK_BYTES = 1 << 20
# So long a copy is taken to be what is there, within one process: a file is opened several times
# in a row. What changes meanwhile, the scan notices by itself.
_TRUSTED_S = 30.0
_ATTEMPTS = 4
_FIRST_PAUSE_S = 0.5
# What fsspec says of a protocol that it has not, such as that of a song on a music server.
_UNKNOWN = "Protocol not known:"
_FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
# Names of errors, of packages that may not be there, which no other attempt mends.
_REFUSED = {
    "NoCredentialsError",
    "PartialCredentialsError",
    "ProfileNotFound",
    "AuthenticationException",
    "BadAuthenticationType",
    "BadHostKeyException",
    "PasswordRequiredException",
    "UnknownHostKey",
}
_WEB = ("http://", "https://")
_WITH_USERS = ("sftp", "ssh", "ftp", "smb")
_TIMES = ("LastModified", "Last-Modified", "mtime", "last_modified", "updated", "modified")
_VERSIONS = ("ETag", "etag", "md5Hash", "content_md5", "Content-MD5")

Stamped = tuple[int, int, int | None]
"""Size in bytes, time of modification in ns, and a number that another content changes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a folder at an address holds.

    ``stamp`` is None for a folder, and for a file that has to be looked at by itself.
    """

    url: str
    is_folder: bool
    stamp: Stamped | None = None


class Fetcher(Protocol):
    """Fetches files of a scheme of its own."""

    def size(self, url: str) -> int:
        """The bytes of a file; 0 where they are not told. Raises ``FileAway``."""

    def fetch(self, url: str, target: Path, size_bytes: int, on_read: Callable[[], None]) -> None:
        """Write a file; called back for each block. Raises ``FileAway``, OSError."""


_fetchers: dict[str, list[Callable[[], Fetcher]]] = {}


def fetch_by(scheme: str, fetcher: Callable[[], Fetcher]) -> None:
    """Have the files of a scheme fetched in this process; of several, by the last.

    Parameters
    ----------
    fetcher : called whenever one is needed.
    """
    _fetchers.setdefault(scheme, []).append(fetcher)


def fetch_no_more_by(scheme: str, fetcher: Callable[[], Fetcher]) -> None:
    """Take back :func:`fetch_by`."""
    _fetchers[scheme].remove(fetcher)


def here(path: Path) -> Path:
    """A path that other processes can open, too: of what only this one can fetch, that of a copy.

    Raises
    ------
    FileAway, OSError : as :func:`local_copy`.
    """
    url = url_of(path)
    return path if url is None or not _is_fetched(url) else local_copy(url)


def _is_fetched(url: str) -> bool:
    return bool(_fetchers.get(url.partition("://")[0]))


def _fetcher(url: str) -> Fetcher | None:
    found = _fetchers.get(url.partition("://")[0])
    return found[-1]() if found else None


def check_url(url: str) -> None:
    """Addresses are stored and shown: whether this one may be.

    Raises
    ------
    InvalidArgument : it holds a password or a query, which may be one, or steps up.
    """
    try:
        parts = urlsplit(url)
        host, user, password = parts.hostname, parts.username, parts.password
    except ValueError as error:
        raise InvalidArgument(f"{url.split('@')[-1]}: no address: {error}") from error
    # For others than these, what stands before an @ is a key or a token.
    if password is not None or (user is not None and parts.scheme not in _WITH_USERS):
        what = "a password" if password is not None else "a user or a key"
        raise InvalidArgument(
            f"{parts.scheme}://{host}: an address is stored, and this one holds {what}: leave it "
            f"out, and put it where {parts.scheme} has its credentials"
        )
    if url.startswith(_WEB) and (parts.query or parts.fragment):
        raise InvalidArgument(
            f"{url.split('?')[0].split('#')[0]}: an address is stored, and what follows its ? or # "
            f"may be secret: leave it out"
        )
    if not _is_kept(url.partition("://")[2]):
        raise InvalidArgument(f"{url}: a part of this address is empty or has only dots")


def look(url: str) -> Stamped:
    """Size and times of a file.

    Raises
    ------
    OSError : it is not there, is a folder, may not be read, or the server does not answer.
    FileAway : the same, of what a :class:`Fetcher` fetches.
    """
    fetcher = _fetcher(url)
    if fetcher is not None:
        return fetcher.size(url), 0, None
    found = _asked(url, partial(_info, url))
    if found.get("type") == "directory":
        raise IsADirectoryError(errno.EISDIR, "is a folder, not a file")
    stamp = _stamp(found)
    if stamp is None:
        raise OSError(errno.EIO, "the server does not say how large it is")
    return stamp


def is_gone(url: str) -> bool:
    """Whether the server says that nothing is there; False when it says nothing, or is not asked,
    as where that takes a password."""
    if _is_fetched(url):
        return False
    try:
        look(url)
    except FileNotFoundError:
        return True
    except (OSError, MissingExtra):
        return False
    return False


def list_folder(url: str) -> list[Entry]:
    """What lies in a folder, by name; what cannot be kept by its name is left out.

    Raises
    ------
    OSError : it is not there, may not be listed, or the server does not answer.
    """
    # A web server's folder is an index only with the slash.
    is_web = url.startswith(_WEB)
    place = f"{url}/" if is_web else url
    listed = _asked(url, lambda fs: [(fs._strip_protocol(place), fs.ls(place, detail=True))])
    ((own, entries),) = listed
    start = own.rstrip("/") + "/"
    found: dict[str, Entry] = {}
    for each in entries:
        name = str(each["name"])
        if not name.startswith(start):
            continue  # the folder itself, or a link out of it
        inside = name[len(start) :].rstrip("/")
        # Behind a ? are the ways in which an index of the web can be sorted.
        if not _is_kept(inside) or (is_web and set("?#") & set(inside)):
            continue
        here = f"{url}/{inside}"
        if each.get("type") == "link":
            each = _asked(here, partial(_info, here))
        is_folder = each.get("type") == "directory"
        found[here] = Entry(here, is_folder, None if is_folder else _stamp(each))
    return [found[key] for key in sorted(found)]


def local_copy(url: str, on_read: Callable[[], None] = lambda: None) -> Path:
    """A copy of a file on this machine, until others need its place.

    Parameters
    ----------
    on_read : called after each MiB that came in.

    Raises
    ------
    OSError, FileAway : as :func:`look`; or it is larger than 2 GiB, or there is no room for it.
    """
    known = _copies.get(url)
    if known is not None and time.monotonic() - known[0] < _TRUSTED_S and known[1].exists():
        return known[1]
    stamp = look(url)
    if stamp[0] > _MOST_FILE_BYTES:
        raise OSError(errno.EFBIG, f"larger than {_MOST_FILE_BYTES >> 30} GiB")
    folder = _folder()
    suffix = os.path.splitext(url)[1]
    suffix = suffix if suffix[1:].isalnum() and suffix.isascii() else ""
    name = hashlib.blake2b(f"{url} {stamp}".encode(), digest_size=20).hexdigest()
    copy = folder / f"{name}{suffix}"
    if not copy.exists():
        _make_room(folder, stamp[0])
        with partial_file(folder) as part:
            fetcher = _fetcher(url)
            if fetcher is not None:
                fetcher.fetch(url, part.path, stamp[0], on_read)
            else:
                _asked(url, lambda fs: _download(fs, url, part.file, stamp[0], on_read))
            part.replace(copy)
    # The time of its last use, for whoever makes room; the other time stays.
    with suppress(OSError):
        os.utime(copy, ns=(time.time_ns(), copy.stat().st_mtime_ns))
    _copies.clear()
    _copies[url] = (time.monotonic(), copy)
    return copy


_copies: dict[str, tuple[float, Path]] = {}


def forget_connections() -> None:
    """Connect anew from now on, as after a change of credentials, and look at each file again."""
    _connected.cache_clear()
    _copies.clear()


def _download(fs: Any, url: str, target: BinaryIO, size: int, on_read: Callable[[], None]) -> None:
    # Another try begins anew.
    target.seek(0)
    target.truncate()
    with fs.open(url, "rb", block_size=8 * _BLOCK_BYTES) as source:
        if hasattr(source, "prefetch"):
            # Of SFTP: not to wait for each 32 kB before the next is asked for.
            source.prefetch(size)
        n_bytes = 0
        while block := source.read(_BLOCK_BYTES):
            n_bytes += target.write(block)
            on_read()
    if n_bytes != size:
        raise ConnectionError(f"{n_bytes:,} of {size:,} bytes came")


def _info(url: str, fs: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = fs.info(url)
    return found


def _folder() -> Path:
    import platformdirs

    kept = os.environ.get("SOUNDALIKE_CACHE") or platformdirs.user_cache_dir(
        "soundalike", appauthor=False
    )
    folder = Path(kept) / "remote"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _make_room(folder: Path, n_bytes: int) -> None:
    """Delete the copies that were not used for longest, until one more fits."""
    kept: list[tuple[int, int, str]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                found = entry.stat()
                kept.append((found.st_atime_ns, found.st_size, entry.path))
    total = n_bytes + sum(size for _, size, _ in kept)
    for _, size, path in sorted(kept):
        if total <= _MOST_COPIES_BYTES:
            return
        with suppress(OSError):
            os.unlink(path)
        total -= size


def _is_kept(inside: str) -> bool:
    """Whether a ``Path`` gives back these names as they are."""
    return "\0" not in inside and all(part.strip(".") for part in inside.split("/"))


def _stamp(found: Mapping[str, Any]) -> Stamped | None:
    size = found.get("size")
    if size is None:
        return None
    # Of a list, S3 tells milliseconds; of one file, seconds.
    moment = next((found[name] for name in _TIMES if found.get(name) is not None), None)
    version = next((found[name] for name in _VERSIONS if found.get(name)), None)
    number = None
    if version is not None:
        digest = hashlib.blake2b(str(version).strip('"').encode(), digest_size=8).digest()
        number = int.from_bytes(digest, "big") >> 1
    return int(size), _seconds(moment) * 10**9, number


def _seconds(moment: Any) -> int:
    if isinstance(moment, str):
        from email.utils import parsedate_to_datetime

        try:
            moment = parsedate_to_datetime(moment)
        except ValueError:
            try:
                moment = datetime.fromisoformat(moment)
            except ValueError:
                return 0
    if isinstance(moment, datetime):
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return int(moment or 0)


def _asked(url: str, ask: Callable[[Any], _T]) -> _T:
    """What a file system answers, asked several times where it may help.

    Raises
    ------
    InvalidArgument : the address is none that may be stored.
    OSError : whatever it raised, in words that a failure can be recorded with.
    """
    check_url(url)
    for pause_s in _pauses():
        try:
            return ask(_file_system(url))
        except MissingExtra:
            raise
        except Exception as raised:
            error = _true(url, raised)
            if isinstance(error, _FINAL):
                raise type(error)(error.errno or errno.EIO, _words(error)) from raised
            if _is_refused(error):
                raise PermissionError(errno.EACCES, _words(error)) from raised
            if isinstance(error, OSError) and error.errno in _NO_ROOM:
                raise OSError(error.errno, f"no room here for a copy: {_words(error)}") from raised
            if pause_s is None:
                reason = f"could not be reached, or read to the end: {_words(error)}"
                raise OSError(errno.EIO, reason) from raised
            time.sleep(pause_s)
            # The connection may be what is broken.
            _connected.cache_clear()
    raise AssertionError("the last attempt returns or raises")


def _true(url: str, error: Exception) -> BaseException:
    """The error itself: of HTTP, fsspec says "not found" whatever the server answered."""
    cause = error.__cause__
    if isinstance(error, FileNotFoundError) and cause is not None and url.startswith(_WEB):
        if isinstance(cause, FileNotFoundError) or getattr(cause, "status", 0) in (404, 410):
            return error
        return cause
    return error


def _pauses() -> Iterator[float | None]:
    for attempt in range(_ATTEMPTS - 1):
        # Not all workers at the same moment.
        yield _FIRST_PAUSE_S * 2**attempt * random.uniform(0.5, 1.5)
    yield None


def _is_refused(error: BaseException) -> bool:
    return type(error).__name__ in _REFUSED or getattr(error, "status", None) in (401, 403)


def _words(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file or folder"
    status = getattr(error, "status", None)
    if status is not None:
        return f"the server answers {status} {getattr(error, 'message', '')}".strip()
    text = " ".join(str(getattr(error, "strerror", None) or error).split())
    if text.startswith(_UNKNOWN):
        return f"no file is read by the protocol{text.removeprefix(_UNKNOWN)}"
    return (text or type(error).__name__)[:200]


def _file_system(url: str) -> Any:
    parts = urlsplit(url)
    # fsspec keeps one for each set of arguments; here, one for each server.
    return _connected(parts.scheme, parts.netloc if parts.scheme in ("sftp", "ssh") else "")


@cache
def _connected(scheme: str, place: str) -> Any:
    try:
        import fsspec

        # Nothing is taken from an earlier listing: what changed meanwhile has to show.
        options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
        if f"{scheme}://" in _WEB:
            import aiohttp

            timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=60)
            options["client_kwargs"] = {"timeout": timeout}
        if scheme in ("sftp", "ssh"):
            from soundalike.remote_sftp import connect

            return connect(urlsplit(f"sftp://{place}"))
        return fsspec.filesystem(scheme, **options)
    except ImportError as error:
        raise MissingExtra(f"reading {scheme}://", "remote") from error
    except ValueError as error:
        # Of a protocol that fsspec does not know, no attempt helps.
        raise PermissionError(errno.EPROTONOSUPPORT, _words(error)) from error
