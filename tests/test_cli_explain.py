"""``explain`` and ``passages`` on real files, with a small model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audio_files import write_audio
from click.testing import CliRunner, Result

pytest.importorskip("onnx", reason="needs soundalike[research]")

from facet_models import facet_model, install, music

from soundalike.audio import load_audio
from soundalike.audio.effects import change_gain, through_mp3
from soundalike.cli import cli
from soundalike.library import Library
from soundalike.recommend.explain import explain
from soundalike.show.drawing import save
from soundalike.show.explained import plot_explanation

RATE = 22_050


def piece(number: int) -> np.ndarray:
    """40 s in four parts with other chords, beats and levels of both."""
    rng = np.random.default_rng(number)
    parts = []
    for part in range(4):
        sound = music(10.0, bpm=rng.uniform(60, 180), root=110 * 2 ** rng.uniform(0, 4), seed=part)
        parts.append(np.sign(sound) * np.abs(sound) ** rng.uniform(0.5, 2.0))
    return 0.5 * np.concatenate(parts).astype(np.float32)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("explain")
    install(folder / "models", facet_model())
    (folder / "music").mkdir()
    for number in range(11):
        tags = {"artist": f"Band {number % 2}", "title": f"Piece {number}"}
        path = folder / "music" / f"{number:02d}.flac"
        write_audio(path, piece(number), RATE, "flac", metadata=tags)
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


# explain


def test_explain_tells_why_and_why_not(place: Path) -> None:
    near, far = (call_json("similar", 1)["matches"][rank]["track"]["track_id"] for rank in (0, 8))
    shown = call("explain", 1, near, "--not", far)
    assert shown.exit_code == 0, shown.output
    assert "1st of 10 tracks like A" in shown.stdout
    assert "9th of 10 tracks like A" in shown.stdout
    assert "What pulls C apart most is " in shown.stdout
    # The shares, as they are shown, add up to what is shown below them.
    lines = [line.split() for line in shown.stdout.splitlines()]
    for start, columns in (("facet similarity", [-1]), ("facet share", [-3, -2, -1])):
        first = next(i for i, line in enumerate(lines) if " ".join(line).startswith(start))
        for column in columns:
            *shares, total = (float(line[column]) for line in lines[first + 1 : first + 5])
            assert sum(shares) == pytest.approx(total, abs=1e-9)
    document = call_json("explain", 1, near, "--not", far)
    assert document["standing"]["rank"] == 1
    assert document["expected"]["standing"]["rank"] == 9
    assert document["similarity"] == pytest.approx(
        sum(each["share"] for each in document["facets"]), abs=1e-5
    )


def test_explain_weighs_facets(place: Path) -> None:
    found = call_json("explain", 1, 2, "--weight", "rhythm=1", "--weights", "sound=0,harmony=0")
    assert found["weights"] == {"sound": 0.0, "rhythm": 1.0, "harmony": 0.0}
    (rhythm,) = (each for each in found["facets"] if each["name"] == "rhythm")
    assert found["similarity"] == pytest.approx(rhythm["similarity"], abs=1e-5)


def test_explain_writes_what_matches(place: Path, tmp_path: Path) -> None:
    target = tmp_path / "pairs.mp3"
    result = call("explain", 1, "2@0:12-0:36", "--audio", target)
    assert result.exit_code == 0, result.output
    found = load_audio(target)
    assert f"sound: {target}" in result.stderr
    assert "in the file" in result.stdout
    document = call_json("explain", 1, "2@0:12-0:36", "--audio", tmp_path / "pairs.wav")
    starts_s = document["audio_starts_s"]
    assert len(starts_s) == len(document["passages"])
    assert starts_s == sorted(starts_s)
    assert starts_s[-1] < found.duration_s
    assert all(12 <= each["b_start_s"] < each["b_end_s"] <= 36.1 for each in document["passages"])


def test_explain_draws_both_tracks(place: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs soundalike[plots]")
    picture = tmp_path / "why.png"
    result = call("explain", 1, 2, "--not", 3, "--plot", picture)
    assert result.exit_code == 0, result.output
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_picture_has_a_band_for_each_passage(place: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs soundalike[plots]")
    with Library(model="facets") as library:
        found = explain(library, "1@0:05-0:30", 2, expected=3)
    # Files that are gone have no spectrogram; the rest is drawn all the same.
    figure = plot_explanation(found)
    (bands,) = (axes for axes in figure.axes if axes.patches and not axes.get_xlabel())
    assert len(bands.patches) == len(found.passages)
    numbers = [each.get_text() for each in bands.texts]
    assert sorted(numbers) == sorted(2 * [str(n + 1) for n in range(len(found.passages))])
    (facets,) = (axes for axes in figure.axes if axes.get_xlabel().startswith("share"))
    lengths = [bar.get_width() for bar in facets.patches]
    assert found.expected is not None
    shares = [each.share for each in (*found.facets, *found.expected.facets)]
    assert lengths == pytest.approx(shares)
    save(figure, tmp_path / "why.svg")
    assert (tmp_path / "why.svg").stat().st_size > 1000


def test_sound_takes_the_place_of_no_music(place: Path, tmp_path: Path) -> None:
    outside = write_audio(tmp_path / "mine.wav", piece(20)[: 12 * RATE], RATE, "wav")
    in_library = place / "music" / "05.flac"
    link = tmp_path / "link.flac"
    link.symlink_to(in_library)
    for target in (outside, in_library, link):
        before = target.read_bytes()
        result = call("explain", 1, outside, "--audio", target)
        assert result.exit_code == 1
        assert "this is one of your tracks; choose another file" in result.stderr
        assert target.read_bytes() == before
    # What the command itself wrote may be written again.
    for _ in range(2):
        assert call("explain", 1, outside, "--audio", tmp_path / "pairs.wav").exit_code == 0


@pytest.mark.parametrize(
    "command",
    [
        ("similar", 1, "--m3u"),
        ("passages", "1@0:10-0:20", "--m3u"),
        ("playlist", 1, "--out"),
        ("path", 1, 2, "--m3u"),
        ("radio", 1, "--tracks", 2, "--state"),
        ("evaluate", "--html"),
    ],
)
def test_no_result_takes_the_place_of_music(
    place: Path, tmp_path: Path, command: tuple[object, ...]
) -> None:
    music_file = tmp_path / "Song.FLAC"
    music_file.write_bytes((place / "music" / "05.flac").read_bytes())
    before = music_file.read_bytes()
    result = call(*command, music_file)
    assert result.exit_code == 1
    assert "Song.FLAC" in result.stderr
    assert music_file.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("1", "1"), 1, "InvalidArgument: "),
        (("1", "nothing such"), 1, "TrackNotFound: "),
        (("1", "2@0:50-0:59"), 1, "is beyond the end"),
        (("1", "2", "--audio", "x.ogg"), 1, "use one of .wav, .flac, .mp3"),
        (("1", "2", "--plot", "x.txt"), 1, "cannot write a picture"),
        (("1", "2", "--weight", "rhyme=1"), 1, "rhyme"),
        (("1",), 2, "Missing argument 'B'"),
    ],
)
def test_what_explain_refuses(
    place: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    result = call("explain", *arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stdout == ""


def test_two_files_without_a_library(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUNDALIKE_LIBRARY", str(tmp_path / "none.db"))
    paths = [place / "music" / f"{number:02d}.flac" for number in (1, 2)]
    result = call("explain", *paths)
    assert result.exit_code == 0, result.output
    assert "No percentile" in result.stderr
    assert "tracks like A" not in result.stdout


# passages


@pytest.mark.parametrize(("number", "start_s", "length_s"), [(3, 20.5, 10.0), (7, 9.0, 22.0)])
def test_a_passage_that_was_copied_is_found_with_its_time(
    place: Path, tmp_path: Path, number: int, start_s: float, length_s: float
) -> None:
    path = place / "music" / f"{number:02d}.flac"
    cut = load_audio(path, start_s=start_s, end_s=start_s + length_s).samples
    heard = change_gain(through_mp3(cut, RATE, 128_000), -6.0)
    snippet = write_audio(tmp_path / "heard.flac", heard, RATE, "flac")
    found = call_json("passages", snippet, "-k", 3)
    best = found["matches"][0]
    assert best["track"]["title"] == f"Piece {number}"
    assert best["place"]["start_s"] == pytest.approx(start_s, abs=5.0)
    assert found["searched"] == 11
    shown = call("passages", snippet, "-k", 3, "--facets")
    assert "11 tracks looked through" in shown.stderr
    assert f"Piece {number}" in shown.stdout.splitlines()[1]


def test_passages_of_a_track_leave_it_out(place: Path) -> None:
    at = ("--at", "0:12-0:24")
    found = call_json("passages", 4, *at, "-k", 20)
    assert found["query"]["track"]["track_id"] == 4
    assert len(found["matches"]) == 10
    assert all(match["track"]["track_id"] != 4 for match in found["matches"])
    assert found == call_json("passages", "#4@0:12-0:24", "-k", 20)
    few = call("passages", "piece 3", *at, "--max-per-artist", 1)
    assert "10 were asked for: the limits leave 2." in few.stderr
    late = call("passages", 4, "--at", "0:31-0:50", "-k", 2)
    assert "The track ends at 0:40, before 0:50." in late.stderr


def test_a_playlist_of_passages(place: Path) -> None:
    result = call("passages", 4, "--at", "0:12-0:24", "-k", 2, "--m3u", "-")
    assert result.stdout.startswith("#EXTM3U")
    assert result.stdout.count(".flac") == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("4", "--at", "0:12-0:13"), 1, "lasts 1.0 s: name one of at least 3 s"),
        (("4", "--at", "0:39-0:50"), 1, "lasts 1.0 s: name one of at least 3 s"),
        (("4", "--at", "0:00-5:00"), 1, "lasts 300.0 s: name one of at most 120 s"),
        (("4", "--at", "1:00-1:10"), 1, "is beyond the end"),
        (("nothing such", "--at", "0:12-0:22"), 1, "TrackNotFound: "),
        (("4", "--at", "soon"), 2, "'soon' is not a passage"),
    ],
)
def test_what_passages_refuses(
    place: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    result = call("passages", *arguments)
    assert result.exit_code == code
    assert message in result.stderr
