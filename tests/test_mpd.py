"""The client of MPD, with a real MPD over composed music."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audio_files import chord, write_audio
from click.testing import CliRunner, Result
from mpd_servers import RunningMpd, cut_at, running_mpd, says
from servers import Music, free_port

from soundalike import Library
from soundalike.audio.reader import AudioReader
from soundalike.cli import cli
from soundalike.errors import InvalidArgument, ServerAway
from soundalike.integrations.mpd.address import find_address
from soundalike.integrations.mpd.connection import Mpd
from soundalike.integrations.mpd.kept import Kept
from soundalike.integrations.mpd.linked import linked
from soundalike.integrations.mpd.playlists import put_playlist
from soundalike.integrations.mpd.queue import put_in_queue

pytestmark = pytest.mark.mpd

ALL = ("--min-length", "0")
N_PIECES = 24


@pytest.fixture(scope="module")
def shared(composed: Music) -> Iterator[RunningMpd]:
    with running_mpd(composed.folder) as found:
        yield found


@pytest.fixture
def mpd(shared: RunningMpd, clean: None, monkeypatch: pytest.MonkeyPatch) -> RunningMpd:
    """One over the composed music, with nothing in it."""
    shared.ask("stop")
    shared.ask("clear")
    for mode in ("random", "consume", "repeat", "single"):
        shared.ask(mode, 0)
    for each in shared.ask("listplaylists"):
        shared.ask("rm", each["playlist"])
    monkeypatch.setenv("MPD_HOST", shared.socket)
    return shared


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MPD_HOST", "MPD_PORT", "MPD_TIMEOUT", "SOUNDALIKE_MPD_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def place(composed: Music, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the library, which the commands find."""
    found = composed.copy(tmp_path)
    monkeypatch.setenv("SOUNDALIKE_LIBRARY", str(found))
    return found


def call(*arguments: object, code: int = 0) -> Result:
    words = [str(one) for one in arguments]
    result = CliRunner().invoke(cli, words, terminal_width=200)
    assert result.exit_code == code, (result.output, result.exception)
    return result


def call_json(*arguments: object) -> Any:
    return json.loads(call(*arguments, "--json").stdout)


def id_of(place: Path, uri: str) -> int:
    with Library(place) as library:
        tracks = library.tracks()
    return next(each.track_id for each in tracks if str(each.path).endswith(f"/{uri}"))


def uris(composed: Music) -> list[str]:
    files = (each for each in composed.folder.rglob("*") if each.is_file())
    return sorted(str(each.relative_to(composed.folder)) for each in files)


# Which songs are which tracks


def test_songs_are_tracks_by_the_folder_that_mpd_tells(mpd: RunningMpd, place: Path) -> None:
    shown = call("mpd")
    assert f"{N_PIECES} of {N_PIECES} songs are tracks here" in shown.stdout
    assert "as MPD says" in shown.stdout
    report = call_json("mpd")
    assert report["links"]["matched_by"] == {"path": N_PIECES}
    assert report["skipped"] == []
    # Other commands that list servers know it, too.
    assert mpd.socket in call("link").stdout


def test_without_its_folder_songs_are_tracks_by_the_ends_of_their_paths(
    mpd: RunningMpd, place: Path, composed: Music, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPD_HOST", "127.0.0.1")
    monkeypatch.setenv("MPD_PORT", str(mpd.port))
    report = call_json("mpd")
    assert report["music_directory"] is None
    assert report["links"]["matched_by"] == {"tail": N_PIECES}
    given = call_json("mpd", "--music-directory", composed.folder)
    assert (given["folder_from"], given["links"]["matched_by"]) == ("given", {"path": N_PIECES})
    assert call_json("mpd")["folder_from"] == "kept"


def test_a_folder_that_is_elsewhere_is_told(
    mpd: RunningMpd, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = call("mpd", "--music-directory", tmp_path / "none", code=1)
    assert "there is no such folder here" in missing.output
    # A library of other music.
    other = tmp_path / "other"
    other.mkdir()
    write_audio(other / "one.flac", chord(22_050, 12.0), 22_050, "flac")
    monkeypatch.setenv("SOUNDALIKE_LIBRARY", str(tmp_path / "other.db"))
    call("scan", other, "--jobs", 1)
    lacking = call("mpd", "play", "1", code=1)
    assert f"has {N_PIECES} songs, and none of them is in the library" in lacking.output
    assert "--music-directory DIR" in lacking.output
    assert mpd.queue() == []


def test_what_is_no_file_of_its_own_is_left_out_with_the_reason(
    clean: None, place: Path, composed: Music, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    music = tmp_path / "music"
    shutil.copytree(composed.folder, music)
    file = next(music.rglob("*.flac"))
    (file.parent / "album.cue").write_text(
        f'FILE "{file.name}" WAVE\n  TRACK 01 AUDIO\n    TITLE "One"\n    INDEX 01 00:00:00\n'
        f'  TRACK 02 AUDIO\n    TITLE "Two"\n    INDEX 01 00:10:00\n'
    )
    write_audio(music / "new.flac", chord(22_050, 12.0), 22_050, "flac")
    with running_mpd(music) as found:
        monkeypatch.setenv("MPD_HOST", found.socket)
        report = call_json("mpd")
        reasons = {each["song"]["uri"]: each["reason"] for each in report["skipped"]}
        assert len(reasons) == 2
        assert all("album.cue/track000" in uri for uri in reasons)
        assert all("a part of a larger file" in each for each in reasons.values())
        found.ask("add", "http://127.0.0.1:9/radio.ogg")
        found.ask("add", next(iter(reasons)))
        found.ask("add", "new.flac")
        shown = call_json("mpd", "queue")
        assert shown[0]["reason"] == "a stream, not a file below the music folder"
        assert "a part of a larger file" in shown[1]["reason"]
        assert shown[2]["reason"] == "a file that is not in the library"
        found.ask("play", 1)
        failed = call("mpd", "similar", code=1)
        assert "a part of a larger file" in failed.output


class WebDav(BaseHTTPRequestHandler):
    """A folder with a file, as a storage that MPD can mount."""

    sound = b""

    def do_PROPFIND(self) -> None:
        one = (
            "<D:response><D:href>{}</D:href><D:propstat><D:prop>{}</D:prop>"
            "<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
        )
        folder = one.format("/", "<D:resourcetype><D:collection/></D:resourcetype>")
        size = f"<D:getcontentlength>{len(self.sound)}</D:getcontentlength><D:resourcetype/>"
        file = one.format("/far.flac", size)
        both = file if self.path != "/" else folder
        if self.path == "/" and self.headers.get("Depth") == "1":
            both += file
        body = f'<?xml version="1.0"?><D:multistatus xmlns:D="DAV:">{both}</D:multistatus>'.encode()
        self._send(207, "text/xml", body)

    def do_GET(self) -> None:
        self._send(200, "audio/flac", self.sound)

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_what_lies_on_another_storage_is_left_out(
    clean: None, place: Path, composed: Music, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = next(composed.folder.rglob("*.flac"))
    handler = type("Handler", (WebDav,), {"sound": file.read_bytes()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    config = (
        'database {{\n plugin "simple"\n path "{folder}/db"\n'
        ' cache_directory "{folder}/cache"\n}}\n'
    )
    try:
        with running_mpd(composed.folder, config, database="") as found:
            monkeypatch.setenv("MPD_HOST", found.socket)
            found.ask("mount", "far", f"http://127.0.0.1:{server.server_port}/")
            found.until(lambda: bool(found.ask("lsinfo", "far")), "MPD does not read the storage")
            report = call_json("mpd")
    finally:
        server.shutdown()
        server.server_close()
        thread.join(20)
    assert report["links"]["matched_by"] == {"path": N_PIECES}
    (skipped,) = report["skipped"]
    assert skipped["song"]["uri"] == "far/far.flac"
    assert skipped["reason"] == "on another storage, which is mounted at far"


def test_nothing_is_asked_twice(mpd: RunningMpd, place: Path, composed: Music) -> None:
    with Library(place) as library, Mpd(find_address()) as connection:
        asked: list[tuple[int, ...]] = []

        def progress(*done: int) -> None:
            asked.append(done)

        first = linked(library, connection, progress=progress)
        assert asked
        asked.clear()
        assert linked(library, connection, progress=progress).uris == first.uris
        assert asked == []
        # A forgotten server is linked again.
        library.unlink(first.server)
        assert linked(library, connection, progress=progress).uris == first.uris
        assert asked


# The queue


def test_play_takes_the_place_of_the_queue_and_plays(
    mpd: RunningMpd, place: Path, composed: Music
) -> None:
    before = uris(composed)[5]
    mpd.ask("add", before)
    mpd.ask("play")
    made = call_json("mpd", "play", "1", "--tracks", 4, *ALL)
    paths = [each["track"]["path"] for each in made["items"]]
    assert len(paths) == 4
    assert [str(composed.folder / uri) for uri in mpd.queue()] == paths
    assert mpd.ask("status")["state"] == "play"
    assert mpd.playing() == mpd.queue()[0]


def test_play_puts_songs_behind_and_next(mpd: RunningMpd, place: Path, composed: Music) -> None:
    first, second = uris(composed)[:2]
    mpd.ask("add", first)
    mpd.ask("add", second)
    mpd.ask("play")
    call("mpd", "play", id_of(place, first), "--tracks", 3, "--next", *ALL)
    queue = mpd.queue()
    assert (queue[0], queue[4]) == (first, second)
    call("mpd", "play", id_of(place, first), "--tracks", 3, "--append", *ALL)
    assert mpd.queue()[:5] == queue
    assert len(mpd.queue()) == 8
    assert len(set(mpd.queue())) == 8  # nothing twice
    assert mpd.playing() == first
    assert call("mpd", "play", "1", "--append", "--next", code=2)
    # What is left is the track itself.
    call("mpd", "play", id_of(place, first), "--tracks", 99, "--append", *ALL)
    queue = mpd.queue()
    full = call("mpd", "play", id_of(place, first), "--append", *ALL, code=1)
    assert "nothing to add: the queue holds all that MPD has" in full.output
    assert mpd.queue() == queue
    mpd.ask("delete", (8,))
    # At random the priority says what comes next.
    mpd.ask("random", 1)
    call("mpd", "play", id_of(place, first), "--tracks", 2, "--next", *ALL)
    assert [each.get("prio") for each in mpd.ask("playlistinfo")][1:3] == ["255", "254"]


def test_a_copy_of_what_the_queue_holds_is_not_put_behind_it(
    composed: Music, clean: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    music = tmp_path / "music"
    music.mkdir()
    for uri in uris(composed)[:4]:
        shutil.copy(composed.folder / uri, music / uri.replace("/", "-"))
    first, second = sorted(each.name for each in music.iterdir())[:2]
    with AudioReader(music / second) as reader:
        sound, rate = np.concatenate(list(reader)), reader.sample_rate
    write_audio(music / "copy.flac", sound, rate, "flac")
    place = tmp_path / "library.db"
    composed.copy(tmp_path).rename(place)
    monkeypatch.setenv("SOUNDALIKE_LIBRARY", str(place))
    call("scan", music)
    with running_mpd(music) as found:
        monkeypatch.setenv("MPD_HOST", found.socket)
        found.ask("add", second)
        call("mpd", "play", music / first, "--append", *ALL)
        assert "copy.flac" not in found.queue()
        call("mpd", "play", music / first, "--append", "--versions", "show", *ALL)
        assert "copy.flac" in found.queue()


@pytest.mark.parametrize("words", [["so", "what"], ["--ahead", 3], ["--genre", "x"], ["--clear"]])
def test_what_is_for_the_radio_is_not_taken_without_it(words: list[object]) -> None:
    said = call("mpd", "queue", *words, code=2).output
    assert f"{words[0] if str(words[0])[0] == '-' else 'TRACK'} is for the radio" in said


def test_without_a_track_it_goes_on_from_what_is_playing(
    mpd: RunningMpd, place: Path, composed: Music
) -> None:
    nothing = call("mpd", "play", code=1)
    assert "nothing is playing there: name a TRACK" in nothing.output
    here = uris(composed)[7]
    for uri in (uris(composed)[3], here, uris(composed)[4]):
        mpd.ask("add", uri)
    mpd.ask("play", 1)
    song_id = mpd.ask("status")["songid"]
    call("mpd", "play", "--tracks", 3, *ALL)
    assert mpd.queue()[0] == here
    assert len(mpd.queue()) == 4
    status = mpd.ask("status")
    assert (status["songid"], status["state"]) == (song_id, "play")
    similar = call_json("mpd", "similar", "-k", 5)
    assert similar == call_json("similar", id_of(place, here), "-k", 5)


def test_a_song_that_is_deleted_meanwhile_is_left_out(mpd: RunningMpd, composed: Music) -> None:
    there = uris(composed)[:2]
    with Mpd(find_address()) as connection:
        put = put_in_queue(connection, [there[0], "gone/away.flac", there[1]], "replace")
    assert mpd.queue() == there
    assert put.gone == (("gone/away.flac", "MPD does not have it any more"),)


def test_a_queue_that_is_full_stays_as_it_was(
    clean: None, place: Path, composed: Music, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_mpd(composed.folder, 'max_playlist_length "6"\n') as found:
        monkeypatch.setenv("MPD_HOST", found.socket)
        for uri in uris(composed)[:4]:
            found.ask("add", uri)
        before = found.queue()
        failed = call("mpd", "play", "20", "--tracks", 5, *ALL, code=1)
        assert "the queue is full" in failed.output
        assert found.queue() == before


# Stored playlists


def test_a_playlist_is_made_replaced_and_somebody_elses_is_not(
    mpd: RunningMpd, place: Path, composed: Music
) -> None:
    to = ("--tracks", 4, *ALL, "--to", "mpd:Evening mix")
    made = call_json("playlist", "1", *to)
    paths = [each["track"]["path"] for each in made["items"]]
    stored = mpd.ask("listplaylist", "Evening mix")
    assert [str(composed.folder / uri) for uri in stored] == paths
    again = call("playlist", "20", *to)
    assert "4 songs, replaced" in again.output
    assert mpd.ask("listplaylist", "Evening mix") != stored
    # Somebody adds a song: from then on it is theirs.
    mpd.ask("playlistadd", "Evening mix", uris(composed)[0])
    stored = mpd.ask("listplaylist", "Evening mix")
    failed = call("playlist", "1", *to, code=1)
    assert "has changed since soundalike made it" in failed.output
    assert mpd.ask("listplaylist", "Evening mix") == stored
    call("playlist", "1", *to, "--replace")
    assert mpd.ask("listplaylist", "Evening mix") != stored
    mpd.ask("playlistadd", "Theirs", uris(composed)[0])
    failed = call("playlist", "1", "--to", "mpd:Theirs", *ALL, code=1)
    assert "the playlist 'Theirs' is not by soundalike" in failed.output
    assert {each["playlist"] for each in mpd.ask("listplaylists")} == {"Evening mix", "Theirs"}


@pytest.mark.parametrize(
    ("to", "code", "words"),
    [
        ("mpd:a/b", 1, "is no name of a playlist at MPD"),
        ("mpd:", 2, "or mpd:NAME"),
        ("other:Mix", 2, "or mpd:NAME"),
        ("mpd:a\nclear", 1, "is no name of a playlist at MPD"),
    ],
)
def test_a_target_that_is_none_is_told(
    mpd: RunningMpd, place: Path, to: str, code: int, words: str
) -> None:
    assert words in call("playlist", "1", "--to", to, code=code).output
    assert mpd.ask("listplaylists") == []


@pytest.mark.parametrize("at", [b"playlistadd", b"rename", b"command_list_end"])
def test_a_playlist_that_breaks_off_leaves_the_one_before(
    mpd: RunningMpd, composed: Music, tmp_path: Path, at: bytes
) -> None:
    kept = Kept(tmp_path / "library.db", "here")
    some = uris(composed)
    with Mpd(find_address()) as connection:
        put_playlist(connection, "Mix", some[:5], kept)
    with (
        cut_at(mpd.port, lambda line: line.startswith(at)) as port,
        Mpd(find_address("127.0.0.1", port)) as connection,
        pytest.raises(ServerAway, match="the connection broke"),
    ):
        put_playlist(connection, "Mix", some, kept)
    assert mpd.ask("listplaylist", "Mix") == some[:5]
    with Mpd(find_address()) as connection:
        put_playlist(connection, "Mix", some[5:8], kept)
    assert mpd.ask("listplaylist", "Mix") == some[5:8]
    assert [each["playlist"] for each in mpd.ask("listplaylists")] == ["Mix"]


def test_what_a_killed_program_left_is_put_right(
    mpd: RunningMpd, composed: Music, tmp_path: Path
) -> None:
    kept = Kept(tmp_path / "library.db", "here")
    some = uris(composed)
    with Mpd(find_address()) as connection:
        put_playlist(connection, "Mix", some[:3], kept)
        # It was killed between two renames, with another one half filled.
        put_playlist(connection, "Other", some[:2], kept)
        hidden = ".soundalike-" + hashlib.sha256(b"Mix").hexdigest()[:12]
        mpd.ask("rename", "Mix", f"{hidden}-old")
        mpd.ask("playlistadd", f"{hidden}-new", some[9])
        put = put_playlist(connection, "Mix", [some[4], "gone.flac", some[5]], kept)
    assert not put.is_new
    assert [uri for uri, _ in put.gone] == ["gone.flac"]
    assert mpd.ask("listplaylist", "Mix") == [some[4], some[5]]
    names = {each["playlist"] for each in mpd.ask("listplaylists")}
    assert names == {"Mix", "Other"}


# Stickers


def test_other_clients_can_read_what_sounds_alike(
    mpd: RunningMpd, place: Path, composed: Music
) -> None:
    report = call_json("mpd", "stickers", "-k", 5)
    assert (report["songs"], report["written"], report["removed"]) == (N_PIECES, N_PIECES, 0)
    uri = uris(composed)[0]
    stickers = mpd.ask("sticker_list", "song", uri)
    similar = json.loads(stickers["soundalike:similar"])
    expected = call_json("similar", id_of(place, uri), "-k", 5)["matches"]
    paths = [str(composed.folder / other) for other, _ in similar]
    assert paths == [each["track"]["path"] for each in expected]
    for (_, cosine), match in zip(similar, expected, strict=True):
        assert cosine == pytest.approx(match["similarity"], abs=0.002)
    assert stickers["soundalike:version"].startswith("soundalike@")
    genres = mpd.ask("sticker_find", "song", "", "soundalike:genre")
    assert genres
    value = genres[0]["sticker"].partition("=")[2]
    assert value in call("info", "--json").output or value.isalpha()
    # Nothing has changed; then one is damaged.
    assert call_json("mpd", "stickers", "-k", 5)["written"] == 0
    mpd.ask("sticker_set", "song", uri, "soundalike:version", "old")
    mpd.ask("sticker_delete", "song", uri, "soundalike:similar")
    assert call_json("mpd", "stickers", "-k", 5)["written"] == 1
    assert mpd.ask("sticker_list", "song", uri) == stickers
    mpd.ask("sticker_set", "song", uri, "rating", "5")
    assert "removed the stickers of 24 songs" in call("mpd", "stickers", "--remove").stdout
    assert mpd.ask("sticker_list", "song", uri) == {"rating": "5"}


def test_songs_that_are_no_tracks_any_more_lose_their_stickers(
    mpd: RunningMpd, place: Path, composed: Music
) -> None:
    call("mpd", "stickers")
    gone = uris(composed)[2]
    call("forget", composed.folder / gone, "--yes")
    report = call_json("mpd", "stickers")
    assert report["removed"] == 1
    assert report["written"] >= 1  # those that had it among their neighbours
    assert not {k for k in mpd.ask("sticker_list", "song", gone) if k.startswith("soundalike")}
    for each in mpd.ask("sticker_find", "song", "", "soundalike:similar"):
        assert gone not in each["sticker"]


def test_an_mpd_without_stickers_is_told_so(
    clean: None, place: Path, composed: Music, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_mpd(composed.folder, "") as found:
        monkeypatch.setenv("MPD_HOST", found.socket)
        failed = call("mpd", "stickers", code=1)
        assert "has no database of stickers: set sticker_file" in failed.output


# Who may


@pytest.mark.parametrize(
    ("default", "host", "variable", "words"),
    [
        ("read", None, None, "does not allow .* without password"),
        ("read", "reader@", None, "does not allow .* with this password"),
        ("", None, None, "does not allow"),
        ("read", "wrong@", None, "the password is wrong"),
        ("read", None, "wrong", "the password is wrong"),
    ],
)
def test_who_may_not_changes_nothing(
    clean: None,
    place: Path,
    composed: Music,
    monkeypatch: pytest.MonkeyPatch,
    default: str,
    host: str | None,
    variable: str | None,
    words: str,
) -> None:
    with locked(composed, default) as found:
        monkeypatch.setenv("MPD_HOST", f"{host or ''}{found.socket}")
        if variable:
            monkeypatch.setenv("SOUNDALIKE_MPD_PASSWORD", variable)
        failed = call("mpd", "play", "1", code=1)
        assert re.search(words, failed.output)
        assert "reader" not in failed.output.replace("reader@read", "")
        assert "wrong@" not in failed.output


def test_a_password_comes_from_the_host_the_environment_or_a_prompt(
    clean: None, place: Path, composed: Music, monkeypatch: pytest.MonkeyPatch
) -> None:
    with locked(composed, "read") as found:
        monkeypatch.setenv("MPD_HOST", f"secret@{found.socket}")
        shown = call("mpd", "play", "1", "--tracks", 2, *ALL)
        assert "secret" not in shown.output
        monkeypatch.setenv("MPD_HOST", found.socket)
        monkeypatch.setenv("SOUNDALIKE_MPD_PASSWORD", "secret")
        call("mpd", "play", "1", "--tracks", 2, *ALL)
        monkeypatch.delenv("SOUNDALIKE_MPD_PASSWORD")
        asked: list[str] = []

        def ask(what: str) -> str:
            asked.append(what)
            return "secret"

        with Mpd(find_address(), needs=["clear"], ask=ask) as connection:
            connection.ask("clear")
            again = connection.address
        assert asked == [f"Password of {again.url}"]
        with Mpd(again, needs=["clear"]) as connection:
            connection.ask("clear")
        with Mpd(find_address(), needs=["status"], ask=ask):
            pass
        assert len(asked) == 1  # nobody is asked where there is no need
        failed = call("mpd", "play", "1", "--host", f"secret@{found.socket}", code=1)
        assert "leave the password out" in failed.output
        assert "secret" not in failed.output
        assert b"secret" not in b"".join(each.read_bytes() for each in place.parent.glob("*.mpd"))


def locked(composed: Music, default: str) -> Any:
    return running_mpd(
        composed.folder,
        f'password "reader@read"\npassword "secret@read,add,control,player"\n'
        f'password "writer@read,add,control,player,admin"\n'
        f'default_permissions "{default}"\n'
        f'local_permissions "{default}"\n',
        password="writer",
    )


# What else there may be


def test_an_mpd_that_is_down_is_told(
    clean: None, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    failed = call("mpd", "--host", "127.0.0.1", "--port", port, code=1)
    assert f"mpd://127.0.0.1:{port}: cannot be reached (connection refused)" in failed.output
    failed = call("mpd", "--host", place.parent / "socket", code=1)
    assert "cannot be reached (no such file or directory)" in failed.output
    failed = call("mpd", "--host", "no.such.host.invalid", code=1)
    assert "cannot be reached" in failed.output


def test_a_web_server_is_no_mpd(clean: None, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPD_TIMEOUT", "0.5")
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        failed = call("mpd", "--host", "127.0.0.1", "--port", server.server_port, code=1)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(20)
    assert "nothing says hello there as MPD does, within 0.5 s" in failed.output


@pytest.mark.parametrize(
    ("hello", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "what listens there is no MPD"),
        (b"\xff\xfe\n", "what listens there is no MPD"),
        (b"OK MPD 0.15.0\n", "speaks version 0.15.0 of the protocol, and 0.19 is the oldest"),
        (b"OK MPD new\n", "speaks version new of the protocol"),
    ],
)
def test_what_is_no_mpd_or_an_old_one_is_told(
    clean: None, place: Path, hello: bytes, words: str
) -> None:
    with says(lambda _: b"OK\n", hello) as port:
        failed = call("mpd", "--host", "127.0.0.1", "--port", port, code=1)
    assert words in failed.output


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "is not answered within 0.5 s"),
        (None, "the connection broke"),
        (b"nonsense\n", "the connection broke"),
        (b"file: \xff\xfe\nOK\n", 'is no UTF-8: set filesystem_charset "UTF-8"'),
        (b"ACK [99@0] {stats} odd\n", "the connection broke"),
        (b'ACK [5@0] {} unknown command "x"\n', "MPD refuses"),
    ],
)
def test_answers_that_are_none_are_told(
    clean: None,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: bytes | None,
    words: str,
) -> None:
    monkeypatch.setenv("MPD_TIMEOUT", "0.5")
    with says(lambda _: answer, b"OK MPD 0.23.5\n") as port:
        failed = call("mpd", "--host", "127.0.0.1", "--port", port, code=1)
    assert words in failed.output
    with Library(place) as library:
        assert library.linked_servers() == ()


def test_an_empty_mpd_and_an_empty_library_are_told(
    clean: None, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, composed: Music
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with running_mpd(empty) as found:
        monkeypatch.setenv("MPD_HOST", found.socket)
        assert "MPD's database has no songs" in call("mpd", code=1).output
    with Library(tmp_path / "new.db"):
        pass
    with running_mpd(composed.folder) as found:
        monkeypatch.setenv("MPD_HOST", found.socket)
        failed = call("mpd", "--library", tmp_path / "new.db", code=1)
        assert "no track is analysed yet" in failed.output


def test_no_argument_can_hold_another_command(mpd: RunningMpd, composed: Music) -> None:
    mpd.ask("add", uris(composed)[0])
    with Mpd(find_address()) as connection:
        for text in ("a\nclear", "a\rclear", "a\0b", "\udcff"):
            with pytest.raises(InvalidArgument, match="MPD takes"):
                connection.ask("addid", text)
    assert len(mpd.queue()) == 1
