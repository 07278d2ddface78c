"""What a scan makes of files that are new, changed, moved, copied, gone, back, or no good."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import av
import fakes
import pytest
from fakes import InlinePool, ask, contents_of, open_library, text_of, write_track
from sqlalchemy import select

from soundalike.errors import InvalidArgument, LibraryError, ModelMismatch
from soundalike.library import Library, ScanProgress, ScanReport
from soundalike.library.storage.schema import metadata

POSIX = sys.platform != "win32"


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Counter[str]]:
    """Which texts were analysed how often since the last call."""
    path = tmp_path / "log"
    monkeypatch.setenv(fakes.LOG, str(path))

    def take() -> Counter[str]:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return Counter(lines)

    return take


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Four tracks in two folders, and what else lies around in a music folder."""
    folder = tmp_path / "music"
    for name, text in [("a/1", "one"), ("a/2", "two"), ("b/3", "three"), ("b/4", "four")]:
        write_track(folder / f"{name}.wav", text)
    for name in ["a/cover.jpg", "b/rip.log", "notes.txt"]:
        (folder / name).write_text("not audio", encoding="utf-8")
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with open_library(tmp_path) as opened:
        yield opened


def counts(report: ScanReport) -> dict[str, int]:
    """The numbers of a report that are not zero."""
    numbers = {k: v for k, v in asdict(report).items() if isinstance(v, int) and k != "interrupted"}
    numbers["failed"] = len(report.failed)
    return {name: number for name, number in numbers.items() if number and name != "ignored"}


def make_older(path: Path) -> None:
    """Another modification time, whatever the clock's resolution."""
    os.utime(path, ns=(0, path.stat().st_mtime_ns - 10**9))


def ids(library: Library) -> dict[str, int]:
    return {track.path.name: track.track_id for track in library.tracks()}


def test_a_first_scan_analyses_everything(
    library: Library, music: Path, log: Callable[[], Counter[str]]
) -> None:
    report = library.scan([music])
    assert counts(report) == {"analysed": 4}
    assert report.ignored == 3
    assert not report.interrupted
    assert log() == Counter(["one", "two", "three", "four"])
    tracks = library.tracks()
    assert [track.path for track in tracks] == [
        music / "a/1.wav",
        music / "a/2.wav",
        music / "b/3.wav",
        music / "b/4.wav",
    ]
    assert {(t.status, t.sample_rate, t.channels) for t in tracks} == {("analysed", 8000, 1)}
    assert [library.analysis(t.track_id).notes for t in tracks] == [
        ("text: one",),
        ("text: two",),
        ("text: three",),
        ("text: four",),
    ]


def stored(library: Library) -> list[str]:
    """All that is in the database, but for when its folders were scanned."""
    with library._database.read() as connection:
        return [
            repr(
                [
                    value
                    for name, value in zip(row._fields, row, strict=True)
                    if name != "scanned_at"
                ]
            )
            for table in metadata.sorted_tables
            for row in connection.execute(select(table).order_by(*table.primary_key))
        ]


def test_a_second_scan_reads_nothing_and_writes_only_when_it_was(
    library: Library,
    music: Path,
    log: Callable[[], Counter[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library.scan([music])
    log()
    before, index = stored(library), library.index()

    def read(*_: object) -> None:
        raise AssertionError("read")

    monkeypatch.setattr("soundalike.workers.process.content_digest", read)
    assert counts(library.scan([music])) == {"unchanged": 4}
    assert not log()
    assert stored(library) == before
    assert library.index() is index


def test_a_touched_file_is_unchanged(
    library: Library, music: Path, log: Callable[[], Counter[str]]
) -> None:
    library.scan([music])
    log()
    make_older(music / "a/1.wav")
    assert counts(library.scan([music])) == {"unchanged": 4}
    assert not log()


def test_a_changed_file_is_analysed_again(
    library: Library, music: Path, log: Callable[[], Counter[str]]
) -> None:
    library.scan([music])
    log()
    before = ids(library)
    write_track(music / "a/1.wav", "new")
    make_older(music / "a/1.wav")
    assert counts(library.scan([music])) == {"analysed": 1, "unchanged": 3}
    assert log() == Counter(["new"])
    assert ids(library) == before
    assert library.analysis(before["1.wav"]).notes == ("text: new",)
    assert stored_analyses(library) == 4


def stored_analyses(library: Library) -> int:
    ((count,),) = ask(library, "SELECT count(*) FROM analyses")
    return int(count)


@pytest.mark.parametrize("new", ["a/renamed.wav", "b/1.wav", "c/d/1.wav"])
def test_a_moved_file_keeps_id_and_analysis(
    library: Library, music: Path, log: Callable[[], Counter[str]], new: str
) -> None:
    library.scan([music])
    log()
    track_id = ids(library)["1.wav"]
    (music / new).parent.mkdir(parents=True, exist_ok=True)
    (music / "a/1.wav").rename(music / new)
    assert counts(library.scan([music])) == {"moved": 1, "unchanged": 3}
    assert not log()
    assert library.track(track_id).path == music / new
    assert library.analysis(track_id).notes == ("text: one",)
    assert len(library.tracks()) == 4
    assert library.track(Path(new).stem).track_id == track_id  # found by its new name


def test_a_renamed_folder_moves_its_tracks(
    library: Library, music: Path, log: Callable[[], Counter[str]]
) -> None:
    library.scan([music])
    before = ids(library)
    log()
    (music / "a").rename(music / "z")
    assert counts(library.scan([music])) == {"moved": 2, "unchanged": 2}
    assert ids(library) == before
    assert not log()


def test_names_that_are_passed_on_along_a_row(
    library: Library, music: Path, log: Callable[[], Counter[str]]
) -> None:
    """A track is put in at the front, and all others get the next number."""
    library.scan([music])
    log()
    (music / "a/2.wav").rename(music / "a/3.wav")
    (music / "a/1.wav").rename(music / "a/2.wav")
    write_track(music / "a/1.wav", "zero")
    for number, seconds in (1, 10), (2, 20), (3, 30):
        os.utime(music / f"a/{number}.wav", (seconds, seconds))
    library.scan([music])
    assert log() == Counter(["zero"])
    heard = [library.analysis(t.track_id).notes[0] for t in library.tracks("analysed")]
    assert heard == [f"text: {text}" for text in ("zero", "one", "two", "three", "four")]


def test_swapped_files_are_not_analysed_again(
    library: Library, music: Path, log: Callable[[], Counter[str]]
) -> None:
    library.scan([music])
    log()
    one, two, other = music / "a/1.wav", music / "a/2.wav", music / "a/x"
    make_older(one)
    one.rename(other)
    two.rename(one)
    other.rename(two)
    library.scan([music])
    assert not log()
    assert library.analysis(library.track(one).track_id).notes == ("text: two",)
    assert library.analysis(library.track(two).track_id).notes == ("text: one",)


def test_a_copy_is_a_track_of_its_own_with_the_same_analysis(
    library: Library, music: Path, log: Callable[[], Counter[str]]
) -> None:
    library.scan([music])
    log()
    shutil.copy(music / "a/1.wav", music / "b/copy.wav")
    assert counts(library.scan([music])) == {"copied": 1, "unchanged": 4}
    assert not log()
    original, copy = library.track(music / "a/1.wav"), library.track(music / "b/copy.wav")
    assert original.track_id != copy.track_id
    assert original.content_hash == copy.content_hash
    assert library.analysis(copy.track_id).notes == ("text: one",)


def test_copies_that_are_new_together_are_analysed_once(
    library: Library, music: Path, log: Callable[[], Counter[str]]
) -> None:
    for name in "xyz":
        shutil.copy(music / "a/1.wav", music / f"{name}.wav")
    assert counts(library.scan([music])) == {"analysed": 4, "copied": 3}
    assert log()["one"] == 1


def test_two_copies_that_both_move(library: Library, music: Path) -> None:
    shutil.copy(music / "a/1.wav", music / "b/1.wav")
    library.scan([music])
    before = {track.path: track.track_id for track in library.tracks()}
    (music / "a/1.wav").rename(music / "a/x.wav")
    (music / "b/1.wav").rename(music / "b/x.wav")
    assert counts(library.scan([music])) == {"moved": 2, "unchanged": 3}
    after = {track.path: track.track_id for track in library.tracks()}
    assert after[music / "a/x.wav"] == before[music / "a/1.wav"]
    assert after[music / "b/x.wav"] == before[music / "b/1.wav"]


def test_a_deleted_file_is_marked_and_comes_back(
    library: Library, music: Path, log: Callable[[], Counter[str]]
) -> None:
    library.scan([music])
    log()
    track_id = ids(library)["1.wav"]
    kept = (music / "a/1.wav").rename(music.parent / "kept.wav")
    assert counts(library.scan([music])) == {"missing": 1, "unchanged": 3}
    assert library.track(track_id).status == "missing"
    assert counts(library.scan([music])) == {"unchanged": 3}
    kept.rename(music / "a/1.wav")
    assert counts(library.scan([music])) == {"returned": 1, "unchanged": 3}
    assert library.track(track_id).status == "analysed"
    assert not log()


def test_a_file_whose_name_is_a_folders_now_is_missing(
    library: Library, music: Path, log: Callable[[], Counter[str]]
) -> None:
    library.scan([music])
    log()
    kept = (music / "a/1.wav").rename(music.parent / "kept.wav")
    (music / "a/1.wav").mkdir()
    assert counts(library.scan([music])) == {"missing": 1, "unchanged": 3}
    # And may have moved into it.
    kept.rename(music / "a/1.wav/1.wav")
    assert counts(library.scan([music])) == {"moved": 1, "unchanged": 3}
    assert not log()


def test_a_file_that_comes_back_with_another_time(
    library: Library, music: Path, log: Callable[[], Counter[str]]
) -> None:
    library.scan([music])
    kept = (music / "a/1.wav").rename(music.parent / "kept.wav")
    library.scan([music])
    log()
    kept.rename(music / "a/1.wav")
    make_older(music / "a/1.wav")
    assert counts(library.scan([music])) == {"returned": 1, "unchanged": 3}
    assert not log()


def test_only_what_lies_below_the_scanned_folders_can_be_missing(
    library: Library, music: Path
) -> None:
    library.scan([music])
    (music / "a/1.wav").unlink()
    (music / "b/3.wav").unlink()
    (music / "ab").mkdir()  # a name that begins like the folder's is not below it
    write_track(music / "ab/5.wav", "five")
    library.scan([music / "ab"])
    (music / "ab/5.wav").unlink()
    assert counts(library.scan([music / "a"])) == {"missing": 1, "unchanged": 1}


def test_an_empty_folder_looks_unmounted(library: Library, music: Path) -> None:
    library.scan([music])
    shutil.rmtree(music)
    music.mkdir()
    report = library.scan([music])
    assert counts(report) == {}
    (note,) = report.notes
    assert f"{music} is empty, but the library has 4 tracks there" in note
    assert {track.status for track in library.tracks()} == {"analysed"}


def test_many_missing_files_are_worth_a_word(library: Library, tmp_path: Path) -> None:
    for number in range(30):
        write_track(tmp_path / f"music/{number}.wav", str(number))
    library.scan([tmp_path / "music"])
    for number in range(25):
        (tmp_path / f"music/{number}.wav").unlink()
    report = library.scan([tmp_path / "music"])
    assert report.missing == 25
    assert "25 of the 30 tracks below" in report.notes[0]


@pytest.mark.parametrize("kind", ["missing", "empty list", "text"])
def test_a_wrong_folder_is_refused_before_anything_is_done(
    library: Library, music: Path, kind: str
) -> None:
    folders = {"missing": [music, music / "nowhere"], "empty list": [], "text": str(music)}[kind]
    message = {"missing": "nowhere: no such file", "empty list": "at least one", "text": "a list"}
    with pytest.raises(InvalidArgument, match=message[kind]):
        library.scan(folders)  # type: ignore[arg-type]
    assert library.tracks() == []


def test_single_files_can_be_scanned(library: Library, music: Path) -> None:
    odd = (music / "a/1.wav").rename(music / "a/no suffix")
    assert counts(library.scan([odd, music / "a/2.wav"])) == {"analysed": 2}
    # Its name does not say that it is audio, so the folder's scan leaves it out; it is still there.
    assert counts(library.scan([music])) == {"analysed": 2, "unchanged": 1}
    assert library.track(odd).status == "analysed"


def test_a_home_folder_is_found(
    library: Library, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME" if POSIX else "USERPROFILE", str(music.parent))
    assert library.scan(["~/music"]).analysed == 4


def test_a_failure_is_kept_until_the_file_changes(
    library: Library, music: Path, log: Callable[[], Counter[str]]
) -> None:
    bad = write_track(music / "a/bad.wav", "silent 1")
    report = library.scan([music])
    assert counts(report) == {"analysed": 4, "failed": 1}
    (failure,) = report.failed
    assert (failure.path, failure.kind, failure.attempts) == (bad, "SilentAudio", 1)
    assert "never reach -80 dBFS" in failure.reason
    assert failure.retry_at is None
    assert library.failures() == [failure]
    assert library.track(bad).status == "failed"
    log()

    assert counts(library.scan([music])) == {"unchanged": 4, "still_failing": 1}
    make_older(bad)
    assert counts(library.scan([music])) == {"unchanged": 4, "still_failing": 1}
    moved = bad.rename(music / "b/bad.wav")
    assert counts(library.scan([music])) == {"unchanged": 4, "still_failing": 1}
    assert library.failures()[0].path == moved
    assert not log()

    report = library.scan([music], retry=True)
    assert counts(report) == {"unchanged": 4, "failed": 1}
    assert report.failed[0].attempts == 2

    write_track(moved, "good")
    make_older(moved)
    assert counts(library.scan([music])) == {"unchanged": 4, "analysed": 1}
    assert library.failures() == []


def test_a_good_file_that_turns_bad_loses_its_analysis(library: Library, music: Path) -> None:
    library.scan([music])
    write_track(music / "a/1.wav", "silent")
    make_older(music / "a/1.wav")
    library.scan([music])
    track = library.track(music / "a/1.wav")
    assert track.status == "failed"
    with pytest.raises(LibraryError, match="is not analysed"):
        library.analysis(track.track_id)
    assert stored_analyses(library) == 3


def test_an_error_that_nobody_foresaw_stops_no_scan(library: Library, music: Path) -> None:
    write_track(music / "a/bug.wav", "bug")
    report = library.scan([music])
    assert counts(report) == {"analysed": 4, "failed": 1}
    (failure,) = report.failed
    assert failure.kind == "ZeroDivisionError"
    assert re.fullmatch(r"a bug \(fakes\.py:\d+, in from_file\)", failure.reason)
    assert "a fault of soundalike or of its dependencies: please report it" in failure.advice


def test_a_fault_of_a_library_is_not_blamed_on_the_files(
    library: Library, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(av, "open", lambda source: None)  # an interface that moved
    report = library.scan([music])
    assert counts(report) == {"failed": 4}
    for failure in report.failed:
        assert failure.kind == "TypeError"
        assert re.search(r"argument.* \(container\.py:\d+, in open_container\)$", failure.reason)
        assert failure.advice.startswith("a fault of soundalike or of its dependencies:")


@pytest.mark.parametrize(
    ("text", "reason"),
    [("change", "changed while it was being read"), ("vanish", "vanished during the scan")],
)
def test_a_file_that_does_not_hold_still(
    library: Library, music: Path, text: str, reason: str
) -> None:
    path = write_track(music / "a/moving.wav", text)
    report = library.scan([music])
    assert counts(report) == {"analysed": 4, "failed": 1}
    (failure,) = report.failed
    assert (failure.kind, failure.reason) == ("UnreadableFile", reason)
    assert failure.retry_at is not None
    assert (failure.retry_at - failure.failed_at).total_seconds() == pytest.approx(60)
    # The next scan looks again at once, as the file is not what it was.
    write_track(path, "still")
    make_older(path)
    assert counts(library.scan([music])) == {"unchanged": 4, "analysed": 1}


def test_a_file_that_vanished_is_forgotten_with_the_next_scan(
    library: Library, music: Path
) -> None:
    write_track(music / "a/moving.wav", "vanish")
    library.scan([music])
    assert len(library.failures()) == 1
    assert counts(library.scan([music])) == {"unchanged": 4, "missing": 1}
    assert library.failures() == []


def test_a_passing_failure_is_tried_again_after_a_while(
    library: Library, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time the pause doubles, up to a week."""
    digest = "soundalike.workers.process.content_digest"
    path, clock = music / "a/1.wav", [time.time()]
    with monkeypatch.context() as patch:

        def refuse(path: str, on_read: object) -> bytes:
            raise PermissionError(13, "Permission denied")

        patch.setattr(digest, refuse)
        patch.setattr("time.time", lambda: clock[0])
        pauses = []
        for _ in range(16):
            (failure,) = library.scan([path]).failed
            assert failure.reason == "permission denied"
            assert failure.retry_at is not None
            pauses.append((failure.retry_at - failure.failed_at).total_seconds())
            clock[0] += pauses[-1] - 1
            assert counts(library.scan([path])) == {"still_failing": 1}
            clock[0] += 2
    week = 7 * 24 * 3600
    assert pauses == pytest.approx([min(60 * 2.0**n, week) for n in range(16)])
    assert counts(library.scan([path], retry=True)) == {"analysed": 1}


def test_retry_failures_looks_at_nothing_else(
    library: Library, music: Path, log: Callable[[], Counter[str]]
) -> None:
    bad = write_track(music / "a/bad.wav", "silent 1")
    gone = write_track(music / "a/gone.wav", "silent 2")
    library.scan([music])
    log()
    gone.unlink()
    write_track(music / "a/new.wav", "new")
    report = library.retry_failures()
    assert counts(report) == {"failed": 1, "missing": 1}
    assert log() == Counter(["silent 1"])
    write_track(bad, "good")
    assert counts(library.retry_failures()) == {"analysed": 1}
    assert counts(library.retry_failures()) == {}


@pytest.mark.skipif(not POSIX, reason="file names are not bytes here")
def test_names_in_any_encoding(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "music"
    names = [b"caf\xe9.wav", b"caf\xc3\xa9.wav", b"\xff\xfe.wav", b"new\nline.wav", b"%7E'\".wav"]
    for number, name in enumerate(names):
        write_track(folder / os.fsdecode(name), str(number))
    assert library.scan([folder]).analysed == 5
    assert {os.fsencode(track.path.name) for track in library.tracks()} == set(names)
    assert counts(library.scan([folder])) == {"unchanged": 5}
    for number, name in enumerate(names):
        track = library.track(folder / os.fsdecode(name))
        assert text_of(track.path) == str(number)
        str(track.name).encode()  # printable
    (folder / os.fsdecode(names[0])).rename(folder / os.fsdecode(b"\xe8.wav"))
    assert library.scan([folder]).moved == 1
    write_track(folder / os.fsdecode(b"bad\xe9.wav"), "silent")
    (failure,) = library.scan([folder]).failed
    assert os.fsencode(failure.path.name) == b"bad\xe9.wav"


def test_odd_things_between_the_music(library: Library, music: Path) -> None:
    (music / "empty.mp3").touch()
    (music / "text.mp3").write_text("Not music.\n" * 100, encoding="utf-8")
    (music / "folder.mp3").mkdir()
    write_track(music / "folder.mp3/5.wav", "five")
    write_track(music / "._1.wav", "AppleDouble")
    write_track(music / ".Trash-1000/6.wav", "deleted")
    write_track(music / "loud.WAV", "loud")
    report = library.scan([music])
    assert counts(report) == {"analysed": 6, "failed": 2}
    assert {failure.kind for failure in report.failed} == {"UnsupportedAudio"}
    assert report.ignored == 4  # three that are not audio, one hidden


@pytest.mark.skipif(not POSIX, reason="links need rights here")
class TestLinks:
    def test_linked_folders_are_followed_once(self, library: Library, music: Path) -> None:
        (music / "a/loop").symlink_to(music)
        (music / "again").symlink_to(music / "b")
        outside = music.parent / "outside"
        write_track(outside / "5.wav", "five")
        (music / "link").symlink_to(outside)
        assert counts(library.scan([music])) == {"analysed": 5}
        assert library.track(music / "link/5.wav").path == outside / "5.wav"
        assert counts(library.scan([music])) == {"unchanged": 5}
        (outside / "5.wav").unlink()
        write_track(outside / "6.wav", "six")
        assert counts(library.scan([music])) == {"analysed": 1, "unchanged": 4, "missing": 1}

    def test_the_same_file_reached_twice_counts_once(self, library: Library, music: Path) -> None:
        (music / "favourite.wav").symlink_to(music / "a/1.wav")
        roots = [music, music / "a", music / "a/1.wav", music / "favourite.wav"]
        assert counts(library.scan(roots)) == {"analysed": 4}
        assert library.track(music / "favourite.wav").path == music / "a/1.wav"

    def test_a_library_of_links_keeps_their_names(self, library: Library, music: Path) -> None:
        """As git-annex has them: the files lie in a hidden folder under names of no meaning."""
        target = write_track(music / ".objects/f00.wav", "annexed")
        (music / "b/nice name.wav").symlink_to(target)
        (music / "b/the same.wav").symlink_to(target)
        assert counts(library.scan([music])) == {"analysed": 5}
        assert library.track("nice name").path == music / "b/nice name.wav"
        assert library.track(target).path == music / "b/nice name.wav"

    def test_a_file_that_became_a_second_link_to_another_is_missing(
        self, library: Library, music: Path
    ) -> None:
        elsewhere = write_track(music.parent / "elsewhere/one.wav", "elsewhere")
        (music / "a/0.wav").symlink_to(elsewhere)
        assert counts(library.scan([music])) == {"analysed": 5}
        (music / "a/1.wav").unlink()
        (music / "a/1.wav").symlink_to(elsewhere)
        assert counts(library.scan([music])) == {"unchanged": 4, "missing": 1}

    def test_links_to_the_same_nowhere_fail_each(self, library: Library, music: Path) -> None:
        library.scan([music])
        nowhere = music.parent / "nowhere.wav"
        for name in ("a/1.wav", "b/3.wav"):
            (music / name).unlink()
            (music / name).symlink_to(nowhere)
        report = library.scan([music])
        assert [failure.path.name for failure in report.failed] == ["1.wav", "3.wav"]
        assert {track.path.name for track in library.tracks("analysed")} == {"2.wav", "4.wav"}

    def test_broken_links_fail(self, library: Library, music: Path) -> None:
        (music / "a/broken.wav").symlink_to(music / "nowhere.wav")
        (music / "a/self.wav").symlink_to(music / "a/self.wav")
        (music / "unmounted").symlink_to(music / "no folder")
        (music / "cover.jpg").symlink_to(music / "nowhere.jpg")
        report = library.scan([music])
        assert counts(report) == {"analysed": 4, "failed": 3}
        assert {failure.kind for failure in report.failed} == {"UnreadableFile"}
        assert all("broken link to" in failure.reason for failure in report.failed)
        assert [failure.path.name for failure in library.failures()] == [
            "broken.wav",
            "self.wav",
            "unmounted",
        ]
        # Links to files are not tried again at once, those to folders are.
        assert counts(library.scan([music])) == {"unchanged": 4, "still_failing": 2, "failed": 1}
        write_track(music / "nowhere.wav", "found")
        (music / "a/self.wav").unlink()
        (music / "no folder").mkdir()
        report = library.scan([music], retry=True)
        # The target lies below the folder itself, so the link is another way to it.
        assert report.failed == ()
        assert counts(report) == {"analysed": 1, "unchanged": 4, "missing": 2}
        assert library.failures() == []

    def test_pipes_are_no_files(self, library: Library, music: Path) -> None:
        os.mkfifo(music / "a/pipe.wav")
        report = library.scan([music])
        assert [failure.reason for failure in report.failed] == ["not a regular file"]

    def test_an_unreadable_folder_is_a_failure(
        self, library: Library, music: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Root reads everything, so the refusal itself has to be made up."""
        library.scan([music])
        scandir = os.scandir

        def refuse(path: str) -> object:
            if os.path.basename(path) == "b":
                raise PermissionError(13, "Permission denied")
            return scandir(path)

        with monkeypatch.context() as patch:
            patch.setattr("os.scandir", refuse)
            report = library.scan([music])
            (failure,) = report.failed
            assert (failure.path, failure.track_id) == (music / "b", None)
            assert (failure.kind, failure.reason) == ("UnreadableFile", "permission denied")
            assert counts(report) == {"unchanged": 2, "failed": 1}  # nothing is missing
            assert library.scan([music]).failed[0].attempts == 2
            assert counts(library.scan([music / "a"])) == {"unchanged": 2}
            assert len(library.failures()) == 1
        assert counts(library.scan([music])) == {"unchanged": 4}
        assert library.failures() == []


def test_a_chosen_model_analyses_beside_the_others_and_they_never_mix(
    tmp_path: Path, music: Path, log: Callable[[], Counter[str]]
) -> None:
    with open_library(tmp_path) as old:
        old.scan([music])
    log()
    with open_library(tmp_path, version="2") as new:
        assert {track.status for track in new.tracks()} == {"pending"}
        with pytest.raises(ModelMismatch, match=r"fake@1.*fake@2"):
            new.similar(music / "a/1.wav")
        with pytest.raises(ModelMismatch, match=r"fake@1.*fake@2"):
            new.compare(1, 2)
        with pytest.raises(ModelMismatch, match=r"fake@1.*fake@2"):
            new.analysis(1)
        stranger = write_track(tmp_path / "stranger.wav", "stranger")
        with pytest.raises(ModelMismatch, match=r"fake@1.*fake@2"):
            new.similar(stranger)
        assert counts(new.scan([music / "a"])) == {"analysed": 2}
        result = new.similar(music / "a/1.wav")
        assert [match.track.path.name for match in result.matches] == ["2.wav"]
        assert (result.searched, result.not_searched) == (1, 2)
        assert [(m.model, m.tracks) for m in new.info().models] == [("fake@1", 4), ("fake@2", 2)]
        assert counts(new.scan([music])) == {"analysed": 2, "unchanged": 2}
        assert log() == Counter(["one", "two", "three", "four"])
        assert stored_analyses(new) == 8
    with open_library(tmp_path) as old:
        assert old.similar(music / "a/1.wav").searched == 3


def test_a_crash_between_two_transactions_loses_nothing(
    library: Library, music: Path, log: Callable[[], Counter[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The walk is stored, and the hashes; then the power goes."""
    write_track(music / "copy.wav", "one")
    outcomes = InlinePool.outcomes
    calls = 0

    def fail_later(self: InlinePool, timeout_s: float) -> list[object]:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RuntimeError("power")
        return outcomes(self, timeout_s)

    with monkeypatch.context() as patch:
        patch.setattr(InlinePool, "outcomes", fail_later)
        with pytest.raises(RuntimeError, match="power"):
            library.scan([music])
    assert library.info().pending == 5
    assert counts(library.scan([music])) == {"analysed": 4, "unchanged": 1}
    assert log()["one"] == 1
    assert library.info().analysed == 5


def test_progress_counts_what_has_to_be_read(library: Library, music: Path) -> None:
    write_track(music / "bad.wav", "silent")
    shutil.copy(music / "a/1.wav", music / "copy.wav")
    steps: list[ScanProgress] = []
    library.scan([music], progress=steps.append)
    walking = [step for step in steps if step.phase == "walking"]
    assert walking[-1].total == 6
    assert (steps[-1].phase, steps[-1].done, steps[-1].total) == ("analysing", 6, 6)
    assert steps[-1].tracks_per_s > 0
    assert steps[-1].left_s == 0
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    steps.clear()
    library.scan([music], progress=steps.append)
    assert {step.total for step in steps} == {0}


def test_an_interrupt_from_the_callback_ends_the_scan_in_order(
    library: Library, music: Path
) -> None:
    def stop(progress: ScanProgress) -> None:
        if progress.phase == "analysing":
            raise KeyboardInterrupt

    report = library.scan([music], progress=stop)
    assert report.interrupted
    assert counts(library.scan([music])) == {"analysed": 4}


def test_an_error_in_the_callback_is_the_callers(library: Library, music: Path) -> None:
    def fail(progress: ScanProgress) -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        library.scan([music], progress=fail)
    assert library.scan([music]).analysed == 4  # and the library is not locked


def test_one_scan_at_a_time(library: Library, music: Path, tmp_path: Path) -> None:
    def scan_too(progress: ScanProgress) -> None:
        with (
            open_library(tmp_path) as other,
            pytest.raises(LibraryError, match="another scan of this library is running"),
        ):
            other.scan([music])

    assert library.scan([music], progress=scan_too).analysed == 4


def test_reading_goes_on_during_a_scan(library: Library, music: Path, tmp_path: Path) -> None:
    seen = []

    def look(progress: ScanProgress) -> None:
        with open_library(tmp_path) as other:
            seen.append(other.info().analysed)

    library.scan([music], progress=look)
    assert seen[0] == 0
    assert seen[-1] == 4


def test_contents_of_tells_libraries_apart(library: Library, music: Path) -> None:
    """The helper that other tests rely on."""
    write_track(music / "bad.wav", "silent")
    library.scan([music / "a", music / "bad.wav"])
    assert contents_of(library) == Counter(
        [
            (str(music / "a/1.wav"), "analysed", "text: one"),
            (str(music / "a/2.wav"), "analysed", "text: two"),
            (str(music / "bad.wav"), "failed", "silent: 0.1 s that never reach -80 dBFS"),
        ]
    )
