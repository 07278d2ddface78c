"""A client for ListenBrainz, and for what speaks its API; needs the extra ``listenbrainz``.

The published API is at https://listenbrainz.readthedocs.io: listens and feedback of a user come
out, playlists go in, as JSPF whose tracks are recordings of MusicBrainz.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from soundalike.closing import Closing
from soundalike.errors import InvalidArgument, MissingExtra, ServerError, printable
from soundalike.integrations.answers import objects_in, text_of

try:
    import httpx
except ImportError as error:
    raise MissingExtra("a client of ListenBrainz", "listenbrainz") from error

__all__ = ["DEFAULT_URL", "MARK", "ListenBrainz", "UserPlaylist", "checked_address"]

DEFAULT_URL = "https://api.listenbrainz.org"
MARK = "Made by soundalike from how the music sounds."
"""Begins the description of playlists that came from here, by which they are known again."""

_CLIENT = "soundalike"
_PLAYLIST = "https://musicbrainz.org/doc/jspf#playlist"
_RECORDING = "https://musicbrainz.org/recording/"
# What one request may ask for, and what it may add to a playlist, by the API's documentation.
_PAGE, _ADDED = 1000, 100
_MOST_BYTES = 64_000_000
_MOST_WAITS, _LONGEST_WAIT_S = 5, 60.0
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class UserPlaylist:
    """A playlist that a user has there.

    Attributes
    ----------
    playlist_id : UUID; the address of its page ends with it.
    description : as its maker wrote it, which may hold HTML.
    """

    playlist_id: str
    name: str
    description: str


class ListenBrainz(Closing):
    """The API, as somebody with a token sees it, or as everybody does.

    >>> with ListenBrainz(token="...") as server:                         # doctest: +SKIP
    ...     plays = list(server.listens(server.user()))

    Parameters
    ----------
    token : of a user, from the settings of ListenBrainz; None for what everybody may read.
    url : where the API is.
    timeout_s : seconds without a byte after which the server counts as down.
    sleep : waits where the server says that it was asked too often.

    Raises
    ------
    InvalidArgument : a URL or a token that is none.
    """

    def __init__(
        self,
        token: str | None = None,
        *,
        url: str = DEFAULT_URL,
        timeout_s: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = checked_address(url)
        if token is not None and not _TOKEN.fullmatch(token):
            raise InvalidArgument(
                "the token of ListenBrainz has spaces or other characters that no token has: copy "
                "it again from the settings of ListenBrainz"
            )
        self._timeout_s, self._sleep, self._has_token = timeout_s, sleep, token is not None
        headers = {"User-Agent": _CLIENT, "Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Token {token}"
        self._http = httpx.Client(timeout=timeout_s, headers=headers)

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def user(self) -> str:
        """Whose token it is.

        Raises
        ------
        ServerError : the server cannot be reached, is none of this kind, or refuses the token.
        """
        answer = self._ask("GET", "validate-token")
        name = text_of(answer.get("user_name"))
        if not answer.get("valid") or not name:
            raise ServerError(
                f"{self.url}: the token is wrong: copy it again from the settings of ListenBrainz"
            )
        return name

    def listens(self, user: str, since: float = 0.0) -> Iterator[Mapping[str, Any]]:
        """Plays after a time (seconds since 1970), the newest first, each as the API gives it.

        Raises
        ------
        ServerError : as :meth:`user`; or nobody is called so.
        """
        before: int | None = None
        # What the last page had of the second that the next one begins with.
        at_end: list[Mapping[str, Any]] = []
        while True:
            asked: dict[str, Any] = {"count": _PAGE}
            if before is not None:
                asked["max_ts"] = before
            answer = self._ask("GET", f"user/{quote(user, safe='')}/listens", asked)
            payload = answer.get("payload")
            page = objects_in(payload.get("listens") if isinstance(payload, dict) else None)
            times = [each.get("listened_at") for each in page]
            whole = [at for at in times if isinstance(at, int)]
            for each, at in zip(page, times, strict=True):
                if isinstance(at, int) and at > since and each not in at_end:
                    yield each
            # Of plays in one second that a page cuts apart, those on the next one would be lost.
            # How long a page is at most is the server's affair.
            oldest = min(whole, default=0)
            if not whole or oldest <= since:
                return
            at_end = [each for each in page if each.get("listened_at") == oldest]
            before = oldest + 1 if len(set(whole)) > 1 else oldest

    def feedback(self, user: str) -> Iterator[Mapping[str, Any]]:
        """What a user loves and hates, each as the API gives it.

        Raises
        ------
        ServerError : as :meth:`listens`.
        """
        offset = 0
        while True:
            asked = {"count": _PAGE, "offset": offset, "metadata": "true"}
            answer = self._ask("GET", f"feedback/user/{quote(user, safe='')}/get-feedback", asked)
            page = objects_in(answer.get("feedback"))
            yield from page
            offset += len(page)
            if not page:
                return

    def playlists(self, user: str) -> list[UserPlaylist]:
        """The playlists of a user, private ones where the token is theirs.

        Raises
        ------
        ServerError : as :meth:`listens`.
        """
        found: list[UserPlaylist] = []
        offset = 0
        while True:
            asked = {"count": _ADDED, "offset": offset}
            answer = self._ask("GET", f"user/{quote(user, safe='')}/playlists", asked)
            page = objects_in(answer.get("playlists"))
            for each in page:
                playlist = each.get("playlist")
                if isinstance(playlist, dict):
                    uri = text_of(playlist.get("identifier")) or ""
                    description = text_of(playlist.get("annotation")) or ""
                    name = text_of(playlist.get("title")) or ""
                    found.append(
                        UserPlaylist(uri.rstrip("/").rsplit("/", 1)[-1], name, description)
                    )
            offset += len(page)
            if not page:
                return found

    def recordings(self, playlist_id: str) -> list[str]:
        """The MusicBrainz ids of a playlist's tracks, in their order.

        Raises
        ------
        ServerError : as :meth:`user`; or there is no such playlist.
        """
        answer = self._ask("GET", f"playlist/{quote(playlist_id, safe='')}")
        found = []
        playlist = answer.get("playlist")
        for track in objects_in(playlist.get("track") if isinstance(playlist, dict) else None):
            uris = track.get("identifier")
            for uri in [uris] if isinstance(uris, str) else uris or []:
                if isinstance(uri, str) and uri.startswith(_RECORDING):
                    found.append(uri[len(_RECORDING) :].strip("/").lower())
                    break
        return found

    def put(
        self, name: str, recordings: Sequence[str], *, is_public: bool, user: str | None = None
    ) -> UserPlaylist:
        """Put a playlist there, in the place of those that came from here by this name.

        A new one is filled and read back before the old ones go: whatever fails, what was there
        stays, and a new one that is not whole is taken away again. Its address is another one.

        Parameters
        ----------
        recordings : ids of MusicBrainz, at least one.
        user : whose token it is, where that is known already.

        Raises
        ------
        ServerError : as :meth:`user`; or the playlist that was read back is another one.
        """
        user = user or self.user()
        ours = [
            each
            for each in self.playlists(user)
            if each.name == name and each.description.startswith(MARK)
        ]
        made = self._create(name, recordings[:_ADDED], is_public=is_public)
        try:
            for start in range(_ADDED, len(recordings), _ADDED):
                some = {"playlist": {"track": _tracks(recordings[start : start + _ADDED])}}
                self._ask("POST", f"playlist/{made.playlist_id}/item/add", body=some)
            there = self.recordings(made.playlist_id)
            if there != [each.lower() for each in recordings]:
                raise ServerError(
                    f"{self.url}: the playlist {printable(name)} came back with {len(there):,} "
                    f"tracks, {len(recordings):,} were sent: it was taken away again"
                )
        except BaseException:
            self._delete(made.playlist_id, is_tidying=True)
            raise
        for each in ours:
            self._delete(each.playlist_id)
        return made

    def _create(self, name: str, recordings: Sequence[str], *, is_public: bool) -> UserPlaylist:
        playlist = {
            "title": name,
            "annotation": MARK,
            "track": _tracks(recordings),
            "extension": {_PLAYLIST: {"public": is_public}},
        }
        answer = self._ask("POST", "playlist/create", body={"playlist": playlist})
        found = text_of(answer.get("playlist_mbid"))
        if not found:
            raise ServerError(f"{self.url}: does not say which playlist it made")
        return UserPlaylist(found, name, MARK)

    def _delete(self, playlist_id: str, *, is_tidying: bool = False) -> None:
        try:
            self._ask("POST", f"playlist/{quote(playlist_id, safe='')}/delete")
        except ServerError:
            # What went wrong before is what has to be told.
            if not is_tidying:
                raise

    def _ask(
        self,
        method: str,
        endpoint: str,
        asked: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        for _ in range(_MOST_WAITS):
            response, data = self._answer(method, endpoint, asked, body)
            if response.status_code != httpx.codes.TOO_MANY_REQUESTS:
                return self._read(endpoint, response, data)
            self._sleep(_wait_s(response))
        raise ServerError(f"{self.url}: was asked too often: try again in some minutes")

    def _answer(
        self,
        method: str,
        endpoint: str,
        asked: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
    ) -> tuple[httpx.Response, bytes]:
        data = bytearray()
        address = f"{self.url}/1/{endpoint}"
        try:
            with self._http.stream(method, address, params=asked, json=body) as response:
                for block in response.iter_bytes():
                    data += block
                    if len(data) > _MOST_BYTES:
                        raise ServerError(f"{self.url}: {endpoint} answers without an end")
        except httpx.TimeoutException as error:
            raise ServerError(
                f"{self.url}: {endpoint} is not answered within {self._timeout_s:g} s: the server "
                f"is down or busy, try again later"
            ) from error
        except httpx.HTTPError as error:
            why = printable(str(error)) or type(error).__name__
            raise ServerError(
                f"{self.url}: cannot be reached ({why}): check the address"
            ) from error
        return response, bytes(data)

    def _read(self, endpoint: str, response: httpx.Response, data: bytes) -> dict[str, Any]:
        status = response.status_code
        if response.is_redirect:
            there = urlsplit(str(response.headers.get("location", "")))
            raise ServerError(
                f"{self.url}: leads elsewhere: give {there.scheme}://{there.netloc} as the address"
            )
        if status in (401, 403):
            what = "the token is wrong, or may not do that" if self._has_token else "needs a token"
            raise ServerError(f"{self.url}: {what} (HTTP {status})", status)
        try:
            found = json.loads(data)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            what = "a page" if data.lstrip()[:1] == b"<" else "something"
            raise ServerError(
                f"{self.url}: answers with {what} that is no JSON (HTTP {status}): is it the "
                f"address of the API, such as {DEFAULT_URL}?"
            )
        if status >= 400:
            said = text_of(found.get("error")) or "it does not say why"
            raise ServerError(f"{self.url}: {endpoint}: {printable(said)} (HTTP {status})", status)
        return found


def checked_address(url: str) -> str:
    """The address of an API, without a slash at its end.

    Raises
    ------
    InvalidArgument : it is none, or has a user or a password in it.
    """
    parts = urlsplit(url.strip())
    if parts.username or parts.password:
        raise InvalidArgument("the address of ListenBrainz has a password in it: leave that out")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise InvalidArgument(
            f"{printable(url)} is no address of an API: give one such as {DEFAULT_URL}"
        )
    return url.strip().rstrip("/")


def _tracks(recordings: Sequence[str]) -> list[dict[str, str]]:
    return [{"identifier": f"{_RECORDING}{each}"} for each in recordings]


def _wait_s(response: httpx.Response) -> float:
    """How long to wait after too many requests, as the server says."""
    for name in ("X-RateLimit-Reset-In", "Retry-After"):
        try:
            seconds = float(response.headers[name])
        except (KeyError, ValueError):
            continue
        if seconds >= 0:
            return min(seconds, _LONGEST_WAIT_S) + 0.1
    return 10.0
