"""New tags cost no analysis, and are seen even where size and time of the file stay the same."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import fakes
import pytest
from fakes import ask, fake_model, open_library, open_upgraded, tag_track, write_track

from soundalike.library import Library, ScanReport

POSIX = sys.platform != "win32"
NO_CTIME = pytest.mark.skipif(not POSIX, reason="no ctime here")


@pytest.fixture
def music(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(fakes.LOG, str(tmp_path / "log"))
    folder = tmp_path / "music"
    for name in ("one", "two"):
        tag_track(write_track(folder / f"{name}.wav", name), artist="Old", title=name)
    return folder


@pytest.fixture
def library(tmp_path: Path, music: Path) -> Iterator[Library]:
    with open_library(tmp_path) as opened:
        yield opened


def analysed(music: Path) -> list[str]:
    """The texts that were analysed since the last call."""
    log = music.parent / "log"
    lines = log.read_text(encoding="utf-8").split() if log.exists() else []
    log.unlink(missing_ok=True)
    return lines


def numbers(report: ScanReport) -> dict[str, int]:
    names = ("analysed", "retagged", "unchanged", "moved", "copied", "returned", "missing")
    found = {name: getattr(report, name) for name in names} | {"failed": len(report.failed)}
    return {name: number for name, number in found.items() if number}


def in_database(library: Library, statement: str) -> list[tuple[object, ...]]:
    return ask(library, statement)


@NO_CTIME
def test_tags_that_were_changed_in_place_are_read(library: Library, music: Path) -> None:
    library.scan([music])
    before = library.track("old one")
    assert sorted(analysed(music)) == ["one", "two"]
    stat = (music / "one.wav").stat()
    tag_track(music / "one.wav", artist="New", title="Other", keep_times=True)
    now = (music / "one.wav").stat()
    assert (now.st_size, now.st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    assert numbers(library.scan([music])) == {"retagged": 1, "unchanged": 1}
    assert analysed(music) == []
    track = library.track("new other")
    assert track.track_id == before.track_id
    assert track.content_hash != before.content_hash
    assert library.analysis(track.track_id).notes == ("text: one",)
    assert track.duration_s == before.duration_s
    assert library.similar(track.track_id).searched == 1
    # What it was under its former tags is kept nowhere.
    assert in_database(library, "SELECT count(*) FROM contents") == [(2,)]
    assert numbers(library.scan([music])) == {"unchanged": 2}


@NO_CTIME
@pytest.mark.parametrize("change", ["permissions", "link", "rename and back"])
def test_a_ctime_without_another_content_costs_no_analysis(
    library: Library, music: Path, change: str
) -> None:
    library.scan([music])
    analysed(music)
    path = music / "one.wav"
    if change == "permissions":
        path.chmod(0o600)
    elif change == "link":
        os.link(path, music.parent / "backup")
    else:
        path.rename(music / "x.wav").rename(path)
    assert numbers(library.scan([music])) == {"unchanged": 2}
    assert analysed(music) == []
    before = in_database(library, "SELECT path, ctime_ns FROM tracks")
    assert (os.fsencode(path), path.stat().st_ctime_ns) in before


@NO_CTIME
def test_an_old_library_learns_the_ctimes_without_reading(
    library: Library, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_track(music / "bad.wav", "silent")
    library.scan([music])
    in_database(library, "UPDATE tracks SET ctime_ns = NULL")
    with monkeypatch.context() as patch:
        patch.setattr("soundalike.workers.process.content_digest", None)
        report = library.scan([music])
    assert (report.unchanged, report.still_failing) == (2, 1)
    known = in_database(library, "SELECT ctime_ns FROM tracks WHERE path_text LIKE '%one.wav'")
    assert known == [((music / "one.wav").stat().st_ctime_ns,)]
    tag_track(music / "one.wav", artist="New", keep_times=True)
    assert library.scan([music]).retagged == 1


def test_full_reads_every_file_whatever_its_stamps_say(library: Library, music: Path) -> None:
    library.scan([music])
    analysed(music)
    tag_track(music / "one.wav", artist="New", title="Other", keep_times=True)
    # As where there is no ctime, and where the audio was not looked at yet.
    in_database(library, "UPDATE tracks SET ctime_ns = NULL")
    in_database(
        library, "UPDATE contents SET audio_digest = NULL WHERE CAST(tags AS TEXT) LIKE '%two%'"
    )
    assert numbers(library.scan([music])) == {"unchanged": 2}
    assert numbers(library.scan([music], full=True)) == {"retagged": 1, "unchanged": 1}
    assert analysed(music) == []
    assert library.track("new other").path == music / "one.wav"
    assert in_database(library, "SELECT count(*) FROM contents WHERE audio_digest IS NULL") == [
        (0,)
    ]


def test_full_reads_tags_anew(library: Library, music: Path) -> None:
    """As when this version reads them better than the one before."""
    library.scan([music])
    in_database(library, "UPDATE contents SET tags = '{}'")
    report = library.scan([music], full=True)
    assert numbers(report) == {"retagged": 2, "unchanged": 2}
    assert library.track("old one").path == music / "one.wav"


def test_a_retagged_copy_is_not_analysed(library: Library, music: Path) -> None:
    library.scan([music])
    analysed(music)
    tag_track(shutil.copy(music / "one.wav", music / "copy.wav"), artist="Copy", title="New")
    assert numbers(library.scan([music])) == {"retagged": 1, "unchanged": 2}
    assert analysed(music) == []
    copy = library.track("copy new")
    assert copy.path == music / "copy.wav"
    assert library.analysis(copy.track_id).notes == ("text: one",)
    assert library.track("old one").path == music / "one.wav"


def test_retagged_copies_that_are_new_together_are_analysed_once(
    library: Library, music: Path
) -> None:
    for number in range(3):
        path = shutil.copy(music / "one.wav", music / f"{number}.wav")
        tag_track(path, artist=f"Number {number}")
    shutil.copy(music / "2.wav", music / "3.wav")
    report = library.scan([music])
    assert numbers(report) == {"analysed": 2, "retagged": 3, "copied": 1}
    assert sorted(analysed(music)) == ["one", "two"]
    assert {track.status for track in library.tracks()} == {"analysed"}
    artists = [library.track(music / f"{number}.wav").artist for number in range(3)]
    assert artists == ["Number 0", "Number 1", "Number 2"]


def test_retagged_copies_of_what_fails_fail_each(library: Library, music: Path) -> None:
    for number in range(3):
        tag_track(write_track(music / f"{number}.wav", "silent"), artist=f"Number {number}")
    report = library.scan([music])
    assert numbers(report) == {"analysed": 2, "failed": 3}


def test_a_file_that_is_retagged_and_renamed_at_once_keeps_its_id(
    library: Library, music: Path
) -> None:
    library.scan([music])
    analysed(music)
    before = library.track("old one")
    new = music / "Artist" / "01 - Title.wav"
    new.parent.mkdir()
    tag_track((music / "one.wav").rename(new), artist="Artist", title="Title")
    assert numbers(library.scan([music])) == {"retagged": 1, "unchanged": 1}
    assert analysed(music) == []
    assert library.track(before.track_id).path == new
    assert len(library.tracks()) == 2


def test_other_audio_under_the_same_tags_is_analysed(library: Library, music: Path) -> None:
    library.scan([music])
    analysed(music)
    tag_track(write_track(music / "one.wav", "six"), artist="Old", title="one")
    assert numbers(library.scan([music])) == {"analysed": 1, "unchanged": 1}
    assert analysed(music) == ["six"]


def test_what_another_model_said_is_kept_as_well(library: Library, music: Path) -> None:
    library.scan([music])
    with open_library(music.parent, version="2") as other:
        other.scan([music])
    tag_track(music / "one.wav", artist="New")
    assert library.scan([music]).retagged == 1
    with open_library(music.parent, version="2") as other:
        assert numbers(other.scan([music])) == {"unchanged": 2}
    # And where the one that scans has not heard it yet.
    tag_track(music / "two.wav", artist="Two")
    with open_library(music.parent, version="3") as third:
        assert third.scan([music]).analysed == 2
    assert numbers(library.scan([music])) == {"unchanged": 2}
    assert [m.tracks for m in library.info().models] == [2, 2, 2]


def test_a_retagged_file_keeps_what_an_older_model_said_until_its_turn(
    library: Library, music: Path
) -> None:
    library.scan([music])
    analysed(music)
    tag_track(music / "one.wav", artist="New")
    with open_upgraded(music.parent, "2") as upgraded:
        report = upgraded.scan([music])
        assert (report.retagged, report.reanalysed, report.analysed) == (1, 2, 0)
        assert sorted(analysed(music)) == ["one", "two"]
        assert upgraded.track("new").status == "analysed"
        assert [m.model for m in upgraded.info().models] == [fake_model("2").id]


def test_a_scan_that_is_stopped_before_the_tags_are_read_goes_on(
    library: Library, music: Path
) -> None:
    library.scan([music])
    analysed(music)
    tag_track(music / "one.wav", artist="New")

    def stop(progress: object) -> None:
        if getattr(progress, "phase", "") == "analysing" and getattr(progress, "path", None):
            raise KeyboardInterrupt

    assert library.scan([music], progress=stop).interrupted
    assert numbers(library.scan([music])) == {"retagged": 1, "unchanged": 1}
    assert library.track("new").status == "analysed"
    assert analysed(music) == []
