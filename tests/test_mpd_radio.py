"""A radio at a real MPD, as a process of its own, over short pieces of composed music."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audio_files import write_audio
from click.testing import CliRunner
from mpd_servers import RunningMpd, cut_at, running_mpd
from servers import Music

from soundalike import Library
from soundalike.audio.reader import AudioReader
from soundalike.cli import cli

pytestmark = pytest.mark.mpd

N_PIECES, LENGTH_S = 16, 4.0
FIRST_S = 30.0
"""The song that a radio begins with is there long enough for whatever is done while it plays."""
AHEAD = 3


@pytest.fixture(scope="module")
def short(composed: Music, tmp_path_factory: pytest.TempPathFactory) -> Music:
    """The first seconds of composed pieces, and the library of them."""
    folder = tmp_path_factory.mktemp("short")
    files = sorted(each for each in composed.folder.rglob("*") if each.is_file())
    for number, file in enumerate(files[:N_PIECES]):
        band = folder / "music" / file.parts[-3]
        band.mkdir(parents=True, exist_ok=True)
        with AudioReader(file, start_s=8.0, end_s=8.0 + LENGTH_S) as reader:
            sound, rate = np.concatenate(list(reader)), reader.sample_rate
        if number == 0:
            sound = np.resize(sound, round(FIRST_S * rate))
        tags = {"artist": file.parts[-3], "title": f"Piece {number}"}
        write_audio(band / f"{number:02d}.flac", sound, rate, "flac", metadata=tags)
    with Library(folder / "library.db") as library:
        assert library.scan([folder / "music"], jobs=1).analysed == N_PIECES
        first = library.track(1)
        assert first.duration_s == pytest.approx(FIRST_S, abs=0.1)
    return Music(folder / "music", folder / "library.db")


@pytest.fixture(scope="module")
def shared(short: Music) -> Iterator[RunningMpd]:
    with running_mpd(short.folder) as found:
        yield found


@pytest.fixture
def mpd(shared: RunningMpd) -> RunningMpd:
    shared.ask("stop")
    shared.ask("clear")
    for mode in ("random", "consume", "repeat", "single"):
        shared.ask(mode, 0)
    return shared


@dataclass
class Radio:
    """``soundalike mpd queue --radio`` in a process of its own."""

    process: subprocess.Popen[str]
    mpd: RunningMpd
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def until_said(self, words: str, times: int = 1) -> None:
        def holds() -> bool:
            assert self.process.poll() is None, self.said
            return self.said.count(words) >= times

        self.mpd.until(holds, lambda: f"never said: {words}: {self.said}")

    def until_filled(self, ahead: int = AHEAD) -> None:
        self.mpd.until(lambda: self.ahead() == ahead, lambda: f"never {ahead} ahead: {self.said}")

    def ahead(self) -> int | None:
        """How many songs stand behind the current one; None where there is none."""
        status = self.mpd.ask("status")
        return int(status["playlistlength"]) - int(status["song"]) - 1 if "song" in status else None

    def stop(self, number: int = signal.SIGTERM) -> str:
        """Its exit code must be 0; what it said."""
        self.process.send_signal(number)
        assert self.process.wait(60) == 0, self.said
        return self.said


@contextmanager
def radio(mpd: RunningMpd, library: Path, *options: object, host: str = "") -> Iterator[Radio]:
    log = mpd.folder / f"radio-{os.urandom(4).hex()}.log"
    words = ["mpd", "queue", "--radio", *map(str, options), "--ahead", str(AHEAD)]
    environ = {**os.environ, "MPD_HOST": host or mpd.socket, "SOUNDALIKE_LIBRARY": str(library)}
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "soundalike", *words],
            env=environ,
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield Radio(process, mpd, log)
    finally:
        process.kill()
        process.wait(20)


ALL = ("--min-length", "0")


def test_a_radio_fills_the_queue_learns_and_goes_on(
    mpd: RunningMpd, short: Music, tmp_path: Path
) -> None:
    place, state = short.copy(tmp_path), tmp_path / "radio.json"
    with radio(mpd, place, "1", "--state", state, "--teach", *ALL) as first:
        first.until_filled()
        mpd.until(lambda: mpd.ask("status")["state"] == "play", "it does not play")
        (skipped, heard), ahead = mpd.queue()[:2], mpd.queue()[2:]
        assert mpd.playing() == skipped
        mpd.ask("next")
        # Songs last four seconds but for the first: this one is heard to its end.
        first.until_said("skipped: ")
        first.until_filled()
        # What followed the skipped song has made room, and nothing is there twice.
        queue = mpd.queue()
        assert len(set(queue)) == len(queue)
        assert queue[:2] == [skipped, heard]
        assert queue[2:] != ahead
        first.until_said("finished: ")
        first.until_filled()
        said = first.stop()
    assert "1 skipped" in said
    assert "radio.json goes on from here" in said
    kept = json.loads(state.read_text())["radio"]
    with Library(place) as library:
        names = {track.track_id: str(track.path) for track in library.tracks()}
        counts = library.taste_counts()
    assert [names[each] for each in kept["skipped"]] == [str(short.folder / skipped)]
    assert str(short.folder / heard) in [names[each] for each in kept["liked"]]
    assert counts.plays == len(kept["skipped"]) + len(kept["liked"])
    before = mpd.queue()
    # The queue must not come to its end before the second is there.
    mpd.ask("pause", 1)
    mpd.ask("consume", 1)
    with radio(mpd, place, "--state", state) as second:
        second.until_filled()
        mpd.ask("next")
        second.until_said("next: ")
        second.until_filled()
        second.stop(signal.SIGINT)
    new = [uri for uri in mpd.queue() if uri not in before]
    assert new
    assert len(set(mpd.queue())) == len(mpd.queue())
    with Library(place) as library:
        assert library.taste_counts().plays == counts.plays  # nobody asked for it this time


def test_a_song_whose_file_was_deleted_is_passed_and_the_music_goes_on(
    composed: Music, tmp_path: Path
) -> None:
    """MPD plays what its database has, and stops at a file that is not there."""
    music = tmp_path / "music"
    music.mkdir()
    files = sorted(each for each in composed.folder.rglob("*") if each.is_file())
    for number, file in enumerate(files[:8]):
        shutil.copy(file, music / f"{number}{file.suffix}")
    place = composed.copy(tmp_path)
    with Library(place) as library:
        assert library.scan([music], jobs=1).analysed == 0
    with running_mpd(music) as mpd, radio(mpd, place, music / f"0{files[0].suffix}", *ALL) as found:
        found.until_filled()
        mpd.until(lambda: mpd.ask("status")["state"] == "play", "it does not play")
        first, gone, after = mpd.queue()[:3]
        (music / gone).unlink()
        # It opens the next file at the end, and stops, or goes on to the one behind it.
        mpd.ask("seekcur", float(mpd.ask("status")["duration"]) - 1)
        found.until_said(f"left out: {gone}: MPD cannot play it")
        mpd.until(lambda: mpd.playing() == after, "it does not go on")
        assert [each for each in mpd.queue()[:3] if each != gone][:2] == [first, after]
        said = found.stop()
    assert "skipped: " not in said


def test_whoever_skips_on_keeps_the_song_that_plays_then(mpd: RunningMpd, short: Music) -> None:
    with radio(mpd, short.library, "1", *ALL) as found:
        found.until_filled()
        here = mpd.queue()[int(mpd.ask("status")["song"]) + 2]
        # At once: the radio puts others there as soon as it hears of the first.
        mpd.ask_at_once("next", "next")
        assert mpd.playing() == here
        found.until_said("skipped: ")
        found.until_filled()
        assert here in mpd.queue()
        assert len(set(mpd.queue())) == len(mpd.queue())
        found.stop()


def test_a_radio_that_goes_on_begins_no_music(
    mpd: RunningMpd, short: Music, tmp_path: Path
) -> None:
    state = tmp_path / "radio.json"
    with radio(mpd, short.library, "1", "--state", state, *ALL) as first:
        first.until_filled()
        first.stop()
    mpd.ask("clear")
    with radio(mpd, short.library, "--state", state) as second:
        mpd.until(lambda: len(mpd.queue()) == AHEAD, lambda: f"it is not filled: {second.said}")
        assert mpd.ask("status")["state"] == "stop"
        mpd.ask("play")
        second.until_filled()
        second.stop()


def test_others_may_edit_the_queue_and_set_modes(mpd: RunningMpd, short: Music) -> None:
    files = sorted(str(each.relative_to(short.folder)) for each in short.folder.rglob("*.flac"))
    mpd.ask("repeat", 1)
    with radio(mpd, short.library, "1", *ALL) as found:
        found.until_filled()
        mpd.ask("pause", 1)
        # Somebody takes one out, and puts one of theirs at the end.
        gone = mpd.queue()[2]
        mpd.ask("delete", 2)
        found.until_filled()
        own = next(uri for uri in files if uri != gone and uri not in mpd.queue())
        mpd.ask("add", own)
        assert found.ahead() == AHEAD + 1
        assert gone not in mpd.queue()
        mpd.ask("move", 1, found.ahead())
        mpd.ask("clear")
        # Who clears the queue wants quiet: it is filled, and not played.
        mpd.until(lambda: len(mpd.queue()) == AHEAD, "it is not filled again")
        assert mpd.ask("status")["state"] == "stop"
        mpd.ask("random", 1)
        mpd.ask("play")
        mpd.until(lambda: len(mpd.queue()) == AHEAD + 1, "it is not filled at random")
        for _ in range(3):
            mpd.ask("next")
        mpd.until(lambda: len(mpd.queue()) >= AHEAD + 3, "it is not filled after skips")
        assert len(set(mpd.queue())) == len(mpd.queue())
        status = mpd.ask("status")
        assert (status["repeat"], status["random"], status["state"]) == ("1", "1", "play")
        found.stop()


def test_an_mpd_that_is_restarted_is_waited_for(mpd: RunningMpd, short: Music) -> None:
    with radio(mpd, short.library, "1", *ALL) as found:
        found.until_filled()
        mpd.stop()
        found.until_said("MPD is gone, and is looked for again")
        mpd.start()
        found.until_said("MPD is back.")
        mpd.ask("next")
        # The songs have other ids now, and are still known to be the radio's.
        found.until_filled()
        queue = mpd.queue()
        mpd.ask("next")
        found.until_said("skipped: ")
        found.until_filled()
        assert mpd.queue()[:2] == queue[:2]
        assert len(set(mpd.queue())) == len(mpd.queue())
        mpd.stop()
        found.until_said("MPD is gone", times=2)
        found.stop()  # also while it waits
    mpd.start()


def test_a_connection_that_drops_is_made_again(mpd: RunningMpd, short: Music) -> None:
    broken = threading.Event()
    with (
        cut_at(mpd.port, lambda _: broken.is_set()) as port,
        radio(mpd, short.library, "1", "--port", port, *ALL, host="127.0.0.1") as found,
    ):
        found.until_filled()
        broken.set()
        mpd.ask("next")  # what it does about that fails
        found.until_said("MPD is gone")
        broken.clear()
        found.until_said("MPD is back.")
        # Whether or not the queue ran out meanwhile, music goes on.
        found.until_filled()
        mpd.until(lambda: mpd.ask("status")["state"] == "play", lambda: f"it stopped: {found.said}")
        assert len(set(mpd.queue())) == len(mpd.queue())
        found.stop()


def test_a_queue_that_runs_out_while_nobody_looks_goes_on(mpd: RunningMpd, short: Music) -> None:
    broken = threading.Event()
    with (
        cut_at(mpd.port, lambda _: broken.is_set()) as port,
        radio(mpd, short.library, "1", "--port", port, *ALL, host="127.0.0.1") as found,
    ):
        found.until_filled()
        broken.set()
        mpd.ask("play", AHEAD)
        mpd.until(lambda: mpd.ask("status")["state"] == "stop", "it does not come to its end")
        broken.clear()
        mpd.until(lambda: mpd.ask("status")["state"] == "play", lambda: f"it stopped: {found.said}")
        found.until_filled()
        found.stop()


def test_when_all_have_come_they_come_again_and_none_twice_in_what_is_ahead(
    mpd: RunningMpd, short: Music
) -> None:
    band = sorted(each.name for each in short.folder.iterdir())[0]
    mpd.ask("consume", 1)
    with radio(mpd, short.library, "1", "--folder", short.folder / band, *ALL) as found:
        played = []
        mpd.until(
            lambda: mpd.ask("status")["state"] == "play", lambda: f"it does not play: {found.said}"
        )
        for _ in range(4):
            # Two tracks may come, so one can stand ahead of the other.
            mpd.until(
                lambda: len(mpd.queue()) == 2 and "songid" in mpd.ask("status"),
                lambda: f"nothing comes: {found.said}",
            )
            assert len(set(mpd.queue())) == 2
            played.append(mpd.ask("status").get("songid"))
            mpd.ask("playid", mpd.ask("playlistinfo")[1]["id"])
            mpd.until(lambda: mpd.ask("status").get("songid") not in played, "it does not go on")
        found.stop()


def test_what_a_radio_cannot_begin_with_is_told(
    mpd: RunningMpd, short: Music, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPD_HOST", mpd.socket)
    monkeypatch.setenv("SOUNDALIKE_LIBRARY", str(short.library))

    def call(*words: object, code: int) -> str:
        ran = CliRunner().invoke(cli, ["mpd", "queue", *map(str, words)])
        assert ran.exit_code == code, ran.output
        output: Any = ran.output
        return str(output)

    assert "nothing is playing there" in call("--radio", code=1)
    assert "TRACK is for the radio: add --radio" in call("1", code=2)
    assert "leave --json out" in call("--radio", "1", "--json", code=2)
    state = tmp_path / "state.json"
    state.write_text("{}")
    assert "no state of a radio" in call("--radio", "--state", state, code=1)
    state.write_text('{"radio": {}, "version": 2}')
    assert "holds a radio" in call("--radio", "1", "--state", state, code=2)
    assert "those that the radio began with" in call(
        "--radio", "--state", state, "--genre", "jazz", code=2
    )
    assert mpd.queue() == []
