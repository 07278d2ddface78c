"""``find``: tracks by words, from real files through a small model to the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audio_files import write_audio
from click.testing import CliRunner, Result
from fakes import FACETED, open_library, write_track

pytest.importorskip("onnx", reason="needs soundalike[research]")

from facet_models import install
from sqlalchemy import update
from word_models import word_model

from soundalike.analyzer import Analyzer
from soundalike.cli import cli
from soundalike.errors import InvalidArgument, ModelError
from soundalike.library import Library
from soundalike.library.storage.schema import analyses
from soundalike.models.contract import NO_WORDS

RATE = 22_050


def length_s(number: int) -> int:
    """Each its own: what is as long and sounds like another piece is taken for a copy of it."""
    return 10 + 4 * number


def organ(number: int) -> np.ndarray:
    time_s = np.arange(length_s(number) * RATE) / RATE
    root = 110 * 2 ** (number / 12)
    return sum(np.sin(2 * np.pi * root * ratio * time_s) for ratio in (1, 1.25, 1.5, 2)) / 5


def hiss(number: int) -> np.ndarray:
    noise = np.random.default_rng(number).normal(size=length_s(number) * RATE).clip(-3, 3) / 4
    # The difference of neighbours: louder the higher.
    return np.diff(noise, prepend=0.0)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Three organs, one of them twice, and three drums, in a library of the model with words."""
    folder = tmp_path_factory.mktemp("find")
    music = folder / "music"
    for kind, render in (("organ", organ), ("drums", hiss)):
        (music / kind).mkdir(parents=True)
        for number in range(3):
            samples = render(number).astype(np.float32)
            write_audio(music / kind / f"{kind} {number}.flac", samples, RATE, "flac")
    shutil.copy(music / "organ" / "organ 0.flac", music / "organ" / "again.flac")
    install(folder / "models", word_model(), name="words")
    install(folder / "models", word_model(name="plain", words=NO_WORDS), name="plain")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOUNDALIKE_MODELS", str(folder / "models"))
        patch.setenv("SOUNDALIKE_MODEL", "words")
        patch.setenv("SOUNDALIKE_LIBRARY", str(folder / "library.db"))
        with Library(folder / "library.db", model="words") as library:
            library.scan([music], jobs=1)
        yield folder


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments])


def call_json(*arguments: object) -> Any:
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_what_is_asked_for_comes_first(place: Path) -> None:
    with Library(place / "library.db", model="words") as library:
        organs = library.find("organs, no drums")
        drums = library.find("drums without organ", 2)
    assert [match.track.path.parent.name for match in organs.matches] == ["organ"] * 3 + [
        "drums"
    ] * 3
    assert [match.track.path.parent.name for match in drums.matches] == ["drums", "drums"]
    assert organs.model == "words@1"
    assert [str(word) for word in organs.asked] == ["organ", "no drums"]
    assert [word.tracks for word in organs.asked] == [4, 4]
    assert (organs.searched, organs.sure, organs.not_searched) == (7, 4, 0)
    fits = [match.fit for match in organs.matches]
    assert fits == sorted(fits, reverse=True)
    best, *_, worst = organs.matches
    assert [(word.word, word.wanted, word.verdict) for word in best.words] == [
        ("organ", True, "yes"),
        ("drums", False, "yes"),
    ]
    assert {word.verdict for word in worst.words} == {"no"}
    assert best.words[0].probability > 0.7 > 0.3 > best.words[1].probability


def test_a_recording_comes_once(place: Path) -> None:
    with Library(place / "library.db", model="words") as library:
        (match,) = (match for match in library.find("organ").matches if match.copies)
    names = {match.track.path.name, *(copy.track.path.name for copy in match.copies)}
    assert names == {"organ 0.flac", "again.flac"}


def test_probabilities_are_those_of_the_analysis(place: Path) -> None:
    with Library(place / "library.db", model="words") as library:
        for match in library.find("organ").matches:
            known = library.analysis(match.track.track_id).words
            assert match.words[0].probability == pytest.approx(known["organ"], abs=1e-6)


def test_only_what_is_sure(place: Path) -> None:
    with Library(place / "library.db", model="words") as library:
        assert len(library.find("organ", sure=True).matches) == 3
        assert len(library.find("organ", max_per_artist=1, sure=True).matches) == 1
        nothing = library.find("harp", sure=True)
        assert (nothing.matches, nothing.sure, nothing.searched) == ((), 0, 7)
        assert library.find("sad", sure=True).matches == ()
        assert library.find("no harp", sure=True).sure == 7


def test_a_word_that_is_never_sure_ranks(place: Path) -> None:
    with Library(place / "library.db", model="words") as library:
        found = library.find("sad, no drums", 3)
    assert [match.track.path.parent.name for match in found.matches] == ["organ"] * 3
    assert [word.is_ever_sure for word in found.asked] == [False, True]
    assert {match.words[0].verdict for match in found.matches} == {"unsure"}


def test_the_words_of_the_library(place: Path) -> None:
    with Library(place / "library.db", model="words") as library:
        words = library.words()
    assert [(word.word, word.group, word.precision, word.tracks) for word in words] == [
        ("organ", "instrument", 0.9, 4),
        ("drums", "instrument", 0.8, 3),
        ("harp", "instrument", 0.85, 0),
        ("sad", "mood", None, 0),
    ]


def test_the_table_says_what_was_understood(place: Path) -> None:
    result = call("find", "church", "organ,", "no", "drum")
    assert result.exit_code == 0
    assert "organ, no drums: 7 tracks searched, 4 are surely like this" in result.stderr
    header, first, *rest = result.stdout.splitlines()
    assert header.split()[:3] == ["organ", "no", "drums"]
    assert first.split()[0] == "1"
    assert first.count("sure ") == 2
    assert "hardly" not in first
    assert "+1 copy" in result.stdout
    assert all("hardly " in line for line in rest[2:])
    assert "sure: above what the word needs" in result.stderr
    assert "hardly: probably not" in result.stderr
    assert "each word has a bound of its own" in result.stderr


def test_the_table_says_when_nothing_is_sure(place: Path) -> None:
    result = call("find", "harp")
    assert "none is surely like this" in result.stderr
    assert "No track here surely has 'harp': these come nearest." in result.stderr
    assert len(result.stdout.splitlines()) == 7
    assert "it only ranks by it" in call("find", "sad").stderr
    result = call("find", "harp", "--sure")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Without --sure the nearest are listed." in result.stderr


def test_find_for_programs_and_players(place: Path, tmp_path: Path) -> None:
    found = call_json("find", "organ", "-k", 2)
    assert found["query"] == "organ"
    assert found["asked"] == [{"word": "organ", "wanted": True, "is_ever_sure": True, "tracks": 4}]
    assert [match["rank"] for match in found["matches"]] == [1, 2]
    assert found["matches"][0]["words"][0]["verdict"] == "yes"
    assert call("find", "organ", "-k", 2, "--m3u", tmp_path / "organs.m3u8").exit_code == 0
    listed = (tmp_path / "organs.m3u8").read_text(encoding="utf-8").splitlines()
    assert [line for line in listed if line[0] != "#"] == [
        match["track"]["path"] for match in found["matches"]
    ]
    piped = call("find", "organ", "-k", 2, "--m3u", "-")
    assert piped.stdout.splitlines() == listed


def test_the_words_are_listed_by_group(place: Path) -> None:
    result = call("find", "--words")
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["group", "word", "tracks", "right"],
        ["instrument", "drums", "3", "80", "%"],
        ["harp", "0", "85", "%"],
        ["organ", "4", "90", "%"],
        ["mood", "sad", "only", "ranks"],
    ]
    assert call_json("find", "--words")[0]["word"] == "organ"


def test_what_cannot_be_found(place: Path) -> None:
    result = call("find", "orgn")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Did you mean 'organ'?" in result.stderr
    assert call("find", "organ", "-k", 0).exit_code == 1
    for usage in (["find"], ["find", "organ", "--words"], ["find", "--words", "--m3u", "x.m3u8"]):
        assert call(*usage).exit_code == 2
    with Library(place / "library.db", model="words") as library:
        with pytest.raises(InvalidArgument, match="k is 0"):
            library.find("organ", 0)
        with pytest.raises(InvalidArgument, match="17"):
            library.find(17)  # type: ignore[arg-type]


def test_a_model_without_words_is_told(place: Path) -> None:
    with (
        Library(place / "library.db", model="plain") as library,
        pytest.raises(ModelError, match="plain@1 tells no words"),
    ):
        library.find("organ")
    assert call("find", "organ", "--model", "plain").exit_code == 1


def test_tags_are_words_that_are_never_sure(place: Path, tmp_path: Path) -> None:
    tags = ("Organ, electronic organ", "Drum")
    install(place / "models", word_model(name="tags", words=NO_WORDS, tags=tags), name="tags")
    with Library(tmp_path / "library.db", model="tags") as library:
        library.scan([place / "music"], jobs=1)
        assert [(word.word, word.tracks) for word in library.words()] == [("organ", 0), ("drum", 0)]
        found = library.find("organ, no drums", k=3)
        assert all("organ" in str(match.track.path) for match in found.matches)
        assert {word.verdict for match in found.matches for word in match.words} == {"unsure"}
        best = found.matches[0]
        analysis = Analyzer("tags").from_file(best.track.path)
    assert best.words[0].probability == pytest.approx(analysis.probabilities[0], abs=1e-6)


def test_a_library_without_tracks_has_words_all_the_same(place: Path, tmp_path: Path) -> None:
    with Library(tmp_path / "library.db", model="words") as library:
        assert [word.tracks for word in library.words()] == [0, 0, 0, 0]
        found = library.find("organ")
    assert (found.matches, found.searched) == ((), 0)


@pytest.mark.parametrize("stored", [None, b"", b"\0\0", b"\xff" * 6], ids=repr)
def test_damaged_words_hide_their_track_alone(stored: bytes | None, tmp_path: Path) -> None:
    for number in range(3):
        write_track(tmp_path / "music" / f"{number}.wav", f"text {number}")
    with open_library(tmp_path, name=FACETED) as library:
        library.scan([tmp_path / "music"])
        with library._database.write() as connection:
            connection.execute(update(analyses).where(analyses.c.id == 1).values(words=stored))
        found = library.find("piano")
        assert (found.searched, len(found.matches)) == (2, 2)
