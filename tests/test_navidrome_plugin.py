"""The plugin of Navidrome: built, and run by Extism's runtime against a real `soundalike serve`.

What Navidrome does for a plugin is here what its documentation says: it calls the exports with JSON
and sends HTTP requests (``http_send``), with bodies in base64.
"""

from __future__ import annotations

import base64
import importlib
import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from servers import Music, running

from soundalike import Library
from soundalike.library.link_records import ServerArtist, ServerFacts, ServerSong
from soundalike.server.settings import Settings
from soundalike.server.tokens import hash_of

pytestmark = pytest.mark.plugin

ROOT = Path(__file__).parent.parent
TOKEN = 'a "token"'
Called = Callable[..., Any]
Linked = tuple[str, dict[str, str], list[str]]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sys.path.insert(0, str(ROOT / "navidrome"))
    try:
        build = importlib.import_module("build")
    finally:
        sys.path.remove(str(ROOT / "navidrome"))
    found: Path = build.build(tmp_path_factory.mktemp("plugin") / "soundalike.ndp")
    return found


@pytest.fixture(scope="module")
def linked(composed: Music, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Linked]:
    """The address of a server, and of the Navidrome that it is linked to: the titles of its songs,
    by their ids, and the ids of its artists."""
    place = composed.copy(tmp_path_factory.mktemp("linked"))
    with Library(place) as library:
        songs = [
            ServerSong(
                item_id=f"sông {track.track_id}&",
                path="/".join(track.path.parts[-3:]),
                artists=(ServerArtist(f"ar-{track.artist}", track.artist or ""),),
            )
            for track in library.tracks("analysed")
        ]
        library.link("navidrome", ServerFacts("subsonic", "http://music.example.org"), songs)
        titles = {
            song.item_id: track.title or ""
            for song, track in zip(songs, library.tracks("analysed"), strict=True)
        }
    with running(Settings(library=str(place), token_hash=hash_of(TOKEN))) as address:
        yield address, titles, [song.artists[0].artist_id for song in songs]


@pytest.fixture
def call(package: Path, linked: Linked) -> Called:
    extism: Any = importlib.import_module("extism")
    with zipfile.ZipFile(package) as opened:
        module = opened.read("plugin.wasm")
    config = {"apiUrl": f"{linked[0]}/", "apiToken": TOKEN, "server": "navidrome"}

    def http_send(request: str) -> str:
        asked = json.loads(request)["request"]
        assert asked["method"] == "GET"
        try:
            answer = httpx.get(asked["url"], headers=asked["headers"], timeout=60)
        except httpx.HTTPError as error:
            return json.dumps({"error": f'"{error}"'})
        body = base64.b64encode(answer.content).decode()
        result = {"headers": {}, "body": body, "statusCode": answer.status_code}
        return json.dumps({"result": result})

    # Extism looks at types, not at their names.
    http_send.__annotations__ = {"request": str, "return": str}
    function = extism.host_fn(name="http_send")(http_send)

    def called(name: str, asked: dict[str, object], **settings: str) -> Any:
        manifest = {"wasm": [{"data": module}]}
        plugin = extism.Plugin(manifest, config={**config, **settings}, functions=[function])
        return json.loads(plugin.call(name, json.dumps(asked)))

    return called


def test_the_package_has_what_navidrome_reads(package: Path) -> None:
    with zipfile.ZipFile(package) as opened:
        assert opened.namelist() == ["manifest.json", "plugin.wasm"]
        manifest = json.loads(opened.read("manifest.json"))
        module = opened.read("plugin.wasm")
    assert {"name", "author", "version"} <= manifest.keys()
    assert manifest["config"]["schema"]["properties"].keys() == {"apiUrl", "apiToken", "server"}
    assert module.startswith(b"\0asm")
    # It asks for nothing of the system, so that Navidrome need not give it any.
    assert b"wasi_snapshot" not in module
    for name in (b"songs_by_track", b"songs_by_artist", b"similar_artists"):
        assert b"nd_get_" in module
        assert name in module


def test_instant_mix(call: Called, linked: Linked) -> None:
    address, titles, _ = linked
    item_id = next(iter(titles))
    asked = {"id": item_id, "name": 'A "title" \\', "artist": "Z", "count": 10}
    songs = call("nd_get_similar_songs_by_track", asked)["songs"]
    wanted = {"item_id": item_id, "n": "10", "radius_similarity": "true"}
    own = httpx.get(
        f"{address}/api/similar_tracks",
        params=wanted,
        headers={"Authorization": f"Bearer {TOKEN}"},
    ).json()
    assert [song["id"] for song in songs] == [each["item_id"] for each in own]
    assert len(songs) == 10
    assert all(song["name"] == titles[song["id"]] for song in songs)
    assert all(song["artist"] and song["album"] for song in songs)


def test_artist_radio_and_similar_artists(call: Called, linked: Linked) -> None:
    with_artist = next(iter(linked[2]))
    artists = call("nd_get_similar_artists", {"id": with_artist, "name": "X", "limit": 3})
    assert len(artists["artists"]) == 3
    assert all(each["id"] == f"ar-{each['name']}" for each in artists["artists"])
    asked = {"id": with_artist, "name": "X", "count": 7}
    songs = call("nd_get_similar_songs_by_artist", asked)["songs"]
    assert len({song["id"] for song in songs}) == len(songs) == 7
    assert {song["id"] for song in songs} <= linked[1].keys()


@pytest.mark.parametrize(
    ("asked", "settings", "words"),
    [
        ({"id": "unknown"}, {}, "the song or artist is not linked"),
        ({"id": "unknown"}, {"apiToken": "wrong"}, "the token (apiToken) is wrong"),
        ({"id": "unknown"}, {"apiUrl": ""}, "set the address of soundalike (apiUrl)"),
        ({"id": "unknown"}, {"apiUrl": "http://127.0.0.1:9"}, "cannot be asked: "),
        ({}, {}, "soundalike"),
    ],
)
def test_what_is_wrong_is_told(
    call: Called, asked: dict[str, object], settings: dict[str, str], words: str
) -> None:
    with pytest.raises(Exception, match="soundalike: ") as failed:
        call("nd_get_similar_songs_by_track", {"name": "T", "count": 5, **asked}, **settings)
    assert words in str(failed.value)
