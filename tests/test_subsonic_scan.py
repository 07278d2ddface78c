"""Songs that only a music server has: fetched, analysed, and kept up with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import (
    fake_analysis,
    fake_model,
    open_library,
    open_upgraded,
    tag_track,
    write_track,
)
from hypothesis import given
from hypothesis import strategies as st
from music_servers import PASSWORD, USER, OpenSubsonic, passes_on, refusal, supysonic, told
from servers import Music

from soundalike import Library
from soundalike.errors import ServerError
from soundalike.integrations import subsonic as client_module
from soundalike.integrations.credentials import Credentials
from soundalike.integrations.sending import Sender, kept_playlists
from soundalike.integrations.server_files import ServerFiles
from soundalike.integrations.subsonic import Subsonic
from soundalike.library import ScanProgress, ScanReport
from soundalike.library.scan import fetched
from soundalike.library.server_places import item_at, place_of
from soundalike.recommend.playlist import make_playlist
from soundalike.recommend.playlist_files import as_playlist
from soundalike.urls import path_of

KEY = Credentials(api_key=OpenSubsonic.KEY)


@pytest.fixture(autouse=True)
def _hastily(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetched, "_PAUSES_S", (0.01, 0.01))


@pytest.fixture
def there(tmp_path: Path) -> OpenSubsonic:
    """A server with six songs, of which it says all that the files say."""
    found = OpenSubsonic([])
    for number in range(6):
        add(found, tmp_path / "there", f"song{number}", f"text {number}", title=f"Title {number}")
    return found


def add(there: OpenSubsonic, folder: Path, item_id: str, text: str, title: str) -> Path:
    file = write_track(folder / f"{item_id}.wav", text)
    tag_track(file, artist="Band", title=title)
    there.files[item_id] = file.read_bytes()
    there.songs[item_id] = {
        "id": item_id,
        "isDir": False,
        "title": title,
        "artist": "Band",
        "duration": 25,
        "path": f"Band/Album/{title}.wav",
        "suffix": "wav",
        "size": file.stat().st_size,
    }
    return file


Scanned = Callable[..., ScanReport]


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with open_library(tmp_path) as opened:
        yield opened


def scan(library: Library, there: OpenSubsonic, **options: Any) -> ScanReport:
    """Fetch and analyse what is new there, and link the server."""
    with there.running() as address, Subsonic(address, KEY) as client:
        songs = list(client.songs())

        def fetch(song: Any, file: Path, on_read: Any) -> object:
            return client.download(song.item_id, file, size_bytes=song.size_bytes, on_read=on_read)

        report = library.scan_songs("there", songs, fetch, jobs=1, **options)
        if not report.interrupted and library.tracks("analysed"):
            library.link("there", client.facts(), songs)
    return report


def fetched_ids(there: OpenSubsonic) -> list[str]:
    found = [asked["id"][0] for _, endpoint, asked in there.asked if endpoint == "download"]
    there.asked.clear()
    return sorted(found)


def test_songs_become_tracks_with_a_place_on_the_server(
    library: Library, there: OpenSubsonic, tmp_path: Path
) -> None:
    told_of: list[ScanProgress] = []
    report = scan(library, there, progress=told_of.append)
    assert (report.analysed, report.failed) == (6, ())
    tracks = library.tracks("analysed")
    assert [str(track.path) for track in tracks] == [
        f"subsonic://there/song{n}/Band/Album/Title {n}.wav" for n in range(6)
    ]
    assert [track.title for track in tracks] == [f"Title {n}" for n in range(6)]
    assert (told_of[-1].done, told_of[-1].total) == (6, 6)
    expected = fake_analysis("text 3", fake_model()).embedding
    found = library.analysis(tracks[3].track_id).embedding
    assert float(found @ expected) == pytest.approx(1.0, abs=1e-3)
    (server,) = library.linked_servers()
    assert (server.songs, server.linked) == (6, 6)
    # All that needs no file works as with any other track.
    assert library.track(tracks[2].path).track_id == tracks[2].track_id
    assert len(library.similar(str(tracks[0].path), 5).matches) == 5
    assert fetched_ids(there) == [f"song{n}" for n in range(6)]
    assert not (tmp_path / "library.db.fetched").exists()
    again = scan(library, there)
    assert (again.unchanged, again.analysed) == (6, 0)
    assert fetched_ids(there) == []


def test_a_playlist_of_them_goes_to_the_server(library: Library, there: OpenSubsonic) -> None:
    scan(library, there)
    with there.running() as address, Subsonic(address, KEY) as client:
        made = make_playlist(library, "Title 0", tracks=3, limits=replace_limits())
        sender = Sender(library, "there", client)
        sent = sender.send(as_playlist(made, "Evening"))
        assert (sent.outcome, sent.songs, sent.not_sent) == ("made", 3, ())
        (playlist,) = there.playlists.values()
        assert playlist["ids"] == [item_at(each.track.path, "there") for each in made.items]
        # Its recipe names the seed by its place, and refresh finds it there.
        (seed,) = made.recipe["seeds"]
        assert seed["path"] == "subsonic://there/song0/Band/Album/Title 0.wav"
        for name in ("title", "artist", "album"):
            seed.pop(name, None)
        sender.send(as_playlist(made, "Evening"))
        (kept,) = kept_playlists(library, "there")
        assert sender.refresh(kept).outcome == "unchanged"


def test_no_tags_are_written_to_them(library: Library, there: OpenSubsonic) -> None:
    scan(library, there)
    with there.running(), ServerFiles(library):
        report = library.tag()
    assert (report.files, len(report.skipped)) == ((), 6)
    assert {(e.reason, e.failed) for e in report.skipped} == {
        ("is no file of this computer", False)
    }


def replace_limits() -> Any:
    from soundalike.recommend.defaults import PLAYLIST_LIMITS

    return replace(PLAYLIST_LIMITS, min_length_s=0.0)


def test_what_is_here_already_is_not_fetched(
    library: Library, there: OpenSubsonic, tmp_path: Path
) -> None:
    music = tmp_path / "music" / "Band" / "Album"
    for number in range(4):
        file = write_track(music / f"Title {number}.wav", f"text {number}")
        tag_track(file, artist="Band", title=f"Title {number}")
    library.scan([tmp_path / "music"])
    scan(library, there)
    assert fetched_ids(there) == ["song4", "song5"]
    assert [str(track.path)[:9] for track in library.tracks()].count("subsonic:") == 2
    # Neither does a scan of folders take them for missing, nor a retry of what failed look at them.
    report = library.scan([tmp_path / "music"])
    assert (report.missing, report.unchanged) == (0, 4)
    assert library.missing() == []


def test_what_changes_there_changes_here(
    library: Library, there: OpenSubsonic, tmp_path: Path
) -> None:
    scan(library, there)
    fetched_ids(there)
    ids = {str(track.path).split("/")[3]: track.track_id for track in library.tracks()}
    # Another file, another title alone, and one that is gone.
    longer = add(there, tmp_path / "there", "song0", "other text", "Title 0")
    longer.write_bytes(longer.read_bytes() + b"LIST\x04\x00\x00\x00INFO")
    there.files["song0"] = longer.read_bytes()
    there.songs["song0"]["size"] = longer.stat().st_size
    there.songs["song1"] |= {"title": "Renamed", "path": "Band/Album/Renamed.wav"}
    gone = there.songs.pop("song2")
    report = scan(library, there)
    assert (report.analysed, report.missing, report.unchanged) == (1, 1, 4)
    assert fetched_ids(there) == ["song0"]
    paths = {track.track_id: str(track.path) for track in library.tracks()}
    assert paths[ids["song1"]] == "subsonic://there/song1/Band/Album/Renamed.wav"
    assert [track.track_id for track in library.missing()] == [ids["song2"]]
    there.songs["song2"] = gone
    report = scan(library, there)
    assert (report.returned, report.missing, report.analysed) == (1, 0, 0)


def test_each_failure_is_told_and_tried_again(library: Library, there: OpenSubsonic) -> None:
    there.files["song0"] = refusal(0, "the disk is broken")
    there.files["song1"] = (200, "text/html", "<html>please log in</html>")
    there.files["song2"] = b"no music"
    there.files["song3"] = 200, "text/xml", '<subsonic-response><error code="70"/></x>'
    report = scan(library, there)
    assert report.analysed == 2
    reasons = {item_at(each.path, "there"): each.reason for each in report.failed}
    assert reasons.keys() == {"song0", "song1", "song2"}
    assert "the disk is broken" in reasons["song0"]
    assert "answers with a page instead of JSON" in reasons["song1"]
    assert report.notes == ("1 song was deleted at the server meanwhile.",)
    assert len(library.failures()) == 3
    assert library.retry_failures().failed == ()
    fetched_ids(there)
    # What may pass by itself waits for a minute; with retry nothing waits.
    assert scan(library, there).still_failing == 3
    assert fetched_ids(there) == ["song3"]
    there.files |= dict.fromkeys(("song0", "song1", "song2", "song3"), there.files["song4"])
    report = scan(library, there, retry=True)
    assert (report.copied, report.failed) == (4, ())
    assert library.failures() == []


def test_where_nobody_may_download_what_is_played_is_taken_if_it_is_the_file(
    library: Library, there: OpenSubsonic
) -> None:
    for number in range(6):
        whole = there.files[f"song{number}"]
        there.files[f"played song{number}"] = whole if number else whole[:-100]
        there.files[f"song{number}"] = refusal(50, "no right to download")
    report = scan(library, there)
    assert report.analysed == 5
    assert "which is not the file itself" in report.failed[0].reason


def test_a_server_that_goes_away_ends_it_and_what_is_finished_stays(
    library: Library, there: OpenSubsonic
) -> None:
    scan(library, replace_songs(there, 2))
    there.files["song4"] = None  # the connection breaks
    with pytest.raises(ServerError, match="the connection broke") as failed:
        scan(library, there)
    assert OpenSubsonic.KEY not in str(failed.value)
    assert len(library.tracks("analysed")) >= 2
    there.files["song4"] = there.files["song5"]
    scan(library, there)
    assert len(library.tracks("analysed")) == 6


def replace_songs(there: OpenSubsonic, n: int) -> OpenSubsonic:
    """The same with the first songs alone."""
    found = OpenSubsonic(list(there.songs.values())[:n])
    found.files = there.files
    return found


def test_it_can_be_stopped_and_goes_on(library: Library, tmp_path: Path) -> None:
    there, stop = OpenSubsonic([]), threading.Event()
    for number in range(24):
        add(there, tmp_path / "there", f"song{number}", f"text {number}", f"Title {number}")

    def after_two(progress: ScanProgress) -> None:
        if progress.done >= 2:
            stop.set()

    report = scan(library, there, progress=after_two, stop=stop)
    assert report.interrupted
    done = len(library.tracks("analysed"))
    assert 2 <= done < 24
    fetched_ids(there)
    report = scan(library, there)
    assert (report.analysed, report.unchanged, report.interrupted) == (24 - done, done, False)
    assert len(fetched_ids(there)) == 24 - done


def test_few_files_are_on_disk_at_a_time(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetched, "_MOST_FILES", 3)
    there = OpenSubsonic([])
    for number in range(20):
        add(there, tmp_path / "there", f"song{number}", f"text {number}", f"Title {number}")
    most = 0
    folder = tmp_path / "library.db.fetched"

    def look(_: ScanProgress) -> None:
        nonlocal most
        most = max(most, len(list(folder.iterdir())))

    assert scan(library, there, progress=look).analysed == 20
    assert 1 <= most <= 3


def test_a_new_model_fetches_them_again(tmp_path: Path, there: OpenSubsonic) -> None:
    with open_library(tmp_path) as library:
        scan(library, there)
        fetched_ids(there)
    with open_upgraded(tmp_path, "2") as library:
        note = library.reanalyse().notes[-1]
        assert "6 of the tracks are on music servers alone" in note
        assert scan(library, there).analysed == 6
        assert library.upgrade() is None
    assert len(fetched_ids(there)) == 6


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "b", "Artist", "Album", "Title.flac"], "Artist/Album/Title.flac"),
        (["..", ".", "", "AC/DC", "T.N.T..mp3"], "AC-DC/T.N.T..mp3"),
        ([], "song"),
    ],
)
def test_a_place_is_a_path_and_tells_its_song(names: list[str], expected: str) -> None:
    place = place_of("there", "id/with?odd signs ü", names)
    assert place.endswith("/" + expected)
    assert item_at(place, "there") == item_at(Path(place), "there") == "id/with?odd signs ü"
    assert item_at(place, "the") is None
    assert item_at("/music/a.mp3", "there") is None


@given(item_id=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_id_can_be_told_from_its_place(item_id: str) -> None:
    place = place_of("there", item_id, ["Artist", "Title.mp3"])
    assert item_at(place, "there") == item_at(path_of(place), "there") == item_id


def test_a_file_that_comes_too_slowly_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says = {"openSubsonic": False}
    with (
        told(lambda endpoint, _: says if endpoint == "ping" else (200, "audio/wav", b"x")) as found,
        Subsonic(found[0], Credentials("me", "secret")) as client,
    ):
        client.facts()
        monkeypatch.setattr(client_module, "_WHOLE", 0)
        monkeypatch.setattr(client_module, "_LEAST_BYTES_PER_S", 1e12)
        with pytest.raises(ServerError, match="download is not answered within"):
            client.download("song", tmp_path / "file")


# A real server


@pytest.mark.slow
def test_a_real_server_sends_files_as_they_are(composed: Music, tmp_path: Path) -> None:
    """Fetched songs are analysed as the files are; a killed scan goes on."""
    folder = tmp_path / "music"
    folder.mkdir()
    files = sorted(composed.folder.rglob("*.flac"))[:2] + sorted(composed.folder.rglob("*.mp3"))[:1]
    for file in files:
        (folder / file.name).hardlink_to(file)
    library = tmp_path / "library.db"
    environment = {
        **os.environ,
        "SOUNDALIKE_LINK_PASSWORD": PASSWORD,
        "SOUNDALIKE_LIBRARY": str(library),
    }
    command = [sys.executable, "-m", "soundalike", "subsonic", "scan"]

    def stops(endpoint: str, asked: dict[str, list[str]]) -> Any:
        """After the first file, a server that says no more until it is asked by another."""
        if endpoint == "download":
            n_downloads.append(asked["id"][0])
            if len(n_downloads) > 1 and not is_second:
                time.sleep(20)
                return 503, "text/plain", ""
        return None

    n_downloads: list[str] = []
    is_second = False
    with (
        supysonic(tmp_path / "supysonic", folder) as server,
        told(passes_on(server, stops)) as (address, _),
    ):
        first = subprocess.Popen(
            [*command, address, "--user", USER, "--name", "super", "--jobs", "1"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 60
        while first.poll() is None and not _analysed(library):
            assert time.monotonic() < until
            time.sleep(0.1)
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert (tmp_path / "library.db.fetched").exists()
        is_second = True
        n_downloads.clear()
        second = subprocess.run(
            [*command, address, "--user", USER, "--name", "super", "--jobs", "1", "--json"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert second.returncode == 0, second.stderr
    report = json.loads(second.stdout)
    assert (report["analysed"], report["unchanged"], len(n_downloads)) == (2, 1, 2)
    assert not (tmp_path / "library.db.fetched").exists()
    with Library(library) as opened, Library(composed.library) as whole:
        (server_now,) = opened.linked_servers()
        assert (server_now.songs, server_now.linked) == (3, 3)
        by_content = {track.content_hash: track.track_id for track in whole.tracks()}
        for track in opened.tracks("analysed"):
            same = whole.analysis(by_content[track.content_hash]).embedding
            assert float(opened.analysis(track.track_id).embedding @ same) > 0.9999


def _analysed(library: Path) -> int:
    if not library.exists():
        return 0
    with Library(library) as opened:
        return len(opened.tracks("analysed"))
