"""Downloads, from a server on this machine that can misbehave."""

from __future__ import annotations

import hashlib
import io
import re
import socket
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from soundalike.errors import DataError, InvalidArgument, OutputError
from soundalike.models.download import Remote, fetch
from soundalike.research.datasets import catalog

CONTENT = bytes(range(256)) * 4096  # 1 MiB
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT at any path; what the path says decides how."""

    daemon_threads = True
    ranges: list[str | None]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.ranges.append(wanted)
        if self.path == "/missing":
            self.send_error(404)
            return
        start = 0
        if wanted and self.path != "/no-ranges":
            match = re.fullmatch(r"bytes=(\d+)-", wanted)
            assert match
            start = int(match[1])
            if start >= len(CONTENT):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        else:
            self.send_response(200)
        end = len(CONTENT)
        if self.path == "/drops" and len(self.server.ranges) == 1:
            end = len(CONTENT) // 2
        if self.path != "/endless":
            self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start:end])
        if self.path == "/endless":
            self.wfile.write(CONTENT)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.ranges = []
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def remote(server: Server, path: str = "/file", **extra: object) -> Remote:
    values: dict[str, object] = {"sha256": SHA256, "md5": MD5, "size_bytes": len(CONTENT)} | extra
    return Remote(f"http://127.0.0.1:{server.server_port}{path}", "a.bin", **values)  # type: ignore[arg-type]


def test_a_file_is_fetched_once(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = fetch(remote(server), tmp_path / "new", progress=lambda *at: seen.append(at))
    assert path == tmp_path / "new" / "a.bin"
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert fetch(remote(server), tmp_path / "new") == path
    assert server.ranges == [None]
    assert [found.name for found in path.parent.iterdir()] == ["a.bin"]


def test_an_interrupted_download_goes_on(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.bin.part").write_bytes(CONTENT[:1000])
    assert fetch(remote(server), tmp_path).read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-"]


def test_a_dropped_connection_is_taken_up_again(server: Server, tmp_path: Path) -> None:
    assert fetch(remote(server, "/drops"), tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={len(CONTENT) // 2}-"]


@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_a_server_without_ranges_starts_again(
    server: Server, tmp_path: Path, size: int | None
) -> None:
    (tmp_path / "a.bin.part").write_bytes(b"of another file")
    found = fetch(remote(server, "/no-ranges", size_bytes=size), tmp_path)
    assert found.read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_thrown_away(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.bin.part").write_bytes(CONTENT + b"more")
    assert fetch(remote(server, size_bytes=None), tmp_path).read_bytes() == CONTENT
    assert server.ranges == [f"bytes={len(CONTENT) + 4}-", None]


def test_a_complete_part_is_only_checked(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.bin.part").write_bytes(CONTENT)
    assert fetch(remote(server), tmp_path).read_bytes() == CONTENT
    assert server.ranges == []


@pytest.mark.parametrize("name", ["sha256", "md5"])
def test_a_wrong_file_is_deleted_and_named(server: Server, tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=rf"/file: its {name} is .*, not 00.*It was deleted"):
        fetch(remote(server, **{"sha256": None, "md5": None, name: "00"}), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_file_that_was_there_is_kept_and_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"mine")
    with pytest.raises(
        DataError,
        match=r"a\.bin: 4 bytes instead of 1048576; to download it again, delete it or move",
    ):
        fetch(remote(server), tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == b"mine"


@pytest.mark.parametrize("path", ["/file", "/endless"])
def test_more_bytes_than_expected_are_not_taken(server: Server, tmp_path: Path, path: str) -> None:
    with pytest.raises(DataError, match="bytes, but at most 500000 were expected"):
        fetch(remote(server, path, size_bytes=500_000), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_there_is_said_so(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"answers 404 Not Found.*save it as .*a\.bin"):
        fetch(remote(server, "/missing"), tmp_path)


def test_without_a_network_it_says_how_to_go_on(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        nowhere = Remote(f"http://127.0.0.1:{taken.getsockname()[1]}/x", "x.tar.gz", md5=MD5)
        with pytest.raises(
            DataError, match=rf"cannot be downloaded: .*as .*x\.tar\.gz \(md5 {MD5}\)"
        ):
            fetch(nowhere, tmp_path)


def test_a_server_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        slow = Remote(f"http://127.0.0.1:{silent.getsockname()[1]}/x", "x", md5=MD5)
        with pytest.raises(DataError, match=r"cannot be downloaded: .*timed out"):
            fetch(slow, tmp_path, timeout_s=0.1)


def test_only_the_web_and_only_with_a_checksum() -> None:
    with pytest.raises(InvalidArgument, match="must start with http or https"):
        Remote("file:///etc/passwd", "x", md5=MD5)
    with pytest.raises(InvalidArgument, match="a checksum is needed"):
        Remote("https://example.org/x", "x")


def test_every_data_set_has_a_citation_a_licence_and_checksums() -> None:
    for data_set in catalog.DATA_SETS:
        assert data_set.citation
        assert data_set.licence
        assert data_set.layouts
        for part in data_set.parts.values():
            for found in part.remotes:
                assert found.url.startswith("https://")
                assert re.fullmatch("[0-9a-f]{64}", found.sha256 or "")


def test_unknown_parts_and_sets_are_named() -> None:
    with pytest.raises(
        InvalidArgument, match="unknown data set 'mnist'; available: gtzan, cifar10"
    ):
        catalog.get("mnist")
    with pytest.raises(InvalidArgument, match="no part 'matlab'; it has binary, python"):
        catalog.get("cifar10", parts=["matlab"])
    with pytest.raises(InvalidArgument, match="nothing to download"):
        catalog.get("folder")


def test_tracks_are_unpacked_by_their_names_alone(tmp_path: Path) -> None:
    archive = tmp_path / "genres.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("genres/blues/blues.00000.au", "../../rock.00001.wav", "genres/bextract.mf"):
            member = tarfile.TarInfo(name)
            member.size = 3
            tar.addfile(member, io.BytesIO(b"abc"))
        link = tarfile.TarInfo("genres/pop/pop.00000.wav")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    folder = tmp_path / "deep" / "genres"
    assert catalog.unpack_gtzan(archive, folder) == 2
    found = {
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()
    }
    assert found == {
        "genres.tar.gz",
        "deep/genres/blues/blues.00000.au",
        "deep/genres/rock/rock.00001.wav",
    }
    archive.write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"genres\.tar\.gz: cannot be unpacked"):
        catalog.unpack_gtzan(archive, folder)


def test_a_folder_that_cannot_be_made_is_told(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"a\.bin: cannot be written"):
        fetch(remote(server), tmp_path / "file")
    assert server.ranges == []
