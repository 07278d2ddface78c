"""Results written into the tags of a library's files, and taken back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import mutagen
import pytest
from audio_files import chord, write_audio
from click.testing import CliRunner, Result
from fakes import FACETED, InlinePool, fake_analysis, fake_model, open_library, write_track

from soundalike.audio import read_tags
from soundalike.audio.tag_fields import Field
from soundalike.audio.tag_writing import read_fields, write_fields
from soundalike.cli import cli
from soundalike.errors import InvalidArgument, LibraryInUse, OutputError, TrackNotFound
from soundalike.library import Filter, Library, Limits
from soundalike.library import library as library_module
from soundalike.library.tag_names import OWN_FIELDS
from soundalike.library.tag_records import TagReport
from soundalike.models import ModelKey

KINDS = {"mp3": "mp3-cbr", "ogg": "vorbis", "m4a": "aac"}
ALL_FIELDS = frozenset((*OWN_FIELDS, "GENRE", "BPM", "INITIALKEY"))
LOG: list[str] = []


class ByName:
    """Analyses a file by its name, and says how sure it is of the genre.

    ``sure``: one genre alone; ``unsure``: none; else one of two.
    """

    def __init__(self, model: ModelKey) -> None:
        self.model = model

    def from_file(self, path: str | os.PathLike[str], **_: Any) -> Any:
        name = Path(path).stem
        LOG.append(name)
        found = fake_analysis("x", self.model)
        chances = found.probabilities.copy()
        chances[:] = [0.4, 0.35, 0.25] if "unsure" in name else [0.9, 0.06, 0.04]
        genres = ("calm",) if name.startswith("sure") else ("calm", "wild")
        words = found.word_probabilities.copy()
        words[:] = [0.9, 0.9, 0.9]
        return replace(
            found,
            probabilities=chances,
            genre_set=genres,
            word_probabilities=words,
            tempo_bpm=118.46,
        )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("music")
    for number, (suffix, kind) in enumerate(KINDS.items()):
        # Of different lengths, so that no file is a copy of another's sound.
        sound = chord(48_000, 1.0 + number / 4, channels=2)
        write_audio(folder / f"sure {suffix}.{suffix}", sound, 48_000, kind)
    write_audio(folder / "two.flac", chord(48_000, 3.0), 48_000, "flac")
    write_audio(folder / "unsure.flac", chord(48_000, 3.5), 48_000, "flac")
    write_track(folder / "wave.wav", "wave")
    file = mutagen.File(folder / "two.flac")
    file["genre"], file["title"] = ["Swing"], ["Two"]
    file.save()
    return folder


@pytest.fixture
def music(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "music"))


def opened(tmp_path: Path) -> Library:
    return open_library(tmp_path, name=FACETED, analyzer="test_library_tagging:ByName")


@pytest.fixture
def library(tmp_path: Path, music: Path) -> Iterator[Library]:
    with opened(tmp_path) as found:
        found.scan([music])
        LOG.clear()
        yield found


def fields(path: Path) -> dict[str, tuple[str, ...]]:
    found, _ = read_fields(path, ALL_FIELDS)
    return {name: field.values for name, field in found.items() if field is not None}


def by_name(report: TagReport) -> dict[str, Any]:
    return {each.path.name: each for each in report.files}


OWN = {
    "SOUNDALIKE_GENRE": ("calm",),
    "SOUNDALIKE_GENRE_CONFIDENCE": ("0.90",),
    "SOUNDALIKE_WORDS": ("piano", "female vocals"),
    "SOUNDALIKE_BPM": ("118.5",),
    "SOUNDALIKE_MODEL": ("faceted@1",),
}


def without_key(found: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {name: value for name, value in found.items() if name != "SOUNDALIKE_KEY"}


def test_files_get_what_the_library_knows_and_are_not_analysed_again(
    library: Library, music: Path
) -> None:
    report = library.tag()
    assert len(report.files) == 5
    assert report.unchanged == 0
    (skipped,) = report.skipped
    assert (skipped.path.name, skipped.failed) == ("wave.wav", False)
    for suffix in KINDS:
        assert without_key(fields(music / f"sure {suffix}.{suffix}")) == OWN
    assert set(fields(music / "unsure.flac")) == {
        "SOUNDALIKE_WORDS",
        "SOUNDALIKE_BPM",
        "SOUNDALIKE_KEY",
        "SOUNDALIKE_MODEL",
    }
    scanned = library.scan([music])
    assert (scanned.unchanged, scanned.analysed, scanned.retagged) == (6, 0, 0)
    # Even where every file is read.
    scanned = library.scan([music], full=True)
    assert (scanned.unchanged, scanned.analysed, scanned.retagged) == (6, 0, 0)
    assert LOG == []
    again = library.tag()
    assert (len(again.files), again.unchanged, again.undo_file) == (0, 5, None)


def test_the_genre_is_written_only_where_asked_sure_and_free(library: Library, music: Path) -> None:
    library.tag(fields=("GENRE", "BPM", "INITIALKEY"))
    assert read_tags(music / "sure mp3.mp3").genre == "Calm"
    assert fields(music / "sure m4a.m4a")["BPM"] == ("118",)
    assert len(fields(music / "sure ogg.ogg")["INITIALKEY"][0]) <= 3
    assert fields(music / "two.flac")["GENRE"] == ("Swing",)
    assert "GENRE" not in fields(music / "unsure.flac")
    found = {track.path.name: track.genre for track in library.tracks()}
    assert found["sure mp3.mp3"] == found["sure m4a.m4a"] == "Calm"
    # The genres of limits are those of the tags by now.
    only = Limits(only=Filter(genres=("calm",)))
    assert len(library.tag(limits=only, dry_run=True).files) == 3


def test_a_genre_is_overwritten_where_that_is_asked_for(library: Library, music: Path) -> None:
    path = music / "sure mp3.mp3"
    write_fields(path, {"GENRE": Field(("(8)Swing",))})
    library.scan([music])
    report = library.tag(str(path), fields=["genre"])
    assert (report.files, report.unchanged) == ((), 1)
    report = library.tag(str(path), fields=["genre"], overwrite=True)
    assert fields(path)["GENRE"] == ("Calm",)
    assert report.undo_file is not None
    library.untag(report.undo_file)
    assert fields(path)["GENRE"] == ("(8)Swing",)


def test_everything_is_taken_back(library: Library, music: Path) -> None:
    before = {
        path: read_fields(path, ALL_FIELDS)[0] for path in music.iterdir() if "wav" not in path.name
    }
    report = library.tag(fields=[*OWN_FIELDS, "GENRE", "BPM", "INITIALKEY"], overwrite=True)
    assert report.undo_file is not None
    assert report.undo_file.parent.name == "tag-undo"
    # Two have moved since, of which the library knows one.
    (music / "sure ogg.ogg").rename(music / "moved.ogg")
    library.scan([music])
    (music / "sure mp3.mp3").rename(music / "away.mp3")
    back = library.untag(report.undo_file)
    assert len(back.files) == 4
    (gone,) = back.skipped
    assert (gone.path.name, gone.failed) == ("sure mp3.mp3", True)
    (music / "away.mp3").rename(music / "sure mp3.mp3")
    library.untag(report.undo_file)
    (music / "moved.ogg").rename(music / "sure ogg.ogg")
    assert {path: read_fields(path, ALL_FIELDS)[0] for path in before} == before
    scanned = library.scan([music])
    assert (scanned.analysed, scanned.retagged) == (0, 0)
    assert LOG == []
    assert library.untag(report.undo_file).unchanged == 5


def test_what_somebody_else_has_changed_since_stays(library: Library, music: Path) -> None:
    report = library.tag(music / "two.flac")
    assert report.undo_file is not None
    write_fields(music / "two.flac", {"SOUNDALIKE_BPM": Field(("60",))})
    back = library.untag(report.undo_file)
    assert fields(music / "two.flac") == {"SOUNDALIKE_BPM": ("60",), "GENRE": ("Swing",)}
    (skipped,) = back.skipped
    assert "SOUNDALIKE_BPM: somebody else" in skipped.reason
    assert skipped.failed


def test_removing_takes_only_ours(library: Library, music: Path) -> None:
    first = library.tag()
    # Within the same second, perhaps.
    second = library.tag(remove=True)
    assert (len(second.files), first.undo_file != second.undo_file) == (5, True)
    assert fields(music / "two.flac") == {"GENRE": ("Swing",)}
    assert fields(music / "sure mp3.mp3") == {}


@pytest.mark.slow
def test_what_is_not_said_any_more_goes(library: Library, music: Path) -> None:
    path = music / "unsure.flac"
    write_fields(path, {"SOUNDALIKE_GENRE": Field(("wild",))})
    library.scan([music])
    library.tag(str(path))
    assert "SOUNDALIKE_GENRE" not in fields(path)


def test_a_dry_run_changes_nothing(library: Library, music: Path, tmp_path: Path) -> None:
    data = {path: path.read_bytes() for path in music.iterdir()}
    with library._database.scan_lock():  # it waits for nobody either
        report = library.tag(dry_run=True)
    assert len(report.files) == 5
    assert {path: path.read_bytes() for path in music.iterdir()} == data
    assert not (tmp_path / "tag-undo").exists()
    change = by_name(report)["two.flac"].changes[0]
    assert (change.name, change.old, change.new) == ("SOUNDALIKE_GENRE", None, ("calm",))


def test_files_that_cannot_be_written_do_not_stop_the_others(library: Library, music: Path) -> None:
    (music / "two.flac").chmod(0o444)
    (music / "sure ogg.ogg").unlink()
    with (music / "sure m4a.m4a").open("ab") as file:
        file.write(b"more")
    report = library.tag()
    reasons = {each.path.name: each.reason for each in report.skipped if each.failed}
    assert reasons == {
        "two.flac": "the file is read-only",
        "sure ogg.ogg": "no such file or directory",
        "sure m4a.m4a": "changed since it was analysed",
    }
    assert len(report.files) == 2


def test_another_name_alone_is_no_change(library: Library, music: Path, tmp_path: Path) -> None:
    os.link(music / "two.flac", tmp_path / "other.flac")
    report = library.tag(music / "two.flac")
    assert by_name(report)["two.flac"].parted
    assert fields(tmp_path / "other.flac") == {"GENRE": ("Swing",)}


def test_without_room_for_the_old_values_no_file_is_touched(
    library: Library, music: Path, tmp_path: Path
) -> None:
    data = {path: path.read_bytes() for path in music.iterdir()}
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        library.tag(undo_file=tmp_path / "file/undo.jsonl")
    with pytest.raises(InvalidArgument, match="there is a file already"):
        library.tag(undo_file=tmp_path / "file")
    assert {path: path.read_bytes() for path in music.iterdir()} == data


def test_an_undo_file_that_was_cut_off_counts_as_far_as_it_goes(
    library: Library, music: Path, tmp_path: Path
) -> None:
    undo = library.tag().undo_file
    assert undo is not None
    lines = undo.read_bytes().splitlines(keepends=True)
    assert len(lines) == 6
    undo.write_bytes(b"".join(lines[:3]) + lines[3][:20])
    assert len(library.untag(undo).files) == 2
    undo.write_bytes(b"".join(lines[:3]) + b"{}\n" + lines[3])
    with pytest.raises(InvalidArgument, match="line 4 cannot be read"):
        library.untag(undo)
    with pytest.raises(InvalidArgument, match="line 1 cannot be read"):
        library.untag(_file(tmp_path / "other", b'{"a": 1}\n'))
    with pytest.raises(InvalidArgument, match="cannot be read"):
        library.untag(tmp_path / "none")


def _file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.slow
def test_it_stops_between_two_files(library: Library, music: Path) -> None:
    stop = threading.Event()

    def progress(done: int, total: int, path: Path) -> None:
        assert total == 6
        if done == 2:
            stop.set()

    report = library.tag(progress=progress, stop=stop)
    assert (report.interrupted, len(report.files)) == (True, 3)
    assert library.scan([music]).unchanged == 6


TAG = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from test_library_tagging import opened
with opened(Path(sys.argv[2])) as library:
    library.tag(progress=lambda done, *_: print(done, flush=True), undo_file=sys.argv[3])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.slow
@pytest.mark.parametrize("after", range(5))
def test_a_run_that_is_killed_can_be_taken_back(
    library: Library, music: Path, tmp_path: Path, after: int
) -> None:
    files = [path for path in music.iterdir() if path.suffix != ".wav"]
    before = {path: read_fields(path, ALL_FIELDS)[0] for path in files}
    undo = tmp_path / "undo.jsonl"
    command = [sys.executable, "-c", TAG, str(Path(__file__).parent), str(tmp_path), str(undo)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while int(process.stdout.readline()) < after:
            pass
        time.sleep(0.02 * after)
        process.kill()
    scanned = library.scan([music])
    # At most the file whose hash the library had not been told yet.
    assert (scanned.analysed, len(scanned.failed), scanned.retagged <= 1) == (0, 0, True)
    assert LOG == []
    if undo.exists():
        assert all(not each.failed for each in library.untag(undo).skipped)
    assert {path: read_fields(path, ALL_FIELDS)[0] for path in files} == before
    library.tag()
    assert sorted(music.glob(".*")) == []


def test_a_scan_and_it_do_not_meet(library: Library) -> None:
    with library._database.scan_lock(), pytest.raises(LibraryInUse, match="another scan"):
        library.tag()


def test_what_cannot_be_asked(library: Library, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    calls: list[tuple[Callable[[], Any], type[Exception], str]] = [
        (lambda: library.tag(fields=["MOOD"]), InvalidArgument, "'MOOD': give some of SOUNDALIKE_"),
        (lambda: library.tag(fields=[]), InvalidArgument, "fields is empty"),
        (lambda: library.tag("no such words"), TrackNotFound, "no such words"),
        (lambda: library.tag(tmp_path / "empty"), TrackNotFound, "no track of the library lies in"),
        (lambda: library.tag(limits=Limits(min_length_s=1000)), InvalidArgument, "leave none"),
    ]
    for call, error, match in calls:
        with pytest.raises(error, match=match):
            call()


# The command


@pytest.fixture
def run(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("SOUNDALIKE_LIBRARY", str(tmp_path / "library.db"))
    monkeypatch.setattr(library_module, "find_model", lambda _: fake_model("1", FACETED))
    monkeypatch.setattr(library_module, "default_lineage", lambda: fake_model("1", FACETED))
    monkeypatch.setattr("soundalike.workers.pool.WorkerPool", InlinePool)

    def call(*args: str) -> Result:
        return CliRunner().invoke(cli, ["tag", *args])

    return call


def test_the_command_shows_writes_and_takes_back(run: Callable[..., Result], music: Path) -> None:
    shown = run(str(music), "--dry-run", "--field", "SOUNDALIKE_BPM")
    assert shown.exit_code == 0
    assert "now" in shown.stdout
    assert "118.5" in shown.stdout
    assert "5 files to be written, 0 unchanged, 1 skipped" in shown.stdout
    assert fields(music / "sure mp3.mp3") == {}

    done = run("--all", "--field", "soundalike_bpm", "--also", "genre")
    assert done.exit_code == 0, done.output
    assert "5 files written" in done.stdout
    assert "a format whose tags are not written (wav, pcm_u8)" in done.stdout
    assert fields(music / "sure mp3.mp3") == {"SOUNDALIKE_BPM": ("118.5",), "GENRE": ("Calm",)}
    undo = done.stderr.split("--undo '")[1].split("'")[0]

    back = run("--undo", undo, "--json")
    assert back.exit_code == 0, back.output
    assert len(json.loads(back.stdout)["files"]) == 5
    assert fields(music / "sure mp3.mp3") == {}


def test_the_command_fails_where_a_file_does(run: Callable[..., Result], music: Path) -> None:
    (music / "two.flac").chmod(0o444)
    done = run("two", "--json")
    assert done.exit_code == 1
    (skipped,) = json.loads(done.stdout)["skipped"]
    assert skipped["reason"] == "the file is read-only"


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--all", "two"),
        ("--undo", "x", "--all"),
        ("--undo", "x", "--genre", "Swing"),
        ("--all", "--remove", "--also", "genre"),
        ("--all", "--overwrite"),
        ("--all", "--field", "TITLE"),
    ],
)
def test_what_the_command_line_cannot_say(args: tuple[str, ...]) -> None:
    assert CliRunner().invoke(cli, ["tag", *args]).exit_code == 2
