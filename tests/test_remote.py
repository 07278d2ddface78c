"""Music on S3, HTTP and SFTP servers: scanned, changed, gone, unreachable, played."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from remote_servers import KEYS, s3_server, sftp_server, web_server
from servers import Music

from soundalike import remote
from soundalike.errors import InvalidArgument
from soundalike.library import Library

pytestmark = [
    pytest.mark.remote,
    # aiohttp's sessions live as long as the process.
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(autouse=True)
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for copies, and nothing that is known of a server of another test."""
    monkeypatch.setenv("SOUNDALIKE_CACHE", str(tmp_path / "cache"))
    remote.forget_connections()
    yield tmp_path / "cache" / "remote"
    remote.forget_connections()


@dataclass(frozen=True)
class Served:
    """Music at an address, and how it is changed there."""

    url: str
    put: Callable[[str, Path], None]
    drop: Callable[[str], None]


@pytest.fixture(params=["s3", "http", "sftp"])
def served(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    composed: Music,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Served]:
    folder = tmp_path / "served" / "my music"
    shutil.copytree(composed.folder, folder)

    def put(name: str, source: Path) -> None:
        shutil.copy(source, folder / name)

    def drop(name: str) -> None:
        (folder / name).unlink()

    if request.param == "http":
        with web_server(folder.parent) as web:
            yield Served(f"{web.url}/my%20music", put, drop)
    elif request.param == "sftp":
        (tmp_path / "home").mkdir()
        with sftp_server(tmp_path / "home", monkeypatch) as address:
            yield Served(f"{address}{folder}", put, drop)
    else:
        with s3_server(monkeypatch) as client:
            client.create_bucket(Bucket="music")
            for path in folder.rglob("*.*"):
                client.upload_file(str(path), "music", f"a b/{path.relative_to(folder)}")
            yield Served(
                "s3://music/a b",
                lambda name, source: client.upload_file(str(source), "music", f"a b/{name}"),
                lambda name: client.delete_object(Bucket="music", Key=f"a b/{name}"),
            )


def embeddings(library: Library) -> dict[str | None, bytes]:
    return {
        track.content_hash: library.analysis(track.track_id).excerpt_embeddings.tobytes()
        for track in library.tracks()
        if track.status == "analysed"
    }


def test_what_is_elsewhere_is_analysed_as_what_is_here(
    served: Served, composed: Music, tmp_path: Path
) -> None:
    with Library(composed.library) as local, Library(tmp_path / "library.db") as library:
        report = library.scan([served.url], jobs=2)
        assert not report.failed
        assert report.analysed == len(local.tracks())
        assert embeddings(library) == embeddings(local)
        paths = [str(track.path) for track in library.tracks()]
        assert all(path.startswith(f"{served.url}/") for path in paths)
        assert not any("%20" in track.name for track in library.tracks())
        again = library.scan()
        assert (again.analysed, again.unchanged, again.missing) == (0, len(paths), 0)
        assert [str(each.path) for each in library.info().folders] == [served.url]


def test_changes_elsewhere_are_seen(served: Served, composed: Music, tmp_path: Path) -> None:
    one, other, *_ = sorted(composed.folder.rglob("*.flac"))
    served.put("one.flac", one)
    served.put("two.flac", other)
    with Library(tmp_path / "library.db") as library:
        first = library.scan([served.url], jobs=2)
        served.drop("one.flac")
        served.put("two.flac", one)
        served.put("three.flac", other)
        second = library.scan([served.url], jobs=2)
        assert (second.missing, second.failed) == (1, ())
        assert second.unchanged == first.unchanged + first.analysed + first.copied - 2
        (gone,) = library.tracks("missing")
        assert str(gone.path) == f"{served.url}/one.flac"


def test_a_track_elsewhere_is_asked_about_listed_and_played(
    served: Served, composed: Music, tmp_path: Path
) -> None:
    with Library(tmp_path / "library.db") as library:
        library.scan([served.url], jobs=2)
        first, *_ = library.tracks()
        found = library.similar(str(first.path), k=3)
        assert found.seeds[0].track.track_id == first.track_id
        assert library.track(first.path).track_id == first.track_id
        below = list(library.each_track(folder=os.path.dirname(str(first.path))))
        assert first.track_id in [track.track_id for track in below]
        _, file = library.file_to_play(first.track_id)
        assert file.stat().st_size == first.size_bytes
        paths = {track.path for track in library.tracks()}
        library.export_analyses(tmp_path / "all.jsonl", folder=served.url)
    with Library(tmp_path / "other.db") as other:
        other.import_analyses(tmp_path / "all.jsonl")
        assert {track.path for track in other.tracks()} == paths


def test_names_count_as_they_do_here(served: Served, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("no music")
    served.put("letter.txt", tmp_path / "letter.txt")
    served.put("bad.mp3", tmp_path / "letter.txt")
    with Library(tmp_path / "library.db") as library:
        report = library.scan([served.url], exclude=["*.flac"], jobs=2)
        assert report.ignored == 1
        (failure,) = report.failed
        assert str(failure.path) == f"{served.url}/bad.mp3"
        assert failure.kind == "UnsupportedAudio"
        assert not [track for track in library.tracks() if track.path.suffix == ".flac"]
        assert library.forget(served.url).paths


@pytest.fixture
def web(tmp_path: Path, composed: Music, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(remote, "_FIRST_PAUSE_S", 0.01)
    shutil.copytree(composed.folder, tmp_path / "served")
    with web_server(tmp_path / "served") as server:
        yield server


@pytest.mark.parametrize("status", [HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.FORBIDDEN])
def test_a_folder_that_cannot_be_listed_is_not_an_empty_one(
    web: Any, tmp_path: Path, status: HTTPStatus
) -> None:
    with Library(tmp_path / "library.db") as library:
        count = library.scan([web.url], jobs=2).analysed
        inner = next(entry.url for entry in remote.list_folder(web.url) if entry.is_folder)
        web.broken[inner.rsplit("/", 1)[1]] = status
        report = library.scan([web.url])
        assert report.missing == 0
        assert [str(failure.path) for failure in report.failed] == [inner]
        assert len(library.tracks("analysed")) == count
        web.broken.clear()
        assert library.scan([web.url]).failed == ()
        assert library.failures() == []


def test_a_server_that_is_away_marks_nothing_as_missing(web: Any, tmp_path: Path) -> None:
    with Library(tmp_path / "library.db") as library:
        count = library.scan([web.url], jobs=2).analysed
        web.broken["/"] = HTTPStatus.SERVICE_UNAVAILABLE
        with pytest.raises(InvalidArgument, match="the server answers 503"):
            library.scan([web.url])
        with pytest.raises(InvalidArgument, match="the server answers 503"):
            library.scan()
        assert len(library.tracks("analysed")) == count


def test_a_file_that_cannot_be_fetched_is_recorded_and_tried_again(
    web: Any, tmp_path: Path
) -> None:
    path = next(iter(sorted((tmp_path / "served").rglob("*.flac"))))
    web.broken[path.name.replace(" ", "%20")] = HTTPStatus.BAD_GATEWAY
    with Library(tmp_path / "library.db") as library:
        (failure,) = library.scan([web.url], jobs=2).failed
        assert failure.kind == "UnreadableFile"
        assert "502" in failure.reason
        web.broken.clear()
        assert library.retry_failures().analysed == 1


def test_what_is_asked_again_comes_in_the_end(web: Any, tmp_path: Path) -> None:
    asked: list[None] = []

    def flaky(fs: Any) -> str:
        asked.append(None)
        if len(asked) < 3:
            raise ConnectionResetError("reset by peer")
        return "well"

    assert remote._asked(web.url, flaky) == "well"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sftp://me:secret@host/music", "holds a password"),
        ("https://secret@host/music", "holds a user or a key"),
        ("s3://secret:@music", "holds a password"),
        ("https://host/music?token=secret", "may be secret"),
        ("https://host/music#secret", "may be secret"),
        ("s3://music/a//b", "empty"),
        ("s3://secret@[music", "no address"),
    ],
)
def test_addresses_with_secrets_are_refused(tmp_path: Path, url: str, message: str) -> None:
    with Library(tmp_path / "library.db") as library:
        with pytest.raises(InvalidArgument, match=message) as caught:
            library.scan([url])
        assert "secret" not in str(caught.value).replace("may be secret", "")


@pytest.mark.parametrize("name", ["", "/a.mp3"])
@pytest.mark.parametrize("ask", [Library.similar, Library.track])
def test_questions_with_secrets_are_refused(
    tmp_path: Path, ask: Callable[..., object], name: str
) -> None:
    with Library(tmp_path / "library.db") as library:
        for url in (f"sftp://me:secret@host/music{name}", f"https://host{name}?secret"):
            with pytest.raises(InvalidArgument, match="an address is stored") as caught:
                ask(library, url)
            assert "secret" not in str(caught.value).replace("may be secret", "")


def test_credentials_are_neither_stored_nor_told(
    tmp_path: Path, composed: Music, monkeypatch: pytest.MonkeyPatch
) -> None:
    with s3_server(monkeypatch) as client:
        client.create_bucket(Bucket="music")
        path = next(composed.folder.rglob("*.flac"))
        client.upload_file(str(path), "music", path.name)
        with Library(tmp_path / "library.db") as library:
            assert library.scan(["s3://music"]).analysed == 1
    with closing(sqlite3.connect(tmp_path / "library.db")) as connection:
        stored = "\n".join(connection.iterdump())
    assert not any(value in stored for value in KEYS.values())


def test_an_unknown_host_is_not_trusted(
    tmp_path: Path, composed: Music, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    with sftp_server(tmp_path / "home", monkeypatch) as address:
        (tmp_path / "home/.ssh/known_hosts").unlink()
        with (
            Library(tmp_path / "library.db") as library,
            pytest.raises(InvalidArgument, match=r"host key of .* is not known"),
        ):
            library.scan([f"{address}{composed.folder}"])


def test_copies_keep_within_bounds(
    web: Any, copies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [path.stat().st_size for path in (tmp_path / "served").rglob("*.*")]
    most = max(sizes) + min(sizes)
    monkeypatch.setattr(remote, "_MOST_COPIES_BYTES", most)
    for folder in remote.list_folder(web.url):
        for album in remote.list_folder(folder.url):
            for entry in remote.list_folder(album.url):
                copy = remote.local_copy(entry.url)
                assert copy.exists()
                assert sum(path.stat().st_size for path in copies.iterdir()) <= most
    remote.forget_connections()
    monkeypatch.setattr(remote, "_MOST_FILE_BYTES", 10)
    with pytest.raises(OSError, match="larger than"):
        remote.local_copy(entry.url)


def test_without_room_for_a_copy_that_is_what_is_said(web: Any, tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    mounted = 'mount -t tmpfs -o size=16k none "$1" && SOUNDALIKE_CACHE="$1" && shift && exec "$@"'
    scan = [sys.executable, "-m", "soundalike", "scan", web.url, "--jobs", "1"]
    scan += ["--library", str(tmp_path / "library.db")]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mounted, "-", str(tmp_path / "small"), *scan],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1, done.stdout
    with Library(tmp_path / "library.db") as library:
        reasons = {failure.reason for failure in library.failures()}
    assert len(reasons) == 1
    assert "no room here for a copy" in reasons.pop()
