"""The sound of songs that only a music server has: fetched when it is needed, and kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from facet_models import music
from music_servers import PASSWORD, OpenSubsonic
from mutagen.flac import FLAC
from servers import client_of

from soundalike import Library, remote
from soundalike.audio.writing import encode
from soundalike.cli.app import cli
from soundalike.errors import FileAway, UnreadableFile
from soundalike.integrations.credentials import API_KEY_VARIABLE
from soundalike.integrations.server_files import ServerFiles
from soundalike.library.link_records import ServerFacts
from soundalike.server.settings import Settings
from soundalike.urls import path_of

RATE = 22_050
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Three pieces, as FLAC."""
    found = {}
    for number in range(3):
        sound = music(24.0, bpm=90 + 30 * number, root=220.0 * 1.2**number, seed=number)
        file = tmp_path_factory.mktemp("songs") / "song.flac"
        file.write_bytes(encode(sound, RATE, "flac"))
        tags = FLAC(file)
        tags.update({"artist": "Band", "title": f"Title {number}"})
        tags.save()
        found[f"song{number}"] = file.read_bytes()
    return found


def entry(item_id: str, data: bytes) -> dict[str, Any]:
    title = f"Title {item_id[-1]}"
    return {
        "id": item_id,
        "isDir": False,
        "title": title,
        "artist": "Band",
        "duration": 24,
        "path": f"Band/Album/{title}.flac",
        "suffix": "flac",
        "size": len(data),
    }


@pytest.fixture(scope="module")
def scanned(songs: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of them, without a file here."""
    place = tmp_path_factory.mktemp("scanned") / "library.db"
    there = OpenSubsonic([entry(*each) for each in songs.items()])
    there.files.update(songs)
    with there.running() as address:
        ran = CliRunner().invoke(
            cli,
            ["subsonic", "scan", address, "--name", "there", "--jobs", "1"],
            env={"SOUNDALIKE_LIBRARY": str(place), API_KEY_VARIABLE: OpenSubsonic.KEY},
        )
    assert ran.exit_code == 0, ran.output
    return place


@pytest.fixture
def there(songs: dict[str, bytes]) -> OpenSubsonic:
    found = OpenSubsonic([entry(*each) for each in songs.items()])
    found.files.update(songs)
    return found


@pytest.fixture
def place(
    scanned: Path, there: OpenSubsonic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A copy of the library, linked to a server that runs."""
    found = tmp_path / "library.db"
    found.write_bytes(scanned.read_bytes())
    monkeypatch.setenv("SOUNDALIKE_LIBRARY", str(found))
    monkeypatch.setenv("SOUNDALIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv(API_KEY_VARIABLE, OpenSubsonic.KEY)
    remote.forget_connections()
    with there.running() as address:
        link(found, there, address)
        there.asked.clear()
        yield found


def link(place: Path, there: OpenSubsonic, address: str) -> None:
    from soundalike.integrations.subsonic_songs import song_of

    with Library(place) as library:
        listed = [song for each in there.songs.values() if (song := song_of(each)) is not None]
        library.link("there", ServerFacts("subsonic", address), listed)


def run(*words: str, code: int = 0) -> Result:
    ran = CliRunner().invoke(cli, list(words))
    assert ran.exit_code == code, ran.output
    assert PASSWORD not in ran.output
    assert OpenSubsonic.KEY not in ran.output
    return ran


def numbers(place: Path) -> tuple[int, int, int]:
    """The ids of the tracks, by their titles: the songs come in any order."""
    with Library(place) as library:
        first, second, third = (library.track(f"Title {n}").track_id for n in range(3))
    return first, second, third


def fetched(there: OpenSubsonic) -> list[str]:
    found = [asked["id"][0] for _, endpoint, asked in there.asked if endpoint == "download"]
    there.asked.clear()
    return sorted(found)


def test_commands_hear_what_only_the_server_has(
    place: Path, there: OpenSubsonic, tmp_path: Path
) -> None:
    first, second, _ = numbers(place)
    part = f"{first}@0:02-0:14"
    passage = json.loads(run("similar", part, "--json", "-k", "2").stdout)
    assert {each["track"]["title"] for each in passage["matches"]} == {"Title 1", "Title 2"}
    assert fetched(there) == ["song0"]
    sound = tmp_path / "pairs.wav"
    run("explain", f"{first}", f"{second}", "--audio", str(sound))
    assert sound.stat().st_size > 100_000
    assert fetched(there) == ["song1"]  # the other one is kept
    url = "subsonic://there/song2/Band/Album/Title 2.flac"
    run("genre", url)
    assert fetched(there) == ["song2"]
    kept = sorted((tmp_path / "cache" / "remote").glob("*.flac"))
    assert {file.read_bytes() for file in kept} == set(there.files.values())
    # Where another file is there by now, that one is heard.
    remote.forget_connections()
    there.files["song0"] += b"\0" * 100
    there.songs["song0"]["size"] += 100
    run("similar", part, "-k", "1")
    assert fetched(there) == ["song0"]


def test_what_is_stored_needs_no_server(
    place: Path, there: OpenSubsonic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(API_KEY_VARIABLE)
    for words in (["compare", "1", "2"], ["explain", "1", "2"], ["similar", "1"]):
        run(*words)
    assert there.asked == []


def test_why_a_song_cannot_be_heard_is_told(
    place: Path, there: OpenSubsonic, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("similar", f"{numbers(place)[0]}@0:02-0:14")
    del there.songs["song0"]
    gone = run(*words, code=1).output
    assert "subsonic://there/song0/Band/Album/Title 0.flac" in gone
    assert "`soundalike subsonic scan` marks it as missing" in gone
    there.songs["song0"] = entry("song0", b"")
    there.files["song0"] = (200, "text/html", "<html>log in</html>")
    assert "answers with a page instead of JSON" in run(*words, code=1).output
    monkeypatch.setenv(API_KEY_VARIABLE, "another")
    assert "the API key in SOUNDALIKE_LINK_API_KEY is wrong" in run(*words, code=1).output
    monkeypatch.delenv(API_KEY_VARIABLE)
    assert "no user is named: give --user, or an API key" in run(*words, code=1).output
    monkeypatch.setenv(API_KEY_VARIABLE, OpenSubsonic.KEY)
    link(place, there, "http://127.0.0.1:9")
    assert "cannot be reached" in run(*words, code=1).output
    run("link", "remove", "there")
    assert "no server is linked as 'there'" in run(*words, code=1).output


@pytest.mark.slow
def test_the_page_plays_and_explains_them(
    place: Path, there: OpenSubsonic, songs: dict[str, bytes]
) -> None:
    first, second, third = numbers(place)
    own = f"/api/v1/tracks/{first}"
    with client_of(Settings(library=str(place))) as client:
        assert client.get(f"{own}/cover").status_code == 404
        assert fetched(there) == []
        heard = client.get(f"{own}/audio")
        assert (heard.status_code, heard.content) == (200, songs["song0"])
        part = client.get(f"{own}/audio", headers={"Range": "bytes=10-19"})
        assert part.content == songs["song0"][10:20]
        encoded = client.get(f"{own}/audio", params={"format": "mp3", "start_s": 5})
        assert encoded.status_code == 200
        assert len(encoded.content) > 10_000
        assert client.get(f"/api/v1/tracks/{second}/peaks").status_code == 200
        both = {"a": {"track_id": first}, "b": {"track_id": second}}
        assert client.post("/api/v1/explain/audio", json=both).status_code == 200
        passage = {"track_id": third, "start_s": 2, "end_s": 14}
        alike = client.post("/api/v1/similar", json={"seeds": [passage]})
        assert alike.status_code == 200, alike.text
        assert fetched(there) == ["song0", "song1", "song2"]
        remote.forget_connections()
        link(place, there, "http://127.0.0.1:9")
    with client_of(Settings(library=str(place))) as client:
        away = client.get(f"{own}/audio")
        assert away.status_code == 502
        assert away.json()["title"] == "FileAway"
        assert "cannot be reached" in away.json()["detail"]
        assert "see that the server answers" in away.json()["advice"]


def test_in_python_somebody_has_to_fetch(
    place: Path, songs: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Servers that other tests keep open in this process fetch, too.
    monkeypatch.setattr(remote, "_fetchers", {})
    first, second, _ = numbers(place)
    with Library(place) as library:
        with pytest.raises(UnreadableFile, match="no file is read by the protocol"):
            library.file_to_play(first)
        with ServerFiles(library):
            _, path = library.file_to_play(first)
            assert path.read_bytes() == songs["song0"]
            with pytest.raises(FileAway, match="no server"):
                remote.local_copy("subsonic://elsewhere/1/song.mp3")
            assert remote.here(path_of("subsonic://there/song1/a.flac")).is_file()
        with pytest.raises(UnreadableFile):
            library.file_to_play(second)
