"""What a scan leaves out, and what it remembers of a folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import fakes
import pytest
from fakes import ask, open_library, tag_track, write_track

from soundalike.errors import InvalidArgument, TrackNotFound
from soundalike.library import Library
from soundalike.library.scan.excludes import Excludes, checked_patterns


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    monkeypatch.setenv(fakes.LOG, str(tmp_path / "log"))
    with open_library(tmp_path) as opened:
        yield opened


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """A share with two albums, something spoken, and a file of another format."""
    folder = tmp_path / "music"
    for name in ("Album/1", "Album/2", "Spoken/Drafts/3", "Spoken/4", "Live/Drafts/5"):
        write_track(folder / f"{name}.wav", name)
    return folder


def names(library: Library) -> list[str]:
    return sorted(track.path.stem for track in library.tracks())


def remembered(library: Library) -> dict[str, tuple[object, ...]]:
    rows = ask(library, "SELECT path, CAST(excludes AS text), pattern, tag_encoding FROM folders")
    return {os.path.basename(os.fsdecode(row[0])): tuple(row[1:]) for row in rows}


@pytest.mark.parametrize(
    "bin_name",
    [
        "#recycle",
        "@Recycle",
        "#snapshot",
        "@Recently-Snapshot",
        "$RECYCLE.BIN",
        ".Trash-1000",
        ".@__thumb",
        "@eaDir",
        ".AppleDouble",
        ".stversions",
        ".snapshots",
        "lost+found",
        "System Volume Information",
    ],
)
def test_bins_are_left_out_and_their_tracks_removed(
    library: Library, music: Path, bin_name: str
) -> None:
    kept = write_track(music / "Album/kept.wav", "kept")
    library.scan([music])
    # As an earlier version found it there.
    gone = write_track(music / bin_name / "Album/gone.wav", "gone")
    rename = "UPDATE tracks SET path = :new WHERE path = :old"
    ask(library, rename, new=bytes(gone), old=bytes(kept))
    kept.unlink()
    report = library.scan([music])
    assert (report.removed, report.missing, report.unchanged) == (1, 0, 5)
    (note,) = report.notes
    assert note.startswith("No longer in the library, as excluded, in a recycle bin, or in a")
    assert note.endswith(f": {gone}")
    assert "gone" not in names(library)
    report = library.scan([music])
    assert (report.removed, report.unchanged, report.notes) == (0, 5, ())
    # What somebody asks for by name is music.
    assert library.scan([music / bin_name]).analysed == 1
    assert library.scan([music]).removed == 0
    assert "gone" in names(library)


def test_a_folder_marked_as_no_music_is_left_out_with_all_below(
    library: Library, music: Path
) -> None:
    library.scan([music])
    (music / "Spoken/.nomedia").touch()
    report = library.scan([music])
    assert (report.removed, report.unchanged) == (2, 3)
    assert names(library) == ["1", "2", "5"]
    (music / "Spoken/.nomedia").unlink()
    assert library.scan([music]).analysed == 2


@pytest.mark.parametrize(
    ("patterns", "kept"),
    [
        (["spoken"], ["1", "2", "5"]),
        (["Spoken/Drafts"], ["1", "2", "5", "4"]),
        (["spoken/drafts/"], ["1", "2", "5", "4"]),
        (["/Drafts"], ["1", "2", "5", "3", "4"]),
        (["Drafts"], ["1", "2", "4"]),
        (["*/drafts"], ["1", "2", "4"]),
        (["[12].WAV", "live"], ["3", "4"]),
        (["Album/?.wav"], ["5", "3", "4"]),
        (["S*/4*"], ["1", "2", "5", "3"]),
    ],
)
def test_what_is_excluded_is_left_out_and_removed(
    library: Library, music: Path, patterns: list[str], kept: list[str]
) -> None:
    library.scan([music])
    report = library.scan([music], exclude=patterns)
    assert names(library) == sorted(kept)
    assert (report.removed, report.unchanged) == (5 - len(kept), len(kept))
    # Remembered with the folder.
    report = library.scan([music])
    assert (report.removed, report.unchanged, report.analysed) == (0, len(kept), 0)
    report = library.scan([music], exclude=[])
    assert (report.analysed, report.unchanged) == (5 - len(kept), len(kept))


def test_excluded_tracks_are_not_found_and_their_analyses_gone(
    library: Library, music: Path
) -> None:
    library.scan([music])
    number = library.track(music / "Spoken/4.wav").track_id
    library.scan([music], exclude=["Spoken"])
    with pytest.raises(TrackNotFound):
        library.track(number)
    found = library.similar(music / "Album/1.wav").matches
    assert sorted(match.track.path.stem for match in found) == ["2", "5"]
    assert ask(library, "SELECT count(*) FROM analyses") == [(3,)]


def test_missing_tracks_are_removed_as_well(library: Library, music: Path) -> None:
    library.scan([music])
    shutil.rmtree(music / "Spoken")
    assert library.scan([music]).missing == 2
    assert library.scan([music], exclude=["Spoken"]).removed == 2
    assert names(library) == ["1", "2", "5"]


def test_a_file_moved_into_a_bin_is_missing(library: Library, music: Path) -> None:
    library.scan([music])
    (music / "#recycle").mkdir()
    (music / "Album/1.wav").rename(music / "#recycle/1.wav")
    report = library.scan([music])
    assert (report.missing, report.removed, report.unchanged) == (1, 0, 4)


def test_the_last_word_counts_between_a_folder_and_one_below(library: Library, music: Path) -> None:
    library.scan([music], exclude=["Spoken"])
    # The folder around leaves it out, but somebody asks for it.
    assert library.scan([music / "Spoken"]).analysed == 2
    report = library.scan([music])
    assert (report.removed, report.unchanged) == (0, 5)
    assert names(library) == ["1", "2", "3", "4", "5"]
    # And what is excluded around holds below.
    library.scan([music], exclude=["drafts"])
    assert library.scan([music / "Live"]).unchanged == 0
    # Excluding it by name again takes that back.
    library.scan([music], exclude=["Spoken", "Live"])
    assert names(library) == ["1", "2"]
    assert list(remembered(library)) == ["music"]


@pytest.mark.parametrize("pattern", ["", " ", "*", "**/", "/", "./*"])
def test_a_pattern_that_names_nothing_is_refused(
    library: Library, music: Path, pattern: str
) -> None:
    with pytest.raises(InvalidArgument, match="it names nothing; write a name"):
        library.scan([music], exclude=[pattern])
    assert library.tracks() == []
    assert remembered(library) == {}


def test_a_path_in_full_counts_from_the_folder(tmp_path: Path) -> None:
    folder = str(tmp_path)
    assert checked_patterns([os.path.join(folder, "a", "b*"), "c", "c"], folder) == ["/a/b*", "c"]
    with pytest.raises(InvalidArgument, match="it does not lie below"):
        checked_patterns([folder], folder)
    with pytest.raises(InvalidArgument, match="it does not lie below"):
        checked_patterns([os.path.dirname(folder)], folder)


def test_accents_may_be_written_either_way(tmp_path: Path) -> None:
    root = str(tmp_path)
    excludes = Excludes({root: ["caf\xe9", "E\u0301TE\u0301/1"]})
    assert excludes.has(os.path.join(root, "Cafe\u0301", "1.wav"))
    assert excludes.has(os.path.join(root, "\xe9t\xe9", "1"))
    assert not excludes.has(os.path.join(root, "cafe", "1.wav"))


def test_a_link_to_an_excluded_file_counts_under_its_own_name(
    library: Library, music: Path
) -> None:
    (music / "favourite.wav").symlink_to(music / "Spoken/4.wav")
    library.scan([music], exclude=["Spoken"])
    assert names(library) == ["1", "2", "5", "favourite"]


def test_what_a_link_leads_to_is_as_excluded_as_the_link(library: Library, music: Path) -> None:
    other = music.parent / "other"
    write_track(other / "Drafts/6.wav", "six")
    write_track(other / "7.wav", "seven")
    (music / "linked").symlink_to(other)
    library.scan([music])
    assert library.scan([music], exclude=["drafts"]).removed == 3
    assert names(library) == ["1", "2", "4", "7"]


def test_settings_are_remembered_and_cleared(library: Library, music: Path) -> None:
    library.scan([music], exclude=["Live"], pattern="{artist}/{title}", tag_encoding="cp1251")
    settings = ('["Live"]', "{artist}/{title}", "cp1251")
    assert remembered(library) == {"music": settings}
    library.scan([music])
    assert remembered(library) == {"music": settings}
    library.scan([music], exclude=[], pattern="auto", tag_encoding="auto")
    assert remembered(library) == {"music": ("[]", None, None)}


def test_another_pattern_is_seen_at_once(library: Library, music: Path) -> None:
    library.scan([music])
    before = library.index().position
    library.scan([music])
    assert library.index().position == before
    report = library.scan([music], pattern="{artist}/{title}")
    assert (report.unchanged, report.analysed) == (5, 0)
    # Whoever keeps an index looks at these tracks again: artist and album may be others now.
    position = library.index().position
    assert position.last_id - before.last_id == 5
    library.scan([music], pattern="{artist}/{title}")
    assert library.index().position == position


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"pattern": "{nobody}"}, r"'\{nobody\}': \{nobody\} is not known"),
        ({"pattern": ""}, "it is empty"),
        ({"tag_encoding": "cp0"}, "encoding must be the name of an encoding"),
        ({"tag_encoding": "rot13"}, "encoding must be the name of an encoding"),
        ({"exclude": "Live"}, r"exclude must be a list, such as \['Live'\]"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(
    library: Library, music: Path, setting: dict[str, str], message: str
) -> None:
    with pytest.raises(InvalidArgument, match=message):
        library.scan([music], **setting)  # type: ignore[arg-type]
    assert library.tracks() == []


def test_settings_need_a_folder(library: Library, music: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"1\.wav: a file; exclude, pattern"):
        library.scan([music / "Album/1.wav"], exclude=["x"])
    library.scan([music])
    with pytest.raises(InvalidArgument, match="name one"):
        library.scan(exclude=["x"])


def test_without_a_folder_those_before_are_scanned(library: Library, music: Path) -> None:
    with pytest.raises(InvalidArgument, match="no folder was scanned yet: name at least one"):
        library.scan()
    library.scan([music / "Album", music / "Live"])
    library.scan([music / "Spoken/4.wav"])  # a file is no folder to remember
    write_track(music / "Album/6.wav", "six")
    write_track(music / "Spoken/7.wav", "seven")
    report = library.scan()
    assert (report.analysed, report.unchanged) == (1, 3)
    (music / "Live").rename(music / "x")
    report = library.scan()
    assert (report.unchanged, report.missing) == (3, 0)
    assert f"{music / 'Live'}: no such file or directory; not scanned" in report.notes[0]
    shutil.rmtree(music / "Album")
    with pytest.raises(InvalidArgument, match="Is its disk mounted"):
        library.scan()


def test_only_what_was_asked_for_is_remembered(library: Library, music: Path) -> None:
    write_track(music / "Album/bad.wav", "silent")
    library.scan([music])
    library.retry_failures()
    library.reanalyse()
    assert list(remembered(library)) == ["music"]


def test_a_failing_folder_that_is_gone_is_no_failure(
    library: Library, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def refuse(path: str) -> object:
        if os.path.basename(path) == "Drafts":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    with monkeypatch.context() as patch:
        patch.setattr("os.scandir", refuse)
        library.scan([music / "Spoken"])
    assert [failure.path for failure in library.failures()] == [music / "Spoken/Drafts"]
    library.scan([music / "Album"])
    assert len(library.failures()) == 1
    shutil.rmtree(music / "Spoken")
    library.scan([music / "Album"])
    assert library.failures() == []


def test_another_encoding_reads_the_tags_below_anew(library: Library, music: Path) -> None:
    word = "\u041a\u0438\u043d\u043e"  # a band from Leningrad
    russian = write_track(music / "Album/1.wav", "Album/1")
    tag_track(russian, artist=word.encode("cp1251").decode("latin-1"))
    tag_track(music / "Live/Drafts/5.wav", artist=word.encode("cp866").decode("latin-1"))
    library.scan([music])
    (music.parent / "log").unlink()
    report = library.scan([music / "Live"], tag_encoding="cp866")
    assert (report.retagged, report.unchanged, report.analysed) == (1, 1, 0)
    assert library.track(music / "Live/Drafts/5.wav").artist == word
    # That of the inner folder counts there.
    library.scan([music], tag_encoding="cp1251")
    assert library.track(music / "Live/Drafts/5.wav").artist == word
    assert library.track(russian).artist == word
    # What is new is read so from now on.
    shutil.copy(russian, music / "Live/Drafts/6.wav")
    new = write_track(music / "Album/8.wav", "eight")
    tag_track(new, artist=word.encode("cp1251").decode("latin-1"))
    report = library.scan([music])
    assert library.track(new).artist == word
    assert not [line for line in (music.parent / "log").read_text().split() if line != "eight"]
