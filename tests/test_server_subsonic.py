"""Subsonic players at the server: two client libraries of others, and plain requests."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import av
import httpx
import libopensonic
import libsonic
import pytest
from audio_files import add_cover, jpeg
from libopensonic.errors import CredentialError, DataNotFoundError, SonicError
from servers import Music, running

from soundalike import Library
from soundalike.library.catalogue import catalogue_of
from soundalike.server.settings import Settings
from soundalike.server.tokens import hash_of

PASSWORD = "a password, perhaps"
TOKEN = "a-token-for-tests"
NAMESPACE = "{http://subsonic.org/restapi}"


@pytest.fixture(scope="module")
def address(composed: Music, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("subsonic")
    settings = Settings(
        library=str(composed.copy(folder)),
        token_hash=hash_of(TOKEN),
        subsonic_password=PASSWORD,
        playlists=folder / "playlists",
    )
    with running(settings) as found:
        yield found


@pytest.fixture(scope="module")
def player(address: str) -> Iterator[libopensonic.Connection]:
    """A player with an API key."""
    with connected(address, TOKEN) as found:
        yield found


@contextmanager
def connected(address: str, api_key: str) -> Iterator[libopensonic.Connection]:
    apart = urlsplit(address)
    found = libopensonic.Connection(f"http://{apart.hostname}", port=apart.port, api_key=api_key)
    try:
        yield found
    finally:
        found.cleanup()
        found._loop.close()  # it leaves its loop open


@pytest.fixture(scope="module")
def old_player(address: str) -> libsonic.Connection:
    """A player that sends a token with salt, and has never heard of extensions."""
    apart = urlsplit(address)
    return libsonic.Connection(f"http://{apart.hostname}", "me", PASSWORD, port=apart.port)


def get(address: str, name: str, **given: Any) -> Any:
    """An answer as JSON, with the key; its status is the second part of it."""
    answer = httpx.get(f"{address}/rest/{name}", params={"apiKey": TOKEN, "f": "json", **given})
    assert answer.status_code == 200
    return answer.json()["subsonic-response"]


def test_a_player_finds_its_way(player: libopensonic.Connection) -> None:
    assert player.ping()
    names = {each.name for each in player.get_open_subsonic_extensions()}
    assert {"sonicSimilarity", "apiKeyAuthentication", "formPost", "transcodeOffset"} <= names
    artists = [artist for index in player.get_artists().index for artist in index.artist]
    assert len(artists) == 8
    (artist,) = [each for each in artists if each.name == "Neon Harbour"]
    (album,) = player.get_artist(artist.id).album
    assert album.artist == "Neon Harbour"
    songs = player.get_album(album.id).song
    assert [song.track for song in songs] == [1, 2, 3]
    assert player.get_song(songs[0].id).title == songs[0].title
    found = player.search3("neon harb")
    assert [each.name for each in found.artist] == ["Neon Harbour"]
    assert {song.artist for song in found.song} == {"Neon Harbour"}
    albums = player.get_album_list2("alphabeticalByName", size=50)
    assert len(albums) == 8
    assert [each.name for each in albums] == sorted(each.name for each in albums)


def test_tracks_that_sound_alike(player: libopensonic.Connection, composed: Music) -> None:
    with Library(composed.library) as library:
        expected = library.similar(1, 5).matches
    found = player.get_sonic_similar_tracks("1", count=5)
    assert [int(each.entry.id) for each in found] == [each.track.track_id for each in expected]
    similarities = [each.similarity for each in found]
    assert similarities == sorted(similarities, reverse=True)
    assert all(0 <= each <= 1 for each in similarities)
    assert similarities[0] == pytest.approx(expected[0].similarity, abs=1e-3)


def test_a_path_has_both_ends(player: libopensonic.Connection) -> None:
    found = player.find_sonic_path("1", "20", count=6)
    assert (found[0].entry.id, found[-1].entry.id) == ("1", "20")
    assert 2 <= len(found) <= 6
    assert found[0].similarity == 1.0
    assert len({each.entry.id for each in found}) == len(found)


def test_what_an_old_player_calls_a_mix(old_player: libsonic.Connection) -> None:
    assert old_player.ping()
    artists = old_player.getArtists()["artists"]["index"]
    (artist,) = [
        each for index in artists for each in index["artist"] if each["name"] == "Neon Harbour"
    ]
    for own_id in ("1", artist["id"]):
        mix = old_player.getSimilarSongs2(own_id, count=8)["similarSongs2"]["song"]
        assert len(mix) == 8
        assert own_id not in {song["id"] for song in mix}


def test_it_plays(player: libopensonic.Connection, composed: Music, address: str) -> None:
    with Library(composed.library) as library:
        tracks = {track.path.suffix: track for track in library.tracks()}
    for track in tracks.values():
        answer = httpx.get(
            f"{address}/rest/download.view", params={"apiKey": TOKEN, "id": track.track_id}
        )
        assert answer.content == track.path.read_bytes()
    track = tracks[".flac"]
    given = {"apiKey": TOKEN, "id": track.track_id, "format": "mp3", "timeOffset": 5}
    answer = httpx.get(f"{address}/rest/stream", params=given)
    assert answer.headers["content-type"] == "audio/mpeg"
    with av.open(io.BytesIO(answer.content)) as container:
        n = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    assert n == pytest.approx((track.duration_s or 0) - 5, abs=0.3)
    part = httpx.get(
        f"{address}/rest/stream",
        params={"apiKey": TOKEN, "id": track.track_id},
        headers={"range": "bytes=100-199"},
    )
    assert (part.status_code, part.content) == (206, track.path.read_bytes()[100:200])


def test_playlists_are_the_files_of_the_folder(player: libopensonic.Connection) -> None:
    player.create_playlist(name="Evening", song_ids=["3", "1", "2"])
    (listed,) = player.get_playlists()
    assert (listed.name, listed.song_count) == ("Evening", 3)
    made = player.get_playlist(listed.id)
    assert [song.id for song in made.entry] == ["3", "1", "2"]
    player.update_playlist(made.id, name="Night", song_ids_to_add=["7"], song_indices_to_remove=[1])
    after = player.get_playlist(made.id)
    assert after.name == "Night"
    assert [song.id for song in after.entry] == ["3", "2", "7"]
    assert [each.name for each in player.get_playlists()] == ["Night"]
    player.delete_playlist(made.id)
    assert player.get_playlists() == []
    with pytest.raises(DataNotFoundError):
        player.get_playlist(made.id)


def test_a_star_is_a_like(player: libopensonic.Connection, address: str) -> None:
    player.star(sids=["5"])
    (song,) = player.get_starred2().song
    assert song.id == "5"
    assert song.starred
    likes = httpx.get(f"{address}/api/v1/tracks/5", headers={"authorization": f"Bearer {TOKEN}"})
    assert likes.status_code == 200
    player.unstar(sids=["5"])
    assert not player.get_starred2().song


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, 10),
        ({"u": "me", "p": "wrong"}, 40),
        ({"u": "me", "p": "enc:zz"}, 40),
        ({"u": "me", "t": "0" * 32, "s": "salt"}, 40),
        ({"apiKey": "wrong"}, 44),
        ({"apiKey": TOKEN, "u": "me", "p": PASSWORD}, 43),
    ],
)
def test_who_is_not_let_in(address: str, given: dict[str, str], code: int) -> None:
    answer = httpx.get(f"{address}/rest/ping", params={"f": "json", **given}).json()
    assert answer["subsonic-response"]["status"] == "failed"
    assert answer["subsonic-response"]["error"]["code"] == code


@pytest.mark.parametrize(
    "given",
    [
        {"u": "me", "p": PASSWORD},
        {"u": "me", "p": f"enc:{PASSWORD.encode().hex()}"},
        {"u": "me", "p": TOKEN},
        {"u": "me", "t": hashlib.md5(f"{PASSWORD}pepper".encode()).hexdigest(), "s": "pepper"},
    ],
)
def test_who_is(address: str, given: dict[str, str]) -> None:
    for answer in (
        httpx.get(f"{address}/rest/ping.view", params={"f": "json", **given}),
        httpx.post(f"{address}/rest/ping.view", data={"f": "json", **given}),
    ):
        assert answer.json()["subsonic-response"]["status"] == "ok"


def test_a_place_beyond_all_numbers_is_none(player: libopensonic.Connection, address: str) -> None:
    player.create_playlist(name="places", song_ids=["1"])
    (kept,) = [each for each in player.get_playlists() if each.name == "places"]
    asked = {"playlistId": kept.id, "songIndexToRemove": "9" * 5000}
    assert get(address, "updatePlaylist", **asked)["error"]["code"] == 70
    player.delete_playlist(kept.id)


def test_passwords_are_not_guessed_at_full_speed(address: str) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(24) as threads:
        asked = f"{address}/rest/ping?u=me&f=json&p="
        answers = list(threads.map(lambda n: httpx.get(f"{asked}{n}"), range(24)))
        right = get(address, "ping")
    assert time.monotonic() - began > 1.0
    assert {each.status_code for each in answers} == {200, 429}
    assert right["status"] == "ok"


def test_a_form_has_only_so_many_fields(address: str) -> None:
    found = httpx.post(f"{address}/rest/star", data={"apiKey": TOKEN, "id": ["1"] * 30_000})
    assert "at most 20,020 fields" in found.text


def test_a_wrong_key_is_told_to_a_player(address: str) -> None:
    with connected(address, "wrong") as player, pytest.raises((CredentialError, SonicError)):
        player.get_artists()


@pytest.mark.parametrize(
    ("name", "given", "code"),
    [
        ("getSong", {}, 10),
        ("getSong", {"id": "999999"}, 70),
        ("getSong", {"id": "../../etc/passwd"}, 70),
        ("getAlbum", {"id": "al-nothing"}, 70),
        ("getArtist", {"id": "ar-0"}, 70),
        ("getCoverArt", {"id": "al-12"}, 70),
        ("stream", {"id": "al-12"}, 70),
        ("getSonicSimilarTracks", {"id": "1", "count": "many"}, 10),
        ("findSonicPath", {"startSongId": "1"}, 10),
        ("findSonicPath", {"startSongId": "1", "endSongId": "1"}, 0),
        ("getAlbumList2", {"type": "loudest"}, 10),
        ("deletePlaylist", {"id": "none"}, 70),
        ("startRescanOfEverything", {}, 0),
        ("star", {"albumId": "al-1"}, 0),
    ],
)
def test_errors_have_their_numbers(
    address: str, name: str, given: dict[str, str], code: int
) -> None:
    found = get(address, name, **given)
    assert found["status"] == "failed"
    assert found["error"]["code"] == code, found


@pytest.mark.parametrize(
    "name",
    [
        *("getLicense", "getUser", "getScanStatus", "getMusicFolders", "getIndexes", "getGenres"),
        *("getRandomSongs", "getStarred", "tokenInfo", "getPlaylists", "scrobble"),
        *("getNowPlaying", "getPodcasts", "getInternetRadioStations", "getBookmarks"),
    ],
)
def test_what_players_ask_at_their_start_is_answered(address: str, name: str) -> None:
    assert get(address, name)["status"] == "ok"


def test_xml_has_the_same_in_attributes(address: str) -> None:
    answer = httpx.get(f"{address}/rest/getAlbumList2", params={"apiKey": TOKEN, "type": "newest"})
    assert answer.headers["content-type"].startswith("application/xml")
    root = ElementTree.fromstring(answer.content)
    assert root.tag == f"{NAMESPACE}subsonic-response"
    assert root.get("status") == "ok"
    listed = get(address, "getAlbumList2", type="newest")["albumList2"]["album"]
    albums = root.findall(f"{NAMESPACE}albumList2/{NAMESPACE}album")
    assert [album.get("id") for album in albums] == [album["id"] for album in listed]
    assert albums[0].get("songCount") == str(listed[0]["songCount"])
    genres = httpx.get(f"{address}/rest/getGenres", params={"apiKey": TOKEN})
    assert ElementTree.fromstring(genres.content)[0][0].text


def test_genres_are_those_of_the_tags(address: str, composed: Music) -> None:
    with Library(composed.library) as library:
        expected = {each.genre: each.tracks for each in library.genres()}
    listed = get(address, "getGenres")["genres"]["genre"]
    assert {each["value"]: each["songCount"] for each in listed} == expected
    genre, n_tracks = next(iter(expected.items()))
    found = get(address, "getSongsByGenre", genre=genre.upper(), count=100)
    songs = found["songsByGenre"]["song"]
    assert len(songs) == n_tracks
    assert {song["genre"] for song in songs} == {genre}


def test_a_list_of_albums_comes_page_by_page(address: str) -> None:
    def ids(**given: Any) -> list[str]:
        found = get(address, "getAlbumList2", type="alphabeticalByArtist", **given)
        return [album["id"] for album in found["albumList2"]["album"]]

    whole = ids(size=50)
    assert ids(size=3) + ids(size=3, offset=3) + ids(size=3, offset=6) == whole
    years = get(address, "getAlbumList2", type="byYear", fromYear=9999, toYear=0)
    assert len(years["albumList2"]["album"]) <= len(whole)


def test_a_picture_of_an_album(composed: Music, tmp_path: Path) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    source = next(composed.folder.rglob("*.flac"))
    picture = jpeg(32)
    target = folder / source.name
    target.write_bytes(source.read_bytes())
    add_cover(target, picture)
    with Library(tmp_path / "library.db") as library:
        library.scan([folder])
        with library.view() as view:
            (album,) = catalogue_of(view).albums.values()
    with running(Settings(library=str(tmp_path / "library.db"))) as address:
        # Whatever is sent: this server asks for nothing.
        given = {"u": "x", "t": "y", "s": "z", "id": f"al-{album.album_id}"}
        answer = httpx.get(f"{address}/rest/getCoverArt", params=given)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content == picture
