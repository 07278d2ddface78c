"""Whatever happened to the files between scans, the library ends up like one made afresh."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import (
    contents_of,
    fresh_index,
    open_library,
    same_index,
    tag_track,
    text_of,
    write_track,
)
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from soundalike.library import Library

NAMES = [f"{folder}/{name}.wav" for folder in ("a", "b") for name in ("1", "2", "3")]
TEXTS = ["one", "two", "three", "silent 1", "bug 1"]


def artists_of(library: Library) -> dict[Path, str | None]:
    """By the tags of the files that are analysed."""
    return {track.path: track.artist for track in library.tracks("analysed")}


class Files(RuleBasedStateMachine):
    """Files are written, moved, copied, touched and deleted; now and then there is a scan."""

    @initialize()
    def begin(self) -> None:
        self.home = Path(tempfile.mkdtemp())
        self.music = self.home / "music"
        for folder in ("a", "b"):
            (self.music / folder).mkdir(parents=True)
        # An empty folder would look like a disk that is not mounted.
        (self.music / "notes.txt").touch()
        self.library = open_library(self.home)
        self.patch = pytest.MonkeyPatch()
        self.patch.setenv("SOUNDALIKE_TEST_LOG", str(self.home / "log"))
        # Each write has a time of its own, as nobody writes twice within a nanosecond.
        self.now_ns = 10**18
        self.excludes: list[str] = []
        self.is_scanned = True

    def teardown(self) -> None:
        try:
            if not self.is_scanned:
                self.scan(False)
            self.the_library_is_like_a_new_one()
        finally:
            self.library.close()
            self.patch.undo()
            shutil.rmtree(self.home)

    def files(self) -> list[Path]:
        return sorted(self.music.rglob("*.wav"))

    def is_excluded(self, path: Path) -> bool:
        left_out: dict[str, Callable[[Path], bool]] = {
            "a": lambda path: path.parent.name == "a",
            "2.WAV": lambda path: path.name == "2.wav",
            "b/3*": lambda path: path.parent.name == "b" and path.name == "3.wav",
        }
        return any(left_out[pattern](path) for pattern in self.excludes)

    def stamp(self, path: Path) -> None:
        self.now_ns += 10**9
        os.utime(path, ns=(self.now_ns, self.now_ns))
        self.is_scanned = False

    @rule(name=st.sampled_from(NAMES), text=st.sampled_from(TEXTS))
    def write(self, name: str, text: str) -> None:
        self.stamp(write_track(self.music / name, text))

    @precondition(lambda self: self.files())
    @rule(data=st.data(), name=st.sampled_from(NAMES))
    def move(self, data: st.DataObject, name: str) -> None:
        data.draw(st.sampled_from(self.files())).replace(self.music / name)
        self.is_scanned = False

    @precondition(lambda self: self.files())
    @rule(data=st.data(), name=st.sampled_from(NAMES), keep_time=st.booleans())
    def copy(self, data: st.DataObject, name: str, keep_time: bool) -> None:
        source, target = data.draw(st.sampled_from(self.files())), self.music / name
        if source == target:
            return
        shutil.copy2(source, target)
        self.is_scanned = False
        if not keep_time:
            self.stamp(target)

    @precondition(lambda self: self.files())
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.files())).unlink()
        self.is_scanned = False

    @precondition(lambda self: self.files())
    @rule(data=st.data())
    def touch(self, data: st.DataObject) -> None:
        self.stamp(data.draw(st.sampled_from(self.files())))

    @precondition(lambda self: os.name == "posix" and self.files())
    @rule(data=st.data(), artist=st.sampled_from(["Ann", "Bob"]))
    def retag(self, data: st.DataObject, artist: str) -> None:
        """With size and modification time as they were, if it had tags before."""
        path = data.draw(st.sampled_from(self.files()))
        tag_track(path, artist=artist, keep_times=True)
        self.is_scanned = False

    @rule(excludes=st.sampled_from([[], ["a"], ["2.WAV"], ["b/3*"]]))
    def exclude(self, excludes: list[str]) -> None:
        self.excludes = excludes
        self.is_scanned = False

    @precondition(lambda self: not self.is_scanned)
    @rule(only_a=st.booleans())
    def scan_some(self, only_a: bool) -> None:
        self.scan(only_a)

    def scan(self, only_a: bool) -> None:
        known = {
            self.library.analysis(t.track_id).notes[0] for t in self.library.tracks("analysed")
        }
        log = self.home / "log"
        log.unlink(missing_ok=True)
        # What is asked for by name is no longer left out, so the whole is scanned with it.
        if only_a:
            report = self.library.scan([self.music / "a"])
        else:
            report = self.library.scan([self.music], exclude=self.excludes)
        analysed = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        good = [text for text in analysed if text in ("one", "two", "three")]
        assert len(good) == len(set(good)) == report.analysed
        assert not {f"text: {text}" for text in good} & known
        self.is_scanned = not only_a

    @invariant()
    def the_library_is_like_a_new_one(self) -> None:
        if not self.is_scanned:
            return
        with tempfile.TemporaryDirectory() as folder, open_library(Path(folder)) as fresh:
            fresh.scan([self.music], exclude=self.excludes)
            assert contents_of(self.library) == contents_of(fresh)
            assert artists_of(self.library) == artists_of(fresh)
        # It caught up with each step; what is read anew is the same.
        assert same_index(self.library.index(), fresh_index(self.library))
        assert len(self.library.tracks("analysed")) == sum(
            text_of(path) in ("one", "two", "three") and not self.is_excluded(path)
            for path in self.files()
        )


JOURNEYS = settings(
    max_examples=5,
    stateful_step_count=12,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


class TestFiles(Files.TestCase):
    settings = JOURNEYS


@pytest.mark.slow
class TestFilesLonger(Files.TestCase):
    settings = settings(JOURNEYS, max_examples=40)
