"""Facets, words, tempo and key as the commands show them: real files, a small model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from audio_files import write_audio
from click.testing import CliRunner, Result

pytest.importorskip("onnx", reason="needs soundalike[research]")

import onnx
from facet_models import FORMER, LAYOUT, NEVER, WORDS, facet_model, install, music

from soundalike.cli import cli

RATE = 22_050
SHARES = {"sound": 0.6, "rhythm": 0.25, "harmony": 0.15}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a library of five tracks, with the small model as the one that answers."""
    folder = tmp_path_factory.mktemp("facets")
    install(folder / "models", facet_model())
    unsure = facet_model(name="unsure", tempo=NEVER, key=NEVER)
    install(folder / "models", unsure, name="unsure")
    plain = onnx.load(FORMER)
    properties = {each.key: each.value for each in plain.metadata_props} | {"name": "plain"}
    onnx.helper.set_model_props(plain, properties)
    install(folder / "models", plain.SerializeToString(), name="plain")
    for number in range(5):
        tags = {"artist": f"Band {number % 2}", "title": f"Piece {number}"}
        sound = music(11.0, bpm=80 + 20 * number, root=220 * 2 ** (number / 12), seed=number)
        path = folder / "music" / f"{number}.flac"
        path.parent.mkdir(exist_ok=True)
        write_audio(path, sound, RATE, "flac", metadata=tags)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOUNDALIKE_MODELS", str(folder / "models"))
        patch.setenv("SOUNDALIKE_MODEL", "facets")
        patch.setenv("SOUNDALIKE_LIBRARY", str(folder / "library.db"))
        assert call("scan", folder / "music", "--jobs", 1).exit_code == 0
        yield folder


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments], catch_exceptions=False)


def call_json(*arguments: object) -> Any:
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_similar_weighs_facets(place: Path) -> None:
    found = call_json("similar", 1, "--weights", "rhythm=2, sound=0.5")
    total = 2 + 0.5 + 0.15
    expected = {"sound": 0.5 / total, "rhythm": 2 / total, "harmony": 0.15 / total}
    assert found["weights"] == pytest.approx(expected, abs=1e-5)
    assert len(found["matches"]) == 4
    for match in found["matches"]:
        mean = sum(share * match["facets"][name] for name, share in expected.items())
        assert match["similarity"] == pytest.approx(mean, abs=1e-4)
    assert call_json("similar", 1)["weights"] == pytest.approx(SHARES)
    shown = call("similar", 1, "--weights", "rhythm=2,sound=0.5")
    assert "weights: sound 19 %, rhythm 75 %, harmony 6 %" in shown.stderr
    # A file that is not in the library, and a passage of it.
    stranger = write_audio(place / "stranger.flac", music(12.0, seed=9), RATE, "flac")
    for at in ((), ("--at", "0:01-0:11")):
        found = call_json("similar", stranger, "--weights", "harmony=0", *at)
        assert (found["weights"]["harmony"], found["searched"]) == (0.0, 5)


def test_a_seed_may_be_a_passage(place: Path) -> None:
    apart = call_json("similar", 1, "--at", "0-5")
    assert call_json("similar", "1@0-0:05") == apart
    assert call_json("similar", "piece", "0@0-5") == apart
    found = call_json("similar", "1@0-5", 2)
    assert [(seed["start_s"], seed["end_s"]) for seed in found["seeds"]] == [(0, 5), (None, None)]
    assert len(found["matches"]) == 3
    result = call("similar", "1@0-5", 2)
    assert "Band 0 - Piece 0, 0:00 to 0:05 + Band 1 - Piece 1: 3 tracks" in result.stderr
    both = call("similar", "1@0-5", 2, "--at", "1-2")
    assert both.exit_code == 1
    assert "a passage of one track, and there are 2" in both.stderr


def test_similar_shows_facets_where_that_is_asked_for(place: Path) -> None:
    plain, shown = call("similar", 1), call("similar", 1, "--facets")
    assert "rhythm" not in plain.stdout
    header, *rows = shown.stdout.splitlines()
    assert re.search(r"similarity +closer than +sound +rhythm +harmony +artist", header)
    matches = call_json("similar", 1)["matches"]
    for row, match in zip(rows, matches, strict=True):
        assert all(f" {match['facets'][name]:.3f} " in row for name in LAYOUT.names)
    assert "weights: sound 60 %, rhythm 25 %, harmony 15 %" in shown.stderr


@pytest.mark.parametrize(
    ("weights", "code", "message"),
    [
        ("rythm=2", 1, "weights name 'rythm': the model has the facets sound, rhythm and harmony"),
        ("rhythm=-1", 1, "the weight of 'rhythm' is -1: it must be at least 0"),
        ("sound=0,rhythm=0,harmony=0", 1, "all weights are 0: one must be above 0"),
        ("rhythm=nan", 1, "must be a finite number"),
        ("rhythm", 2, "'rhythm' is no list of weights: name each facet once"),
        ("rhythm=fast", 2, "is no list of weights"),
        ("rhythm=1,rhythm=2", 2, "is no list of weights"),
        ("", 2, "is no list of weights"),
    ],
)
def test_weights_that_cannot_be_used(place: Path, weights: str, code: int, message: str) -> None:
    result = call("similar", 1, "--weights", weights)
    assert result.exit_code == code
    assert message in " ".join(result.stderr.split())


def test_a_model_without_facets_says_so(place: Path, tmp_path: Path) -> None:
    own = ("--model", "plain", "--library", tmp_path / "library.db")
    assert call("scan", place / "music", *own, "--jobs", 1).exit_code == 0
    result = call("similar", 1, "--weights", "rhythm=2", *own)
    assert result.exit_code == 1
    assert "plain@1: weights name 'rhythm': the model has no facets to weigh" in result.stderr
    shown = call("similar", 1, "--facets", *own)
    assert "plain@1 has no facets: the similarity is all that it tells." in shown.stderr
    assert "sound " not in shown.stdout
    assert "share" not in call("compare", 1, 2, *own).stdout
    said = call("info", 1, *own).stdout
    assert not re.search("^(tempo|key|words)", said, re.MULTILINE)
    assert call_json("info", 1, *own)["analysis"]["tempo_bpm"] is None


def test_what_compare_shows_adds_up(place: Path) -> None:
    found = call_json("compare", 1, 2)
    assert found["similarity"] == pytest.approx(sum(found["shares"].values()), abs=1e-5)
    for name, share in SHARES.items():
        assert found["shares"][name] == pytest.approx(share * found["facets"][name], abs=1e-5)
    for a in range(1, 5):
        shown = call("compare", a, 5).stdout
        rows = re.findall(r"^(\w+) +(-?[\d.]+) +(\d+) % +(-?[\d.]+)$", shown, re.MULTILINE)
        assert [row[0] for row in rows] == list(LAYOUT.names)
        together = re.search(r"^together +(-?[\d.]+)$", shown, re.MULTILINE)
        assert together
        # As they stand there, to the last digit.
        assert sum(round(1000 * float(row[3])) for row in rows) == round(1000 * float(together[1]))
        assert f"similarity {together[1]}" in shown


def test_info_shows_facets_tempo_key_and_words(place: Path) -> None:
    assert "compares  sound 60 %, rhythm 25 %, harmony 15 %" in call("info").stdout
    assert call_json("info")["facets"] == pytest.approx(SHARES)
    said = call_json("info", 1)
    analysis = said["analysis"]
    assert said["tempo_bpm"] == analysis["tempo_bpm"] > 0
    assert said["key"] == analysis["key"]
    assert list(analysis["words"]) == [each.word for each in WORDS]
    assert analysis["words_that_hold"] == ["piano", "guitar"]
    shown = call("info", 1).stdout
    assert re.search(rf"^tempo +{round(said['tempo_bpm'])} BPM", shown, re.MULTILINE)
    assert re.search(rf"^key +{said['key']}$", shown, re.MULTILINE)
    assert re.search("^words +piano, guitar$", shown, re.MULTILINE)


def test_genre_shows_tempo_key_and_words(place: Path) -> None:
    stored, heard = call("genre", 1).stdout, call("genre", place / "music" / "0.flac").stdout
    for shown in (stored, heard):
        assert re.search(r"^tempo +\d+ BPM", shown, re.MULTILINE)
        assert re.search(r"^key +[A-G][b#]? (major|minor)$", shown, re.MULTILINE)
        assert re.search("^words +piano, guitar$", shown, re.MULTILINE)
    (found,) = call_json("genre", 1)
    assert 0 <= found["tempo_confidence"] <= 1
    assert isinstance(found["tempo_alternatives"], list)


def test_what_is_not_sure_is_said_to_be(place: Path) -> None:
    shown = call("genre", place / "music" / "0.flac", "--model", "unsure").stdout
    assert re.search("^tempo +unsure$", shown, re.MULTILINE)
    assert re.search("^key +unsure$", shown, re.MULTILINE)


def test_models_tell_their_facets(place: Path) -> None:
    (model,) = (each for each in call_json("models") if each["id"] == "facets@1")
    assert [facet["name"] for facet in model["facets"]] == list(LAYOUT.names)
    assert [each["word"] for each in model["words"]] == [each.word for each in WORDS]
