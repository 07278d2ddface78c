"""Links to music servers: with a real one, with what others answer, and with what is no answer."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from music_servers import PASSWORD, USER, Says, refusal, supysonic, told
from servers import Music, running

from soundalike import Library, Track
from soundalike.cli.app import cli
from soundalike.errors import InvalidArgument, ServerError, TrackNotFound, UnreadableFile
from soundalike.integrations.addresses import checked_url
from soundalike.integrations.credentials import Credentials, find
from soundalike.integrations.listing import read_listing
from soundalike.integrations.subsonic import Subsonic
from soundalike.library.link_records import ServerArtist, ServerFacts, ServerSong
from soundalike.recommend.linked import songs_like
from soundalike.server.settings import Settings

FACTS = ServerFacts("subsonic", "http://music.example.org", "me")
ME = Credentials("me", "secret")
EXTENSIONS = "getOpenSubsonicExtensions"
NAVIDROME = {"type": "navidrome", "serverVersion": "0.58.0", "openSubsonic": True}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, composed: Music) -> Iterator[str]:
    with supysonic(tmp_path_factory.mktemp("supysonic"), composed.folder) as address:
        yield address


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SOUNDALIKE_LINK_PASSWORD", "SOUNDALIKE_LINK_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def songs_of(library: Library, n: int = 1000) -> list[ServerSong]:
    """The tracks as a server would tell them, under folders of its own."""
    return [
        ServerSong(
            item_id=f"song-{track.track_id}",
            path="/srv/" + "/".join(track.path.parts[-3:]),
            title=track.title,
            artist=track.artist,
            album=track.album,
            duration_s=None if track.duration_s is None else float(int(track.duration_s)),
            artists=(ServerArtist(f"artist of {track.artist}", track.artist or ""),),
        )
        for track in library.tracks("analysed")[:n]
    ]


# A real server


def test_all_songs_of_a_real_server_find_their_tracks(
    server: str, composed: Music, tmp_path: Path
) -> None:
    with (
        Library(composed.copy(tmp_path)) as library,
        Subsonic(server, Credentials(USER, PASSWORD)) as client,
    ):
        songs = list(client.songs())
        tracks = library.tracks("analysed")
        assert len(songs) == len({song.item_id for song in songs}) == len(tracks)
        assert {song.title for song in songs} == {track.title for track in tracks}
        assert all(song.artists and song.duration_s for song in songs)
        report = library.link("super", client.facts(), songs)
    assert report.matched_by == {"tail": len(tracks)}
    assert (report.added, report.unlinked) == (len(tracks), ())
    assert (report.server.songs, report.server.linked) == (len(tracks), len(tracks))


@pytest.mark.file
def test_the_command_links_and_links_again(
    server: str, composed: Music, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUNDALIKE_LIBRARY", str(composed.copy(tmp_path)))
    monkeypatch.setenv("SOUNDALIKE_LINK_PASSWORD", PASSWORD)
    run = CliRunner()
    first = run.invoke(
        cli, ["link", "subsonic", server, "--user", USER, "--name", "super"], standalone_mode=False
    )
    assert first.exception is None, first.output
    assert "24 of 24 songs are linked" in first.output
    assert "end of the path" in first.output
    assert PASSWORD not in first.output
    again = run.invoke(cli, ["link", "subsonic", "super"], standalone_mode=False)
    assert again.exception is None, again.output
    assert "all as before" in again.output
    listed = json.loads(run.invoke(cli, ["link", "--json"], standalone_mode=False).output)
    assert [(each["name"], each["url"], each["user"]) for each in listed] == [
        ("super", server, USER)
    ]
    assert PASSWORD.encode() not in (tmp_path / "library.db").read_bytes()
    gone = run.invoke(cli, ["link", "remove", "super"], standalone_mode=False)
    assert "24 links" in gone.output
    assert json.loads(run.invoke(cli, ["link", "--json"], standalone_mode=False).output) == []


def test_a_wrong_password_changes_nothing(
    server: str, composed: Music, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = composed.copy(tmp_path)
    monkeypatch.setenv("SOUNDALIKE_LIBRARY", str(place))
    monkeypatch.setenv("SOUNDALIKE_LINK_PASSWORD", "not this one")
    ran = CliRunner().invoke(cli, ["link", "subsonic", server, "--user", USER])
    assert ran.exit_code == 1
    assert f"ServerError: {server}: the user '{USER}' or the password is wrong" in ran.output
    assert "not this one" not in ran.output
    with Library(place) as library:
        assert library.linked_servers() == ()


def test_our_own_server_is_a_server_like_others(composed: Music, tmp_path: Path) -> None:
    place = composed.copy(tmp_path)
    settings = Settings(library=str(place), subsonic_password=PASSWORD)
    with (
        running(settings) as address,
        Library(place) as library,
        Subsonic(address, Credentials(USER, PASSWORD)) as client,
    ):
        report = library.link("own", client.facts(), client.songs())
        assert report.server.software is not None
        assert report.server.software.startswith("soundalike ")
        assert report.matched_by == {"path": len(library.tracks("analysed"))}


# What a link is


@pytest.fixture
def library(composed: Music, tmp_path: Path) -> Iterator[Library]:
    with Library(composed.copy(tmp_path)) as opened:
        yield opened


def test_songs_are_told_by_what_is_known_of_them(library: Library) -> None:
    by_path, by_names, by_length, unknown, vague = songs_of(library, 5)
    nothing = {"path": None, "title": None, "artist": None, "album": None}
    songs = [
        by_path,
        replace(by_names, path=None),
        replace(by_length, path=None, artist=None),
        replace(unknown, **nothing),
        replace(vague, **{**nothing, "title": vague.title, "duration_s": 9.0}),
    ]
    report = library.link("here", FACTS, songs)
    assert report.matched_by == {"tail": 1, "names": 2}
    assert [(each.song.item_id, each.reason) for each in report.unlinked] == [
        (unknown.item_id, "no track fits"),
        (vague.item_id, "no track fits"),
    ]


def test_a_second_run_looks_only_at_what_differs(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soundalike.library import link_store

    songs = songs_of(library)
    first = library.link("here", FACTS, songs)
    assert (first.added, first.changed, first.removed) == (len(songs), 0, 0)
    looked_at: list[int] = []
    match = link_store.match_tracks

    def counted(snapshot, sought, **options):  # type: ignore[no-untyped-def]
        looked_at.append(len(sought))
        return match(snapshot, sought, **options)

    monkeypatch.setattr(link_store, "match_tracks", counted)
    retitled = replace(songs[0], title="Another Title")
    moved = replace(songs[1], path=songs[2].path)
    after = library.link("here", FACTS, [retitled, moved, *songs[2:-1]])
    assert looked_at == [2]
    # A path goes before what the tags say; what is gone there is linked no more.
    assert (after.added, after.changed, after.removed) == (0, 1, 1)
    assert after.server.linked == len(songs) - 1


def test_a_link_follows_a_file_that_moves(composed: Music, tmp_path: Path) -> None:
    music = tmp_path / "music" / "band"
    music.mkdir(parents=True)
    for path in sorted(composed.folder.rglob("*.flac"))[:2]:
        shutil.copy(path, music)
    with Library(tmp_path / "own.db") as library:
        library.scan([music], jobs=1)
        (track, *_) = library.tracks("analysed")
        library.link("here", FACTS, songs_of(library))
        elsewhere = music / "elsewhere" / f"other name{track.path.suffix}"
        elsewhere.parent.mkdir()
        os.rename(track.path, elsewhere)
        library.scan([music], jobs=1)
        from soundalike.library.links import song_links

        with library.view() as view:
            row = song_links(view, f"song-{track.track_id}", None).row(f"song-{track.track_id}")
            (found,) = view.tracks([row])
        assert found.path != track.path
        assert found.path == elsewhere


def test_judgements_that_are_deleted_take_no_links_along(library: Library) -> None:
    library.link("here", FACTS, songs_of(library))
    library.like(library.tracks("analysed")[0].track_id)
    library.reset_taste()
    assert library.linked_servers()[0].linked == len(songs_of(library))


def test_nothing_in_common_is_an_error_and_keeps_what_was_there(library: Library) -> None:
    library.link("here", FACTS, songs_of(library))
    before = library.linked_servers()
    strangers = [ServerSong(f"x{n}", title=f"Unknown {n}", artist="Nobody") for n in range(3)]
    with pytest.raises(InvalidArgument, match="has 3 songs, and none of them is in the library"):
        library.link("here", FACTS, strangers)
    with pytest.raises(InvalidArgument, match="has no songs"):
        library.link("here", FACTS, [])
    with pytest.raises(InvalidArgument, match="the server's name is 'a b'"):
        library.link("a b", FACTS, strangers)
    with pytest.raises(TrackNotFound, match="no server is linked as 'there'; linked are: here"):
        library.unlink("there")
    assert library.linked_servers() == before


def test_many_songs_are_stored_in_several_statements(library: Library) -> None:
    (song,) = songs_of(library, 1)
    many = [
        replace(song, item_id=f"s{n}", artists=(ServerArtist(f"a{n}", f"Artist {n}"),))
        for n in range(1_300)
    ]
    assert library.link("here", FACTS, many).added == 1_300
    assert library.link("here", FACTS, many[:10]).removed == 1_290


# What servers answer

SONG = {
    # As Navidrome answers, by the public documentation of OpenSubsonic.
    "id": "082f435a363c32c57d5edb6a678a28d4",
    "parent": "e8a0685e3f3ec6f251649af2b58b8617",
    "isDir": False,
    "title": "polar expedition",
    "album": "Live at The Casbah - 2005-04-29",
    "artist": "The New Deal • Somebody",
    "duration": 178,
    "path": "The New Deal/Live at The Casbah - 2005-04-29/04 - polar expedition.flac",
    "artistId": "97e0398acf63f9fb930d7d4ce209a52b",
    "type": "music",
    "mediaType": "song",
    "isVideo": False,
    "musicBrainzId": "189002e7-3285-4e2e-92a3-7f6c30d407a2",
    "isrc": ["USSM18300073", "DELV42300297"],
    "artists": [{"id": "ar-1", "name": "The New Deal"}, {"id": "ar-2", "name": "Somebody"}],
    "albumArtists": [{"id": "ar-6", "name": "Various Artists"}],
}


def navidrome(n: int) -> Says:
    """As Navidrome: a search for nothing finds everything, page by page."""

    def says(endpoint: str, asked: dict[str, list[str]]) -> dict[str, object]:
        assert endpoint in ("ping", "search3", EXTENSIONS), endpoint
        if endpoint != "search3":
            return NAVIDROME
        start, size = int(asked["songOffset"][0]), int(asked["songCount"][0])
        page = [{**SONG, "id": f"{number:032x}"} for number in range(n)[start : start + size]]
        return {**NAVIDROME, "searchResult3": {"song": page} if page else {}}

    return says


def test_songs_come_page_by_page() -> None:
    with told(navidrome(1_203)) as (url, asked), Subsonic(url + "/rest/", ME) as client:
        songs = list(client.songs())
        assert client.facts() == ServerFacts("subsonic", url, "me", "navidrome 0.58.0")
    assert len(songs) == 1_203
    assert songs[3] == ServerSong(
        item_id=f"{3:032x}",
        path=SONG["path"],  # type: ignore[arg-type]
        title="polar expedition",
        artist="The New Deal; Somebody",
        album="Live at The Casbah - 2005-04-29",
        duration_s=178.0,
        recording_ids=("189002e7-3285-4e2e-92a3-7f6c30d407a2",),
        isrc="USSM18300073",
        artists=(ServerArtist("ar-1", "The New Deal"), ServerArtist("ar-2", "Somebody")),
        album_artists=(ServerArtist("ar-6", "Various Artists"),),
    )
    # The password goes nowhere: a token of it and of a salt that is another one each time.
    assert all("p" not in each and "secret" not in str(each) for _, each in asked)
    by_whom = [each for endpoint, each in asked if endpoint != EXTENSIONS]
    assert len({each["s"][0] for each in by_whom}) == len(by_whom) == len(asked) - 1 == 5


def test_a_key_stands_for_the_user() -> None:
    with told(navidrome(2)) as (url, asked), Subsonic(url, Credentials(api_key="k3y")) as client:
        assert len(list(client.songs())) == 2
    by_whom = [each for endpoint, each in asked if endpoint != EXTENSIONS]
    assert all(each["apiKey"] == ["k3y"] and "u" not in each for each in by_whom)
    assert len(by_whom) == 3


def test_where_a_search_for_nothing_finds_nothing_albums_are_walked() -> None:
    def says(endpoint: str, asked: dict[str, list[str]]) -> dict[str, object]:
        if endpoint == "getAlbumList2" and asked["offset"] == ["0"]:
            return {"albumList2": {"album": [{"id": 1}, {"id": 2}, {"id": 3}]}}
        if endpoint == "getAlbum" and asked["id"] == ["2"]:
            return refusal(70, "Album not found")
        if endpoint == "getAlbum":
            own = {"id": int(asked["id"][0]) * 10, "title": "T", "artist": "A", "artistId": 7}
            return {"album": {"song": [own, {"id": 99, "isDir": True}]}}
        return refusal(10, "query is missing") if endpoint == "search3" else {"version": "1.8.0"}

    with told(says) as (url, _), Subsonic(url, ME) as client:
        songs = list(client.songs())
    assert [song.item_id for song in songs] == ["10", "30"]
    assert songs[0].artists == (ServerArtist("7", "A"),)


def test_a_server_that_knows_of_no_pages_does_not_go_on_for_ever() -> None:
    def says(endpoint: str, asked: dict[str, list[str]]) -> dict[str, object]:
        return {"searchResult3": {"song": [SONG]}}

    with told(says) as (url, asked), Subsonic(url, ME) as client:
        assert len(list(client.songs())) == 1
    assert len(asked) == 3


@pytest.mark.parametrize("code", [10, 30, 41])
def test_a_password_goes_as_it_is_only_where_no_token_is_taken(code: int) -> None:
    def says(endpoint: str, asked: dict[str, list[str]]) -> dict[str, object]:
        if "p" not in asked:
            return refusal(code, "no", version="1.12.0")
        return {"version": "1.12.0", "searchResult3": {"song": [SONG]}}

    with told(says) as (url, asked), Subsonic(url, ME) as client:
        assert len(list(client.songs())) == 1
    assert asked[1][1]["p"] == ["enc:" + b"secret".hex()]


# What is no answer


def says_always(answer: object) -> Says:
    return lambda endpoint, asked: answer


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refusal(40, "Wrong username or password"), "the user 'me' or the password is wrong"),
        (refusal(42, "Use keys"), "API keys alone: put one in SOUNDALIKE_LINK_API_KEY"),
        (refusal(50, "not yours"), "the user 'me' may not do that (it says: not yours)"),
        (refusal(0, ""), "ping failed: it does not say why"),
        ({"version": "1.4.0"}, "speaks version 1.4.0 of the Subsonic API, and 1.8.0"),
        ({"version": ""}, "speaks version unknown"),
        ((200, "text/html", "<!doctype html><html>hi</html>"), "answers with a page instead of"),
        ((502, "text/html", "<html>Bad gateway</html>"), "(HTTP 502)"),
        ((200, "text/xml", "<subsonic-response/>"), "answers with XML instead of JSON"),
        ((200, "application/json", "[1, 2]"), "is no Subsonic server (HTTP 200)"),
        ((200, "application/json", "{"), "is no Subsonic server"),
        ((200, "application/json", "[" * 100_000), "is no Subsonic server"),
        ((401, "text/plain", "login"), "asks for a login of its own (HTTP 401)"),
        ((302, "https://there.example.org/rest/ping?u=me&t=1", ""), "give https://there.example"),
    ],
)
def test_what_is_no_answer_is_told(answer: object, words: str) -> None:
    with (
        told(says_always(answer)) as (url, _),
        Subsonic(url, ME) as client,
        pytest.raises(ServerError) as caught,
    ):
        list(client.songs())
    assert words in str(caught.value)
    assert str(caught.value).startswith(url)
    assert "secret" not in str(caught.value)
    assert "t=1" not in str(caught.value)


def test_a_failure_half_way_links_nothing(library: Library) -> None:
    def says(endpoint: str, asked: dict[str, list[str]]) -> object:
        if endpoint == "search3" and asked["songOffset"] != ["0"]:
            return 500, "text/plain", "oops"
        return navidrome(600)(endpoint, asked)

    with (
        told(says) as (url, _),
        Subsonic(url, ME) as client,
        pytest.raises(ServerError, match=r"is no Subsonic server \(HTTP 500"),
    ):
        library.link("here", client.facts(), client.songs())
    assert library.linked_servers() == ()


def test_a_server_that_is_down_or_slow() -> None:
    with told(says_always({})) as (url, _):
        pass
    with Subsonic(url, ME) as client, pytest.raises(ServerError, match="cannot be reached"):
        client.facts()

    def slowly(endpoint: str, asked: dict[str, list[str]]) -> dict[str, object]:
        time.sleep(0.5)
        return {}

    with (
        told(slowly) as (url, _),
        Subsonic(url, ME, timeout_s=0.05) as client,
        pytest.raises(ServerError, match=r"ping is not answered within 0\.05 s"),
    ):
        client.facts()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("music.example.org", "is no address of a server"),
        ("ftp://music.example.org", "is no address"),
        ("http://host:port", "is no address"),
        ("https://me:secret@music.example.org", "leave out user, password"),
        ("https://music.example.org/rest?u=me&p=secret", "leave out user, password"),
    ],
)
def test_an_address_is_an_address_alone(url: str, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words) as caught:
        checked_url(url)
    assert "secret" not in str(caught.value)


def test_credentials_come_from_the_environment_the_keyring_or_a_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = "https://music.example.org"
    with pytest.raises(ServerError, match="the password of me is not known"):
        find(url, "me")
    with pytest.raises(ServerError, match="no user is named"):
        find(url, None)
    questions: list[tuple[str, bool]] = []

    def ask(what: str, secret: bool) -> str:
        questions.append((what, secret))
        return "typed"

    assert find(url, None, ask) == Credentials("typed", "typed")
    assert questions == [("User", False), ("Password of typed", True)]
    monkeypatch.setenv("SOUNDALIKE_LINK_PASSWORD", "given")
    assert find(url, "me", ask) == Credentials("me", "given")
    assert "given" not in repr(find(url, "me", ask))
    monkeypatch.setenv("SOUNDALIKE_LINK_API_KEY", "key")
    assert find(url, "me", ask) == Credentials(api_key="key")


# Servers that do not speak Subsonic


def jellyfin(tracks: list[Track]) -> dict[str, object]:
    """As Jellyfin answers to /Items, by its public documentation."""
    items = [
        {
            "Id": f"{track.track_id:032X}",
            "Type": "Audio",
            "Name": track.title,
            "Album": track.album,
            "Path": "/media/" + "/".join(track.path.parts[-3:]),
            "RunTimeTicks": int((track.duration_s or 0) * 10_000_000),
            "ProviderIds": {},
            "ArtistItems": [{"Id": "00000000-0000-0000-0000-0000000000AB", "Name": track.artist}],
            "AlbumArtists": [],
        }
        for track in tracks
    ]
    return {"Items": items, "TotalRecordCount": len(items), "StartIndex": 0}


def lyrion(tracks: list[Track]) -> dict[str, object]:
    """As Lyrion answers to titles, by its public documentation."""
    titles = [
        {
            "id": 1000 + track.track_id,
            "title": track.title,
            "artist": track.artist,
            "artist_id": "7",
            "album": track.album,
            "duration": str(track.duration_s),
            "url": track.path.as_uri(),
        }
        for track in tracks
    ]
    return {"id": 1, "result": {"count": len(titles), "titles_loop": titles}}


def test_what_jellyfin_and_lyrion_answer_is_linked(
    composed: Music, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = composed.copy(tmp_path)
    monkeypatch.setenv("SOUNDALIKE_LIBRARY", str(place))
    with Library(place) as library:
        tracks = library.tracks("analysed")
    for kind, answer in (("jellyfin", jellyfin(tracks)), ("lyrion", lyrion(tracks))):
        listing = tmp_path / f"{kind}.json"
        listing.write_text(json.dumps(answer), encoding="utf-8")
        ran = CliRunner().invoke(cli, ["link", "file", kind, str(listing), "--json"])
        assert ran.exit_code == 0, ran.output
        report = json.loads(ran.output)
        assert (report["server"]["kind"], report["server"]["linked"]) == (kind, len(tracks))
        assert report["unlinked"] == []
    with Library(place) as library:
        first = f"{tracks[0].track_id:032x}"
        assert len(songs_like(library, first, 3)) == 3
        assert {each.item_id for each in songs_like(library, str(1000 + tracks[0].track_id), 3)} < {
            str(1000 + track.track_id) for track in tracks
        }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no JSON"),
        ("[]", "is neither the answer of Jellyfin"),
        ('{"Items": [], "TotalRecordCount": 3}', "has 0 of 3 songs: ask the server for all"),
        ('{"result": {"titles_loop": [1], "count": 5}}', "has 1 of 5 songs"),
    ],
)
def test_a_file_that_is_no_answer(text: str, words: str, tmp_path: Path) -> None:
    listing = tmp_path / "listing.json"
    listing.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidArgument, match=words):
        read_listing(listing)
    with pytest.raises(UnreadableFile):
        read_listing(tmp_path / "not there.json")
