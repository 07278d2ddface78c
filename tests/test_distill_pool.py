"""Pools: of which music they are made, what they hold, and that a stopped one is finished."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from audio_files import chord, write_wav
from click.testing import CliRunner

pytest.importorskip("torch", reason="needs soundalike[research]")

import onnx
from distill_sets import OUTPUTS, small_pool, write_pool, write_teachers

from soundalike.audio import load_audio
from soundalike.cli.app import cli
from soundalike.errors import DataError, InvalidArgument, OutputError
from soundalike.frontends.log_mel import SAMPLE_RATE, log_mel
from soundalike.research.datasets.frames import STORE_FILE, Store, write_store
from soundalike.research.distill import pool as pools
from soundalike.research.distill.pool_file import (
    STATEMENT,
    Pool,
    Recording,
    read_pool,
    read_statement,
    recording_path,
)
from soundalike.research.distill.teachers import TEACHERS, TrackTeacher

TRAIN, VALID, TEST = "blues/blues.00000", "jazz/jazz.00001", "rock/rock.00002"


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_teachers(tmp_path_factory.mktemp("teachers"))


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two soundtracks of one package, in stereo, and one of another."""
    folder = tmp_path_factory.mktemp("music")
    entries = []
    for name, package, seconds in (
        ("a.wav", "one", 14.0),
        ("b.wav", "one", 6.0),
        ("c.wav", "two", 4.0),
    ):
        write_wav(folder / name, chord(SAMPLE_RATE, seconds, channels=2), SAMPLE_RATE)
        entries.append({"path": name, "package": package, "seconds": seconds})
    (folder / "manifest.json").write_text(json.dumps(entries), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GTZAN of three tracks, one on each side, with a clip of each."""
    folder = tmp_path_factory.mktemp("gtzan")
    tracks = (TRAIN, VALID, TEST)
    frames = np.random.default_rng(0).integers(0, 256, (3, 128, 40), np.uint8)
    write_store(folder / STORE_FILE, Store(frames, tracks))
    splits = folder / "splits"
    splits.mkdir()
    for side, track in zip(("train", "valid", "test"), tracks, strict=True):
        (splits / f"{side}_filtered.txt").write_text(f"{track}.wav\n", encoding="utf-8")
    for fold in (1, 2, 3):
        (splits / f"f{fold}_evaluate_groups.txt").write_text("", encoding="utf-8")
    clips = folder / "clips" / "short"
    clips.mkdir(parents=True)
    for track in tracks:
        clip = chord(SAMPLE_RATE, 2.5)
        write_wav(clips / f"{track.split('/')[1]}.wav", clip, SAMPLE_RATE)
    (clips / ".DS_Store").touch()
    return folder


def sources_of(music: Path, store: Path) -> tuple[pools.Source, ...]:
    found = pools.find_soundtracks(music, ["one"])
    return (*found, *pools.find_clips(store), *pools.at_other_speeds(found[:1]))


@pytest.fixture(scope="module")
def made(
    music: Path, store: Path, teachers: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A pool made by two processes."""
    out = tmp_path_factory.mktemp("pools") / "whole"
    pools.make_pool(sources_of(music, store), out, teachers=teachers, jobs=2)
    return out


def test_clips_are_of_training_tracks_alone(store: Path, tmp_path: Path) -> None:
    assert [source.name for source in pools.find_clips(store)] == [TRAIN]
    copy = shutil.copytree(store, tmp_path / "gtzan")
    (copy / "clips" / "short" / "blues.00000.wav").unlink()
    with pytest.raises(DataError, match=r"clips: no clip of a training track"):
        pools.find_clips(copy)


def test_soundtracks_are_of_the_packages_asked_for(music: Path) -> None:
    def names(*arguments: object, **options: object) -> list[tuple[str, str]]:
        found = pools.find_soundtracks(music, *arguments, **options)  # type: ignore[arg-type]
        return [(source.name, source.package) for source in found]

    assert names(["one"]) == [("a.wav", "one"), ("b.wav", "one")]
    assert names() == [("a.wav", "one"), ("b.wav", "one"), ("c.wav", "two")]
    # What is held out is named once for all folders: not each has it.
    assert names(without=["one", "three"]) == [("c.wav", "two")]
    with pytest.raises(DataError, match=r"manifest\.json: no tracks of three"):
        pools.find_soundtracks(music, ["one", "three"])


def test_what_is_missing_is_named(music: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"manifest\.json: no such file"):
        pools.find_soundtracks(tmp_path)
    listed = [{"path": "gone.ogg", "package": "one"}]
    (tmp_path / "manifest.json").write_text(json.dumps(listed), encoding="utf-8")
    with pytest.raises(DataError, match=r"listed, but missing: gone\.ogg"):
        pools.find_soundtracks(tmp_path, ["one"])
    (tmp_path / "manifest.json").write_text('["a.ogg"]', encoding="utf-8")
    with pytest.raises(DataError, match="not a list of tracks with path and package"):
        pools.find_soundtracks(tmp_path, ["one"])
    with pytest.raises(DataError, match=r"soundalike models pull musicnn"):
        pools.make_pool(pools.find_soundtracks(music), tmp_path / "pool")


def test_a_clip_of_no_track_is_refused(store: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(store, tmp_path / "gtzan")
    (copy / "clips" / "blues.77777.wav").touch()
    with pytest.raises(DataError, match=r"not of a GTZAN track: blues\.77777\.wav"):
        pools.find_clips(copy)


def test_a_pool_holds_what_student_and_teachers_hear(
    music: Path, store: Path, teachers: dict[str, Path], made: Path
) -> None:
    pool = read_pool(made)
    sources = sources_of(music, store)
    assert pool.names == ("a.wav", "b.wav", TRAIN, sources[3].name)
    assert pool.packages == ("one", "one", "gtzan", "one")
    asked = {name: TrackTeacher(name, path) for name, path in teachers.items()}
    assert pool.labels == {name: teacher.labels for name, teacher in asked.items()}
    for source, recording in zip(sources, pool.recordings, strict=True):
        audio = load_audio(source.path)
        rate = round(audio.sample_rate * 2 ** (source.semitones / 12))
        # In steps of 80 dB over 255.
        frames = recording.log_mel * (80 / 255) - 80
        assert np.abs(frames - log_mel(audio.samples, rate)).max() <= 80 / 255 / 2 + 1e-3
        assert set(recording.said) == set(TEACHERS)
        for name, values in recording.said.items():
            # As loud as music mostly is.
            usual = audio.samples / np.sqrt(np.mean(audio.samples**2)) / 8
            expected = asked[name].track_values(usual, rate)
            np.testing.assert_allclose(values.starts_s, expected.starts_s)
            assert values.patch_s == expected.patch_s
            assert set(values.arrays) == set(OUTPUTS[name])
            for output, array in values.arrays.items():
                np.testing.assert_allclose(array, expected.arrays[output], rtol=2e-3, atol=2e-3)


def test_another_speed_changes_tempo_and_pitch_together(
    teachers: dict[str, Path], tmp_path: Path
) -> None:
    """A tone of 1,000 Hz, and a second in which it is silent."""
    import librosa

    time_s = np.arange(8 * SAMPLE_RATE) / SAMPLE_RATE
    tone = np.sin(2 * np.pi * 1000 * time_s) * ((time_s < 4) | (time_s >= 5))
    write_wav(tmp_path / "tone.wav", tone, SAMPLE_RATE)
    sources = [
        pools.Source(tmp_path / "tone.wav", f"tone {step:+d}", "one", step) for step in (0, 4, -4)
    ]
    pools.make_pool(sources, tmp_path / "pool", teachers=teachers)
    usual, higher, lower = read_pool(tmp_path / "pool").recordings
    for changed, ratio in ((higher, 2 ** (4 / 12)), (lower, 2 ** (-4 / 12))):
        n_frames = usual.log_mel.shape[1] / ratio
        assert changed.log_mel.shape[1] == pytest.approx(n_frames, abs=1)
        gap = np.flatnonzero(changed.log_mel.max(axis=0) < 100)
        assert gap.mean() == pytest.approx(np.mean((4, 5)) / 8 * n_frames, abs=1)
        said, before = changed.said["yamnet"].starts_s, usual.said["yamnet"].starts_s
        assert len(said) == pytest.approx(len(before) / ratio, abs=1)

    def loudest(recording: Recording) -> int:
        return int(recording.log_mel[:, 5:25].mean(axis=1).argmax())

    centres_hz = librosa.mel_frequencies(130, fmin=0.0, fmax=SAMPLE_RATE / 2)[1:-1]
    for recording, hz in ((usual, 1000), (higher, 1260), (lower, 794)):
        assert centres_hz[loudest(recording)] == pytest.approx(hz, rel=0.04)


def test_teachers_hear_a_quiet_recording_as_they_hear_a_loud_one(
    teachers: dict[str, Path], tmp_path: Path
) -> None:
    """A student cannot tell how loud a recording is: its excerpts are normalised."""
    sources = []
    for name, gain in (("loud", 0.9), ("quiet", 0.01)):
        path = tmp_path / f"{name}.wav"
        write_wav(path, gain * chord(SAMPLE_RATE, 4.0), SAMPLE_RATE, bits=32)
        sources.append(pools.Source(path, name, "one"))
    pools.make_pool(sources, tmp_path / "pool", teachers=teachers)
    loud, quiet = read_pool(tmp_path / "pool").recordings
    for name, values in loud.said.items():
        for output, array in values.arrays.items():
            np.testing.assert_allclose(quiet.said[name].arrays[output], array, rtol=2e-3, atol=2e-2)


def test_speeds_are_drawn_from_the_seed() -> None:
    sources = [pools.Source(Path(f"{n}.ogg"), f"{n}.ogg", "one") for n in range(200)]
    found = pools.at_other_speeds(sources)
    assert found == pools.at_other_speeds(sources)
    assert found != pools.at_other_speeds(sources, seed=1)
    steps = [source.semitones for source in found]
    assert set(steps) == {-4, -3, -2, -1, 1, 2, 3, 4}
    assert [source.path for source in found] == [source.path for source in sources]
    assert found[0].name == f"0.ogg {steps[0]:+d}"


def test_a_stopped_pool_goes_on_and_is_the_same_on_any_number_of_processes(
    music: Path, store: Path, teachers: dict[str, Path], made: Path, tmp_path: Path
) -> None:
    sources = sources_of(music, store)
    done: list[int] = []

    def stop(_: str, so_far: int, total: int) -> None:
        assert total == len(sources)
        done.append(so_far)
        if so_far == 1:
            raise KeyboardInterrupt

    out = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        pools.make_pool(sources, out, teachers=teachers, progress=stop)
    assert done == [0, 1]
    # What was under way may have been finished.
    recording_path(out, len(sources) - 1).unlink(missing_ok=True)
    with pytest.raises(DataError, match=r"is not complete .*the command that began it goes on"):
        read_pool(out)
    done.clear()
    pools.make_pool(
        sources, out, teachers=teachers, progress=lambda _, so_far, total: done.append(so_far)
    )
    assert 1 <= done[0] < len(sources)
    assert done[-1] == len(sources)
    assert_same(read_pool(out), read_pool(made))
    done.clear()
    pools.make_pool(
        sources, out, teachers=teachers, progress=lambda _, so_far, total: done.append(so_far)
    )
    assert done == [len(sources)], "a pool that is complete is not made again"


def assert_same(one: Pool, other: Pool) -> None:
    assert one.statement == other.statement
    for mine, theirs in zip(one.recordings, other.recordings, strict=True):
        np.testing.assert_array_equal(mine.log_mel, theirs.log_mel)
        for name, values in mine.said.items():
            np.testing.assert_array_equal(values.starts_s, theirs.said[name].starts_s)
            for output, array in values.arrays.items():
                np.testing.assert_array_equal(array, theirs.said[name].arrays[output])


KILLED = """
import sys
from pathlib import Path
from soundalike.research.distill.pool import find_soundtracks, make_pool

if __name__ == "__main__":
    music, out, folder = map(Path, sys.argv[1:])
    teachers = {name: folder / f"{name}.onnx" for name in ("musicnn", "yamnet")}
    sources = find_soundtracks(music) * 40
    make_pool(sources, out, teachers=teachers, progress=lambda *done: print(done[1], flush=True))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills a group of processes")
def test_a_killed_pool_leaves_whole_recordings_alone(
    music: Path, teachers: dict[str, Path], tmp_path: Path
) -> None:
    script, out = tmp_path / "make.py", tmp_path / "pool"
    script.write_text(KILLED)
    folder = next(iter(teachers.values())).parent
    with subprocess.Popen(
        [sys.executable, str(script), str(music), str(out), str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stdout is not None
        assert any(int(line) >= 3 for line in running.stdout)
        os.killpg(running.pid, signal.SIGKILL)
    left = sorted(out.glob("*.npz"))
    assert 3 <= len(left) < 120
    assert read_statement(out)["sources"][0]["name"] == "a.wav"
    for number in range(len(left)):
        if recording_path(out, number).exists():
            with np.load(recording_path(out, number)) as stored:
                assert {name: stored[name].shape for name in stored.files}
    sources = pools.find_soundtracks(music) * 40
    begun = []

    def stop(_: str, so_far: int, total: int) -> None:
        begun.append(so_far)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pools.make_pool(sources, out, teachers=teachers, progress=stop)
    assert begun == [len(left)]


def test_a_folder_of_something_else_is_refused(
    music: Path, store: Path, teachers: dict[str, Path], made: Path, tmp_path: Path
) -> None:
    sources = sources_of(music, store)
    before = sorted(path.name for path in made.iterdir())
    other = {**teachers, "musicnn": tmp_path / "musicnn.onnx"}
    content = teachers["musicnn"].read_bytes()
    model = onnx.load_from_string(content)
    model.doc_string = "another file"
    other["musicnn"].write_bytes(model.SerializeToString())
    for wrong, asked in (
        (sources[:2], teachers),
        (sources[::-1], teachers),
        (sources, {"musicnn": teachers["musicnn"]}),
        (sources, other),
    ):
        with pytest.raises(InvalidArgument, match=r"whole holds another pool .*remove it"):
            pools.make_pool(wrong, made, teachers=asked)
    assert sorted(path.name for path in made.iterdir()) == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").touch()
    with pytest.raises(InvalidArgument, match=r"mine holds other files: choose another --out"):
        pools.make_pool(sources, tmp_path / "mine", teachers=teachers)
    with pytest.raises(OutputError, match=r"letter\.txt"):
        pools.make_pool(sources, tmp_path / "mine" / "letter.txt", teachers=teachers)
    with pytest.raises(InvalidArgument, match="jobs must be 1 or more, not 0"):
        pools.make_pool(sources, made, teachers=teachers, jobs=0)
    with pytest.raises(DataError, match="a pool needs a recording"):
        pools.make_pool([], tmp_path / "none", teachers=teachers)


def test_a_recording_that_cannot_be_used_is_named(
    teachers: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "short.wav"
    write_wav(path, chord(SAMPLE_RATE, 0.6), SAMPLE_RATE)
    sources = [pools.Source(path, "short.wav", "one")]
    with pytest.raises(DataError, match=r"short\.wav: shorter than 1 s"):
        pools.make_pool(sources, tmp_path / "pool", teachers=teachers)
    gone = [pools.Source(tmp_path / "gone.wav", "gone.wav", "one")]
    with pytest.raises(DataError, match=r"gone\.wav: no such file"):
        pools.make_pool(gone, tmp_path / "other", teachers=teachers)


def test_damaged_pools_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none: no such pool; `soundalike data pool` makes one"):
        read_pool(tmp_path / "none")
    (tmp_path / "old.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match=r"old\.npz is a file, and a pool is a folder"):
        read_pool(tmp_path / "old.npz")

    pool, whole = tmp_path / "pool", small_pool(2)
    write_pool(pool, whole)
    assert_same(read_pool(pool), whole)

    content = recording_path(pool, 1).read_bytes()
    for damaged in (content[: len(content) // 2], b"", content.replace(b"log_mel", b"lag_mel")):
        recording_path(pool, 1).write_bytes(damaged)
        with pytest.raises(DataError, match=r"00001\.npz: damaged .*; delete it"):
            read_pool(pool)
    with recording_path(pool, 1).open("wb") as file:
        np.savez(file, log_mel=np.zeros((96, 4), np.uint8))
    with pytest.raises(DataError, match=r"00001\.npz: damaged \(log_mel is uint8 \(96, 4\)\)"):
        read_pool(pool)
    for text, message in (
        ('{"format": 1}', "a pool of format 1, and this version reads 2: make it again"),
        ("{]", r"pool\.json: damaged .*; make the pool again"),
        ("[]", r"pool\.json: damaged"),
        ('{"format": 2}', r"pool\.json: damaged"),
        ('{"format": 2, "sources": [{"name": "a"}]}', r"pool\.json: damaged"),
    ):
        (pool / STATEMENT).write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=message):
            read_pool(pool)


def test_the_command_says_what_is_wrong(tmp_path: Path, store: Path, music: Path) -> None:
    out = ["--data", str(store), "--out", str(tmp_path / "pool")]
    for folder, message in (
        (tmp_path, "manifest.json: no such file"),
        (music, "`soundalike models pull musicnn` gets the teacher"),
    ):
        result = CliRunner().invoke(cli, ["data", "pool", "--music", str(folder), *out])
        assert result.exit_code == 1
        assert result.stderr.startswith("DataError: ")
        assert message in result.stderr


def test_the_command_makes_a_pool_and_goes_on(
    tmp_path: Path,
    music: Path,
    store: Path,
    teachers: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOUNDALIKE_MODELS", str(next(iter(teachers.values())).parent))
    out = tmp_path / "pool"
    words = ["data", "pool", "--music", str(music), "--without", "one", "--data", str(store)]
    words += ["--other-speeds", "--seed", "3", "--out", str(out)]
    for _ in range(2):  # the second time it lies there complete
        result = CliRunner().invoke(cli, words, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        assert result.stdout.startswith(f"{out}: 4 recordings, ")
    pool = read_pool(out)
    assert pool.packages == ("two", "gtzan") * 2
    given = CliRunner().invoke(cli, [*words, "--json"], catch_exceptions=False)
    size = sum(path.stat().st_size for path in out.iterdir())
    assert json.loads(given.stdout) == {"pool": str(out), "size_bytes": size, "recordings": 4}
    refused = CliRunner().invoke(cli, [*words, "--no-clips"])
    assert refused.exit_code == 1
    assert "holds another pool" in refused.stderr
