"""The comparison of neighbours: labels, failing and dying peers, what all could analyse, tables."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from audio_files import chord, write_audio

from benchmarks import quality, soundtracks, workers
from benchmarks.neighbours import (
    analysed_by_all,
    failures_table,
    measure,
    neighbours_table,
    within_soundtracks,
)
from benchmarks.soundtracks import Track, clean_composer, find_packages, read_manifest
from benchmarks.systems import Analyser, System, all_systems, choose, install
from benchmarks.workers import Failure, Worker, WorkerCannotStart, WorkerFailed
from soundalike.errors import DataError, InvalidArgument
from soundalike.similarity.matrix import GivenSimilarities

# A peer that does to a file what the file's name says.
FAKE_PEER = """
import os, sys, time
from pathlib import Path
import numpy as np
from benchmarks.peers.serve import serve

def analyse(path):
    print("a library that prints among the answers")
    name = Path(path).stem
    if name.startswith("fail"):
        raise ValueError(f"no key | found\\nin {name}")
    if name.startswith("crash"):
        print("assertion failed: the_end", file=sys.stderr, flush=True)
        os.abort()
    if name.startswith("hang"):
        time.sleep(60)
    return {"embedding": np.frombuffer(Path(path).read_bytes()[:4].ljust(4), np.uint8) * 1.0}

def compare(files, variant):
    values = [file["embedding"] for file in files]
    if variant == "nan":
        return [[float("nan")] * len(values)] * len(values)
    if any(value[0] == ord("0") for value in values):  # as musly does with a track of silence
        nothing = [value[0] == ord("0") for value in values]
        return [[float("nan") if a or b else 0.0 for b in nothing] for a in nothing]
    return [[-float(abs(a - b).sum()) for b in values] for a in values]

serve(analyse, compare)
"""


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Analyser:
    """An analyser whose worker is the fake peer."""
    script = tmp_path / "fake_peer.py"
    script.write_text(FAKE_PEER)
    monkeypatch.setattr(workers, "_command", lambda analyser, python: [str(python), str(script)])
    return Analyser("fake", "1", "fake")


def write_files(folder: Path, *names: str) -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(name)
    return {name: folder / name for name in names}


def tracks_of(labels: list[tuple[str, str]]) -> list[Track]:
    return [
        Track(Path(f"{number}.ogg"), package, 60.0, artist)
        for number, (package, artist) in enumerate(labels)
    ]


def similarities_of(labels: list[str]) -> GivenSimilarities:
    """Those of a system that knows the labels: 1 for the same, 0 for others."""
    names = np.array(labels)
    return GivenSimilarities((names[:, None] == names[None, :]).astype(float))


@pytest.mark.parametrize(
    ("artist", "composer"),
    [
        ("Muldjord", "muldjord"),
        ("  Ken   SEGURO ", "ken seguro"),
        ('Braden Walters;Braden "meoblast001" Walters', "braden walters"),
        ("Gerd (elysis) Raudenbusch", "elysis"),
        ("STRASSE", clean_composer("Straße")),
        ("", None),
        ("  ", None),
        ("N/A", None),
        ("???", None),
    ],
)
def test_composers_are_spelled_in_one_way(artist: str, composer: str | None) -> None:
    assert clean_composer(artist) == composer


def test_what_is_trained_on_tuned_on_and_held_out_does_not_overlap() -> None:
    sides = ("development", "more", "large", "more-validate", "held-out")
    packages = [package for side in sides for package in find_packages(side)]
    assert len(set(packages)) == len(packages)
    assert sorted(find_packages("all")) == sorted(packages)
    assert len(find_packages("development")) == 11
    assert set(find_packages("small")) < set(find_packages("development"))
    assert find_packages("naev-data, warmux-data,naev-data") == ("naev-data", "warmux-data")
    with pytest.raises(InvalidArgument, match="'doom-data' is none of the soundtracks"):
        find_packages("naev-data,doom-data")


def test_packages_of_a_manifest_of_ones_own_can_be_named() -> None:
    assert find_packages("mine,naev-data", {"mine"}) == ("mine", "naev-data")
    with pytest.raises(InvalidArgument, match="'mine' is none of the soundtracks"):
        find_packages("mine")


def test_a_manifest_is_written_and_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soundtracks, "MIN_TRACK_S", 2.0)
    folder = tmp_path / "naev-data" / "usr"
    folder.mkdir(parents=True)
    tags = {"artist": "Ken Seguro", "title": "Snow"}
    write_audio(folder / "long.flac", chord(22_050, 3.0), 22_050, "flac", metadata=tags)
    write_audio(folder / "short.flac", chord(22_050, 1.0), 22_050, "flac")
    (folder / "broken.ogg").write_bytes(b"OggS and no more")
    (folder / "readme.txt").write_text("no music")
    rain = tmp_path / "0ad-data" / "public.d" / "audio" / "ambient"
    rain.mkdir(parents=True)
    write_audio(rain / "rain.flac", chord(22_050, 3.0), 22_050, "flac")
    (track,) = soundtracks.write_manifest(tmp_path)
    assert (track.path, track.package) == (folder / "long.flac", "naev-data")
    assert (track.composer, track.title) == ("ken seguro", "Snow")
    assert track.duration_s == pytest.approx(3.0, abs=0.05)
    assert "broken.ogg" in capsys.readouterr().err
    assert read_manifest(tmp_path) == (track,)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "no such file or directory; `python -m benchmarks.soundtracks"),
        ("{", "damaged"),
        ('[{"path": "a.ogg"}]', "damaged .'package'"),
        ("[]", "lists no tracks"),
    ],
)
def test_a_bad_manifest_is_one_clear_error(tmp_path: Path, content: str | None, why: str) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(DataError, match=why):
        read_manifest(tmp_path)


def test_no_download_without_debians_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DataError, match="apt-get is not here"):
        soundtracks.fetch(tmp_path, ["naev-data"])


def test_a_failing_and_a_dying_peer_lose_their_file_alone(fake: Analyser, tmp_path: Path) -> None:
    files = write_files(tmp_path / "music", "a.ogg", "fail.ogg", "b.ogg", "crash.ogg", "c.ogg")
    lengths = dict.fromkeys(files, 60.0)
    found = workers.analyse(fake, Path(sys.executable), files, lengths, tmp_path / "cache")
    assert set(found.results) == {"a.ogg", "b.ogg", "c.ogg"} == set(found.cpu_s)
    reasons = {failure.path.name: failure.reason for failure in found.failures if failure.path}
    assert reasons == {
        "fail.ogg": "ValueError: no key | found\nin fail",
        "crash.ogg": "the process died: SIGABRT (assertion failed: the_end)",
    }


def test_results_are_kept_and_failures_tried_again(fake: Analyser, tmp_path: Path) -> None:
    files = write_files(tmp_path / "music", "a.ogg", "fail.ogg")
    lengths = dict.fromkeys(files, 60.0)
    python, cache = Path(sys.executable), tmp_path / "cache"
    first = workers.analyse(fake, python, files, lengths, cache)
    written = first.results["a.ogg"].stat().st_mtime_ns
    again = workers.analyse(fake, python, files, lengths, cache)
    assert again.results["a.ogg"].stat().st_mtime_ns == written
    assert [failure.path for failure in again.failures] == [files["fail.ogg"]]
    shutil.copy(files["a.ogg"], files["fail.ogg"].with_name("mended.ogg"))
    mended = {**files, "fail.ogg": files["fail.ogg"].with_name("mended.ogg")}
    assert not workers.analyse(fake, python, mended, lengths, cache).failures


def test_a_peer_that_hangs_is_stopped(fake: Analyser, tmp_path: Path) -> None:
    files = write_files(tmp_path, "hang.ogg", "a.ogg")
    requests = [
        {"task": "analyse", "path": str(path), "out": str(tmp_path / f"{name}.npz")}
        for name, path in files.items()
    ]
    with Worker(workers._command(fake, Path(sys.executable))) as worker:
        with pytest.raises(WorkerFailed, match=r"took longer than 0\.5 s"):
            worker.ask(requests[0], timeout_s=0.5)
        assert worker.ask(requests[1])["cpu_s"] >= 0


def test_a_peer_that_does_not_start_ends_its_part_at_once(
    fake: Analyser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-c", "import no_such_peer"]
    monkeypatch.setattr(workers, "_command", lambda analyser, python: command)
    files = write_files(tmp_path / "music", "a.ogg", "b.ogg")
    with pytest.raises(WorkerCannotStart, match=r"exit status 1 .*No module named 'no_such_peer'"):
        workers.analyse(fake, Path(sys.executable), files, dict.fromkeys(files, 1.0), tmp_path)


def test_own_measures_and_embeddings_are_compared(fake: Analyser, tmp_path: Path) -> None:
    files = write_files(tmp_path / "music", "aaaa", "aaab", "azaz")
    python = Path(sys.executable)
    found = workers.analyse(fake, python, files, dict.fromkeys(files, 1.0), tmp_path)
    results = list(found.results.values())
    matrices = {}
    for name in ("own", "euclidean", "cosine", "standardised"):
        system = System(name, fake, name, name)
        matrices[name] = workers.compare(system, python, results, tmp_path).rows(0, 3)
    for matrix in matrices.values():
        assert matrix[0, 1] > matrix[0, 2]
    assert matrices["own"][0].tolist() == [0.0, -1.0, -50.0]
    assert matrices["euclidean"][0] == pytest.approx([0.0, -1.0, -np.sqrt(2 * 25**2)])
    broken = System("broken", fake, "own", "own", variant="nan")
    with pytest.raises(WorkerFailed, match=r"broken: .*no numbers"):
        workers.compare(broken, python, results, tmp_path)


def test_what_does_not_install_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setattr("benchmarks.systems.python_of", lambda environment: Path(sys.executable))
    absent = Analyser("absent", "1", "absent", requirements=("no-such-peer==1",))
    reason = install(absent, tmp_path)
    assert reason is not None
    assert reason.startswith("does not install: ERROR:")
    assert "no-such-peer==1" in reason


def test_systems_are_chosen_by_words() -> None:
    systems = all_systems()
    names = [system.name for system in systems]
    assert len(set(names)) == len(names)
    assert [system.name for system in choose(systems, ["bliss", "musly"])] == [
        "bliss-audio",
        "pymusly (timbre)",
    ]
    assert choose(systems, []) == systems
    with pytest.raises(InvalidArgument, match="no system is called 'essentia'; available: bliss"):
        choose(systems, ["bliss", "essentia"])


def test_a_system_that_knows_the_labels_is_perfect() -> None:
    labels = [("one", "a")] * 6 + [("one", "b")] * 6 + [("two", "c")] * 6 + [("two", "d")] * 6
    tracks = tracks_of(labels)
    found = measure(similarities_of([artist for _, artist in labels]), tracks)
    assert found.composer is not None
    assert found.composer_within is not None
    assert found.composer.average_precision.value == 1.0
    assert found.composer_within.average_precision.value == 1.0
    assert found.composer_within.n_queries == 24
    assert found.soundtrack.precision.chance == pytest.approx(11 / 23)
    blind = measure(similarities_of(["same"] * 24), tracks)
    assert blind.soundtrack.average_precision.value < 0.8


def test_composers_within_a_soundtrack_see_nothing_of_the_others() -> None:
    # By the system's ear all that matters is the soundtrack: within it, it knows nothing.
    tracks = tracks_of([("one", "a"), ("one", "b"), ("one", "a"), ("two", "a"), ("three", "")])
    matrix = np.zeros((5, 5))
    matrix[0] = [0, 0.1, 0.2, 0.9, 0.9]
    matrix[2] = [0.1, 0.2, 0, 0.9, 0.9]
    scores = within_soundtracks(GivenSimilarities(matrix), tracks)
    assert scores.queries.tolist() == [0, 2]
    assert scores.average_precision.tolist() == [1.0, 0.5]
    nothing = within_soundtracks(GivenSimilarities(np.zeros((2, 2))), tracks_of([("x", "a")] * 2))
    assert len(nothing.queries) == 0


def test_figures_of_too_few_composers_are_not_printed() -> None:
    labels = [("one", "a"), ("one", "a"), *[("one", "")] * 10, *[("two", "")] * 12]
    tracks = tracks_of(labels)
    found = measure(similarities_of([package for package, _ in labels]), tracks)
    assert found.composer is None
    table = neighbours_table({"fake": found}, {"fake": "cosine"}, {"fake": 0.5}, {"fake": 3})
    lines = table.splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| fake | cosine | 1.000 (1.000 to 1.000) | 1.000 (")
    assert lines[2].count("too few") == 3
    assert lines[2].endswith("| 0.50 | 3 |")
    assert lines[3].startswith("| chance | | 0.478 |")


def test_the_figures_are_of_what_all_could_analyse() -> None:
    def analysed(*names: str) -> workers.Analysed:
        return workers.Analysed(dict.fromkeys(names, Path()), dict.fromkeys(names, 1.0))

    assert analysed_by_all("abcd", [analysed("d", "b", "a"), analysed("a", "c", "d")]) == ("a", "d")


def test_failures_are_listed_with_reasons() -> None:
    assert failures_table([], Path("music")) == "No system failed on any file."
    failures = [
        Failure("bliss", Path("music/a/b.ogg"), "no key | found\nhere"),
        Failure("musly", None, "does not install"),
    ]
    assert failures_table(failures, Path("music")).splitlines()[2:] == [
        "| bliss | a/b.ogg | no key / found here |",
        "| musly | all of them | does not install |",
    ]


def test_a_whole_comparison_with_a_failing_peer(
    fake: Analyser,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    music = tmp_path / "music"
    rows = []
    for package, letter in (("warmux-data", "a"), ("widelands-data", "z")):
        for number in range(7):
            name = "fail.ogg" if (letter, number) == ("z", 6) else f"{letter}{number}.ogg"
            (music / package).mkdir(parents=True, exist_ok=True)
            (music / package / name).write_text(letter * 4 + str(number))
            rows.append({"path": f"{package}/{name}", "package": package, "seconds": 60})
    # A copy would be its own best neighbour.
    shutil.copy(music / "warmux-data/a0.ogg", music / "widelands-data/copy.ogg")
    rows.append({"path": "widelands-data/copy.ogg", "package": "widelands-data", "seconds": 60})
    (music / "warmux-data/silence.ogg").write_text("0000")
    rows.append({"path": "warmux-data/silence.ogg", "package": "warmux-data", "seconds": 60})
    rows = [row | {"artist": "", "title": ""} for row in rows]
    (music / "manifest.json").write_text(json.dumps(rows))
    broken = Analyser("broken", "1", "broken", requirements=("no-such-peer==1",))
    monkeypatch.setattr(
        quality,
        "all_systems",
        lambda: (System("fake", fake, "own", "own"), System("broken", broken, "own", "own")),
    )
    monkeypatch.setattr(quality, "install", lambda analyser, environment: "does not install: 404")
    status = quality.main(
        [
            str(music),
            *("--packages", "warmux-data,widelands-data"),
            *("--cache", str(tmp_path / "cache")),
            *("--out", str(tmp_path / "figures.json")),
        ]
    )
    assert status == 1  # it goes on, and says at the end that not all went well
    printed = capsys.readouterr().out
    assert "15 tracks, of which all systems could analyse 13; 1 more are copies" in printed
    assert "| fake | widelands-data/fail.ogg | ValueError: no key / found in fail |" in printed
    assert "| fake | warmux-data/silence.ogg | analysed, but its similarities" in printed
    assert "| broken | all of them | does not install: 404 |" in printed
    (comparison,) = json.loads((tmp_path / "figures.json").read_text())["comparisons"]
    assert comparison["n_compared"] == 13
    assert comparison["systems"]["fake"]["n_failed"] == 2
    assert comparison["systems"]["fake"]["soundtrack"]["average_precision"]["value"] == 1.0


def test_packages_that_are_not_there_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"path": "a.ogg", "package": "naev-data", "seconds": 60, "artist": "", "title": ""}
    (tmp_path / "manifest.json").write_text(json.dumps([row]))
    assert quality.main([str(tmp_path), "--packages", "warmux-data,naev-data"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"DataError: {tmp_path}: no tracks of warmux-data; `python -m")
