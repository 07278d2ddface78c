"""GTZAN: finding its tracks, making its store, and what is known to be wrong with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from audio_files import write_audio, write_wav

from soundalike.errors import DataError, OutputError
from soundalike.research.datasets import catalog, gtzan_faults, prepare
from soundalike.research.datasets import gtzan as gtzan_set
from soundalike.research.datasets.frames import (
    STORE_FILE,
    Split,
    Store,
    decibels,
    quantise,
    read_split,
    read_store,
    write_split,
    write_store,
)
from soundalike.research.datasets.leaks import find_repeats, refuse_leaks

RATE = 22_050
NAMES = ("blues/blues.00000", "rock/rock.00099")


def noise(seconds: float = 30.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)


def make_store(folder: Path, tracks: tuple[str, ...] = NAMES, n_frames: int = 40) -> Path:
    frames = np.random.default_rng(0).integers(0, 256, (len(tracks), 128, n_frames), np.uint8)
    write_store(folder / STORE_FILE, Store(frames, tracks))
    return folder


@pytest.mark.parametrize(
    "layout",
    [
        "genres/{g}/{g}.{n}.au",
        "genres_original/{g}/{g}.{n}.wav",
        "Data/genres_original/{g}/{g}.{n}.wav",
        "{g}/{g}.{n}.wav",
        "{g}.{n}.wav",
        "{g}/{g}_{n}.flac",
    ],
)
def test_every_layout_is_found(tmp_path: Path, layout: str) -> None:
    for genre, number in (("blues", "00000"), ("rock", "00099")):
        path = tmp_path / layout.format(g=genre, n=number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for other in (".DS_Store", "._blues.00000.wav", "images_original/blues/blues00000.png"):
        (tmp_path / other).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / other).touch()
    (tmp_path / "humming.mp3").touch()
    found = prepare.gtzan_files(tmp_path)
    assert tuple(found.paths) == NAMES
    assert len(found.missing) == 998
    assert found.notes == ("1 other audio files were ignored: humming.mp3",)


def test_copies_are_counted_not_taken_twice(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "pop.00001.wav").touch()
    found = prepare.gtzan_files(tmp_path)
    assert found.paths == {"pop/pop.00001": tmp_path / "a" / "pop.00001.wav"}
    assert found.notes[0].startswith("1 further copies")


def test_another_layout_is_refused_with_what_was_found(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"It is empty\. Accepted layouts: genres/blues/blues"):
        prepare.gtzan_files(tmp_path)
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match="no audio, only: train"):
        prepare.gtzan_files(tmp_path)
    (tmp_path / "train" / "1.mp3").touch()
    with pytest.raises(DataError, match=r"1 other audio files, such as train.1\.mp3"):
        prepare.gtzan_files(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        prepare.gtzan_files(tmp_path / "nowhere")
    with pytest.raises(DataError, match="a file; unpack it first"):
        prepare.gtzan_files(tmp_path / "train" / "1.mp3")


def test_a_click_lands_in_the_column_of_its_frame() -> None:
    waveform = np.full(30 * RATE, 1e-4, np.float32)
    n_frames = 1 + waveform.size // 512
    for column in (0, 100, 386):
        frame = int((column + 0.5) * n_frames / 387.5)
        click = waveform.copy()
        click[frame * 512] = 1.0
        made = prepare.gtzan_frames(click)
        assert made.log_mel.shape == (128, 387)
        assert made.log_mel.sum(axis=0, dtype=np.int64).argmax() == column
        assert made.log_mel[:, column].max() == 255


def test_prepare_lists_what_is_broken_and_goes_on_only_when_asked(tmp_path: Path) -> None:
    audio = tmp_path / "genres_original"
    for genre in ("blues", "jazz", "rock"):
        (audio / genre).mkdir(parents=True)
    write_wav(audio / "blues" / "blues.00000.wav", noise(), RATE)
    write_audio(audio / "blues" / "blues.00001.au", noise(seed=1), RATE, "au")
    write_wav(audio / "blues" / "blues.00002.wav", noise(5), RATE)
    write_wav(audio / "rock" / "rock.00001.wav", np.zeros(30 * RATE), RATE)
    (audio / "rock" / "rock.00002.wav").write_bytes(b"no sound at all")
    (audio / "jazz" / "jazz.00054.wav").write_bytes(b"corrupt, as everywhere")
    out = tmp_path / "out"
    with pytest.raises(
        DataError, match=r"997 tracks are missing or broken; --skip-broken"
    ) as error:
        prepare.prepare_gtzan(tmp_path, out)
    assert "blues/blues.00003: no such file" in str(error.value)
    assert not out.exists()

    report = prepare.prepare_gtzan(tmp_path, out, skip_broken=True)
    reasons = {item.name: item.reason for item in report.left_out}
    assert report.labels == {"blues": 2}
    assert reasons["blues/blues.00002"] == "lasts 5.0 s instead of 30 s"
    assert reasons["rock/rock.00001"] == "never rises above -80 dBFS"
    assert "rock/rock.00002" in reasons
    assert "jazz/jazz.00054" not in reasons
    assert any(note.startswith("jazz/jazz.00054 is left out") for note in report.notes)
    store = read_store(report.store)
    assert store.tracks == ("blues/blues.00000", "blues/blues.00001")
    assert store.min_db is not None
    expected = prepare.gtzan_frames(noise())
    # The file has 16 bits.
    assert np.abs(store.log_mel[0].astype(int) - expected.log_mel).max() <= 1


def test_quantising_is_undone_to_half_a_step() -> None:
    rng = np.random.default_rng(0)
    log_mel = rng.uniform(-61.5, 0, (1, 128, 50)).astype(np.float32)
    stored = quantise(log_mel, -61.5)
    back = decibels(stored, np.array([-61.5], np.float32))
    assert np.abs(back - log_mel).max() <= 61.5 / 255 / 2 + 1e-4
    assert quantise(np.zeros((2, 2)), 0.0).tolist() == [[255, 255], [255, 255]]
    assert decibels(np.array([[[0, 255]]], np.uint8)).tolist() == [[[-80, 0]]]


def test_a_damaged_store_is_named(tmp_path: Path) -> None:
    path = tmp_path / STORE_FILE
    with pytest.raises(DataError, match="no such file"):
        read_store(path)
    path.write_bytes(b"PK not really")
    with pytest.raises(DataError, match=r"logmel_u8\.npz: damaged"):
        read_store(path)
    make_store(tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match="damaged"):
        read_store(path)
    np.savez(path, logmel=np.zeros((1, 64, 8), np.uint8), track=["a"])
    with pytest.raises(DataError, match=r"uint8 \(1, 64, 8\), expected"):
        read_store(path)
    np.savez(path, logmel=np.zeros((2, 128, 8), np.uint8), track=["a"])
    with pytest.raises(DataError, match="2 spectrograms but 1 entries in track"):
        read_store(path)
    np.savez(path, logmel=np.zeros((2, 128, 8), np.uint8), track=["a", "a"])
    with pytest.raises(DataError, match="duplicate tracks: a"):
        read_store(path)


def test_a_store_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        make_store(tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_splits_are_kept_by_name(tmp_path: Path) -> None:
    split = Split(("a", "b"), ("c\n",), ())
    write_split(tmp_path / "split.json", split)
    assert read_split(tmp_path / "split.json") == split
    rows = split.rows(["c\n", "b", "a"])
    assert {side: positions.tolist() for side, positions in rows.items()} == {
        "train": [2, 1],
        "valid": [0],
        "test": [],
    }
    with pytest.raises(DataError, match="lacks: c"):
        split.rows(["a", "b"])
    (tmp_path / "split.json").write_text('{"train": ["a"]}')
    with pytest.raises(DataError, match="must hold lists of names for train, valid, test"):
        read_split(tmp_path / "split.json")


def test_loading_needs_the_split_lists_and_their_tracks(tmp_path: Path) -> None:
    make_store(tmp_path)
    with pytest.raises(DataError, match="soundalike data get gtzan --part splits"):
        gtzan_set.load(tmp_path)
    splits = tmp_path / "splits"
    splits.mkdir()
    # As published: with the suffix of either form, and with the corrupt track.
    lists = {"train": "blues/blues.00000.au\njazz/jazz.00054.au\n", "valid": "", "test": ""}
    for side, text in lists.items():
        (splits / f"{side}_filtered.txt").write_text(text)
    for fold in (1, 2, 3):
        (splits / f"f{fold}_evaluate_groups.txt").write_text("./blues_00000.wav\t7\n")
    data = gtzan_set.load(tmp_path)
    assert data.split() == Split((NAMES[0],), (), ())
    assert data.artists.tolist() == [7, -1]
    assert data.label_names[data.labels[1]] == "rock"
    assert data.subset([NAMES[1]]).split() == Split((), (), ())
    with pytest.raises(DataError, match="not among the 2 tracks: x"):
        data.subset(["x"])

    (splits / "test_filtered.txt").write_text("rock/rock.00000.wav\n")
    with pytest.raises(DataError, match=r"not in the store: rock/rock.00000"):
        gtzan_set.load(tmp_path)
    assert gtzan_set.load(tmp_path, skip_missing=True).split().test == ()
    (splits / "test_filtered.txt").write_text("blues/blues.00000.wav\n")
    with pytest.raises(DataError, match=r"track: blues/blues.00000 in train and"):
        gtzan_set.load(tmp_path)


def test_the_check_names_what_is_missing(tmp_path: Path) -> None:
    assert catalog.check("gtzan", tmp_path / "x").problems[0].endswith("no such folder")
    result = catalog.check("gtzan", make_store(tmp_path))
    assert result.found[0] == f"{STORE_FILE}: 2 tracks, 2 genres"
    assert "997 tracks missing: blues/blues.00001" in result.problems[0]
    assert "cannot be read" in result.problems[1]


def test_groups_of_repeats_are_names_of_tracks() -> None:
    names = [name for group in gtzan_faults.REPEATS for name in group]
    assert all(name.split("/")[0] in gtzan_set.GENRES for name in names)
    assert "metal/metal.00058" in names


def test_the_store_is_made_again_from_audio(gtzan: Path, tmp_path: Path) -> None:
    report = prepare.prepare_gtzan(gtzan / "clips" / "full", tmp_path, skip_broken=True)
    made, published = read_store(report.store), read_store(gtzan / STORE_FILE)
    assert len(made.tracks) == 10
    rows = [published.tracks.index(track) for track in made.tracks]
    apart = made.log_mel.astype(np.int64) - published.log_mel[rows]
    assert np.abs(apart).max() <= 1
    assert (apart == 0).mean() > 0.85
    assert abs(apart.mean()) < 0.05  # rounded to the nearest, not down


def test_the_known_repeats_are_heard(gtzan: Path) -> None:
    data = gtzan_set.load(gtzan)
    row_of = {track: row for row, track in enumerate(data.tracks)}
    for first, second in gtzan_faults.IDENTICAL:
        assert np.array_equal(data.log_mel[row_of[first]], data.log_mel[row_of[second]])
    heard = find_repeats(data.log_mel, data.tracks, correlation=0.8)
    listed = {frozenset(g) for g in gtzan_faults.IDENTICAL + gtzan_faults.SAME_RECORDING}
    assert {frozenset((repeat.first, repeat.second)) for repeat in heard} == listed


def test_the_published_split_shares_one_artist_and_nothing_else(gtzan: Path) -> None:
    data = gtzan_set.load(gtzan)
    (leak,) = refuse_leaks(data)
    assert str(leak).startswith("artist: disco/disco.00049, disco/disco.00073 in train")
    assert leak.tracks["test"] == ("disco/disco.00069",)


def test_the_check_finds_the_store_whole(gtzan: Path) -> None:
    result = catalog.check("gtzan", gtzan)
    assert result.problems == ()
    assert result.found[0] == f"{STORE_FILE}: 999 tracks, 10 genres"
    assert result.found[1] == "splits/: train 442, valid 197, test 290"
