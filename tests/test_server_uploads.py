"""Files that are sent: heard at the desk, then gone, whatever happens."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import httpx
import numpy as np
import pytest
from audio_files import chord, write_wav
from servers import Music, client_of
from test_server import problem_of

from soundalike import Library
from soundalike.server.settings import Settings
from soundalike.server.uploads import clean_name

URL = "/api/v1/uploads"


@pytest.fixture(scope="module")
def place(composed: Music, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for temporary files of its own, to see what is left in it."""
    folder = tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(folder))
        yield folder


@pytest.fixture(scope="module")
def small(composed: Music, place: Path) -> Iterator[httpx.Client]:
    """A server that takes small files, for a short time."""
    settings = Settings(
        library=str(composed.library), most_upload_bytes=3_000_000, most_upload_s=4.0
    )
    with client_of(settings) as client:
        yield client


def left(place: Path) -> list[str]:
    """What is left of files that were sent."""
    return [str(path) for path in place.rglob("*") if path.is_file()]


def test_a_file_is_heard_and_can_be_searched_by(
    small: httpx.Client, composed: Music, place: Path
) -> None:
    with Library(composed.library) as library:
        track = library.track(4)
        expected = library.similar(4, 5)
        analysis = library.analysis(4)
    name = "C:\\music\\../é <b>.flac"
    sent = small.post(URL, files={"file": (name, track.path.read_bytes())}).json()
    assert sent["duration_s"] == pytest.approx(analysis.duration_s)
    assert sent["analysis"]["genre"] == analysis.genre
    assert sent["name"] == "é <b>.flac"
    assert left(place) == []
    asked = {"seeds": [{"upload_id": sent["upload_id"]}], "k": 5}
    found = small.post("/api/v1/similar", json=asked).json()
    # It is a copy of that track, which is left out as the track itself is.
    assert [each["track"]["track_id"] for each in found["matches"]] == [
        match.track.track_id for match in expected.matches
    ]
    assert str(place) not in str(found)
    pair = {"a": {"upload_id": sent["upload_id"]}, "b": {"track_id": 7}}
    compared = small.post("/api/v1/compare", json=pair).json()
    assert compared["a"] == sent["name"]
    assert small.post("/api/v1/explain", json=pair).status_code == 200
    refused = small.post("/api/v1/explain/audio", json=pair)
    assert "a is an upload" in str(problem_of(refused, 422)["detail"])


def test_a_passage_of_a_new_file(small: httpx.Client, tmp_path: Path, place: Path) -> None:
    path = write_wav(tmp_path / "new.wav", chord(22_050, 20.0), 22_050)
    parts = {"start_s": "4", "end_s": "16.5"}
    sent = small.post(URL, files={"file": ("new.wav", path.read_bytes())}, data=parts).json()
    assert sent["duration_s"] == pytest.approx(12.5, abs=0.01)
    assert sent["name"] == "new.wav"
    behind = {"start_s": "400"}
    answer = small.post(URL, files={"file": ("new.wav", path.read_bytes())}, data=behind)
    assert "start_s 400" in str(problem_of(answer, 422)["detail"])
    assert left(place) == []


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"", 415, "song.mp3: the file is empty"),
        (b"hello, world", 415, "song.mp3: text, not audio"),
        (bytes(range(256)) * 400, 415, "song.mp3: "),
        (
            b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + bytes(500),
            422,
            "song.mp3: the MP3 header is damaged",
        ),
        (b"#EXTM3U\n/etc/passwd\n", 415, "song.mp3: text, not audio"),
    ],
)
def test_what_is_no_music_is_told(
    small: httpx.Client, place: Path, data: bytes, status: int, words: str
) -> None:
    answer = small.post(URL, files={"file": ("song.mp3", data)})
    assert words in str(problem_of(answer, status)["detail"])
    assert str(place) not in answer.text
    assert left(place) == []


def test_what_is_too_large_is_refused(small: httpx.Client, place: Path) -> None:
    problem_of(small.post(URL, files={"file": ("a.wav", bytes(4_000_000))}), 413)

    def without_length() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        for _ in range(40):
            yield bytes(100_000)
        yield b"\r\n--x--\r\n"

    headers = {"content-type": "multipart/form-data; boundary=x"}
    problem_of(small.post(URL, content=without_length(), headers=headers), 413)
    assert left(place) == []
    assert small.get("/api/v1/tracks/1").status_code == 200


def test_a_small_file_with_hours_of_sound_is_given_up(
    small: httpx.Client, place: Path, tmp_path: Path
) -> None:
    """FLAC says silence in a dozen bytes, however long a block is."""
    path = tmp_path / "bomb.flac"
    with path.open("wb") as file, av.open(file, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=192_000, layout="mono")
        stream.format = "s16"  # type: ignore[attr-defined]
        block = np.zeros((1, 192_000 * 10), np.int16)
        for _ in range(6 * 20):
            frame = av.AudioFrame.from_ndarray(block, "s16", "mono")
            frame.sample_rate = 192_000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert path.stat().st_size < 2_000_000
    began = time.monotonic()
    answer = small.post(URL, files={"file": ("bomb.flac", path.read_bytes())})
    assert "longer than 4 s" in str(problem_of(answer, 422)["detail"])
    assert time.monotonic() - began < 30
    assert left(place) == []
    # The next one is heard all the same.
    good = write_wav(tmp_path / "good.wav", chord(22_050, 2.0), 22_050)
    assert small.post(URL, files={"file": ("good.wav", good.read_bytes())}).status_code == 200


def test_nothing_is_left_of_who_goes_in_the_middle(small: httpx.Client, place: Path) -> None:
    url = small.base_url
    head = (
        f"POST {URL} HTTP/1.1\r\nHost: {url.host}:{url.port}\r\nContent-Length: 2900000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    )
    with socket.create_connection((url.host, url.port or 0)) as connection:
        connection.sendall(head.encode() + os.urandom(2_000_000))
    until = time.monotonic() + 20
    while left(place):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert small.get("/api/v1/tracks/1").status_code == 200


@pytest.mark.parametrize(
    "parts",
    [
        {"files": {"other": ("a.wav", b"x")}},
        {"data": {"file": "text"}},
        {"files": {"file": ("a.wav", b"x")}, "data": {"start_s": "-1"}},
        {"files": {"file": ("a.wav", b"x")}, "data": {"end_s": "inf"}},
    ],
)
def test_what_is_no_upload_is_refused(small: httpx.Client, parts: dict[str, object]) -> None:
    problem_of(small.post(URL, **parts), 422)  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", ["é" * 150, "x" * 150, "日本"])
def test_no_suffix_is_too_odd(small: httpx.Client, place: Path, suffix: str) -> None:
    answer = small.post(URL, files={"file": (f"a.{suffix}", b"no sound")})
    assert str(place) not in str(problem_of(answer, 415))
    assert left(place) == []


@pytest.mark.skipif(os.name != "posix", reason="needs limits of the system")
@pytest.mark.parametrize("size", [200_000, 2_500_000])
def test_a_full_disk_is_told(small: httpx.Client, place: Path, size: int) -> None:
    """A large file is kept on the disk as it comes, a small one when it is there."""
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    # No file gets larger, which is told in another word; all else is as on a disk that is full.
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        answer = small.post(URL, files={"file": ("a.wav", bytes(size))})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert "what was sent cannot be kept: file too large" in problem_of(answer, 507)["detail"]
    assert left(place) == []
    assert small.get("/api/v1/tracks/1").status_code == 200


def test_no_name_is_too_odd() -> None:
    assert clean_name("../../etc/passwd") == "passwd"
    assert clean_name("a\\b\\c.mp3") == "c.mp3"
    assert clean_name("a\x1b[31m\u202eb\n.mp3") == "a [31m b .mp3"
    for nothing in ("", "..", ".", "/", "\n", "  "):
        assert clean_name(nothing) == "upload"
    long = clean_name("x" * 500 + ".flac")
    assert len(long) == 200
    assert long.endswith("x.flac")


def test_the_folder_goes_with_the_server(composed: Music, place: Path) -> None:
    before = set(place.iterdir())
    settings = replace(Settings(), library=str(composed.library))
    with client_of(settings):
        assert len(set(place.iterdir()) - before) == 1
    assert set(place.iterdir()) == before
