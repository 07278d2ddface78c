"""`soundalike evaluate` from end to end: real files, real analyses, libraries that lack."""

from __future__ import annotations

import inspect
import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import fakes
import numpy as np
import pytest
from audio_files import write_audio
from click.testing import CliRunner, Result
from mutagen.id3 import TALB, TCON, TIT2, TPE1
from mutagen.wave import WAVE
from postgresql_server import duplicate
from test_cli_commands import drum, organ

import soundalike
from soundalike.cli import cli
from soundalike.cli import evaluate as command
from soundalike.evaluate import listen
from soundalike.evaluate.kept import Kept
from soundalike.evaluate.neighbours import evaluate_library
from soundalike.evaluate.page import evaluation_page
from soundalike.evaluate.records import EvaluationProgress
from soundalike.evaluate.words import untagged_words
from soundalike.library import Library
from soundalike.models import DEFAULT_MODEL

RATE = 22_050
ALBUMS = 4  # of each band, with 3 tracks


def piece(artist: str, number: int) -> np.ndarray:
    """32 s that change every 4 s, in an order of their own: a near-duplicate can be told."""
    order = np.random.default_rng(number).permutation(14)[:8]
    render = organ if "Organ" in artist else drum
    return np.concatenate([render(int(step)) for step in order])


def put(path: Path, samples: np.ndarray, **tags: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_audio(path, samples.astype(np.float32), RATE, "wav")
    file = WAVE(path)
    file.add_tags()
    frames = {"artist": TPE1, "title": TIT2, "album": TALB, "genre": TCON}
    for name, value in tags.items():
        file.tags.add(frames[name](text=[value]))
    file.save()
    return path


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a library, ``library.db``, of two bands in ``music``, scanned."""
    folder = tmp_path_factory.mktemp("evaluate")
    for artist, genre in (("The Organs", "Drone"), ("Trömmel", "Noise")):
        for number in range(3 * ALBUMS):
            album = f"{artist} {number // 3}"
            put(
                folder / "music" / album / f"{number}.wav",
                piece(artist, number),
                artist=artist,
                title=f"Piece <{number}>",
                album=album,
                genre=genre,
            )
    first = folder / "music" / "The Organs 0" / "0.wav"
    shutil.copy(first, folder / "music" / "copy.wav")
    other = folder / "music" / "The Organs 1" / "other.mp3"
    write_audio(other, piece("The Organs", 4).astype(np.float32), RATE, "mp3-cbr")
    (folder / "music" / "broken.mp3").write_text("no music")
    gone = put(folder / "music" / "gone.wav", piece("The Organs", 20))
    library = folder / "library.db"
    scan = ("scan", folder / "music", "--library", library, "--jobs", 1)
    assert call(*scan).exit_code == 1  # for broken.mp3
    gone.unlink()
    call(*scan)
    # After the last scan, so that the library does not know of it.
    (folder / "music" / "Trömmel 3" / "11.wav").unlink()
    return folder


@pytest.fixture(scope="module")
def evaluated(place: Path) -> tuple[dict[str, Any], str, str]:
    """The JSON, the page, and what is said on the way."""
    page = place / "page.html"
    result = call(
        *("evaluate", "--library", place / "library.db", "-k", 5, "--sample", 8, "--jobs", 1),
        *("--html", page, "--json"),
    )
    assert result.exit_code == 1, result.output  # for the file that is gone
    return json.loads(result.stdout), page.read_text("utf-8"), result.stderr


def answer(found: dict[str, Any], question: str) -> dict[str, Any]:
    return next(each for each in found["answers"] if each["question"] == question)


def test_duplicates_are_set_aside_and_counted(evaluated) -> None:
    found, _, _ = evaluated
    aside = {Path(each["track"]["path"]).name: each for each in found["duplicates"]}
    assert found["n_tracks"] == 2 * 3 * ALBUMS
    kinds = {each["kind"] for each in found["duplicates"]}
    assert kinds == {"copy", "near"}
    # The one with the lower id stays, whichever the scan met first.
    pairs = {
        frozenset((Path(each["track"]["path"]).name, Path(each["kept"]["path"]).name))
        for each in found["duplicates"]
    }
    assert pairs == {frozenset(("copy.wav", "0.wav")), frozenset(("other.mp3", "4.wav"))}
    assert all(each["similarity"] > 0.95 for each in aside.values())


def test_tags_that_can_be_heard_are_found(evaluated) -> None:
    found, _, _ = evaluated
    artist = answer(found, "same artist")["figures"]
    assert artist["precision"]["value"] > 0.95
    assert artist["precision"]["low"] <= artist["precision"]["value"] <= artist["precision"]["high"]
    # 11 or so of 23 others are by the same band.
    assert artist["precision"]["chance"] == pytest.approx(0.48, abs=0.03)
    others = answer(found, "same artist, other albums")
    assert others["figures"]["n_queries"] >= 20
    baseline = answer(found, "same artist")["baseline"]
    assert baseline["n_tracks"] == found["n_tracks"] - 1  # one file is gone
    assert baseline["mfcc"]["precision"]["value"] > 0.9


def test_what_makes_no_sense_has_a_reason_and_no_figure(evaluated) -> None:
    found, _, _ = evaluated
    # Each genre is one band's: without it, nothing is left to find.
    genre = answer(found, "same genre, other artists")
    assert genre["figures"] is None
    assert "only 0 tracks with another of the same genre among other artists" in genre["reason"]
    assert found["hubness"] == []
    assert "needs at least 50 tracks, there are 24" in found["hubness_reason"]


def test_changed_copies_find_their_track(evaluated) -> None:
    found, _, _ = evaluated
    rows = {row["name"]: row for row in found["robustness"]}
    assert list(rows) == ["file", "excerpt", "mp3", "louder", "pitch", "tempo"]
    assert rows["file"]["first"]["value"] == 1.0
    # The pieces of a band differ by their order alone, so that another may come first.
    assert rows["mp3"]["within_k"]["value"] > 0.8
    # Clipped, pure tones get harmonics that they had not: nearer to themselves than to most.
    assert rows["louder"]["within_k"]["value"] > 2 * rows["louder"]["chance_within_k"]
    assert rows["louder"]["mean_similarity"] < rows["file"]["mean_similarity"]
    assert rows["tempo"]["mean_similarity"] > 0.9
    assert rows["file"]["n_tracks"] in (7, 8)  # the file that is gone may be among the eight
    assert rows["file"]["chance_first"] == pytest.approx(1 / 24, abs=1e-6)


def test_no_file_is_lost(evaluated) -> None:
    found, page, _ = evaluated
    assert [Path(each["path"]).name for each in found["missing"]] == ["gone.wav"]
    assert [Path(each["path"]).name for each in found["failed"]] == ["broken.mp3"]
    (unreadable,) = found["unreadable"]
    assert Path(unreadable["path"]).parts[-2:] == ("Trömmel 3", "11.wav")
    assert unreadable["reason"] == "gone since the scan"
    for name in ("gone.wav", "broken.mp3", "11.wav", "other.mp3"):
        assert name in page


def test_progress_tells_of_the_files_and_not_of_every_step(evaluated) -> None:
    _, _, said = evaluated
    lines = said.splitlines()
    assert lines[0] == "listening to 32 files"
    assert "listening to 32 files: 32 of 32" in lines
    assert not any(line.startswith("same artist") for line in lines)
    assert lines[-1].startswith("page: ")


def test_the_page_stands_alone_and_escapes_what_it_shows(evaluated) -> None:
    _, page, _ = evaluated
    assert not re.findall(r"""(?:src|href)=["'](?!#|data:)""", page)
    assert "<script" not in page
    assert "Piece <" not in page
    for words in ("Do neighbours belong together?", "Beside a plain baseline", "cannot say"):
        assert words in page
    assert page.count("<svg") >= 8


def test_the_same_seed_gives_the_same_figures(place: Path) -> None:
    call_ = ("evaluate", "--library", place / "library.db", "--no-baseline", "--no-robustness")
    one, other = (json.loads(call(*call_, "--json").stdout) for _ in range(2))
    assert one["answers"] == other["answers"]
    assert answer(one, "same artist")["baseline_reason"] == "left out on request"
    assert one["robustness_reason"] == "left out on request"


def test_the_terminal_gets_a_table_and_plain_words(place: Path) -> None:
    result = call(
        *("evaluate", "--library", place / "library.db", "-k", 5),
        *("--no-baseline", "--no-robustness"),
    )
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"24 tracks, {soundalike.Library(place / 'library.db').model.id}")
    assert "left out: 1 exact copy of another file" in lines
    assert any("P@5" in line and "chance" in line and "MAP" in line for line in lines)
    assert re.search(r"^  same artist: \d\.\d of 5 neighbours on average", result.stdout, re.M)
    assert "not measured: counting hubs at k = 5 needs at least 50 tracks" in result.stdout
    assert "cannot say" in result.stderr


def test_a_sample_for_the_baseline_is_drawn_in_whole_folders(place: Path, tmp_path: Path) -> None:
    duplicate(place / "library.db", tmp_path / "library.db")
    with Library(tmp_path / "library.db", create=False) as library:
        told = []
        evaluation = evaluate_library(
            library, k=2, baseline_tracks=21, robustness_tracks=0, jobs=1, progress=told.append
        )
    artist = next(each for each in evaluation.answers if each.question == "same artist")
    assert artist.figures is not None
    assert artist.baseline is not None or "of the 20" in (artist.baseline_reason or "")
    assert told[0].total == 21


# Going on from where it was


def test_a_second_run_decodes_nothing_again(place: Path, evaluated) -> None:
    found, _, said = evaluated
    assert "known from an earlier run" not in said
    words = ("evaluate", "--library", place / "library.db", "-k", 5, "--sample", 8, "--jobs", 1)
    again = call(*words, "--json")
    # All but the file that is gone, which is still told; it may be in both samples.
    assert re.search(r"listening to [12] files? \(3[01] more known from an earlier", again.stderr)
    assert again.exit_code == 1
    document = json.loads(again.stdout)
    for name in ("answers", "robustness", "unreadable", "hubness"):
        assert document[name] == found[name]
    assert document["interrupted"] is None


class Stopped(fakes.OnePool):
    """Ctrl-C after 22 files."""

    def outcomes(self, timeout_s: float) -> list[Any]:
        if self.outstanding <= 60 - 22:
            raise KeyboardInterrupt
        return super().outcomes(timeout_s)


def test_stopped_it_gives_what_is_measured_and_goes_on_from_there(
    fake_library, tmp_path: Path
) -> None:
    fake_library(60).close()
    library = fakes.open_library(tmp_path, pool=Stopped)
    half = evaluate_library(library, k=2, robustness_tracks=0)
    assert half.interrupted == (
        "Stopped with 0 of 0 tracks for the changed copies and 22 of 60 for the baseline."
    )
    folder = next(each for each in half.answers if each.question == "same folder")
    assert folder.figures is not None
    assert folder.baseline is not None
    assert folder.baseline.n_tracks == 22
    told: list[EvaluationProgress] = []
    library = fakes.open_library(tmp_path)
    whole = evaluate_library(library, k=2, robustness_tracks=0, progress=told.append)
    assert told[0].step == "listening to 38 files (22 more known from an earlier run)"
    assert whole.interrupted is None
    folder = next(each for each in whole.answers if each.question == "same folder")
    assert folder.baseline is not None
    assert folder.baseline.n_tracks == 60
    evaluate_library(library, k=2, robustness_tracks=0, progress=told.append)
    assert "60 files known from an earlier run" in {each.step for each in told}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C in another way")
def test_ctrl_c_prints_what_is_measured(place: Path, tmp_path: Path) -> None:
    duplicate(place / "library.db", tmp_path / "library.db")
    words = ["evaluate", "--library", str(tmp_path / "library.db"), "--jobs", "1", "-k", "5"]
    with subprocess.Popen(
        [sys.executable, "-m", "soundalike", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=Path(__file__).parents[1],
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "listening to 44 files\n"
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate()
    assert process.returncode == 130
    assert re.search(r"^Stopped with \d+ of 20 tracks for the changed copies and", stdout, re.M)
    assert "same artist: " in stdout
    assert "run the same command again" in stderr
    assert "Traceback" not in stderr


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    key = Kept.key("hash", 1, ("a", "b"))
    assert key == Kept.key("hash", 1, ("a", "b"))
    assert key != Kept.key("hash", 1, ("a", "c"))
    arrays = {"file": np.arange(3, dtype=np.float32), "allow_pickle": np.ones(2, np.float32)}
    with Kept(path) as kept:
        assert kept.get(key) is None
        kept.put(key, arrays)
        kept.put(key, arrays)
    with Kept(path) as kept:
        found = kept.get(key)
        assert found is not None
        assert {name: a.tolist() for name, a in found.items()} == {
            name: a.tolist() for name, a in arrays.items()
        }
    connection = sqlite3.connect(path)
    connection.execute("UPDATE kept SET value = substr(value, 1, 100)")
    connection.commit()
    connection.close()
    with Kept(path) as kept:
        assert kept.get(key) is None


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\x00" * 9])
def test_a_damaged_file_is_made_anew(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "kept"
    path.write_bytes(content)
    with Kept(path) as kept:
        kept.put(b"key", {"x": np.zeros(1, np.float32)})
        assert kept.get(b"key") is not None


@pytest.mark.parametrize("path", [None, Path("/nowhere/kept")])
def test_where_nothing_can_be_kept_nothing_is(path: Path | None) -> None:
    with Kept(path) as kept:
        kept.put(b"key", {"x": np.zeros(1, np.float32)})
        assert kept.get(b"key") is None


def test_another_model_or_another_effect_is_another_result(
    fake_library, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    library = fake_library(1)
    (track,) = library.tracks()
    key = listen._copies_task(library, track, 0, 0).key
    assert listen._copies_task(library, track, 5, 0).key == key
    assert listen._copies_task(library, track, 0, 1).key != key
    assert listen._copies_task(replace(library, "2"), track, 0, 0).key != key
    statistics = listen._mfcc_task(track, 0).key
    assert statistics != key
    monkeypatch.setattr(listen, "COPIES_VERSION", listen.COPIES_VERSION + 1)
    assert listen._copies_task(library, track, 0, 0).key != key
    monkeypatch.setattr(listen, "MFCC_VERSION", listen.MFCC_VERSION + 1)
    assert listen._mfcc_task(track, 0).key != statistics


def replace(library: Library, version: str) -> Library:
    """The same library with another version of the model."""
    assert library.path is not None
    return fakes.open_library(library.path.parent, version=version)


# Libraries that lack


@pytest.fixture
def fake_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes a library of so many fake tracks without tags."""

    def make(n: int, folders: int = 3) -> Library:
        for number in range(n):
            fakes.write_track(tmp_path / f"f{number % folders}" / f"{number}.wav", f"text {number}")
        library = fakes.open_library(tmp_path)
        library.scan([tmp_path])
        return library

    return make


def test_a_library_without_tags_says_what_is_left(fake_library) -> None:
    evaluation = evaluate_library(fake_library(60), k=3, baseline_tracks=0, robustness_tracks=0)
    reasons = {each.question: each.reason for each in evaluation.answers}
    assert reasons["same album"] is reasons["same artist"] is reasons["same folder"] is None
    assert reasons["same genre, other artists"] == "no track has a genre tag and an artist"
    assert (evaluation.n_tracks, evaluation.n_stand_ins) == (60, 60)
    assert "folders stand in for them" in (untagged_words(evaluation) or "")
    assert [each.method for each in evaluation.hubness] == [
        "as it is",
        "local scaling",
        "mutual proximity",
    ]
    for figures in evaluation.hubness:
        assert sum(figures.occurrences) == 60
        assert sum(times * n for times, n in enumerate(figures.occurrences)) == 3 * 60
    # Random embeddings know nothing of folders.
    folder = next(each for each in evaluation.answers if each.question == "same folder")
    assert folder.figures is not None
    assert folder.figures.precision.low < folder.figures.precision.chance
    assert "folders stand in for them" in evaluation_page(evaluation)


def test_one_folder_tells_nothing(fake_library) -> None:
    evaluation = evaluate_library(
        fake_library(24, folders=1), k=3, baseline_tracks=0, robustness_tracks=0
    )
    folder = next(each for each in evaluation.answers if each.question == "same folder")
    assert folder.figures is None
    assert folder.reason == (
        "all tracks that have a folder are of one folder: nothing to distinguish"
    )


@pytest.mark.parametrize(
    ("n", "k", "reason"),
    [
        (5, 3, "too few tracks: 5, at least 20 are needed"),
        (24, 12, "too few tracks for k = 12: 24"),
    ],
)
def test_too_few_tracks_are_said_to_be_too_few(fake_library, n: int, k: int, reason: str) -> None:
    evaluation = evaluate_library(fake_library(n), k=k, jobs=1)
    for each in evaluation.answers:
        assert each.figures is None
        assert (each.reason or "").startswith(reason)
    assert evaluation.hubness == ()
    assert evaluation.robustness == ()
    assert evaluation_page(evaluation).count("Not measured") == 3


def test_files_that_are_all_gone_are_all_listed(fake_library, tmp_path: Path) -> None:
    library = fake_library(24)
    for path in tmp_path.glob("f*/*.wav"):
        path.unlink()
    evaluation = evaluate_library(library, k=3, jobs=1)
    assert len(evaluation.unreadable) == 24
    assert {each.reason for each in evaluation.unreadable} == {"gone since the scan"}
    folder = next(each for each in evaluation.answers if each.question == "same folder")
    assert folder.figures is not None
    assert folder.baseline_reason == "no file could be read"


# The command


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "nope"], "ModelError: unknown model 'nope'"),
        (["--html", "/nowhere/page.html"], "OutputError: /nowhere/page.html: cannot be written"),
    ],
)
def test_bad_input_is_one_line(place: Path, arguments: list[str], message: str) -> None:
    result = call("evaluate", "--library", place / "library.db", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr


@pytest.mark.parametrize("option", ["-k", "--sample", "--baseline-sample"])
def test_a_number_that_cannot_be_is_told_by_its_option(option: str) -> None:
    result = call("evaluate", option, -1)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"Invalid value for '{option}'" in result.stderr


def test_a_library_that_is_empty_or_not_there(tmp_path: Path) -> None:
    missing = call("evaluate", "--library", tmp_path / "none.db")
    assert missing.exit_code == 1
    assert "there is no library" in missing.stderr
    Library(tmp_path / "empty.db").close()
    empty = call("evaluate", "--library", tmp_path / "empty.db")
    assert empty.exit_code == 1
    assert "no track is analysed" in empty.stderr


def test_another_model_s_analyses_are_not_measured(tmp_path: Path, fake_library) -> None:
    fake_library(3).close()
    result = call("evaluate", "--library", tmp_path / "library.db")
    assert result.exit_code == 1
    assert result.stderr.startswith("ModelMismatch: ")
    assert DEFAULT_MODEL in result.stderr


def test_the_command_s_defaults_are_the_function_s() -> None:
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(evaluate_library).parameters.items()
    }
    options = {option.name: option.default for option in command.evaluate.params}
    assert options["sample"] == defaults["robustness_tracks"]
    assert options["baseline_sample"] == defaults["baseline_tracks"]
    assert (options["k"], options["seed"]) == (defaults["k"], defaults["seed"])
