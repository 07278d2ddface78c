"""A client for music servers that speak Subsonic or OpenSubsonic; needs the extra ``subsonic``.

The published API is at https://opensubsonic.netlify.app. Answers are read leniently, since servers
differ in what they leave out; whether they are answers at all, strictly.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from soundalike.closing import Closing
from soundalike.errors import MissingExtra, ServerError
from soundalike.integrations.addresses import checked_url, is_private
from soundalike.integrations.answers import text_of
from soundalike.integrations.credentials import Credentials
from soundalike.integrations.refusals import (
    FORBIDDEN,
    MISSING,
    NO_TOKENS,
    NOT_FOUND,
    SERVER_TOO_OLD,
    WRONG,
    refusal,
)
from soundalike.integrations.subsonic_songs import listed, song_of
from soundalike.library.link_records import ServerFacts, ServerSong

try:
    import httpx
except ImportError as error:
    raise MissingExtra("a client of a music server", "subsonic") from error

from soundalike.integrations.connection import reason_of

__all__ = ["Subsonic"]

_CLIENT = "soundalike"
# Tokens in the place of passwords came with the second.
_LEAST, _WITH_TOKENS = "1.8.0", "1.13.0"
_PAGE = 500
_MOST_BYTES = 64_000_000
_MOST_REFUSAL_BYTES = 64_000
_AS_IT_IS = {"Accept": "*/*", "Accept-Encoding": "identity"}
_NO_MUSIC = ("application/json", "text/json", "text/xml", "application/xml", "text/html")
_UNSIGNED = {"c": _CLIENT, "f": "json", "v": _WITH_TOKENS}
# However slowly, an answer has to come within so many times the time in which some of it has to.
_WHOLE = 4

# A file has to come at least so quickly, on the whole.
_LEAST_BYTES_PER_S = 8_000
_MOST_FILE_BYTES = 2 << 30
# Of an address; some servers and proxies refuse longer ones than 8 kB.
_MOST_ADDRESS_BYTES = 6_000
_MOST_IN_A_FORM = 5_000


class Subsonic(Closing):
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
        # Whether it takes what is asked as a form, which keeps who asks out of addresses.
        self._takes_forms = False
        # Whether this user may have files only as what is played.
        self._only_plays = False
        self._http = httpx.Client(
            timeout=timeout_s, headers={"User-Agent": _CLIENT, "Accept": "application/json"}
        )

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
            song = song_of(child)
            if song is not None and song.item_id not in seen:
                seen.add(song.item_id)
                yield song

    def user(self) -> str | None:
        """Who asks; None where a key stands for its user, and the server does not say whose it is.

        Raises
        ------
        ServerError : as :meth:`facts`.
        """
        if self._credentials.user is not None:
            return self._credentials.user
        try:
            said = self.ask("tokenInfo").get("tokenInfo")
        except ServerError as refused:
            if refused.code is None:
                raise
            return None
        return text_of(said.get("username")) if isinstance(said, dict) else None

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

    def pieces(self, item_ids: Sequence[str]) -> Iterator[Sequence[str]]:
        """Ids in as few parts as requests take.

        Raises
        ------
        ServerError : as :meth:`facts`.
        """
        self.facts()
        if self._takes_forms or self._as_is:
            for start in range(0, len(item_ids), _MOST_IN_A_FORM):
                yield item_ids[start : start + _MOST_IN_A_FORM]
            return
        start = n_bytes = 0
        for at, item_id in enumerate(item_ids):
            own = len(quote(item_id, safe="")) + len("&songIdToAdd=")
            if n_bytes + own > _MOST_ADDRESS_BYTES and at > start:
                yield item_ids[start:at]
                start, n_bytes = at, 0
            n_bytes += own
        if start < len(item_ids):
            yield item_ids[start:]

    def download(
        self,
        item_id: str,
        target: Path,
        *,
        size_bytes: int | None = None,
        on_read: Callable[[int], None] = lambda _: None,
    ) -> int:
        """Write the file of a song as the server has it, without transcoding.

        Where the user may not download, it is asked for as what is played (``stream``), as it is.

        Parameters
        ----------
        size_bytes : of the file as the server tells it, where it does.
        on_read : told the bytes of each block that came.

        Returns
        -------
        Its bytes.

        Raises
        ------
        ServerError : as :meth:`facts`; the song is gone (``code`` is ``refusals.NOT_FOUND``), or
            what came is not the file.
        OSError : the file cannot be written.
        """
        self.facts()
        if not self._only_plays:
            try:
                return self._fetch("download", {"id": item_id}, target, size_bytes, on_read)
            except ServerError as refused:
                if refused.code != FORBIDDEN:
                    raise
                self._only_plays = True
        asked = {"id": item_id, "format": "raw"}
        return self._fetch("stream", asked, target, size_bytes, on_read)

    def _fetch(
        self,
        endpoint: str,
        parameters: Mapping[str, Any],
        target: Path,
        size_bytes: int | None,
        on_read: Callable[[int], None],
    ) -> int:
        since, n_bytes = time.monotonic(), 0
        try:
            with self._asking(endpoint, parameters, headers=_AS_IT_IS) as response:
                kind = response.headers.get("content-type", "").partition(";")[0].strip()
                is_file = response.status_code == 200 and kind not in _NO_MUSIC
                if not is_file:
                    body = b"".join(_some(response, _MOST_REFUSAL_BYTES))
                    raise self._refused(endpoint, response, body)
                with target.open("wb") as file:
                    for block in response.iter_bytes():
                        n_bytes += file.write(block)
                        on_read(len(block))
                        if n_bytes > _MOST_FILE_BYTES:
                            raise ServerError(f"{self.url}: a file of more than 2 GiB", 0)
                        allowed_s = _WHOLE * self._timeout_s + n_bytes / _LEAST_BYTES_PER_S
                        if time.monotonic() - since > allowed_s:
                            raise ServerError(self._too_slow(endpoint))
        except httpx.TimeoutException as error:
            raise ServerError(self._too_slow(endpoint)) from error
        except httpx.HTTPError as error:
            raise ServerError(f"{self.url}: {reason_of(error)}") from error
        # Where the length is stated, a connection that breaks is an error by itself.
        is_whole = endpoint == "download" and "content-length" in response.headers
        if size_bytes is not None and n_bytes != size_bytes and not is_whole:
            raise ServerError(
                f"{self.url}: {endpoint} sends {n_bytes:,} bytes of a file of {size_bytes:,}, "
                f"which is not the file itself",
                0,
            )
        return n_bytes

    def _refused(self, endpoint: str, response: httpx.Response, body: bytes) -> ServerError:
        """What a server says in place of a file; some do in XML, whatever they are asked for."""
        found = re.search(rb"<error\b[^>]*>", body)
        code = re.search(rb'\bcode="(\d+)"', found[0]) if found else None
        if code is not None:
            number = int(code[1])
            return ServerError(
                f"{self.url}: {refusal(number, None, endpoint, self._credentials)}", number
            )
        if response.status_code in (404, 410) and b"<html" not in body[:4096].lower():
            return ServerError(f"{self.url}: has this file no more", NOT_FOUND)
        try:
            self._answer(endpoint, response, body)
        except ServerError as refused:
            if refused.code is None and response.status_code < 500:
                return ServerError(str(refused), 0)
            return refused
        return ServerError(f"{self.url}: {endpoint} answers without the file", 0)

    def _connect(self) -> dict[str, Any]:
        if self._credentials.api_key is not None:
            # Before it is sent once: in a form it is in no address.
            self._takes_forms = self._has_forms()
        answer = self._greet()
        if answer.get("openSubsonic") is True and not (self._takes_forms or self._as_is):
            self._takes_forms = self._has_forms()
        return answer

    def _has_forms(self) -> bool:
        try:
            answer = self._ask("getOpenSubsonicExtensions", signed=False)
        except ServerError:
            # It has none, or cannot be reached, which the next request tells.
            return False
        named = listed(answer, "openSubsonicExtensions")
        return any(each.get("name") == "formPost" for each in named)

    def _greet(self) -> dict[str, Any]:
        try:
            return self._ask("ping")
        except ServerError as refused:
            is_old = _numbers(self._version) < _numbers(_WITH_TOKENS)
            asks_as_is = refused.code in (SERVER_TOO_OLD, NO_TOKENS) or (
                refused.code in (MISSING, WRONG) and is_old
            )
            if not asks_as_is or self._credentials.password is None:
                raise
            if not is_private(self.url):
                raise ServerError(
                    f"{self.url}: the server takes passwords only as they are, and this address is "
                    f"not encrypted: give one that begins with https"
                ) from None
        self._as_is = True
        return self._ask("ping")

    def _asking(
        self,
        endpoint: str,
        parameters: Mapping[str, Any] | None,
        *,
        signed: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> AbstractContextManager[httpx.Response]:
        url = f"{self.url}/rest/{endpoint}"
        sent = {**(self._signature() if signed else _UNSIGNED), **(parameters or {})}
        # A password as it is stays out of the address, and so out of the logs of servers.
        if self._as_is or self._takes_forms:
            return self._http.stream("POST", url, data=sent, headers=headers)
        return self._http.stream("GET", url, params=sent, headers=headers)

    def _ask(
        self, endpoint: str, parameters: Mapping[str, Any] | None = None, *, signed: bool = True
    ) -> dict[str, Any]:
        until = time.monotonic() + _WHOLE * self._timeout_s
        body = bytearray()
        asking = self._asking(endpoint, parameters, signed=signed)
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
            raise ServerError(f"{self.url}: {reason_of(error)}") from error
        return self._answer(endpoint, response, bytes(body))

    def _signature(self) -> dict[str, str]:
        """Who asks, and in which version of the API."""
        own = {**_UNSIGNED, "v": _LEAST if self._as_is else _WITH_TOKENS}
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
        code, message = problem.get("code"), text_of(problem.get("message"))
        raise ServerError(
            f"{self.url}: {refusal(code, message, endpoint, self._credentials)}",
            code if isinstance(code, int) else 0,
        )

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
            page = listed(answer, "searchResult3", "song")
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
            page = listed(self._ask("getAlbumList2", parameters), "albumList2", "album")
            if not page or str(page[0].get("id")) == last:
                return
            last = str(page[0].get("id"))
            offset += len(page)
            for album in page:
                try:
                    answer = self._ask("getAlbum", {"id": str(album.get("id"))})
                except ServerError as refused:
                    if refused.code == NOT_FOUND:
                        continue  # deleted meanwhile
                    raise
                yield from listed(answer, "album", "song")


def _some(response: httpx.Response, most: int) -> Iterator[bytes]:
    """The first bytes of a body."""
    for block in response.iter_bytes():
        yield block[:most]
        most -= len(block)
        if most <= 0:
            return


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
