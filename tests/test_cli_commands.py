"""Every command on a real library of small rendered pieces, with the model that ships."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from click.testing import CliRunner, Result
from mutagen.id3 import TIT2, TPE1
from mutagen.wave import WAVE

from soundalike.analysis import Analysis
from soundalike.cli import cli, output
from soundalike.cli.views import genre_words, set_words
from soundalike.playlists import read_playlist

RATE = 22_050
N_PER_ARTIST = 6


def write_wav(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples * 20_000).astype("<i2").tobytes())


def organ(number: int, seconds: float = 4.0) -> np.ndarray:
    """A sustained chord."""
    time = np.arange(int(seconds * RATE)) / RATE
    root = 110 * 2 ** (number / 12)
    return sum(np.sin(2 * np.pi * root * ratio * time) for ratio in (1, 1.25, 1.5, 2, 3)) / 5


def drum(number: int, seconds: float = 4.0) -> np.ndarray:
    """Bursts of noise, four a second."""
    time = np.arange(int(seconds * RATE)) / RATE
    noise = np.random.default_rng(number).normal(size=len(time)).clip(-3, 3) / 3
    return noise * np.exp(-(time % 0.25) * (20 + 2 * number))


def tag(path: Path, artist: str, title: str) -> None:
    file = WAVE(path)
    file.add_tags()
    file.tags.add(TPE1(text=[artist]))
    file.tags.add(TIT2(text=[title]))
    file.save()


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("music")
    for number in range(N_PER_ARTIST):
        for artist, render in (("The Organs", organ), ("Trömmel", drum)):
            path = folder / f"{artist} {number}.wav"
            write_wav(path, render(number))
            tag(path, artist, f"Piece {number}")
    return folder


@pytest.fixture(scope="module")
def library(music: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library in which ``music`` has been scanned."""
    path = tmp_path_factory.mktemp("library") / "library.db"
    result = call("scan", music, "--library", path, "--jobs", 1)
    assert result.exit_code == 0, result.output
    return path


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments], catch_exceptions=False)


def call_json(*arguments: object, code: int = 0) -> Any:
    result = call(*arguments, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def track_id(library: Path, words: str) -> int:
    return int(call_json("info", *words.split(), "--library", library)["track_id"])


# scan and failures


def test_scan_reports_what_it_did(music: Path, tmp_path: Path) -> None:
    library, folder = tmp_path / "library.db", tmp_path / "music"
    folder.mkdir()
    for path in sorted(music.iterdir())[:3]:
        shutil.copy(path, folder)
    (folder / "broken.mp3").write_text("this is text")
    first = call("scan", folder, "--library", library, "--jobs", 1)
    assert first.exit_code == 1
    assert first.stdout.startswith("3 analysed, 1 failed in ")
    assert "broken.mp3" in first.stdout
    assert "soundalike failures" in first.stderr

    report = call_json("scan", folder, "--library", library, "--jobs", 1)
    assert (report["analysed"], report["unchanged"], report["still_failing"]) == (0, 3, 1)
    assert report["failed"] == []
    assert report["interrupted"] is False

    (failure,) = call_json("failures", "--library", library)
    assert failure["path"] == str(folder / "broken.mp3")
    assert failure["kind"] == "UnsupportedAudio"
    text = call("failures", "--library", library)
    assert text.exit_code == 0
    for words in ("broken.mp3", failure["reason"], failure["advice"]):
        assert words in text.stdout

    assert call("failures", "--retry", "--library", library, "--jobs", 1).exit_code == 1
    shutil.copy(sorted(music.iterdir())[4], folder / "broken.mp3")
    repaired = call("failures", "--retry", "--library", library, "--jobs", 1)
    assert (repaired.exit_code, repaired.stdout[:10]) == (0, "1 analysed")
    assert call("failures", "--library", library).stderr == "No failures.\n"


def test_scan_of_no_folder_fails(tmp_path: Path) -> None:
    result = call("scan", tmp_path / "nowhere", "--library", tmp_path / "library.db")
    assert result.exit_code == 1
    assert "nowhere" in result.output


# similar


def test_similar_finds_its_own_kind(library: Path) -> None:
    query = track_id(library, "organs piece 2")
    result = call_json("similar", query, "-k", 5, "--library", library)
    assert [match["track"]["artist"] for match in result["matches"]] == ["The Organs"] * 5
    assert [match["rank"] for match in result["matches"]] == [1, 2, 3, 4, 5]
    assert all(match["track"]["track_id"] != query for match in result["matches"])
    shares = [match["percentile"] for match in result["matches"]]
    assert shares == sorted(shares, reverse=True)
    assert 50 < shares[0] <= 100


def test_similar_table(library: Path) -> None:
    result = call("similar", "organs piece 2", "--library", library)
    lines = result.stdout.splitlines()
    header = ["similarity", "closer", "than", "artist", "title", "length", "id"]
    assert lines[0].split() == header
    assert len(lines) == 11
    assert lines[1].split()[0] == "1"
    assert "The Organs" in lines[1]
    assert "less alike" in result.stderr


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120])
def test_the_id_survives_on_a_narrow_terminal(
    width: int, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "terminal_width", lambda: width)
    lines = call("similar", "organs piece 2", "--library", library).stdout.splitlines()
    assert max(map(len, lines)) <= width
    ids = {int(line.split()[-1]) for line in lines[1:]}
    assert lines[0].split()[-1] == "id"
    assert len(ids) == 10
    words = ("evaluate", "--no-baseline", "--no-robustness", "--library", library)
    table = [line for line in call(*words).stdout.splitlines() if line.startswith("same ")]
    assert all(len(line) <= width for line in table)


def test_any_file_can_be_the_query(library: Path, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.wav"
    write_wav(stranger, drum(2, seconds=5.0))
    result = call_json("similar", stranger, "-k", 3, "--library", library)
    assert result["query"] is None
    assert {match["track"]["artist"] for match in result["matches"]} == {"Trömmel"}


def test_a_fault_of_a_library_is_one_line(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = tmp_path / "one more.wav"
    write_wav(query, organ(3))
    monkeypatch.setattr(av, "open", lambda source: None)  # an interface that moved
    result = call("similar", query, "--library", library)
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("TypeError: ")
    assert " in open_container): a fault of soundalike or of its dependencies" in line


def test_a_passage_as_the_query(library: Path, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed.wav"
    write_wav(mixed, np.concatenate([organ(1, 10.0), drum(1, 10.0)]))
    for passage, artist in (("0-10", "The Organs"), ("0:10-", "Trömmel")):
        result = call_json("similar", mixed, "--at", passage, "-k", 1, "--library", library)
        assert result["matches"][0]["track"]["artist"] == artist


def test_max_per_artist(library: Path) -> None:
    result = call_json("similar", "organs piece 2", "--max-per-artist", 2, "--library", library)
    artists = [match["track"]["artist"] for match in result["matches"]]
    assert sorted(artists) == ["The Organs", "The Organs", "Trömmel", "Trömmel"]


def test_playlist(library: Path, music: Path, tmp_path: Path) -> None:
    playlist = tmp_path / "mix.m3u8"
    result = call("similar", "organs piece 2", "-k", 4, "--m3u", playlist, "--library", library)
    assert result.exit_code == 0
    lines = playlist.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#EXTM3U"
    assert lines[1].startswith("#EXTINF:4,The Organs - Piece ")
    assert [Path(line).parent for line in lines[2::2]] == [music.resolve()] * 4


def test_a_playlist_on_standard_output_stands_alone(library: Path, music: Path) -> None:
    words = ("similar", "organs piece 2", "-k", 2, "--library", library)
    result = call(*words, "--m3u", "-", "--with-query")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[:3] == [
        "#EXTM3U",
        "#EXTINF:4,The Organs - Piece 2",
        str(music.resolve() / "The Organs 2.wav"),
    ]
    assert [line.startswith("#") for line in lines[3:]] == [True, False] * 2
    both = call(*words, "--m3u", "-", "--json")
    assert (both.exit_code, both.stdout) == (2, "")
    assert "both write to standard output" in both.stderr


def test_a_playlist_with_paths_of_its_own_folder(library: Path, music: Path) -> None:
    stranger = music.parent / f"{music.name} stranger"
    stranger.mkdir()
    shutil.copy(music / "The Organs 2.wav", stranger / "query.wav")
    write_wav(stranger / "query.wav", organ(2, 4.5))
    playlist = stranger / "mix.m3u8"
    options = ("--m3u", playlist, "--relative", "--with-query", "--json", "-k", 3)
    result = call("similar", stranger / "query.wav", "--library", library, *options)
    assert result.exit_code == 0, result.stderr
    paths = playlist.read_text(encoding="utf-8").splitlines()[2::2]
    assert paths[0] == "query.wav"  # in no library, and first all the same
    assert [Path(path).parent for path in paths[1:]] == [Path("..") / music.name] * 3


def test_a_playlist_in_another_format_and_for_another_computer(
    library: Path, music: Path, tmp_path: Path
) -> None:
    words = ("similar", "organs piece 2", "-k", 2, "--library", library, "--with-query")
    base = ("--base", music.resolve(), "M:\\Music")
    first = "The Organs 2.wav"
    for suffix, there in (
        ("m3u8", f"M:\\Music\\{first}"),
        ("xspf", "file:///M:/Music/The%20Organs%202.wav"),
        ("jspf", "file:///M:/Music/The%20Organs%202.wav"),
        ("json", f"M:\\Music\\{first}"),
    ):
        file = tmp_path / f"mix.{suffix}"
        assert call(*words, "--m3u", file, *base).exit_code == 0
        found = read_playlist(file)
        assert found.entries[0].location == there
        assert (found.entries[0].title, found.entries[0].artist) == ("Piece 2", "The Organs")
        back = read_playlist(file, base=(music.resolve(), "M:\\Music"))
        assert back.entries[0].path == music.resolve() / first
    for wrong, code, reason in (
        ((*base,), 2, "--base needs --out FILE"),
        (("--m3u", tmp_path / "x", "--relative", *base), 2, "contradict each other"),
        (("--m3u", tmp_path / "x", "--base", music, "there"), 1, "InvalidArgument: base 'there'"),
    ):
        result = call(*words[:-1], *wrong)
        assert (result.exit_code, result.stdout) == (code, "")
        assert reason in result.stderr
    assert not (tmp_path / "x").exists()


def test_a_playlist_that_cannot_be_written_is_told_before_the_work(
    library: Path, tmp_path: Path
) -> None:
    result = call("similar", "no such words", "--m3u", tmp_path / "x" / "y", "--library", library)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"OutputError: {tmp_path / 'x' / 'y'}: cannot be written")
    alone = call("similar", "organs piece 2", "--relative", "--library", library)
    assert alone.exit_code == 2
    assert "--relative needs --out FILE" in alone.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no name holds a line break there")
def test_a_name_with_a_line_break_costs_the_playlist_one_track(tmp_path: Path) -> None:
    folder, library = tmp_path / "music", tmp_path / "library.db"
    folder.mkdir()
    for number, name in enumerate(("one", "two", "line\nbreak")):
        write_wav(folder / f"{name}.wav", organ(number))
    assert call("scan", folder, "--library", library, "--jobs", 1).exit_code == 0
    result = call("similar", folder / "one.wav", "--library", library, "--m3u", tmp_path / "m")
    assert result.exit_code == 0
    assert (tmp_path / "m").read_text().splitlines()[2::2] == [str(folder.resolve() / "two.wav")]
    assert "1 track left out of the playlist" in result.stderr
    assert r"line\nbreak.wav': M3U cannot hold a line break in a path" in result.stderr
    result = call("similar", folder / "one.wav", "--library", library, "--m3u", tmp_path / "m.xspf")
    assert "left out" not in result.stderr
    names = [entry.path.name for entry in read_playlist(tmp_path / "m.xspf").entries if entry.path]
    assert sorted(names) == ["line\nbreak.wav", "two.wav"]


def test_unknown_and_ambiguous_tracks(library: Path) -> None:
    unknown = call("similar", "no such words", "--library", library)
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert unknown.stderr.startswith("TrackNotFound: ")
    assert "no such words" in unknown.stderr
    ambiguous = call("similar", "piece 2", "--library", library)
    assert (ambiguous.exit_code, ambiguous.stdout) == (1, "")
    assert ambiguous.stderr.startswith("AmbiguousTrack: ")


def test_the_list_is_cut_where_nothing_is_alike(library: Path) -> None:
    words = ("similar", "organs piece 2", "--library", library)
    full = call_json(*words)["matches"]
    least = round((full[4]["percentile"] + full[5]["percentile"]) / 2, 1)
    cut = call_json(*words, "--min", least)
    assert (cut["matches"], cut["cut"], cut["min_percentile"]) == (full[:5], 5, least)
    assert cut["best_cut"] == full[5]
    text = call(*words, "--min", least)
    assert f"5 of 10: the other 5 are no closer than {least:g} % of all pairs" in text.stderr
    nothing = call(*words, "--min", 100)
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    closest = f"The Organs - {full[0]['track']['title']}"
    assert (
        f"No track is closer than 100 % of all pairs in the library. The closest, {closest}, "
        in nothing.stderr
    )
    assert "no closer" not in call(*words).stderr


@pytest.mark.parametrize(
    ("option", "value"), [("-k", 0), ("--max-per-artist", 0), ("--min", 101), ("--min", "nan")]
)
def test_values_out_of_range(library: Path, option: str, value: int) -> None:
    result = call("similar", "organs piece 2", option, value, "--library", library)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("InvalidArgument: ")


@pytest.mark.parametrize(
    "arguments", [["similar", "x"], ["info"], ["failures"], ["compare", "x", "y"]]
)
def test_a_library_that_is_not_there_is_not_made(arguments: list[str], tmp_path: Path) -> None:
    library = tmp_path / "none.db"
    result = call(*arguments, "--library", library)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"LibraryError: {library}: there is no library")
    assert not library.exists()


def test_the_library_may_come_from_the_environment(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUNDALIKE_LIBRARY", str(library))
    assert call_json("info")["tracks"] == 2 * N_PER_ARTIST


# compare


def test_compare_two_tracks_of_the_library(library: Path) -> None:
    near = call_json("compare", "organs piece 2", "organs piece 3", "--library", library)
    far = call_json("compare", "organs piece 2", "trömmel piece 3", "--library", library)
    assert near["similarity"] > far["similarity"]
    assert near["percentile"] > far["percentile"]
    assert near["a_analysis"]["genre"] in near["a_analysis"]["genres"]
    assert near["passages"][0]["a_start_s"] == 0
    assert len(near["excerpt_similarity"]) == 1


def test_compare_files_without_a_library(music: Path, tmp_path: Path) -> None:
    one, other = music / "The Organs 1.wav", music / "Trömmel 1.wav"
    library = tmp_path / "none.db"
    result = call("compare", one, other, "--library", library)
    assert result.exit_code == 0
    assert not library.exists()
    assert "No percentile" in result.stderr
    assert "similarity" in result.stdout
    assert "0:00 - 0:04" in result.stdout


def test_compare_draws_a_picture(library: Path, tmp_path: Path) -> None:
    picture = tmp_path / "match.png"
    result = call(
        "compare", "organs piece 2", "organs piece 3", "--plot", picture, "--library", library
    )
    assert result.exit_code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert str(picture) in result.stderr


# genre


def test_genre_of_files(music: Path) -> None:
    path = music / "The Organs 0.wav"
    result = call("genre", path)
    assert result.exit_code == 0
    assert result.stdout.startswith(str(path))
    (found,) = call_json("genre", "--timeline", path)
    assert sum(found["genres"].values()) == pytest.approx(1, abs=1e-4)
    assert next(iter(found["genres"])) == found["genre"]
    assert found["confidence"] == found["genres"][found["genre"]]
    assert found["genre_set"][0] == found["genre"]
    assert len(found["excerpt_probabilities"]) == len(found["excerpt_starts_s"]) == 1
    assert "from" in call("genre", "--timeline", path).stdout
    assert "genre set" not in result.stdout
    lines = call("genre", "--verbose", path).stdout.splitlines()
    assert lines[2].startswith(f"genre set (right for 9 of 10 tracks): {found['genre_set'][0]}")


@pytest.mark.parametrize(
    ("probabilities", "members", "heading", "reason"),
    [
        ([0.9, 0.05, 0.03, 0.02], 1, "blues (90 %)", ""),
        ([0.6, 0.3, 0.06, 0.04], 2, "blues (60 %), else jazz", ""),
        ([0.6, 0.12, 0.2, 0.08], 3, "blues (60 %), else pop", ""),
        (
            [0.45, 0.4, 0.1, 0.05],
            2,
            "unsure, perhaps blues (45 %) or jazz",
            " (no genre has half of the",
        ),
        (
            [0.45, 0.2, 0.2, 0.15],
            1,
            "unsure, perhaps blues (45 %) or jazz",
            " (no genre has half of the",
        ),
        (
            [0.55, 0.2, 0.15, 0.1],
            4,
            "probably blues (55 %), else jazz",
            " (too many genres to be sure)",
        ),
    ],
)
def test_words_about_a_genre(
    probabilities: list[float], members: int, heading: str, reason: str
) -> None:
    labels = ("blues", "jazz", "pop", "rock")
    analysis = Analysis(
        model="m@1",
        duration_s=1.0,
        labels=labels,
        probabilities=np.array(probabilities, np.float32),
        embedding=np.ones(1, np.float32),
        excerpt_embeddings=np.ones((1, 1), np.float32),
        excerpt_probabilities=np.array([probabilities], np.float32),
        excerpt_starts_s=np.zeros(1),
        genre_set=labels[:members],
    )
    assert genre_words(analysis) == heading
    expected = f"genre set (right for 9 of 10 tracks): {', '.join(labels[:members])}{reason}"
    assert set_words(analysis).startswith(expected)
    assert set_words(analysis).endswith(")" if reason else labels[members - 1])


def test_genre_goes_on_past_a_bad_file(music: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp3"
    bad.write_text("no audio")
    good = music / "The Organs 0.wav"
    result = call("genre", bad, good)
    assert result.exit_code == 1
    assert str(good) in result.stdout
    assert str(bad) not in result.stdout
    assert f"UnsupportedAudio: {bad}: " in result.stderr
    assert "1 of 2 files could not be analysed" in result.stderr
    first, second = call_json("genre", bad, good, code=1)
    assert first["error"] == "UnsupportedAudio"
    assert second["path"] == str(good)


# info, plot, models


def test_info_of_the_library(library: Path) -> None:
    facts = call_json("info", "--library", library)
    assert facts["tracks"] == facts["analysed"] == 2 * N_PER_ARTIST
    assert facts["duration_s"] == pytest.approx(2 * N_PER_ARTIST * 4.0, abs=0.1)
    text = call("info", "--library", library).stdout
    assert str(library) in text
    assert facts["model"] in text


def test_info_of_a_track(library: Path, music: Path) -> None:
    facts = call_json("info", music / "Trömmel 4.wav", "--library", library)
    assert (facts["artist"], facts["title"]) == ("Trömmel", "Piece 4")
    assert facts["analysis"]["genre"]
    by_id = call("info", facts["track_id"], "--library", library).stdout
    assert "Trömmel" in by_id
    assert "22,050 Hz, mono" in by_id


@pytest.mark.parametrize(
    "arguments",
    [
        ["waveform"],
        ["spectrogram", "--k", "0.5", "--sample-rate", "44100"],
        ["mel", "--n-mels", "64", "--start", "0:01", "--end", "3"],
    ],
)
def test_plots(arguments: list[str], music: Path, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    kind, *options = arguments
    result = call("plot", kind, music / "The Organs 0.wav", "-o", picture, *options)
    assert result.exit_code == 0, result.output
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_models() -> None:
    (model,) = call_json("models")
    assert model["name"] == "soundalike"
    assert model["id"] == f"{model['name']}@{model['version']}"
    assert model["id"] in call("models").stdout
    card = call("models", "show", model["name"])
    assert card.stdout.startswith("#")
    assert "GTZAN" in card.stdout
    unknown = call("models", "show", "nope")
    assert unknown.exit_code == 1
    assert unknown.stderr.startswith("ModelError: unknown model 'nope'")


# as a program


def test_streams_and_exit_codes_of_the_program(library: Path) -> None:
    program = [sys.executable, "-m", "soundalike"]
    process = subprocess.run(
        [*program, "similar", "organs piece 2", "--json", "--library", str(library)],
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    assert process.returncode == 0
    assert json.loads(process.stdout)["searched"] == 2 * N_PER_ARTIST - 1
    assert b"Warning" not in process.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C in another way")
def test_ctrl_c_says_that_the_scan_can_go_on(music: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "soundalike", "scan", str(music), "--jobs", "1"]
    command += ["--library", str(tmp_path / "library.db")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=Path(__file__).parents[1]
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"12 files to analyse\n"
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate()
    assert process.returncode == 130
    assert b"run the same command again to resume" in stderr
    assert b"Traceback" not in stderr
    report = call_json("scan", music, "--library", tmp_path / "library.db", "--jobs", 1)
    assert report["analysed"] + report["unchanged"] == 2 * N_PER_ARTIST


@pytest.mark.parametrize("command", ["plot waveform", "plot spectrogram", "plot mel", "compare"])
def test_a_pictures_target_is_checked_before_decoding(tmp_path: Path, command: str) -> None:
    pytest.importorskip("matplotlib")
    # The file is not even looked at.
    none = tmp_path / "none.flac"
    files = [none, none, "--plot"] if command == "compare" else [none, "--output"]
    for target, words in (("missing/x.png", "cannot be written"), ("x.mp3", "use one of .png")):
        result = call(*command.split(), *files, tmp_path / target)
        assert result.exit_code == 1
        assert words in result.stderr
