"""A small server that keeps to the published API of ListenBrainz, with its limits."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from answering import Answer, Asked, answering

USER, TOKEN = "rob ü", "11111111-2222-3333-4444-555555555555"
EXTENSION = "https://musicbrainz.org/doc/jspf#playlist"
RECORDING = "https://musicbrainz.org/recording/"
MOST_LISTENS, MOST_ADDED = 100, 100


class Refused(Exception):
    """A status and what is wrong."""


@dataclass
class State:
    """What the server has, and how it is to behave.

    Attributes
    ----------
    playlists : by id: title, annotation, public, tracks.
    busy : so many requests are refused as too many.
    forgets : tracks that are lost where a playlist is filled.
    fails_at : endpoints that answer with a fault.
    """

    listens: list[dict[str, Any]] = field(default_factory=list)
    feedback: list[dict[str, Any]] = field(default_factory=list)
    playlists: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    busy: int = 0
    forgets: int = 0
    fails_at: tuple[str, ...] = ()


@contextmanager
def serving(state: State) -> Iterator[str]:
    """Runs the server; yields its address."""

    def says(asked: Asked) -> Answer:
        path = asked.path.removeprefix("/1/")
        state.asked.append(path)
        if state.busy:
            state.busy -= 1
            refused = {"code": 429, "error": "too many requests"}
            return Answer.of_json(refused, 429, {"X-RateLimit-Reset-In": "0"})
        query = {key: values[0] for key, values in asked.query.items()}
        try:
            if any(each in path for each in state.fails_at):
                raise Refused(500, "Something went wrong")
            body = json.loads(asked.body or b"{}")
            user = _user(asked.headers.get("Authorization"))
            return Answer.of_json(answered(state, asked.method, path, query, body, user))
        except Refused as refused:
            code, words = refused.args
            return Answer.of_json({"code": code, "error": words}, code)

    with answering(says) as address:
        yield address


def _user(said: str | None) -> str | None:
    if said is None:
        return None
    if said != f"Token {TOKEN}":
        raise Refused(401, "Invalid authorization token.")
    return USER


def answered(
    state: State,
    method: str,
    path: str,
    query: dict[str, str],
    body: dict[str, Any],
    user: str | None,
) -> dict[str, Any]:
    """What the API says to a request."""
    match (method, *map(unquote, path.split("/"))):
        case "GET", "validate-token":
            if user is None:
                raise Refused(400, "You need to specify a token.")
            return {"code": 200, "message": "Token valid.", "valid": True, "user_name": user}
        case "GET", "user", name, "listens":
            known(name)
            before = int(query.get("max_ts", 1 << 40))
            count = min(int(query.get("count", 25)), MOST_LISTENS)
            newest = sorted(state.listens, key=lambda each: -each["listened_at"])
            page = [each for each in newest if each["listened_at"] < before][:count]
            return {"payload": {"count": len(page), "user_id": name, "listens": page}}
        case "GET", "feedback", "user", name, "get-feedback":
            known(name)
            page, about = paged(state.feedback, query)
            return {"feedback": page, "total_count": len(state.feedback), **about}
        case "GET", "user", name, "playlists":
            known(name)
            seen = {
                each: values
                for each, values in state.playlists.items()
                if values["public"] or user is not None
            }
            page, about = paged([{"playlist": shown(*each)} for each in seen.items()], query)
            return {"playlists": page, "playlist_count": len(seen), **about}
        case "POST", "playlist", "create":
            signed(user)
            playlist = body["playlist"]
            if not playlist.get("title"):
                raise Refused(400, "JSPF playlist must contain a title element")
            public = playlist["extension"][EXTENSION]["public"]
            if not isinstance(public, bool):
                raise Refused(400, "JSPF playlist public field must contain a boolean.")
            tracks = recordings(playlist)
            made = str(uuid.uuid4())
            state.playlists[made] = {
                "title": playlist["title"],
                "annotation": playlist.get("annotation"),
                "public": public,
                "tracks": tracks[: len(tracks) - state.forgets],
            }
            return {"status": "ok", "playlist_mbid": made}
        case "POST", "playlist", which, "item", "add":
            signed(user)
            tracks = recordings(body["playlist"])
            if len(tracks) > MOST_ADDED:
                raise Refused(400, f"You may only add max {MOST_ADDED} recordings per call.")
            there(state, which)["tracks"] += tracks
            return {"status": "ok"}
        case "POST", "playlist", which, "delete":
            signed(user)
            there(state, which)
            del state.playlists[which]
            return {"status": "ok"}
        case "GET", "playlist", which:
            values = there(state, which)
            if not values["public"]:
                signed(user)
            tracks = [{"identifier": [RECORDING + each]} for each in values["tracks"]]
            return {"playlist": {**shown(which, values), "track": tracks}}
        case _:
            raise Refused(404, "no such endpoint")


def known(name: str) -> None:
    if name != USER:
        raise Refused(404, f"Cannot find user: {name}")


def signed(user: str | None) -> None:
    if user is None:
        raise Refused(401, "You need to provide an Authorization header.")


def there(state: State, which: str) -> dict[str, Any]:
    if which not in state.playlists:
        raise Refused(404, f"Cannot find playlist: {which}")
    return state.playlists[which]


def shown(which: str, values: dict[str, Any]) -> dict[str, Any]:
    return {
        "identifier": f"https://listenbrainz.org/playlist/{which}",
        "title": values["title"],
        "annotation": values["annotation"],
        "creator": USER,
        "track": [],
    }


def paged(all_of: list[Any], query: dict[str, str]) -> tuple[list[Any], dict[str, Any]]:
    offset, count = int(query.get("offset", 0)), min(int(query.get("count", 25)), 100)
    page = all_of[offset : offset + count]
    return page, {"count": len(page), "offset": offset}


def recordings(playlist: dict[str, Any]) -> list[str]:
    found = []
    for each in playlist.get("track", []):
        uri = each["identifier"]
        if not isinstance(uri, str) or not uri.startswith(RECORDING):
            raise Refused(400, "a track must contain an identifier element with recording MBID")
        found.append(str(uuid.UUID(uri[len(RECORDING) :])))
    return found
