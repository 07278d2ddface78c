"""The sound of tracks over HTTP: ranges, what is encoded for players, pictures of it, covers."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from audio_files import add_cover, chord, jpeg, write_audio
from servers import client_of
from test_server import problem_of

from soundalike import Library
from soundalike.audio import load_audio, probe
from soundalike.library.records import Track
from soundalike.server.kept import Kept
from soundalike.server.settings import Settings

# What browsers play as it is, and as what.
PLAYED = {
    "mp3-cbr": "audio/mpeg",
    "flac": "audio/flac",
    "vorbis": "audio/ogg",
    "opus": "audio/ogg",
    "wav": "audio/wav",
    "aac": "audio/mp4",
    "aac-adts": "audio/aac",
}
ENCODED = ("aiff", "alac", "wma", "wavpack", "caf", "matroska")
SUFFIXES = {"mp3-cbr": "mp3", "vorbis": "ogg", "aac": "m4a", "aac-adts": "aac"}
SUFFIXES |= {"alac": "m4a", "wavpack": "wv", "matroska": "mka"}
SECONDS = 2.0


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of a file of each kind, in folders named for the kinds."""
    folder = tmp_path_factory.mktemp("kinds")
    for kind in (*PLAYED, *ENCODED):
        path = folder / "music" / kind / f"a b.{SUFFIXES.get(kind, kind)}"
        path.parent.mkdir(parents=True)
        write_audio(path, chord(48_000, SECONDS, 2), 48_000, kind)
    add_cover(folder / "music" / "flac" / "a b.flac", jpeg())
    (folder / "music" / "opus" / "Folder.jpg").write_bytes(jpeg(32))
    (folder / "secret.jpg").write_bytes(jpeg(16))
    (folder / "music" / "wav" / "cover.jpg").symlink_to(folder / "secret.jpg")
    with Library(folder / "library.db") as library:
        library.scan([folder / "music"], jobs=1)
    return folder


@pytest.fixture(scope="module")
def player(music: Path) -> Iterator[httpx.Client]:
    settings = Settings(
        library=str(music / "library.db"), most_streams=1, cache=music / "cache", jobs=1
    )
    with client_of(settings) as client:
        yield client


@pytest.fixture(scope="module")
def tracks(music: Path) -> dict[str, Track]:
    with Library(music / "library.db") as library:
        return {track.path.parent.name: track for track in library.tracks("analysed")}


def audio(track: Track) -> str:
    return f"/api/v1/tracks/{track.track_id}/audio"


def test_all_kinds_are_there(tracks: dict[str, Track]) -> None:
    assert sorted(tracks) == sorted((*PLAYED, *ENCODED))


@pytest.mark.parametrize("kind", PLAYED)
def test_what_browsers_play_comes_in_ranges(
    player: httpx.Client, tracks: dict[str, Track], kind: str
) -> None:
    data = tracks[kind].path.read_bytes()
    url = audio(tracks[kind])
    whole = player.get(url)
    assert whole.content == data
    assert whole.headers["content-type"] == PLAYED[kind]
    assert whole.headers["accept-ranges"] == "bytes"
    assert int(whole.headers["content-length"]) == len(data)
    for asked, expected in (
        ("bytes=0-", data),
        ("bytes=100-299", data[100:300]),
        (f"bytes={len(data) - 5}-", data[-5:]),
        ("bytes=-7", data[-7:]),
        (f"bytes=10-{10**9}", data[10:]),
    ):
        part = player.get(url, headers={"range": asked})
        assert part.status_code == 206
        assert part.content == expected
        start = data.rindex(expected) if len(expected) < 10 else data.index(expected)
        assert part.headers["content-range"] == (
            f"bytes {start}-{start + len(expected) - 1}/{len(data)}"
        )
    for odd in ("bytes=5-2", "bytes=x-", "lines=1-2", "bytes=0-1,5-6", "bytes=-", "\xff"):
        answer = player.get(url, headers={"range": odd.encode("latin-1")})
        if odd == "bytes=5-2":
            assert answer.status_code in (200, 416)
        else:
            assert answer.status_code == 200
            assert answer.content == data


def test_a_range_behind_the_end_is_a_problem(
    player: httpx.Client, tracks: dict[str, Track]
) -> None:
    size = tracks["flac"].path.stat().st_size
    answer = player.get(audio(tracks["flac"]), headers={"range": f"bytes={size}-"})
    assert f"{size:,} bytes" in str(problem_of(answer, 416)["detail"])
    assert answer.headers["content-range"] == f"bytes */{size}"


def test_the_head_of_a_file(player: httpx.Client, tracks: dict[str, Track]) -> None:
    head = player.head(audio(tracks["wav"]))
    assert head.status_code == 200
    assert head.content == b""
    assert int(head.headers["content-length"]) == tracks["wav"].path.stat().st_size
    encoded = player.head(audio(tracks["aiff"]))
    assert encoded.status_code == 200
    assert encoded.headers["content-type"] == "audio/mpeg"


def test_who_has_the_file_already_is_told_so(
    player: httpx.Client, tracks: dict[str, Track]
) -> None:
    url = audio(tracks["opus"])
    first = player.get(url)
    etag, modified = first.headers["etag"], first.headers["last-modified"]
    for headers in ({"if-none-match": f'"x", {etag}'}, {"if-modified-since": modified}):
        known = player.get(url, headers=headers)
        assert known.status_code == 304
        assert known.content == b""
        assert known.headers["etag"] == etag
    ranged = {"range": "bytes=0-9"}
    assert player.get(url, headers={**ranged, "if-range": etag}).status_code == 206
    assert player.get(url, headers={**ranged, "if-range": modified}).status_code == 206
    # The file is another one now: what is there is of no use, so all comes.
    other = player.get(url, headers={**ranged, "if-range": '"other"'})
    assert (other.status_code, other.content) == (200, first.content)
    behind = {"range": "bytes=999999999-", "if-range": '"other"'}
    assert player.get(url, headers=behind).content == first.content


@pytest.mark.parametrize("kind", ENCODED)
def test_anything_else_is_encoded_and_decodes_again(
    player: httpx.Client, tracks: dict[str, Track], tmp_path: Path, kind: str
) -> None:
    answer = player.get(audio(tracks[kind]), headers={"range": "bytes=0-"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/mpeg"
    assert answer.headers["accept-ranges"] == "none"
    assert "content-length" not in answer.headers
    heard = tmp_path / "heard.mp3"
    heard.write_bytes(answer.content)
    assert probe(heard).codec == "mp3"
    assert load_audio(heard).duration_s == pytest.approx(SECONDS, abs=0.12)


@pytest.mark.parametrize(
    ("file_format", "media_type"),
    [("mp3", "audio/mpeg"), ("opus", "audio/ogg"), ("flac", "audio/flac")],
)
def test_from_a_moment_on_in_any_format(
    player: httpx.Client,
    tracks: dict[str, Track],
    tmp_path: Path,
    file_format: str,
    media_type: str,
) -> None:
    asked = {"format": file_format, "start_s": 1.5}
    answer = player.get(audio(tracks["vorbis"]), params=asked)
    assert answer.headers["content-type"] == media_type
    heard = tmp_path / f"heard.{file_format}"
    heard.write_bytes(answer.content)
    assert load_audio(heard).duration_s == pytest.approx(SECONDS - 1.5, abs=0.12)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"start_s": 99}, "beyond the end"),
        ({"start_s": -1}, "greater than or equal to 0"),
        ({"start_s": "nan"}, "finite number"),
        ({"format": "exe"}, "'mp3', 'opus' or 'flac'"),
    ],
)
def test_bad_wishes_are_named(
    player: httpx.Client, tracks: dict[str, Track], asked: dict[str, object], words: str
) -> None:
    answer = player.get(audio(tracks["flac"]), params=asked)
    assert words in str(problem_of(answer, 422)["detail"])


def test_who_goes_makes_room_for_the_next(tmp_path: Path) -> None:
    """One may be encoded at a time here; that of who left ends at once."""
    folder = tmp_path / "music"
    folder.mkdir()
    # More than any buffer on the way holds.
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, 240 * 48_000).astype(np.float32)
    write_audio(folder / "long.aiff", noise, 48_000, "aiff")
    with Library(tmp_path / "library.db") as library:
        library.scan([folder], jobs=1)
    settings = Settings(library=str(tmp_path / "library.db"), most_streams=1)
    with client_of(settings) as client:
        asked = {"format": "flac"}
        with client.stream("GET", "/api/v1/tracks/1/audio", params=asked) as first:
            # Whoever lets go of the iterator hangs up.
            heard = first.iter_bytes()
            assert next(heard).startswith(b"fLaC")
            refused = client.get("/api/v1/tracks/1/audio", params=asked)
            assert "converted" in str(problem_of(refused, 503)["detail"])
            assert int(refused.headers["retry-after"]) > 0
            # Nobody waits for it meanwhile.
            assert client.get("/api/v1/tracks").status_code == 200
        until = time.monotonic() + 20
        short = {**asked, "start_s": 59}
        while client.get("/api/v1/tracks/1/audio", params=short).status_code != 200:
            assert time.monotonic() < until
            time.sleep(0.05)
        # The server is told to end while somebody listens: it does, all the same.
        with client.stream("GET", "/api/v1/tracks/1/audio", params=asked) as last:
            heard = last.iter_bytes()
            next(heard)
            began = time.monotonic()
    assert time.monotonic() - began < 15


def test_the_waveform_and_the_spectrogram(
    player: httpx.Client, music: Path, tracks: dict[str, Track]
) -> None:
    url = f"/api/v1/tracks/{tracks['aiff'].track_id}"
    found = player.get(f"{url}/peaks", params={"points": 100}).json()
    assert found["duration_s"] == pytest.approx(SECONDS, abs=0.01)
    assert len(found["minima"]) == len(found["maxima"]) == 100
    assert 0.3 < max(found["maxima"]) <= 0.51
    dark = player.get(f"{url}/mel.png", params={"width": 300, "theme": "dark"})
    assert dark.headers["content-type"] == "image/png"
    assert dark.content.startswith(b"\x89PNG")
    assert player.get(f"{url}/mel.png", params={"width": 300}).content != dark.content
    etag = {"if-none-match": dark.headers["etag"]}
    again = player.get(f"{url}/mel.png", params={"width": 300, "theme": "dark"}, headers=etag)
    assert again.status_code == 304
    # It was decoded once, and is kept by what is in the file.
    assert (music / "cache" / f"{tracks['aiff'].content_hash}.npz").is_file()
    problem_of(player.get(f"{url}/mel.png", params={"width": 5}), 422)
    problem_of(player.get(f"{url}/peaks", params={"points": 100_000}), 422)


def test_covers(player: httpx.Client, tracks: dict[str, Track]) -> None:
    def cover(kind: str) -> httpx.Response:
        return player.get(f"/api/v1/tracks/{tracks[kind].track_id}/cover")

    assert cover("flac").content == jpeg()
    assert cover("flac").headers["content-type"] == "image/jpeg"
    assert cover("opus").content == jpeg(32)
    assert "there is no cover" in str(problem_of(cover("aac"), 404)["detail"])
    empty = player.get(f"/api/v1/tracks/{tracks['aac'].track_id}/cover?missing=empty")
    assert (empty.status_code, empty.content) == (204, b"")
    assert player.get("/api/v1/tracks/99999/cover?missing=empty").status_code == 404
    # A link leads out of what was scanned.
    problem_of(cover("wav"), 404)


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    for name in ("gone", "swapped"):
        write_audio(folder / f"{name}.flac", chord(22_050, 1.0), 22_050, "flac")
    with Library(tmp_path / "library.db") as library:
        library.scan([folder], jobs=1)
        ids = {track.path.stem: track.track_id for track in library.tracks()}
    (folder / "gone.flac").unlink()
    (folder / "swapped.flac").unlink()
    os.symlink("/etc/passwd", folder / "swapped.flac")
    with client_of(Settings(library=str(tmp_path / "library.db"))) as client:
        for part in ("audio", "audio?format=mp3", "peaks", "mel.png", "cover"):
            gone = client.get(f"/api/v1/tracks/{ids['gone']}/{part}")
            assert "there is no such file any more" in str(problem_of(gone, 404)["detail"])
            swapped = client.get(f"/api/v1/tracks/{ids['swapped']}/{part}")
            told = str(problem_of(swapped, 404)["detail"])
            assert "a link out of the folders that were scanned" in told
            # Where it leads is nobody's business.
            assert "passwd" not in told
            problem_of(client.get(f"/api/v1/tracks/4000/{part}"), 404)
            problem_of(client.get(f"/api/v1/tracks/..%2f..%2fetc/{part}"), 404)


def test_a_file_that_changes_while_it_is_sent(tmp_path: Path) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, 150 * 22_050).astype(np.float32)
    path = write_audio(folder / "long.wav", noise, 22_050, "wav")
    data = path.read_bytes()
    with Library(tmp_path / "library.db") as library:
        library.scan([folder], jobs=1)
    with client_of(Settings(library=str(tmp_path / "library.db"))) as client:
        place = client.base_url
        request = f"GET /api/v1/tracks/1/audio HTTP/1.1\r\nHost: {place.host}\r\n\r\n"
        for size, expected in ((2 * len(data), len(data)), (1000, None)):
            with socket.socket() as slow:
                # It takes little, so that most of the file is read after it has changed.
                slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                slow.settimeout(20)
                slow.connect((place.host, place.port or 0))
                slow.sendall(request.encode())
                head = slow.recv(1)
                os.truncate(path, size)
                slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
                while not head.endswith(b"\r\n\r\n"):
                    head += slow.recv(1)
                n_bytes = 0
                while n_bytes != expected and (part := slow.recv(1 << 20)):
                    n_bytes += len(part)
                if expected is None:
                    # It breaks off, which nobody takes for the whole.
                    assert n_bytes < len(data)
                else:
                    assert n_bytes == expected
                    slow.settimeout(0.3)
                    with pytest.raises(TimeoutError):
                        slow.recv(1)
            path.write_bytes(data)
        assert client.get("/api/v1/tracks/1/audio").content == data


def test_what_is_kept_has_a_bound(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "cache", 1000)
    for number in range(5):
        kept.put(str(number), bytes([number]) * 300)
        # One after the other, whatever the clock of the disk can tell apart.
        for name in range(number + 1):
            path = tmp_path / "cache" / str(name)
            if path.exists():
                os.utime(path, (1000 + name, 1000 + name))
        if number == 2:
            assert kept.get("0") == bytes([0]) * 300
            os.utime(tmp_path / "cache" / "0", (5000, 5000))
    left = {path.name for path in (tmp_path / "cache").iterdir()}
    assert sum(path.stat().st_size for path in (tmp_path / "cache").iterdir()) <= 1000
    assert "4" in left
    assert "1" not in left
    assert kept.get("1") is None


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    kept = Kept(tmp_path / "file" / "cache", 1000)
    kept.put("a", b"data")
    assert kept.get("a") is None
