"""Pools: which music they are cut from, that chance is kept in hand, and what the teacher says."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from audio_files import chord, write_wav
from click.testing import CliRunner

pytest.importorskip("torch", reason="needs soundalike[research]")

from distill_sets import write_teacher

from soundalike.cli.app import cli
from soundalike.cli.pool import pool as pool_command
from soundalike.errors import DataError, InvalidArgument
from soundalike.frontends.log_mel import SAMPLE_RATE
from soundalike.research.datasets.frames import STORE_FILE, Store, write_store
from soundalike.research.distill import pool as pools
from soundalike.research.distill.pool_file import Pool, read_metadata, read_pool
from soundalike.research.distill.segments import SegmentConfig, make_segment, waveform_of
from soundalike.research.distill.teacher import (
    LESSONS,
    Teacher,
    find_teacher,
    make_lessons,
)

TRAIN, VALID, TEST = "blues/blues.00000", "jazz/jazz.00001", "rock/rock.00002"


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_teacher(tmp_path_factory.mktemp("teacher") / "teacher.onnx")


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two soundtracks of one package, in stereo, and one of another."""
    folder = tmp_path_factory.mktemp("music")
    entries = []
    for name, package in (("a.wav", "one"), ("b.wav", "one"), ("c.wav", "two")):
        write_wav(folder / name, chord(SAMPLE_RATE, 14.0, channels=2), SAMPLE_RATE)
        entries.append({"path": name, "package": package, "seconds": 14.0})
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


def make(music: Path, store: Path, teacher: Path, out: Path, **options: object) -> Pool:
    pools.make_pool(
        pools.find_soundtracks(music, ["one"]),
        pools.find_clips(store),
        teacher,
        out,
        **{"segments": 12, **options},  # type: ignore[arg-type]
    )
    return read_pool(out)


def test_clips_are_of_training_tracks_alone(store: Path) -> None:
    assert [source.name for source in pools.find_clips(store)] == [TRAIN]


def test_soundtracks_are_of_the_packages_asked_for(music: Path) -> None:
    found = pools.find_soundtracks(music, ["one"])
    assert [(source.name, source.package) for source in found] == [
        ("a.wav", "one"),
        ("b.wav", "one"),
    ]
    with pytest.raises(DataError, match=r"manifest\.json: no tracks of three"):
        pools.find_soundtracks(music, ["one", "three"])


def test_what_is_missing_is_named(music: Path, store: Path, tmp_path: Path) -> None:
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
        find_teacher(tmp_path / "none.onnx")


def test_a_clip_of_no_track_is_refused(store: Path, tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(store, tmp_path / "gtzan")
    (copy / "clips" / "blues.77777.wav").touch()
    with pytest.raises(DataError, match=r"not of a GTZAN track: blues\.77777\.wav"):
        pools.find_clips(copy)


def test_a_stopped_pool_goes_on_and_is_the_same_on_any_number_of_processes(
    music: Path,
    store: Path,
    teacher: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pools, "_CHUNK", 4)
    whole = make(music, store, teacher, tmp_path / "whole.npz", jobs=2)
    assert whole.log_mel.shape == (12, 128, 128)
    assert [track.shape[0] for track in whole.tracks] == [128, 128]
    assert whole.track_names == ("a.wav", "b.wav")
    sources = [source["name"] for source in whole.metadata["sources"]]
    assert sources == ["a.wav", "b.wav", TRAIN]

    done = []

    def stop(words: str, so_far: int, total: int) -> None:
        done.append((words, so_far, total))
        if words == "segments" and so_far == 4:
            raise KeyboardInterrupt

    out = tmp_path / "stopped.npz"
    with pytest.raises(KeyboardInterrupt):
        make(music, store, teacher, out, progress=stop)
    assert done[-1] == ("segments", 4, 12)
    assert not out.exists()
    with pytest.raises(InvalidArgument, match="parts of another pool"):
        make(music, store, teacher, out, seed=1)
    done.clear()
    again = make(music, store, teacher, out, progress=lambda *so_far: done.append(so_far))
    assert done[0] == ("decoded", 3, 3)
    # A job that was under way when it was stopped may have been finished.
    assert next(so_far for words, so_far, _ in done if words == "segments") >= 4
    np.testing.assert_array_equal(again.log_mel, whole.log_mel)
    np.testing.assert_array_equal(again.lessons.targets, whole.lessons.targets)
    pools.make_pool(
        pools.find_soundtracks(music, ["one"]),
        pools.find_clips(store),
        teacher,
        out,
        segments=12,
        progress=lambda *_: pytest.fail("a pool that is complete is not made again"),
    )
    with pytest.raises(InvalidArgument, match=r"stopped\.npz holds another pool"):
        make(music, store, teacher, out, seed=1)
    assert [path.name for path in tmp_path.iterdir() if ".parts" in path.name] == []


def test_a_recording_too_short_to_cut_is_named(
    music: Path, store: Path, teacher: Path, tmp_path: Path
) -> None:
    path = tmp_path / "short.wav"
    write_wav(path, chord(SAMPLE_RATE, 0.6), SAMPLE_RATE)
    sources = [pools.Source(path, "short.wav", "one")]
    with pytest.raises(DataError, match=r"short\.wav: shorter than 1 s"):
        pools.make_pool(sources, pools.find_clips(store), teacher, tmp_path / "pool.npz")


def tones() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """A soundtrack of 440 Hz and a clip of 1,000 Hz, as int16."""
    time_s = np.arange(12 * SAMPLE_RATE) / SAMPLE_RATE
    wave = [np.sin(2 * np.pi * hz * time_s) * 8000 for hz in (440.0, 1000.0)]
    return [wave[0].astype(np.int16)], [wave[1][: 3 * SAMPLE_RATE].astype(np.int16)]


def pitch_hz(waveform: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return float(spectrum.argmax() * SAMPLE_RATE / len(waveform))


def test_kinds_come_in_their_shares_and_from_their_sources() -> None:
    soundtracks, clips = tones()
    config = SegmentConfig(varispeed=0.0)
    kinds = []
    for seed in range(60):
        kind, waveform = waveform_of(np.random.default_rng(seed), config, soundtracks, clips)
        kinds.append(kind)
        assert len(waveform) >= 128 * 1712
        if kind < 2:
            # A clip of 3 s is repeated, which blurs its pitch by a fraction of a hertz.
            assert pitch_hz(waveform) == pytest.approx((440.0, 1000.0)[kind], abs=1.0)
    shares = np.bincount(kinds, minlength=3) / len(kinds)
    # 60 draws: three standard deviations are 19 %.
    assert shares == pytest.approx([0.40, 0.32, 0.28], abs=0.19)


def test_speed_changes_pitch_within_its_range() -> None:
    soundtracks, clips = tones()
    config = SegmentConfig(soundtrack=1.0, clip=0.0, varispeed=1.0, speed=0.14)
    heard = [
        pitch_hz(waveform_of(np.random.default_rng(seed), config, soundtracks, clips)[1])
        for seed in range(12)
    ]
    ratios = np.log(np.array(heard) / 440.0)
    assert np.abs(ratios).max() <= 0.14 + 1e-3
    assert ratios.min() < -0.03
    assert ratios.max() > 0.03


def test_silence_is_passed_over_and_nothing_but_silence_refused(teacher: Path) -> None:
    soundtracks, clips = tones()
    silent = np.zeros(12 * SAMPLE_RATE, dtype=np.int16)
    asked = Teacher(teacher)
    only = SegmentConfig(soundtrack=1.0, clip=0.0, varispeed=0.0)
    segment = make_segment(0, 0, only, [silent, *soundtracks], clips, asked)
    # The band of 440 Hz is the loudest of what is not silence.
    assert segment.log_mel.max() == 255
    assert 15 <= segment.log_mel.mean(axis=1).argmax() <= 25
    with pytest.raises(DataError, match=r"segment 3: .* all of them silent"):
        make_segment(3, 0, only, [silent], clips, asked)


def test_shares_must_make_one_whole() -> None:
    with pytest.raises(InvalidArgument, match="must not add up to more than 1"):
        SegmentConfig(soundtrack=0.8, clip=0.3)
    with pytest.raises(InvalidArgument, match="varispeed must be 0 to 1, not 2"):
        SegmentConfig(varispeed=2)


def test_the_teacher_hears_what_its_frontend_makes_of_a_tone(teacher: Path) -> None:
    """The small teacher gives the means of the bands of four patches; a tone fills one of 96."""
    time_s = np.arange(10 * SAMPLE_RATE) / SAMPLE_RATE
    tone = (0.5 * np.sin(2 * np.pi * 1000 * time_s)).astype(np.float32)
    bands = Teacher(teacher).outputs(tone)[:96]
    import librosa

    resampled = librosa.resample(tone, orig_sr=SAMPLE_RATE, target_sr=16_000, res_type="soxr_hq")
    power = librosa.feature.melspectrogram(
        y=resampled, sr=16_000, n_fft=512, hop_length=256, n_mels=96
    )
    expected = np.log10(1 + 10_000 * power).astype(np.float32)
    starts = np.linspace(0, expected.shape[1] - 187, 4).astype(int)
    means = np.mean([expected[:, start : start + 187].mean(axis=1) for start in starts], axis=0)
    assert bands == pytest.approx(means, abs=1e-3)


def test_another_model_is_no_teacher(tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"other\.onnx: not an ONNX model"):
        Teacher(path)
    write_teacher(path, lacking="mean_pool")
    with pytest.raises(DataError, match=r"other\.onnx: not the teacher: it lacks .*mean_pool"):
        Teacher(path)


def test_lessons_are_standardised_and_weighted() -> None:
    generator = np.random.default_rng(0)
    outputs = generator.normal(3.0, 5.0, (300, 1756)).astype(np.float32)
    outputs[:, 7] = 2.5  # a dead value of the embedding
    outputs[:, 250:1003] *= np.linspace(1.0, 4.0, 300)[:, None]
    lessons = make_lessons(outputs)
    assert lessons.targets.shape == (300, 442)
    embedding = lessons.targets[:, :200]
    assert embedding.mean(axis=0) == pytest.approx(np.zeros(200), abs=1e-4)
    alive = np.arange(200) != 7
    assert embedding[:, alive].std(axis=0) == pytest.approx(np.ones(199), abs=1e-4)
    assert (embedding[:, 7] == 0).all()
    assert lessons.weights[7] == 0
    begin = 0
    for lesson in LESSONS:
        mine = slice(begin, begin + lesson.taught)
        assert lessons.weights[mine].sum() == pytest.approx(lesson.weight, abs=1e-5)
        begin += lesson.taught
    # Components do not vary together, and the first varies most.
    components = lessons.targets[:, 250:346]
    products = components.T @ components / 300
    assert np.abs(products - np.diag(products.diagonal())).max() < 1e-3
    assert (np.diff(products.diagonal()) <= 1e-4).all()


def test_damaged_pools_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="soundalike data pool"):
        read_pool(tmp_path / "none.npz")
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(DataError, match=r"bad\.npz: damaged, or not a pool"):
        read_pool(tmp_path / "bad.npz")
    with (tmp_path / "old.npz").open("wb") as file:
        np.savez(
            file,
            log_mel=np.zeros((2, 128, 128), np.uint8),
            kinds=np.zeros(2, np.uint8),
            targets=np.zeros((2, 442), np.float32),
            weights=np.zeros(442, np.float32),
            frames=np.zeros((128, 5), np.uint8),
            n_frames=np.array([5]),
            track_names=np.array(["a"]),
            metadata=np.array('{"format": 0}'),
        )
    with pytest.raises(DataError, match=r"old\.npz: a pool of format 0"):
        read_pool(tmp_path / "old.npz")


def test_the_command_says_what_is_wrong(tmp_path: Path, store: Path) -> None:
    places = ["--music", str(tmp_path), "--data", str(store), "--out", str(tmp_path / "p.npz")]
    result = CliRunner().invoke(cli, ["data", "pool", *places])
    assert result.exit_code == 1
    assert result.stderr.startswith("DataError: ")


def test_the_command_makes_a_pool_and_goes_on(
    tmp_path: Path, music: Path, store: Path, teacher: Path
) -> None:
    out = tmp_path / "pool.npz"
    words = ["data", "pool", "--music", str(music), "--package", "one", "--data", str(store)]
    words += ["--teacher", str(teacher), "--segments", "4", "--clip", "0.5", "--out", str(out)]
    for _ in range(2):  # the second time it lies there complete
        result = CliRunner().invoke(cli, words, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        assert result.stdout.startswith(f"{out}: 4 segments, ")
    metadata = read_metadata(out)
    assert metadata["segments"] == 4
    assert metadata["config"] == asdict(SegmentConfig(clip=0.5))


def test_the_options_of_the_command_have_the_usual_values() -> None:
    options = {option.name: option.default for option in pool_command.params}
    assert asdict(SegmentConfig()).items() <= options.items()
