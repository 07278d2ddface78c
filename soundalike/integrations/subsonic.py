"""A client for music servers that speak Subsonic or OpenSubsonic; needs the extra ``subsonic``.

The published API is at https://opensubsonic.netlify.app. Answers are read leniently, since servers
differ in what they leave out; whether they are answers at all, strictly.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import secrets
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from soundalike.errors import InvalidArgument, MissingExtra, ServerError
from soundalike.integrations.answers import objects_in, text_of
from soundalike.integrations.credentials import API_KEY_VARIABLE, Credentials
from soundalike.library.link_records import ServerArtist, ServerFacts, ServerSong

try:
    import httpx
except ImportError as error:
    raise MissingExtra("a client of a music server", "subsonic") from error

__all__ = ["Subsonic", "checked_url"]

_CLIENT = "soundalike"
# Tokens in the place of passwords came with the second.
_LEAST, _WITH_TOKENS = "1.8.0", "1.13.0"
_PAGE = 500
_MOST_BYTES = 64_000_000
# However slowly, an answer has to come within so many times the time in which some of it has to.
_WHOLE = 4

_MISSING, _SERVER_TOO_OLD, _WRONG, _NO_TOKENS, _KEYS_ONLY, _WRONG_KEY = 10, 30, 40, 41, 42, 44
_FORBIDDEN, _NOT_FOUND = 50, 70


class Subsonic:
    """A server, as one of its users sees it.

    >>> with Subsonic("https://music.example.org", Credentials("me", "...")) as server:
    ...     songs = list(server.songs())                               # doctest: +SKIP

    Parameters
    ----------
    url : of the server, without ``/rest``.
    credentials : sent as a token that is good for one request, where the server can do that.
    timeout_s : seconds without a byte after which the server counts as down.

    Raises
    ------
    InvalidArgument : a URL that is none, or has a password in it.
    """

    def __init__(self, url: str, credentials: Credentials, *, timeout_s: float = 30.0) -> None:
        self.url = checked_url(url)
        self._credentials = credentials
        self._timeout_s = timeout_s
        # Whether the server takes passwords only as they are; it is asked on the first request.
        self._as_is = False
        self._facts: ServerFacts | None = None
        # Of the API, as the last answer has it.
        self._version = ""
        self._http = httpx.Client(
            timeout=timeout_s, headers={"User-Agent": _CLIENT, "Accept": "application/json"}
        )

    def __enter__(self) -> Subsonic:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def facts(self) -> ServerFacts:
        """Which server it is.

        Raises
        ------
        ServerError : it cannot be reached, is no Subsonic server or too old, or refuses the user.
        """
        if self._facts is None:
            answer = self._connect()
            if _numbers(self._version) < _numbers(_LEAST):
                raise ServerError(
                    f"{self.url}: speaks version {self._version or 'unknown'} of the Subsonic API, "
                    f"and {_LEAST} is the oldest that can be linked: upgrade the server"
                )
            named = [text_of(answer.get("type")), text_of(answer.get("serverVersion"))]
            self._facts = ServerFacts(
                kind="subsonic",
                url=self.url,
                user=self._credentials.user,
                software=" ".join(each for each in named if each) or None,
            )
        return self._facts

    def songs(self) -> Iterator[ServerSong]:
        """All songs that the user may see, each once.

        Raises
        ------
        ServerError : as :meth:`facts`, or an answer without the songs.
        """
        self.facts()
        seen: set[str] = set()
        for child in self._children():
            song = _song(child)
            if song is not None and song.item_id not in seen:
                seen.add(song.item_id)
                yield song

    def ask(self, endpoint: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What the server answers, without what is around it.

        Parameters
        ----------
        endpoint : such as "getAlbum".
        parameters : a list stands for one that is given several times.

        Raises
        ------
        ServerError : as :meth:`facts`; or the server says that it failed.
        """
        self.facts()
        return self._ask(endpoint, parameters)

    def _connect(self) -> dict[str, Any]:
        try:
            return self._ask("ping")
        except ServerError as refused:
            is_old = _numbers(self._version) < _numbers(_WITH_TOKENS)
            asks_as_is = refused.code in (_SERVER_TOO_OLD, _NO_TOKENS) or (
                refused.code in (_MISSING, _WRONG) and is_old
            )
            if not asks_as_is or self._credentials.password is None:
                raise
            if not _is_private(self.url):
                raise ServerError(
                    f"{self.url}: the server takes passwords only as they are, and this address is "
                    f"not encrypted: give one that begins with https"
                ) from None
        self._as_is = True
        return self._ask("ping")

    def _ask(self, endpoint: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        url = f"{self.url}/rest/{endpoint}"
        sent = {**self._signature(), **(parameters or {})}
        until = time.monotonic() + _WHOLE * self._timeout_s
        body = bytearray()
        # A password as it is stays out of the address, and so out of the logs of servers.
        asking = (
            self._http.stream("POST", url, data=sent)
            if self._as_is
            else self._http.stream("GET", url, params=sent)
        )
        try:
            with asking as response:
                for block in response.iter_bytes():
                    body += block
                    if len(body) > _MOST_BYTES:
                        raise ServerError(f"{self.url}: {endpoint} answers without an end")
                    if time.monotonic() > until:
                        raise ServerError(self._too_slow(endpoint))
        except httpx.TimeoutException as error:
            raise ServerError(self._too_slow(endpoint)) from error
        except httpx.HTTPError as error:
            raise ServerError(f"{self.url}: {_reason(error)}") from error
        return self._answer(endpoint, response, bytes(body))

    def _signature(self) -> dict[str, str]:
        """Who asks, and in which version of the API."""
        own = {"c": _CLIENT, "f": "json", "v": _LEAST if self._as_is else _WITH_TOKENS}
        credentials = self._credentials
        if credentials.api_key is not None:
            return {**own, "apiKey": credentials.api_key}
        user, password = credentials.user or "", credentials.password or ""
        if self._as_is:
            return {**own, "u": user, "p": "enc:" + password.encode("utf-8").hex()}
        # The API has it so: MD5 of the password and a salt.
        salt = secrets.token_hex(8)
        token = hashlib.md5((password + salt).encode("utf-8"), usedforsecurity=False).hexdigest()
        return {**own, "u": user, "t": token, "s": salt}

    def _answer(self, endpoint: str, response: httpx.Response, body: bytes) -> dict[str, Any]:
        if response.is_redirect:
            there = urlsplit(str(response.headers.get("location", "")))
            place = urlunsplit((there.scheme, there.netloc, there.path, "", ""))
            to = place.partition("/rest/")[0] or place
            raise ServerError(f"{self.url}: leads elsewhere: give {to or 'its real address'}")
        try:
            found = json.loads(body)["subsonic-response"]
            status = found["status"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ServerError(self._no_answer(response, body)) from None
        self._version = str(found.get("version", ""))
        if status == "ok":
            answer: dict[str, Any] = found
            return answer
        problem = found.get("error")
        problem = problem if isinstance(problem, dict) else {}
        code = problem.get("code")
        raise ServerError(
            f"{self.url}: {self._refusal(code, text_of(problem.get('message')), endpoint)}",
            code if isinstance(code, int) else 0,
        )

    def _refusal(self, code: object, message: str | None, endpoint: str) -> str:
        said = f" (it says: {message})" if message else ""
        if code == _WRONG:
            return f"the user {self._credentials.user!r} or the password is wrong{said}"
        if code == _WRONG_KEY:
            return f"the API key in {API_KEY_VARIABLE} is wrong{said}"
        if code == _KEYS_ONLY:
            return f"the server takes API keys alone: put one in {API_KEY_VARIABLE}{said}"
        if code == _FORBIDDEN:
            return f"the user {self._credentials.user!r} may not do that{said}"
        if code == _SERVER_TOO_OLD:
            return f"the server's version of the API is too old: upgrade it{said}"
        return f"{endpoint} failed{said or ': it does not say why'}"

    def _no_answer(self, response: httpx.Response, body: bytes) -> str:
        if response.status_code in (401, 403):
            return f"{self.url}: asks for a login of its own (HTTP {response.status_code})"
        if body.lstrip()[:1] == b"<" or "html" in response.headers.get("content-type", ""):
            what = "a page" if b"<html" in body[:4096].lower() else "XML"
            return (
                f"{self.url}: answers with {what} instead of JSON (HTTP {response.status_code}): "
                f"give the address of the music server itself, such as https://music.example.org"
            )
        return f"{self.url}: is no Subsonic server (HTTP {response.status_code}): check the address"

    def _too_slow(self, endpoint: str) -> str:
        return (
            f"{self.url}: {endpoint} is not answered within {self._timeout_s:g} s: the server is "
            f"down or busy, try again later"
        )

    def _children(self) -> Iterator[Mapping[str, Any]]:
        """All songs, as they are told: by a search for nothing, which finds all at most servers,
        else album by album."""
        n = 0
        for child in self._pages():
            n += 1
            yield child
        if not n:
            yield from self._by_albums()

    def _pages(self) -> Iterator[Mapping[str, Any]]:
        offset, last = 0, ""
        parameters = {"query": "", "artistCount": 0, "albumCount": 0, "songCount": _PAGE}
        while True:
            try:
                answer = self._ask("search3", {**parameters, "songOffset": offset})
            except ServerError as refused:
                if offset or refused.code is None:
                    raise
                return  # a search for nothing is not allowed here
            page = _listed(answer, "searchResult3", "song")
            # A server that does not know of pages would tell the first for ever.
            if not page or str(page[0].get("id")) == last:
                return
            last = str(page[0].get("id"))
            offset += len(page)
            yield from page

    def _by_albums(self) -> Iterator[Mapping[str, Any]]:
        offset, last = 0, ""
        while True:
            parameters = {"type": "alphabeticalByName", "size": _PAGE, "offset": offset}
            page = _listed(self._ask("getAlbumList2", parameters), "albumList2", "album")
            if not page or str(page[0].get("id")) == last:
                return
            last = str(page[0].get("id"))
            offset += len(page)
            for album in page:
                try:
                    answer = self._ask("getAlbum", {"id": str(album.get("id"))})
                except ServerError as refused:
                    if refused.code == _NOT_FOUND:
                        continue  # deleted meanwhile
                    raise
                yield from _listed(answer, "album", "song")


def checked_url(url: str) -> str:
    """The address of a server, without what does not belong to it.

    >>> checked_url("https://music.example.org/rest/")
    'https://music.example.org'

    Raises
    ------
    InvalidArgument : it is none, or has a user, a password or parameters in it.
    """
    try:
        apart = urlsplit(url.strip())
        is_address = apart.scheme in ("http", "https") and bool(apart.hostname)
        _ = apart.port
    except ValueError:
        is_address = False
    if not is_address:
        raise InvalidArgument(
            f"{url!r} is no address of a server: write one such as https://music.example.org"
        )
    if apart.username is not None or apart.password is not None or apart.query or apart.fragment:
        raise InvalidArgument(
            f"the address of {apart.hostname} has more in it than the address: leave out user, "
            f"password and parameters, which would stay in the history of the shell"
        )
    path = apart.path.rstrip("/").removesuffix("/rest")
    return urlunsplit((apart.scheme, apart.netloc, path, "", ""))


def _is_private(url: str) -> bool:
    """Whether what is sent there is encrypted, or stays on the local network."""
    apart = urlsplit(url)
    if apart.scheme == "https":
        return True
    try:
        found = socket.getaddrinfo(apart.hostname, apart.port or 80, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ipaddress.ip_address(each[4][0]).is_private for each in found)


def _reason(error: httpx.HTTPError) -> str:
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


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


def _listed(answer: Mapping[str, Any], *names: str) -> Sequence[Mapping[str, Any]]:
    """What is at a place in an answer: a list, one alone, or nothing where it is empty."""
    found: Any = answer
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return objects_in([found] if isinstance(found, dict) else found)


def _song(child: Mapping[str, Any]) -> ServerSong | None:
    """None for what is no music, or has no id."""
    item_id = text_of(child.get("id"))
    if item_id is None or child.get("isDir") is True or child.get("isVideo") is True:
        return None
    if child.get("type") not in (None, "music"):
        return None
    artist, artist_id = text_of(child.get("artist")), text_of(child.get("artistId"))
    artists = _artists(child.get("artists"))
    if not artists and artist_id is not None:
        artists = (ServerArtist(artist_id, artist or ""),)
    if len(artists) > 1:
        # Servers join the names in ways of their own.
        artist = "; ".join(each.name for each in artists)
    duration = child.get("duration")
    recording, isrc = text_of(child.get("musicBrainzId")), child.get("isrc")
    return ServerSong(
        item_id=item_id,
        path=text_of(child.get("path")),
        title=text_of(child.get("title")),
        artist=artist,
        album=text_of(child.get("album")),
        duration_s=float(duration) if isinstance(duration, (int, float)) and duration > 0 else None,
        recording_ids=() if recording is None else (recording,),
        isrc=text_of(next(iter(isrc), None) if isinstance(isrc, list) else isrc),
        artists=artists,
        album_artists=_artists(child.get("albumArtists")),
    )


def _artists(found: Any) -> tuple[ServerArtist, ...]:
    return tuple(
        ServerArtist(artist_id, text_of(each.get("name")) or "")
        for each in objects_in(found)
        if (artist_id := text_of(each.get("id"))) is not None
    )
