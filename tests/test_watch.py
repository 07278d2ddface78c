"""Folders that are watched, by real processes: what happens in them is in the library soon.

The tests wait for what the library says, however long that takes, and never for a time.
"""

from __future__ import annotations

import configparser
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
import fakes
import pytest
from click.testing import CliRunner
from fakes import open_library, tag_track, text_of, write_track

from soundalike.cli import cli
from soundalike.errors import InvalidArgument
from soundalike.integrations.mounts import Mount, must_poll, read_mounts
from soundalike.integrations.watching import Watch

# Long on purpose: the machine may have a lot to do.
PATIENCE_S = 120.0
WATCH = """
import signal, sys, threading
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from fakes import open_library
from soundalike.integrations.watching import Watch, WatchSettings
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
tell = lambda text: print(text, flush=True)
settings = WatchSettings(settle_s=0.4, poll_s=0.3, poll="poll" in sys.argv[3] or None)
with open_library(Path(sys.argv[2])) as library:
    watch = Watch(library, sys.argv[4:], settings, tell=tell,
                  on_report=lambda report: print("report", report.failed, report.notes, flush=True))
    summary = watch.run(stop, on_ready=lambda: print("ready", flush=True))
print("summary", dict(summary.counts), flush=True)
"""


class Watching:
    """A process that watches, and the library that it fills."""

    def __init__(
        self, home: Path, *folders: Path, how: str = "", before: Sequence[str] = ()
    ) -> None:
        self._home = home
        self.log = home / "watch.log"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *before,
                    *(sys.executable, "-c", WATCH, str(Path(fakes.__file__).parent), str(home)),
                    how or "-",
                    *map(str, folders),
                ],
                stdout=log,
                stderr=log,
                env={**os.environ, fakes.LOG: str(home / "analysed.log")},
            )

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    @property
    def analysed(self) -> list[str]:
        """What was analysed, file by file, since the beginning."""
        log = self._home / "analysed.log"
        return log.read_text(encoding="utf-8").splitlines() if log.exists() else []

    def tracks(self) -> dict[str, str]:
        """Names and states of the tracks, with the title where there is one."""
        with open_library(self._home) as library:
            return {
                track.path.name: f"{track.status} {track.tags.title or ''}".strip()
                for track in library.tracks()
            }

    def paths(self) -> dict[str, str]:
        """States of the tracks by their path."""
        with open_library(self._home) as library:
            return {
                track.path.relative_to(self._home / "music").as_posix(): track.status
                for track in library.tracks()
            }

    def until(self, what: Callable[[], bool]) -> None:
        """Wait until something is so."""
        end = time.monotonic() + PATIENCE_S
        while not what():
            assert self._process.poll() is None, self.said
            assert time.monotonic() < end, (self.said, self.tracks())
            time.sleep(0.15)

    def until_tracks(self, **states: str) -> None:
        wanted = {f"{name}.wav": state.strip() for name, state in states.items()}
        self.until((self._home / "library.db").exists)
        self.until(lambda: self.tracks() == wanted)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def end(self) -> str:
        """SIGTERM, and what it says then."""
        self._process.terminate()
        assert self._process.wait(PATIENCE_S) == 0, self.said
        return self.said.splitlines()[-1]


@contextmanager
def watching(
    home: Path, *folders: Path, how: str = "", before: Sequence[str] = ()
) -> Iterator[Watching]:
    process = Watching(home, *folders, how=how, before=before)
    try:
        yield process
    finally:
        process.kill()


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    write_track(folder / "old.wav", "old")
    return folder


def slowly(source: Path, target: Path) -> None:
    """Copy a file piece by piece, none of them later than files are thought to be settled."""
    data = source.read_bytes()
    with target.open("wb") as file:
        for start in range(0, len(data), 60):
            file.write(data[start : start + 100])
            file.flush()
            time.sleep(0.05)


@pytest.mark.skipif(sys.platform == "win32", reason="ends by SIGTERM")
@pytest.mark.parametrize("how", ["", pytest.param("poll", marks=pytest.mark.slow)])
def test_what_happens_in_a_folder_is_in_the_library(tmp_path: Path, music: Path, how: str) -> None:
    with watching(tmp_path, music, how=how) as it:
        it.until_tracks(old="analysed")
        # A file that comes slowly is analysed once, when it is whole.
        slowly(write_track(tmp_path / "new.wav", "new"), music / "new.wav")
        it.until_tracks(old="analysed", new="analysed")
        with open_library(tmp_path) as library:
            ids = {track.path.name: track.track_id for track in library.tracks()}
        # Retagged, moved into a new folder, deleted.
        tag_track(music / "old.wav", title="Song")
        (music / "deep/er").mkdir(parents=True)
        (music / "new.wav").rename(music / "deep/er/moved.wav")
        it.until_tracks(old="analysed Song", moved="analysed")
        with open_library(tmp_path) as library:
            assert library.track(music / "deep/er/moved.wav").track_id == ids["new.wav"]
        (music / "old.wav").unlink()
        it.until_tracks(old="missing Song", moved="analysed")
        assert it.analysed == ["old", "new"]
        assert it.end() == "summary {'analysed': 2, 'retagged': 1, 'moved': 1, 'missing': 1}"


@pytest.mark.slow
@pytest.mark.parametrize("how", ["", "poll"])
def test_whole_folders_come_and_go(tmp_path: Path, music: Path, how: str) -> None:
    with watching(tmp_path, music, how=how) as it:
        it.until_tracks(old="analysed")
        write_track(tmp_path / "album/one.wav", "one")
        write_track(tmp_path / "album/two.wav", "two")
        (tmp_path / "album").rename(music / "album")
        it.until_tracks(old="analysed", one="analysed", two="analysed")
        # One that is copied is complete in the end, whatever was noticed when.
        shutil.copytree(music / "album", music / "copied")
        it.until(lambda: len(it.paths()) == 5)
        shutil.rmtree(music / "album")
        (music / "copied").rename(music / "renamed")
        it.until(lambda: it.paths().get("renamed/two.wav") == "analysed")
        it.until(lambda: it.paths().get("album/two.wav") in ("missing", None))
        # What is hidden or no music is none of its business.
        write_track(music / ".hidden.wav", "hidden")
        (music / "cover.jpg").write_bytes(b"x")
        write_track(music / "last.wav", "last")
        it.until(lambda: it.tracks().get("last.wav") == "analysed")
        assert sorted(it.analysed) == ["last", "old", "one", "two"]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.slow
def test_it_is_killed_and_goes_on(tmp_path: Path, music: Path) -> None:
    with watching(tmp_path, music) as it:
        it.until_tracks(old="analysed")
        write_track(music / "one.wav", "one")
        it.kill()
    write_track(music / "two.wav", "two")
    with watching(tmp_path) as it:  # the folders of before
        it.until_tracks(old="analysed", one="analysed", two="analysed")
        assert it.analysed.count("old") == 1


@pytest.mark.slow
def test_a_folder_goes_away_and_comes_back(tmp_path: Path, music: Path) -> None:
    other = tmp_path / "other"
    write_track(other / "b.wav", "b")
    with watching(tmp_path, music, other) as it:
        it.until_tracks(old="analysed", b="analysed")
        music.rename(tmp_path / "away")
        it.until(lambda: "is gone, or empty" in it.said)
        write_track(tmp_path / "away/new.wav", "new")
        # The others are watched meanwhile.
        write_track(other / "c.wav", "c")
        it.until_tracks(old="analysed", b="analysed", c="analysed")
        # An empty folder, as where a disk was mounted, is not it.
        music.mkdir()
        write_track(other / "d.wav", "d")
        it.until_tracks(old="analysed", b="analysed", c="analysed", d="analysed")
        music.rmdir()
        (tmp_path / "away").rename(music)
        it.until_tracks(old="analysed", b="analysed", c="analysed", d="analysed", new="analysed")
        write_track(music / "e.wav", "e")
        it.until(lambda: it.tracks().get("e.wav") == "analysed")


@pytest.mark.slow
def test_it_waits_while_another_scan_runs(tmp_path: Path, music: Path) -> None:
    with open_library(tmp_path) as library:
        library.scan([music])
        with library._database.scan_lock():
            it = Watching(tmp_path, music)
            it.until(lambda: "another scan of this library is running" in it.said)
            write_track(music / "new.wav", "new")
            assert "new.wav" not in it.tracks()
        try:
            it.until_tracks(old="analysed", new="analysed")
        finally:
            it.kill()


def test_excluded_and_failing_files(tmp_path: Path, music: Path) -> None:
    with open_library(tmp_path) as library:
        library.scan([music], exclude=["Podcasts"])
        write_track(music / "Podcasts/talk.wav", "talk")
        write_track(music / ".git/x.wav", "x")
        bad = write_track(music / "bad.wav", "silent")
        outside = write_track(tmp_path / "outside.wav", "outside")
        changed = [music / "Podcasts", music / "Podcasts/talk.wav", music / ".git", bad, outside]
        report = library.scan_changes(changed)
        assert (report.analysed, [each.path for each in report.failed]) == (0, [bad])
        # A mark for "no music" takes what is there away, and gives it back.
        write_track(music / "live/a.wav", "a")
        assert library.scan_changes([music / "live"]).analysed == 1
        (music / "live/.nomedia").touch()
        assert library.scan_changes([music / "live/.nomedia"]).removed == 1
        (music / "live/.nomedia").unlink()
        assert library.scan_changes([music / "live/.nomedia"]).analysed == 1


def test_nothing_but_what_changed_is_looked_at(tmp_path: Path, music: Path) -> None:
    with open_library(tmp_path) as library:
        library.scan([music])
        # Unnoticed, since nobody says so.
        write_track(music / "unsaid.wav", "unsaid")
        write_track(music / "said.wav", "said")
        report = library.scan_changes([music / "said.wav"])
        assert (report.analysed, report.unchanged, report.missing) == (1, 0, 0)
        (music / "said.wav").rename(music / "named.wav")
        report = library.scan_changes([music / "said.wav", music / "named.wav"])
        assert (report.moved, report.analysed, report.missing) == (1, 0, 0)
        assert {t.path.name: t.status for t in library.tracks()} == {
            "named.wav": "analysed",
            "old.wav": "analysed",
        }
        assert library.scan_changes([]).analysed == 0
        assert text_of(music / "named.wav") == "said"


MOUNTS = r"""
/dev/sda1 / ext4 rw 0 0
proc /proc proc rw 0 0
nas:/music /mnt/my\040nas nfs4 rw 0 0
//pc/share /mnt/share cifs rw 0 0
me@host:/ /home/me/remote fuse.sshfs rw 0 0
/dev/sdb1 /mnt/usb fuseblk rw 0 0
/dev/sdc1 /mnt/share/local ext4 rw 0 0
""".lstrip()


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/music", None),
        ("/mnt/my nas/Jazz", "nfs4"),
        ("/mnt/share", "cifs"),
        ("/mnt/share/local/x", None),
        ("/mnt/shared", None),
        ("/home/me/remote/x", "fuse.sshfs"),
        ("/home/me", "fuse.sshfs"),
        ("/mnt/usb/x", None),
    ],
)
def test_which_file_systems_are_asked(folder: str, kind: str | None) -> None:
    assert must_poll(folder, read_mounts(MOUNTS)) == kind


def test_the_mounts_of_this_machine_can_be_read() -> None:
    if sys.platform == "linux":
        assert Mount("/", read_mounts()[0].kind).folder in {each.folder for each in read_mounts()}


def test_folders_that_cannot_be_watched(tmp_path: Path) -> None:
    with open_library(tmp_path) as library:
        with pytest.raises(InvalidArgument, match="no folder was scanned yet"):
            Watch(library)
        with pytest.raises(InvalidArgument, match="there is no such folder"):
            Watch(library, [tmp_path / "none"])
        with pytest.raises(InvalidArgument, match="not a folder"):
            Watch(library, [write_track(tmp_path / "a.wav", "a")])


@pytest.mark.parametrize("option", ["--settle", "--rescan-every", "--poll-every"])
def test_times_that_make_no_sense(option: str) -> None:
    ran = CliRunner().invoke(cli, ["watch", "x", option, "0s"])
    assert ran.exit_code == 2
    assert "must be above 0" in ran.output


@pytest.mark.skipif(sys.platform != "linux", reason="systemd")
@pytest.mark.slow
def test_the_command_tells_systemd_and_ends_cleanly(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as service:
        # A short name: that of a socket may not be long.
        name = f"\0soundalike-test-{os.getpid()}"
        service.bind(name)
        service.settimeout(PATIENCE_S)
        with subprocess.Popen(
            [sys.executable, "-m", "soundalike", "watch", str(tmp_path / "music")],
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "SOUNDALIKE_LIBRARY": str(tmp_path / "library.db"),
                "NOTIFY_SOCKET": "@" + name[1:],
            },
        ) as process:
            assert service.recv(100) == b"READY=1"
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=PATIENCE_S)
        assert service.recv(100) == b"STOPPING=1"
    assert process.returncode == 0, told
    first, *_, last = told.splitlines()
    assert first.startswith("watching ")
    assert last.startswith("watched for ")


def test_the_unit_of_the_docs_says_what_the_command_takes() -> None:
    page = Path(__file__).parents[1] / "docs/integrations/watch.md"
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(page.read_text(encoding="utf-8").split("```ini\n")[1].split("```")[0])
    assert unit["Service"]["Type"] == "notify"
    program, command, *args = unit["Service"]["ExecStart"].split()
    assert program.endswith("/soundalike")
    found = cli.get_command(click.Context(cli), command)
    assert found is not None
    assert found.make_context(command, args, resilient_parsing=False).params["folders"]


LIMITED = """
echo {limit} > /proc/sys/user/max_inotify_{what}
exec "$@"
"""


@pytest.mark.skipif(sys.platform != "linux", reason="inotify")
@pytest.mark.endurance
@pytest.mark.parametrize(
    ("what", "limit", "match"),
    [
        ("watches", 4, "max_user_watches"),
        ("watches", 12, "max_user_watches"),
        ("instances", 0, "max_user_instances"),
    ],
)
def test_the_limit_of_the_system_is_told_and_it_goes_on(
    tmp_path: Path, music: Path, what: str, limit: int, match: str
) -> None:
    for number in range(6):
        write_track(music / f"{number}/a{number}.wav", f"a{number}")
    script = LIMITED.format(what=what, limit=limit)
    with watching(tmp_path, music, before=["unshare", "-Ur", "sh", "-c", script, "sh"]) as it:
        it.until(lambda: len(it.paths()) == 7)
        for number in range(20):
            write_track(music / f"new{number}/b.wav", f"b{number}")
        it.until(lambda: len(it.paths()) == 27)
        it.until(lambda: match in it.said)
        for number in range(20):
            write_track(music / f"new{number}/c.wav", f"c{number}")
        it.until(lambda: len(it.paths()) == 47)
