"""``list``, ``duplicates`` and what ``similar`` shows of copies, paths and folders."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import mutagen.wave
import pytest
from click.testing import CliRunner, Result
from fakes import open_library, write_track
from mutagen.id3 import TIT2, TPE1

from soundalike.cli import cli, output
from soundalike.cli.rows import track_cells
from soundalike.cli.tracks import files_meant
from soundalike.errors import AmbiguousTrack, LibraryError, TrackNotFound
from soundalike.library import library as library_module


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ``music`` and a library of the fake's that the command finds."""
    music = tmp_path / "music"
    for name in ("Blupi/track8.wav", "Blupi/track9.wav", "loose.wav", "a b.wav"):
        write_track(music / name, f"text {name}")
    tagged = write_track(music / "tagged.wav", "tagged")
    file = mutagen.wave.WAVE(tagged)
    file.add_tags()
    file.tags.add(TPE1(text="Björk"))
    file.tags.add(TIT2(text="Jóga"))
    file.save()
    shutil.copy(music / "Blupi/track9.wav", music / "Blupi/track9 again.wav")
    with open_library(tmp_path) as library:
        library.scan([music])
        model = library.model
    # The commands analyse with a built-in model; this library is of the fake's.
    monkeypatch.setattr(library_module, "find_model", lambda _: model)
    monkeypatch.setenv("SOUNDALIKE_LIBRARY", str(tmp_path / "library.db"))
    monkeypatch.setenv("SOUNDALIKE_MODEL", "fake")
    return tmp_path


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments])


def test_list_prints_a_line_for_each_track(place: Path) -> None:
    lines = call("list").stdout.splitlines()
    assert len(lines) == 6
    assert lines[0].split() == ["4", "0:25", "Blupi/track8"]
    assert lines[-1].split(maxsplit=2) == ["3", "0:25", "Björk - Jóga"]
    assert call("list", "bjor").stdout.splitlines() == lines[-1:]
    assert call("list", place / "music" / "Blupi").stdout.splitlines() == lines[:3]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (r"{id}\t{artist}\t{title}", "3\tBjörk\tJóga\n"),
        (r"{file}\0", "tagged.wav\0"),
        (r"{file}\n", "tagged.wav\n"),
        ("{{{status}}}", "{analysed}\n"),
        (r"a\\n{album}", "a\\nmusic\n"),
        ("{length} {seconds} {codec} {year}|", "0:25 25.000 pcm_u8 |\n"),
        ("plain", "plain\n"),
    ],
)
def test_list_in_a_format(place: Path, template: str, expected: str) -> None:
    result = call("list", "jóga", "--format", template)
    assert (result.exit_code, result.stdout) == (0, expected)


@pytest.mark.parametrize(
    ("template", "words"),
    [("{albun}", "no field {albun}; the fields are id, path"), ("{id", "brace"), ("id}", "brace")],
)
def test_list_in_no_format(place: Path, template: str, words: str) -> None:
    result = call("list", "--format", template)
    assert (result.exit_code, result.stdout) == (1, "")
    assert words in result.stderr


def test_list_for_programs(place: Path) -> None:
    tracks = json.loads(call("list", "--json").stdout)
    assert [track["track_id"] for track in tracks] == [4, 5, 6, 1, 2, 3]
    assert tracks[0]["artist"] == "Blupi"
    assert tracks[0]["stand_ins"] == ["artist", "album"]
    assert json.loads(call("list", "--json", "--status", "failed").stdout) == []
    (place / "music" / "loose.wav").unlink()
    with open_library(place) as library:
        library.scan([place / "music"])
    assert "loose" not in call("list").stdout
    assert "[missing]" in call("list", "--status", "missing").stdout


@pytest.mark.skipif(sys.platform == "win32", reason="names are text there")
def test_list_gives_names_their_own_bytes(place: Path) -> None:
    odd = os.fsencode(place / "music") + b"/caf\xe9\n.wav"
    shutil.copy(place / "music" / "loose.wav", os.fsdecode(odd))
    with open_library(place) as library:
        library.scan([place / "music"])
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); import fakes\n"
        "from soundalike.library import library as module\n"
        "module.find_model = lambda _: fakes.fake_model()\n"
        "from soundalike.cli import main\n"
        "main(sys.argv[1:])"
    )
    here = str(Path(__file__).parent)
    printed = subprocess.run(
        [sys.executable, "-c", code, here, "list", "--paths0"], capture_output=True, check=True
    ).stdout
    assert odd in printed.split(b"\0")
    assert printed.count(b"\0") == 7


def test_list_says_what_it_does_not_find(place: Path) -> None:
    result = call("list", "bjrok")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Did you mean" in result.stderr
    assert "Jóga" in result.stderr
    result = call("list", place / "nowhere")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "No tracks below" in result.stderr
    assert call("list", "--json", "--paths0").exit_code == 2


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize(
    "words", [["duplicates"], ["similar", "2", "--copies", "--paths"]], ids=str
)
def test_ids_survive_on_a_narrow_terminal(
    words: list[str], width: int, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "terminal_width", lambda: width)
    lines = call(*words).stdout.splitlines()
    assert max(map(len, lines)) <= width
    end = lines[0].index(" id ") + len(" id")
    assert all(line[:end].split()[-1].isdigit() for line in lines[1:])


def test_duplicates(place: Path) -> None:
    result = call("duplicates")
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["best", "exact"]
    assert lines[1].endswith("Blupi/track9.wav")
    assert "1 piece with 1 copy beside the best" in result.stderr
    paths = call("duplicates", "--paths0").stdout.split("\0")
    assert paths == [str(place / "music/Blupi/track9 again.wav"), ""]
    (group,) = json.loads(call("duplicates", "--json").stdout)
    assert group["others"][0]["kind"] == "copy"
    assert group["best"]["path"].endswith("track9.wav")
    os.remove(place / "music/Blupi/track9 again.wav")
    with open_library(place) as library:
        library.scan([place / "music"])
    result = call("duplicates")
    assert (result.stdout, result.stderr) == ("", "No piece is there more than once.\n")


def test_similar_shows_copies_on_request(place: Path) -> None:
    result = call("similar", "jóga")
    lines = result.stdout.splitlines()
    assert len(lines) == 1 + 4
    (line,) = [line for line in lines if "track9" in line]
    assert line.endswith("+1 copy")
    assert ".wav" not in result.stdout
    more = call("similar", "jóga", "--copies", "--paths").stdout
    assert len(more.splitlines()) == 1 + 5
    assert more.splitlines()[-1].endswith("exact copy") or "exact copy" in more
    assert str(place / "music/Blupi/track8.wav") in more
    result = call("similar", "track9", "--copies")
    assert "1 copy of the query is not listed:" in result.stderr
    assert "track9 again.wav  (exact copy)" in result.stderr


def test_an_untagged_track_is_shown_by_its_folder(place: Path) -> None:
    with open_library(place) as library:
        assert track_cells(library.track("track8"))[:2] == ["", "Blupi/track8"]
        assert track_cells(library.track("jóga"))[:2] == ["Björk", "Jóga"]


def test_files_are_meant_by_paths_ids_and_words(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    music = place / "music"
    monkeypatch.chdir(music)
    with open_library(place) as library:
        monkeypatch.setattr("soundalike.library.Library", lambda *_, **__: library)
        assert files_meant(["4", "jóga", "loose.wav"]) == [
            music / "Blupi/track8.wav",
            music / "tagged.wav",
            music / "loose.wav",
        ]
        assert files_meant(["nowhere.wav"]) == [Path("nowhere.wav")]
        with pytest.raises(TrackNotFound):
            files_meant(["no such words"])
        with pytest.raises(AmbiguousTrack):
            files_meant(["blupi"])


def test_files_are_meant_without_a_library(place: Path) -> None:
    here = str(place / "music/loose.wav")
    assert files_meant([here, "gone.mp3"], str(place / "none.db")) == [
        Path(here),
        Path("gone.mp3"),
    ]
    with pytest.raises(LibraryError, match="there is no library"):
        files_meant(["some words"], str(place / "none.db"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("option", [[], ["--json"], ["--paths0"]], ids=str)
def test_a_list_for_a_full_disk_is_one_line(option: list[str], tmp_path: Path) -> None:
    place = tmp_path / "library.db"
    shutil.copy(Path(__file__).parent / "data" / "libraries" / "0004.db", place)
    words = [sys.executable, "-m", "soundalike", "list", "--library", str(place), *option]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            words, stdout=full, stderr=subprocess.PIPE, check=False, env=environment
        )
    assert result.stderr.splitlines() == [
        b"OutputError: standard output cannot be written: no space left on device"
    ]
    assert result.returncode == 1
