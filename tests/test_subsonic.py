"""Playlists and taste on a music server: a real one, one that fails half way, and one with what the
real one lacks."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from music_servers import (
    PASSWORD,
    USER,
    OpenSubsonic,
    Says,
    passes_on,
    refusal,
    rescan,
    supysonic,
    told,
)
from servers import Music

from soundalike import Library
from soundalike.cli.app import cli
from soundalike.errors import InvalidArgument, ServerError
from soundalike.integrations import subsonic as client_module
from soundalike.integrations.credentials import Credentials
from soundalike.integrations.subsonic import Subsonic
from soundalike.integrations.subsonic_playlists import (
    MARK,
    PutPlaylist,
    all_playlists,
    put_playlist,
    songs_in,
)
from soundalike.library.link_records import ServerFacts, ServerSong, SongUse
from soundalike.library.server_taste import new_plays

ME = Credentials(USER, PASSWORD)
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, composed: Music) -> Iterator[str]:
    with supysonic(tmp_path_factory.mktemp("supysonic"), composed.folder) as address:
        yield address


@pytest.fixture
def client(server: str) -> Iterator[Subsonic]:
    """Of a server without playlists."""
    with Subsonic(server, ME) as found:
        for each in all_playlists(found):
            found.ask("deletePlaylist", {"id": each.playlist_id})
        yield found


@pytest.fixture
def place(composed: Music, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library, which commands use without being told."""
    found = composed.copy(tmp_path)
    for name in ("PASSWORD", "API_KEY"):
        for end in ("", "_FILE"):
            monkeypatch.delenv(f"SOUNDALIKE_LINK_{name}{end}", raising=False)
    monkeypatch.setenv("SOUNDALIKE_LIBRARY", str(found))
    monkeypatch.setenv("SOUNDALIKE_LINK_PASSWORD", PASSWORD)
    return found


@pytest.fixture
def run(place: Path) -> Run:
    def ran(*words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(cli, list(words))
        assert result.exit_code == code, result.output
        assert PASSWORD not in result.output
        return result

    return ran


@pytest.fixture
def linked(run: Run, server: str, client: Subsonic) -> None:
    run("subsonic", "link", server, "--user", USER, "--name", "super")


def on_server(client: Subsonic) -> dict[str, list[str]]:
    """The titles of the songs in each playlist, by its name."""
    found = {}
    for each in all_playlists(client):
        entries = client.ask("getPlaylist", {"id": each.playlist_id})["playlist"].get("entry", [])
        found[each.name] = [entry["title"] for entry in entries]
    return found


def titles(result: Result) -> list[str]:
    return [item["track"]["title"] for item in json.loads(result.stdout)["items"]]


def make(run: Run, name: str, *more: str, code: int = 0) -> Result:
    words = ["1", "--tracks", "5", "--json", "--to", f"subsonic:{name}", *more]
    return playlist(run, *words, code=code)


def playlist(run: Run, *words: str, code: int = 0) -> Result:
    """Of pieces that are shorter than most music."""
    return run("playlist", *words, "--min-length", "0", code=code)


# A real server


def test_link_is_one_command_in_two_places() -> None:
    from soundalike.cli.link import link
    from soundalike.cli.subsonic import subsonic

    assert link.commands["subsonic"] is subsonic.commands["link"]


@pytest.mark.usefixtures("linked")
def test_a_playlist_comes_to_the_server_and_is_replaced(run: Run, client: Subsonic) -> None:
    name = "Evening/Früh ☕"
    first = make(run, name)
    assert on_server(client) == {name: titles(first)}
    assert f"{name} on super, 5 songs, made" in first.stderr
    (there,) = all_playlists(client)
    assert there.comment.startswith(MARK)
    again = make(run, name)
    assert "unchanged" in again.stderr
    assert all_playlists(client) == [there]
    other = playlist(run, "20", "--tracks", "3", "--json", "--to", f"subsonic:super/{name}")
    assert "3 songs, replaced" in other.stderr
    assert on_server(client) == {name: titles(other)}
    assert titles(other) != titles(first)
    # Players know it by its id.
    assert [each.playlist_id for each in all_playlists(client)] == [there.playlist_id]


@pytest.mark.slow
@pytest.mark.usefixtures("linked")
def test_a_way_a_radio_and_an_ordered_file_come_there_too(
    run: Run, client: Subsonic, tmp_path: Path
) -> None:
    run("path", "1", "20", "--steps", "4", "--min-length", "0", "--to", "subsonic:Way")
    run("radio", "1", "--tracks", "3", "--min-length", "0", "--to", "subsonic:Radio")
    file = str(tmp_path / "mix.m3u8")
    playlist(run, "1", "--tracks", "3", "--out", file)
    playlist(run, "extend", file, "--tracks", "2", "--to", "subsonic:Longer")
    run("playlist", "order", file, "--to", "subsonic:Ordered")
    assert {name: len(songs) for name, songs in on_server(client).items()} == {
        "Way": 4,
        "Radio": 3,
        "Longer": 5,
        "Ordered": 3,
    }
    listed = json.loads(run("subsonic", "--json").stdout)
    assert {each["name"]: each["can_refresh"] for each in listed} == {
        "Longer": True,
        "Ordered": True,
        "Radio": False,
        "Way": False,
    }


@pytest.mark.usefixtures("linked")
def test_what_is_somebodys_own_stays_unless_it_is_asked_for(run: Run, client: Subsonic) -> None:
    (song, *_) = client.songs()
    client.ask("createPlaylist", {"name": "Mine", "songId": song.item_id})
    refused = make(run, "Mine", code=1)
    assert "has a playlist 'Mine' that soundalike did not make" in refused.output
    assert on_server(client) == {"Mine": [song.title]}
    made = make(run, "Mine", "--replace")
    assert on_server(client) == {"Mine": titles(made)}
    client.ask("createPlaylist", {"name": "Twice", "songId": song.item_id})
    client.ask("createPlaylist", {"name": "Twice", "songId": song.item_id})
    refused = make(run, "Twice", "--replace", code=1)
    assert "has 2 playlists 'Twice'" in refused.output
    assert len(all_playlists(client)) == 3


@pytest.mark.slow
@pytest.mark.usefixtures("linked")
def test_of_two_with_one_name_the_own_one_is_replaced(run: Run, client: Subsonic) -> None:
    make(run, "Twice")
    (song, *_) = client.songs()
    client.ask("createPlaylist", {"name": "Twice", "songId": song.item_id})
    playlist(run, "20", "--tracks", "3", "--to", "subsonic:Twice")
    sizes = sorted(len(songs_in(client, each.playlist_id) or ()) for each in all_playlists(client))
    assert sizes == [1, 3]


def test_a_long_list_comes_in_pieces(client: Subsonic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_MOST_IN_A_FORM", 7)
    wanted = [song.item_id for song in client.songs()] * 2
    assert [len(piece) for piece in client.pieces(wanted)] == [7, 7, 7, 7, 7, 7, 6]
    put = put_playlist(client, "Long", wanted, comment=MARK)
    assert songs_in(client, put.playlist_id) == tuple(wanted)


def test_a_song_that_is_deleted_meanwhile_is_left_out(client: Subsonic) -> None:
    songs = [song.item_id for song in client.songs()][:3]
    gone = "00000000-0000-0000-0000-000000000000"
    put = put_playlist(client, "Three", [*songs[:2], gone, songs[2]], comment=MARK)
    assert (put.item_ids, put.gone) == (tuple(songs), (gone,))
    with pytest.raises(InvalidArgument, match="none of the 1 songs any more"):
        put_playlist(client, "None", [gone], comment=MARK)
    assert on_server(client).keys() == {"Three"}


def fails_at(endpoint: str, nth: int, *, dies: bool) -> Says:
    """Says something only to one request: no, or nothing at all."""
    seen = 0

    def instead(asked: str, _: object) -> Any:
        nonlocal seen
        seen += asked == endpoint
        if asked == endpoint and seen == nth:
            return (200, "text/plain", "") if dies else refusal(50, "not now")
        return None

    return instead


@pytest.mark.parametrize(
    ("endpoint", "nth", "most"),
    [
        ("createPlaylist", 1, 2),
        ("updatePlaylist", 1, 2),
        pytest.param("updatePlaylist", 3, 2, marks=pytest.mark.slow),
        pytest.param("getPlaylist", 1, 2, marks=pytest.mark.slow),
        ("getPlaylist", 2, 2),
        ("deletePlaylist", 1, 2),
        ("createPlaylist", 1, 50),
        ("updatePlaylist", 1, 50),
        pytest.param("getPlaylist", 1, 50, marks=pytest.mark.slow),
        ("getPlaylist", 2, 50),
        ("deletePlaylist", 1, 50),
    ],
)
@pytest.mark.parametrize("dies", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_what_fails_half_way_leaves_all_as_it_was(
    server: str,
    client: Subsonic,
    endpoint: str,
    nth: int,
    most: int,
    dies: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server that refuses one request, or is gone for one; of a list in pieces, and in place."""
    monkeypatch.setattr(client_module, "_MOST_IN_A_FORM", most)
    ids = [song.item_id for song in client.songs()]
    for _ in range(2):  # of two, one is deleted
        put_playlist(client, "Evening", ids[:5], comment=f"{MARK} before")
    before = all_playlists(client), on_server(client)
    says = passes_on(server, fails_at(endpoint, nth, dies=dies))
    with (
        told(says) as (address, asked),
        Subsonic(address, ME) as failing,
        pytest.raises(ServerError),
    ):
        put_playlist(failing, "Evening", ids[5:12], comment=MARK, replace=before[0])
    assert [each for each, _ in asked].count(endpoint) >= nth
    assert (all_playlists(client), on_server(client)) == before


@pytest.mark.usefixtures("linked")
def test_a_command_that_fails_half_way_changes_nothing_here_either(
    run: Run, server: str, client: Subsonic, place: Path
) -> None:
    make(run, "Evening")
    before = all_playlists(client), on_server(client)
    kept = {file.name: file.read_bytes() for file in place.parent.rglob("*.json")}
    with told(passes_on(server, fails_at("createPlaylist", 1, dies=True))) as (address, _):
        with Library(place) as library, Subsonic(server, ME) as asked:
            library.link("super", replace(asked.facts(), url=address), asked.songs())
        failed = playlist(run, "20", "--to", "subsonic:Evening", code=1)
    assert "is no Subsonic server (HTTP 200)" in failed.output
    assert (all_playlists(client), on_server(client)) == before
    assert {file.name: file.read_bytes() for file in place.parent.rglob("*.json")} == kept


@pytest.mark.parametrize("was_done", [False, True])
def test_what_a_server_did_before_its_answer_was_lost_is_found_out(
    server: str, client: Subsonic, was_done: bool
) -> None:
    ids = [song.item_id for song in client.songs()]
    put_playlist(client, "Evening", ids[:5], comment=MARK)
    (before,) = all_playlists(client)

    def loses(endpoint: str, asked: dict[str, list[str]]) -> Any:
        if endpoint != "createPlaylist":
            return None
        if was_done:
            client.ask(endpoint, {"playlistId": asked["playlistId"], "songId": asked["songId"]})
        return 200, "text/plain", ""

    with told(passes_on(server, loses)) as (address, _), Subsonic(address, ME) as lost:
        if was_done:
            put = put_playlist(lost, "Evening", ids[5:8], comment=MARK, replace=[before])
            assert put == PutPlaylist(before.playlist_id, tuple(ids[5:8]), ())
        else:
            with pytest.raises(ServerError):
                put_playlist(lost, "Evening", ids[5:8], comment=MARK, replace=[before])
    assert all_playlists(client) == [before]
    now = ids[5:8] if was_done else ids[:5]
    assert songs_in(client, before.playlist_id) == tuple(now)


def adds(client: Subsonic, asked: dict[str, list[str]]) -> Any:
    """A server for which to make a playlist again is to add to it."""
    values = {"playlistId": asked["playlistId"], "songIdToAdd": asked["songId"]}
    return client.ask("updatePlaylist", values)


def ignores(_: Subsonic, asked: dict[str, list[str]]) -> Any:
    return {}


def refuses(_: Subsonic, asked: dict[str, list[str]]) -> Any:
    return refusal(10, "name is missing")


def mixes_up(client: Subsonic, asked: dict[str, list[str]]) -> Any:
    values = {"playlistId": asked["playlistId"], "songId": asked["songId"][::-1]}
    return client.ask("createPlaylist", values)


@pytest.mark.parametrize(
    "does",
    [
        adds,
        refuses,
        pytest.param(ignores, marks=pytest.mark.slow),
        pytest.param(mixes_up, marks=pytest.mark.slow),
    ],
)
def test_where_a_server_does_not_replace_a_new_playlist_takes_the_place(
    server: str, client: Subsonic, does: Callable[..., Any]
) -> None:
    ids = [song.item_id for song in client.songs()]
    put_playlist(client, "Evening", ids[:5], comment=MARK)
    before = all_playlists(client)
    seen: list[tuple[str, ...] | None] = []

    def odd(endpoint: str, asked: dict[str, list[str]]) -> Any:
        if endpoint == "createPlaylist" and "playlistId" in asked:
            return does(client, asked)
        if endpoint == "createPlaylist":
            seen.append(songs_in(client, before[0].playlist_id))
        return None

    with told(passes_on(server, odd)) as (address, _), Subsonic(address, ME) as other:
        put = put_playlist(other, "Evening", ids[5:8], comment=MARK, replace=before)
    assert seen == [tuple(ids[:5])]
    (now,) = all_playlists(client)
    assert now.playlist_id == put.playlist_id != before[0].playlist_id
    assert songs_in(client, now.playlist_id) == tuple(ids[5:8])


def test_a_server_that_goes_away_for_good_half_way_is_told(server: str, client: Subsonic) -> None:
    ids = [song.item_id for song in client.songs()]
    put_playlist(client, "Evening", ids[:5], comment=MARK)
    before = all_playlists(client)
    is_gone = False

    def goes(endpoint: str, _: object) -> Any:
        nonlocal is_gone
        is_gone = is_gone or endpoint == "createPlaylist"
        return (503, "text/plain", "") if is_gone else None

    with (
        told(passes_on(server, goes)) as (address, _),
        Subsonic(address, ME) as going,
        pytest.raises(ServerError, match="Whether the playlist 'Evening' there is as it was"),
    ):
        put_playlist(going, "Evening", ids[5:8], comment=MARK, replace=before)


def test_songs_that_are_gone_are_left_out_of_a_replaced_list_too(client: Subsonic) -> None:
    songs = [song.item_id for song in client.songs()][:3]
    gone = "00000000-0000-0000-0000-000000000000"
    put_playlist(client, "Three", songs[:1], comment=MARK)
    before = all_playlists(client)
    put = put_playlist(client, "Three", [*songs[:2], gone, songs[2]], comment=MARK, replace=before)
    assert put == PutPlaylist(before[0].playlist_id, tuple(songs), (gone,))
    with pytest.raises(InvalidArgument, match="none of the 1 songs any more"):
        put_playlist(client, "Three", [gone], comment=MARK, replace=before)
    assert all_playlists(client) == before
    assert songs_in(client, before[0].playlist_id) == tuple(songs)


def test_what_a_killed_run_left_behind_goes_with_the_next(client: Subsonic) -> None:
    (song, *_) = (each.item_id for each in client.songs())
    client.ask("createPlaylist", {"name": "Evening (soundalike is writing it: 1a2b3c4d)"})
    put_playlist(client, "Evening", [song], comment=MARK)
    assert [each.name for each in all_playlists(client)] == ["Evening"]


def link_only(client: Subsonic, place: Path, *without: str) -> None:
    """As of a server that has no songs with these titles."""
    with Library(place) as library:
        songs = [song for song in client.songs() if song.title not in without]
        library.link("super", client.facts(), songs)


@pytest.mark.usefixtures("linked")
def test_a_list_is_chosen_among_what_the_server_has(
    run: Run, client: Subsonic, place: Path, tmp_path: Path
) -> None:
    everything = make(run, "Evening")
    assert "24 of 24 tracks of the library may come: those that super has" in everything.stderr
    gone = titles(everything)[:2]
    link_only(client, place, *gone)
    fewer = make(run, "Evening")
    assert "22 of 24 tracks of the library may come: those that super has" in fewer.stderr
    assert "left out" not in fewer.stderr
    assert len(titles(fewer)) == 5
    assert not set(gone) & set(titles(fewer))
    assert on_server(client) == {"Evening": titles(fewer)}
    # What is made by the recipe is not bound to what the server had then.
    (kept,) = (place.parent / "library.db.sent/super").glob("*.json")
    assert "track_ids" not in kept.read_text(encoding="utf-8")
    # Refresh takes what the server has by then, too.
    assert "Evening: 5 songs, unchanged" in run("subsonic", "refresh").output.replace(
        "replaced", "unchanged"
    )
    assert set(on_server(client)["Evening"]) == set(titles(everything))
    link_only(client, place, *gone)
    file = str(tmp_path / "mix.m3u8")
    playlist(
        run, "1", "--tracks", "2", "--only-playlist", _file(place, fewer, tmp_path), "--out", file
    )
    for words in (
        ["path", "1", "20", "--steps", "4", "--min-length", "0"],
        ["radio", "1", "--tracks", "5", "--min-length", "0"],
        ["playlist", "extend", file, "--tracks", "5", "--min-length", "0"],
    ):
        told_by = run(*words, "--to", "subsonic:Other").stderr
        assert "22 of 24 tracks of the library may come" in told_by
        assert "left out" not in told_by
        assert not set(gone) & set(on_server(client)["Other"])


def _file(place: Path, made: Result, folder: Path) -> str:
    """A playlist of the tracks that were made."""
    tracks = [item["track"]["path"] for item in json.loads(made.stdout)["items"]]
    file = folder / "only.m3u8"
    file.write_text("\n".join(tracks), encoding="utf-8")
    return str(file)


@pytest.mark.usefixtures("linked")
def test_tracks_that_the_server_does_not_have_are_told(
    run: Run, server: str, client: Subsonic, place: Path
) -> None:
    made = titles(make(run, "Evening"))
    link_only(client, place, *made[:2])
    again = make(run, "Evening", "--all-tracks")
    assert "may come" not in again.stderr
    assert on_server(client) == {"Evening": made[2:]}
    assert "2 tracks left out of Evening, as super does not have them" in again.stderr
    assert "no song of super is linked to this track" in again.stderr
    link_only(client, place, *made)
    empty = make(run, "Evening", "--all-tracks", code=1)
    assert "super has no song for the playlist 'Evening'" in empty.output
    assert on_server(client) == {"Evening": made[2:]}
    with Library(place) as library:
        for track in library.tracks():
            if track.title not in made:
                library.forget(track.path)
    nothing = make(run, "Evening", code=1)
    assert "none of its songs is linked to a track that is analysed" in nothing.output
    assert on_server(client) == {"Evening": made[2:]}


@pytest.mark.slow
def test_songs_that_are_deleted_at_a_real_server_are_left_out(
    run: Run, place: Path, composed: Music, tmp_path: Path
) -> None:
    """Of a playlist of theirs, supysonic can list none any more; of others it can."""
    folder = tmp_path / "music"
    folder.mkdir()
    for file in sorted(composed.folder.rglob("*.*"))[:8]:
        (folder / file.name).hardlink_to(file)
    with (
        supysonic(tmp_path / "supysonic", folder) as server,
        Subsonic(server, ME) as client,
    ):
        run("subsonic", "link", server, "--user", USER, "--name", "super")
        first = titles(make(run, "Evening"))
        with Library(place) as library:
            known = {*first, library.track(1).title}
        gone = next(song for song in client.songs() if song.title not in known)
        (folder / str(gone.path)).unlink()
        rescan(tmp_path / "supysonic")
        # Linked before, so that it is found out only there.
        after = playlist(run, "1", "--tracks", "8", "--json", "--to", "subsonic:Evening")
        assert on_server(client) == {"Evening": [t for t in titles(after) if t != gone.title]}
        assert f"{gone.title}: super no longer has its song: link it again" in after.stderr
        assert "7 of 7 songs are linked" in run("subsonic", "refresh").output
        (lost,) = (song for song in client.songs() if song.title == first[1])
        (folder / str(lost.path)).unlink()
        rescan(tmp_path / "supysonic")
        failed = run("subsonic", "refresh", code=1).output
        assert "once a song of a playlist was deleted: restart it" in failed


@pytest.mark.usefixtures("linked")
def test_refresh_makes_them_again(run: Run, client: Subsonic, place: Path) -> None:
    for name in ("Renamed", "Gone", "Kept"):
        make(run, name)
    run("path", "1", "20", "--steps", "3", "--min-length", "0", "--to", "subsonic:Way")
    ids = {each.name: each.playlist_id for each in all_playlists(client)}
    client.ask("deletePlaylist", {"id": ids["Gone"]})
    client.ask("updatePlaylist", {"playlistId": ids["Renamed"], "name": "Other name"})
    other = next(iter(client.songs())).item_id
    client.ask("updatePlaylist", {"playlistId": ids["Renamed"], "songIdToAdd": other})
    expected = on_server(client)
    told_by = run("subsonic", "refresh", "super").output
    assert "24 of 24 songs are linked" in told_by
    assert "Gone: was deleted at the server, and is not made again" in told_by
    assert "Other name: 5 songs, replaced" in told_by
    assert "Kept: 5 songs, unchanged" in told_by
    assert "Way: stays as it is" in told_by
    expected["Other name"].pop()
    assert on_server(client) == expected
    listed = json.loads(run("subsonic", "--json").stdout)
    assert {each["name"] for each in listed} == {"Other name", "Kept", "Way"}
    (way,) = (each.playlist_id for each in all_playlists(client) if each.name == "Way")
    client.ask("deletePlaylist", {"id": way})
    del expected["Way"]
    assert "Way: was deleted at the server" in run("subsonic", "refresh").output
    # One that cannot be read cannot be made again; the others are.
    (kept,) = (each["playlist_id"] for each in listed if each["name"] == "Kept")
    (place.parent / f"library.db.sent/super/{kept}.json").write_text("{")
    failed = json.loads(run("subsonic", "refresh", "--no-taste", "--json", code=1).stdout)
    assert {each["name"]: each["outcome"] for each in failed} == {
        "Other name": "unchanged",
        kept: "failed",
    }
    assert on_server(client) == expected


@pytest.mark.usefixtures("linked")
def test_stars_and_ratings_become_taste(run: Run, client: Subsonic) -> None:
    songs = list(client.songs())
    good, better, bad, fair = (song.item_id for song in songs[:4])
    client.ask("star", {"id": good})
    for item_id, rating in ((better, 5), (bad, 1), (fair, 3)):
        client.ask("setRating", {"id": item_id, "rating": rating})
    first = json.loads(run("subsonic", "taste", "--json").stdout)
    assert (first["stars"], first["ratings"], first["added_opinions"]) == (1, 3, 3)
    said = json.loads(run("taste", "list", "--json").stdout)
    named = {each["pieces"][0]["track"]["title"]: each["kind"] for each in said}
    assert named == {songs[0].title: "like", songs[1].title: "like", songs[2].title: "dislike"}
    assert {each["source"] for each in said} == {"subsonic:super"}
    run("like", songs[5].title or "")
    client.ask("unstar", {"id": good})
    client.ask("setRating", {"id": bad, "rating": 4})
    second = json.loads(run("subsonic", "taste", "super", "--json").stdout)
    assert (second["added_opinions"], second["removed_opinions"]) == (1, 2)
    kinds = [each["kind"] for each in json.loads(run("taste", "list", "--json").stdout)]
    assert kinds == ["like", "like", "like"]
    again = json.loads(run("subsonic", "taste", "--json").stdout)
    assert (again["added_opinions"], again["removed_opinions"]) == (0, 0)
    for item_id in (better, bad, fair):
        client.ask("setRating", {"id": item_id, "rating": 0})


def test_nobody_is_asked_where_nobody_sits(
    run: Run, server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run("subsonic", "link", server, "--user", USER, "--name", "super")
    monkeypatch.delenv("SOUNDALIKE_LINK_PASSWORD")
    failed = run("subsonic", "refresh", code=1)
    assert f"the password of {USER} is not known" in failed.output
    file = tmp_path / "secret"
    monkeypatch.setenv("SOUNDALIKE_LINK_PASSWORD_FILE", str(file))
    assert "no such file" in run("subsonic", "refresh", code=1).output
    file.write_text(f"{PASSWORD}\n", encoding="utf-8")
    run("subsonic", "refresh")
    run("subsonic", "link", server.replace("127.0.0.1", "localhost"), "--user", USER)
    several = run("subsonic", "refresh", code=1)
    assert "has the password of one server: name it" in several.output
    assert "several servers are linked" in make(run, "Evening", code=1).output


# What supysonic lacks


def songs_of(library: Library) -> list[dict[str, Any]]:
    """The tracks as Navidrome tells them."""
    return [
        {
            "id": f"song{track.track_id}",
            "isDir": False,
            "type": "music",
            "title": track.title,
            "artist": track.artist,
            "artistId": f"artist of {track.artist}",
            "album": track.album,
            "duration": int(track.duration_s or 0),
            "path": "/".join(track.path.parts[-3:]),
            "created": "2024-03-01T10:00:00.123456789Z",
            "size": track.path.stat().st_size,
        }
        for track in library.tracks("analysed")
    ]


@pytest.fixture
def opened(place: Path) -> Iterator[Library]:
    with Library(place) as library:
        yield library


def test_a_key_and_a_long_list_go_by_form_alone(
    opened: Library, run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SOUNDALIKE_LINK_API_KEY", OpenSubsonic.KEY)
    caplog.set_level(logging.DEBUG)
    there = OpenSubsonic(songs_of(opened))
    with there.running() as address:
        run("subsonic", "link", address, "--name", "open")
        made = make(run, "Evening")
    (playlist,) = there.playlists.values()
    assert [there.songs[each]["title"] for each in playlist["ids"]] == titles(made)
    assert playlist["comment"].startswith(MARK)
    with_key = {method for method, _, asked in there.asked if "apiKey" in asked}
    assert with_key == {"POST"}
    assert [e for m, e, _ in there.asked if m == "GET"] == ["getOpenSubsonicExtensions"] * 2
    assert OpenSubsonic.KEY not in made.output + caplog.text


def test_where_forms_are_not_taken_addresses_stay_short(
    opened: Library, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_MOST_ADDRESS_BYTES", 60)
    monkeypatch.setenv("SOUNDALIKE_LINK_API_KEY", OpenSubsonic.KEY)
    there = OpenSubsonic(songs_of(opened), forms=False)
    with there.running() as address:
        run("subsonic", "link", address, "--name", "open")
        made = make(run, "Evening")
    (there_now,) = there.playlists.values()
    assert [there.songs[each]["title"] for each in there_now["ids"]] == titles(made)
    pieces = [asked["songIdToAdd"] for _, _, asked in there.asked if "songIdToAdd" in asked]
    assert list(map(len, pieces)) == [2]
    assert {method for method, _, _ in there.asked} == {"GET"}


def test_who_asks_is_in_no_log(opened: Library, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with told(lambda *_: {"openSubsonic": False}) as (address, asked), Subsonic(address, ME) as own:
        own.facts()
    (_, sent) = asked[0]
    assert f"{address}/rest/ping" in caplog.text
    assert sent["t"][0] not in caplog.text
    assert sent["s"][0] not in caplog.text


def test_plays_are_taken_over_once_and_dated(
    opened: Library, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUNDALIKE_LINK_API_KEY", OpenSubsonic.KEY)
    there = OpenSubsonic(songs_of(opened))
    first, second, third, *_ = there.songs.values()
    first |= {"playCount": 4, "played": "2024-03-05T10:00:00Z"}
    second |= {"playCount": 3}
    third |= {"playCount": 2, "played": "2999-01-01T00:00:00Z", "starred": "2024-06-01T12:00:00Z"}
    with there.running() as address:
        run("subsonic", "link", address, "--name", "open")
        found = json.loads(run("subsonic", "taste", "--json").stdout)
        assert (found["plays"], found["added_plays"], found["undated_plays"]) == (9, 4, 5)
        assert json.loads(run("subsonic", "taste", "--json").stdout)["added_plays"] == 0
        first |= {"playCount": 5, "played": "2024-03-09T10:00:00Z"}
        assert json.loads(run("subsonic", "taste", "--json").stdout)["added_plays"] == 1
    counts = opened.taste_counts()
    assert (counts.plays, counts.played, counts.judgements["like"]) == (5, 1, 1)
    with opened.view() as view:
        from soundalike.library.storage.schema import plays

        times = sorted(row.played_at for row in view.snapshot.connection.execute(plays.select()))
    day = 86_400.0
    start = 1_709_287_200.0  # when the server found it
    assert times == [
        start + day,
        start + 2 * day,
        start + 3 * day,
        start + 4 * day,
        start + 8 * day,
    ]


@pytest.mark.parametrize(
    ("count", "last", "added_at", "known", "expected"),
    [
        (2, 100.0, 0.0, (), [50.0, 100.0]),
        (2, 100.0, 0.0, (50.0, 100.0), []),
        (3, 100.0, 0.0, (100.0,), [33.0, 66.0]),  # the last one is known from elsewhere
        (4, 100.0, 40.0, (10.0, 20.0), [55.0, 70.0, 85.0, 100.0]),  # before it came: elsewhere
        (3, 300_000.0, None, (), [127_200.0, 213_600.0, 300_000.0]),
        (3, 5.0, 9.0, (), [5.0]),
    ],
)
def test_when_plays_were(
    count: int,
    last: float,
    added_at: float | None,
    known: tuple[float, ...],
    expected: list[float],
) -> None:
    assert new_plays(count, last, added_at, known) == expected


@given(
    count=st.integers(0, 50),
    last=st.integers(1, 10**6),
    added=st.none() | st.integers(0, 10**6),
    known=st.sets(st.integers(1, 10**6), max_size=20),
)
def test_plays_are_added_once_and_never_after_the_last(
    count: int, last: int, added: int | None, known: set[int]
) -> None:
    before = sorted(map(float, known))
    added_at = None if added is None else float(added)
    new = new_plays(count, float(last), added_at, before)
    assert len(new) <= count
    assert all(each <= last for each in new)
    assert not set(new) & set(before)
    # As far as there are seconds enough for them, a second run finds nothing to add.
    if len(new) + sum(each <= last for each in before) >= count:
        assert new_plays(count, float(last), added_at, sorted({*before, *new})) == []


def test_what_is_liked_but_not_here_is_told(opened: Library) -> None:
    songs = [
        ServerSong("a", artist="Nobody", title="Away", use=SongUse(plays=3, played_at=1e9)),
        ServerSong("b", artist="Nobody", title="Gone", use=SongUse(starred_at=1e9)),
    ]
    (track, *_) = opened.tracks("analysed")
    here = ServerSong(
        "c", path=str(track.path), title=track.title, use=SongUse(plays=1, played_at=2e9)
    )
    opened.link("here", ServerFacts("subsonic", "http://music.example.org"), [*songs, here])
    found = opened.import_server_taste("here", [*songs, here])
    assert [(each.music.title, each.plays, each.opinions) for each in found.unmatched] == [
        ("Away", 3, 0),
        ("Gone", 0, 1),
    ]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (20, "a newer version of the API"),
        (30, "too old: upgrade it"),
        (40, "the user 'listener' or the password is wrong"),
        (42, "takes API keys alone"),
        (43, "either a password or an API key"),
        (44, "the API key in SOUNDALIKE_LINK_API_KEY is wrong"),
        (50, "may not do that"),
        (60, "trial is over"),
        (0, "ping failed (it says: sent ...)"),
    ],
)
def test_what_a_refusal_means(code: int, words: str) -> None:
    says = refusal(code, f"sent {PASSWORD}")
    with (
        told(lambda *_: says) as (address, _),
        Subsonic(address, ME) as own,
        pytest.raises(ServerError) as refused,
    ):
        own.facts()
    assert words in str(refused.value)
    assert PASSWORD not in str(refused.value)


def test_a_server_that_is_down_changes_nothing(run: Run, server: str, place: Path) -> None:
    run("subsonic", "link", server, "--user", USER, "--name", "super")
    with Library(place) as library:
        songs = [ServerSong(str(t.track_id), path=str(t.path)) for t in library.tracks("analysed")]
        library.link("super", ServerFacts("subsonic", "http://127.0.0.1:9", USER), songs)
    for words in (
        ["subsonic", "refresh"],
        ["subsonic", "taste"],
        ["subsonic", "scan", "super"],
        ["playlist", "1", "--to", "subsonic:Evening"],
    ):
        assert "cannot be reached" in run(*words, code=1).output
    assert not (place.parent / "library.db.sent").exists()


def test_bad_targets_are_told_before_anything_is_done(run: Run) -> None:
    assert "subsonic:NAME" in run("playlist", "1", "--to", "Evening", code=2).output
    for option in ("--replace", "--all-tracks"):
        assert f"{option} needs --to" in run("playlist", "1", option, code=2).output
    assert "no Subsonic server is linked" in make(run, "Evening", code=1).output
    refused = run("radio", "1", "--endless", "--to", "subsonic:Evening", code=2)
    assert "--endless has no end" in refused.output
