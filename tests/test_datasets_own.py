"""Your own music as a data set: from folders and from a library."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from audio_files import write_audio, write_wav
from fakes import open_library, write_track
from mutagen.id3 import TCON, TPE1
from mutagen.wave import WAVE

from soundalike.errors import DataError, InvalidArgument, SilentAudio, TooShort
from soundalike.frontends.log_mel import log_mel
from soundalike.research.datasets import catalog, own
from soundalike.research.datasets.frames import (
    SPLIT_FILE,
    STORE_FILE,
    Split,
    Store,
    decibels,
    read_store,
    write_split,
    write_store,
)
from soundalike.research.datasets.prepare import passage_frames
from soundalike.research.datasets.splitting import SplitSizes
from soundalike.research.datasets.training import load_for

RATE = 8000
THIRDS = SplitSizes(0.5, 0.25, 0.25)


def noise(seed: int, seconds: float = 1.5) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)


def make_music(
    folder: Path, labels: tuple[str, ...] = ("calm", "wild"), n_artists: int = 4
) -> Path:
    """Each label with artists of one track each, in a folder an artist."""
    for i, label in enumerate(labels):
        for artist in range(n_artists):
            path = folder / label / f"{label} artist {artist}" / "piece.wav"
            path.parent.mkdir(parents=True)
            write_wav(path, noise(100 * i + artist), RATE)
    return folder


def test_a_folder_becomes_a_store_with_a_split(tmp_path: Path) -> None:
    music = make_music(tmp_path / "music")
    (music / ".DS_Store").touch()
    (music / "calm" / "cover.jpg").touch()
    out = tmp_path / "out"
    report = own.prepare(own.tracks_of_folder(music), out, passage_s=10, sizes=THIRDS)
    assert (report.tracks, report.labels, report.left_out) == (8, {"calm": 4, "wild": 4}, ())
    assert report.notes == ()
    data = own.load(out)
    assert data.label_names == ("calm", "wild")
    assert [len(side) for side in data.split().sides().values()] == [4, 2, 2]
    assert len(set(data.artists.tolist())) == 8
    assert data.log_mel.shape == (8, 128, 129)
    row = data.tracks.index("wild/wild artist 2/piece.wav")
    assert data.label_names[data.labels[row]] == "wild"
    # A track of 1.5 s is repeated until it fills the passage.
    once = log_mel(noise(102), RATE)
    heard = data.decibels(np.array([row]))[0]
    # Half a step of a byte, and what 16 bits lose in the quietest bands.
    assert np.abs(heard[:100, : once.shape[1]] - once[:100]).mean() < 0.3
    assert np.array_equal(heard[:, : once.shape[1]], heard[:, once.shape[1] : 2 * once.shape[1]])
    assert catalog.check("folder", out).problems == ()


def test_the_same_call_gives_the_same_split(tmp_path: Path) -> None:
    tracks = own.tracks_of_folder(make_music(tmp_path / "music", n_artists=6))
    splits = []
    for number, seed in enumerate((0, 0, 2)):
        out = tmp_path / str(number)
        own.prepare(tracks, out, passage_s=10, sizes=THIRDS, seed=seed)
        splits.append(own.load(out).split())
    assert splits[0] == splits[1] != splits[2]


def test_the_tag_says_who_the_artist_is_before_the_folder_does(tmp_path: Path) -> None:
    folder = tmp_path / "calm" / "folk" / "album"
    folder.mkdir(parents=True)
    write_audio(folder / "a.flac", noise(0), RATE, "flac", metadata={"artist": "Ann"})
    write_wav(folder / "b.wav", noise(1), RATE)
    write_wav(tmp_path / "calm" / "c.wav", noise(2), RATE)
    (tmp_path / "wild").mkdir()
    write_wav(tmp_path / "wild" / "d.wav", noise(3), RATE)
    artists = {track.name: track.artist for track in own.tracks_of_folder(tmp_path)}
    assert artists == {
        "calm/c.wav": "",
        "calm/folk/album/a.flac": "Ann",
        "calm/folk/album/b.wav": "folder calm/folk/album",
        "wild/d.wav": "",
    }


def test_other_layouts_are_refused_with_what_was_found(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no audio files here\. Accepted layout: LABEL/track"):
        own.tracks_of_folder(tmp_path)
    write_wav(tmp_path / "loose.wav", noise(0), RATE)
    with pytest.raises(DataError, match=r"1 audio files are in no label's folder: loose\.wav"):
        own.tracks_of_folder(tmp_path)
    (tmp_path / "calm").mkdir()
    (tmp_path / "loose.wav").rename(tmp_path / "calm" / "loose.wav")
    with pytest.raises(DataError, match="'calm' is the only label"):
        own.tracks_of_folder(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        own.tracks_of_folder(tmp_path / "nowhere")


def test_a_label_with_one_track_is_refused_by_name(tmp_path: Path) -> None:
    music = make_music(tmp_path / "music", ("calm", "wild"))
    (music / "odd").mkdir()
    write_wav(music / "odd" / "only.wav", noise(7), RATE)
    (music / "same" / "Bob").mkdir(parents=True)
    for number in range(3):
        write_wav(music / "same" / "Bob" / f"{number}.wav", noise(10 + number), RATE)
    tracks = own.tracks_of_folder(music)
    reasons = r"odd: 1 track, 3 sides need one each; same: 3 tracks of 1 artist \(folder same/bob\)"
    with pytest.raises(DataError, match=reasons + ".*--drop-rare"):
        own.prepare(tracks, tmp_path / "out", passage_s=10, sizes=THIRDS)
    report = own.prepare(tracks, tmp_path / "out", passage_s=10, sizes=THIRDS, drop_rare=True)
    assert set(report.labels) == {"calm", "wild"}
    assert "odd: 1 track" in report.notes[0]
    assert "odd: 1 track" in catalog.check("folder", music).problems[0]
    with pytest.raises(
        DataError, match="no track has the label x; the labels are calm, odd, same, wild"
    ):
        own.prepare(tracks, tmp_path / "out", labels=["x"])
    with pytest.raises(DataError, match="at least two labels are needed, not 1"):
        own.prepare(tracks, tmp_path / "out", labels=["calm"])


def test_broken_files_are_listed_and_skipped_only_when_asked(tmp_path: Path) -> None:
    music = make_music(tmp_path / "music", n_artists=5)
    broken = music / "calm" / "calm artist 0" / "piece.wav"
    broken.write_bytes(b"no sound")
    write_wav(music / "wild" / "wild artist 0" / "piece.wav", np.zeros(RATE), RATE)
    tracks = own.tracks_of_folder(music)
    with pytest.raises(DataError, match=r"2 tracks are missing or broken") as error:
        own.prepare(tracks, tmp_path / "out", passage_s=10, sizes=THIRDS)
    assert "calm/calm artist 0/piece.wav: " in str(error.value)
    assert "wild/wild artist 0/piece.wav: never rises above -80 dBFS" in str(error.value)
    assert not (tmp_path / "out").exists()
    report = own.prepare(tracks, tmp_path / "out", passage_s=10, sizes=THIRDS, skip_broken=True)
    assert report.tracks == 8
    assert len(report.left_out) == 2


def test_a_passage_is_taken_from_the_middle(tmp_path: Path) -> None:
    # Silence but for ten seconds in the middle, with a tone that gives them away.
    samples = 1e-3 * noise(0, 40)
    seconds = np.arange(samples.size) / RATE
    tone = np.sin(2 * np.pi * 1000 * seconds) * ((seconds > 15) & (seconds < 25))
    path = write_wav(tmp_path / "a.wav", samples + 0.5 * tone, RATE)
    made = passage_frames(path, 129)
    loudest = decibels(made.log_mel[None])[0].max(axis=0)
    assert loudest[:2].max() > -30
    assert loudest[5:-5].min() > -3
    assert passage_frames(path, 400).log_mel.shape == (128, 400)


def test_too_short_and_silent_files_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(TooShort, match=r"lasts 0\.25 s"):
        passage_frames(write_wav(tmp_path / "a.wav", noise(0, 0.25), RATE), 129)
    with pytest.raises(SilentAudio, match="never rises"):
        passage_frames(write_wav(tmp_path / "b.wav", np.zeros(RATE), RATE), 129)
    with pytest.raises(InvalidArgument, match=r"9\.94 to 600, not 5"):
        own.prepare((), tmp_path, passage_s=5)


def test_copies_of_a_recording_stay_on_one_side(tmp_path: Path) -> None:
    music = make_music(tmp_path / "music", n_artists=8)
    for artist in (1, 2):
        original = music / "calm" / f"calm artist {artist}" / "piece.wav"
        copy = music / "calm" / f"calm artist {artist + 5}" / "again.wav"
        copy.write_bytes(original.read_bytes())
    tracks = own.tracks_of_folder(music)
    for seed in range(4):
        out = tmp_path / str(seed)
        report = own.prepare(tracks, out, passage_s=10, sizes=THIRDS, seed=seed)
        assert "calm/calm artist 1/piece.wav = calm/calm artist 6/again.wav" in report.notes[0]
        sides = own.load(out).split().sides()
        for artist in (1, 2):
            pair = {
                f"calm/calm artist {artist}/piece.wav",
                f"calm/calm artist {artist + 5}/again.wav",
            }
            assert [len(pair & set(names)) for names in sides.values()].count(2) == 1


def test_a_split_with_a_copy_on_two_sides_is_not_loaded(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, 128, 130), np.uint8)
    store = Store(
        np.concatenate([frames, frames[:1]]), tuple("abcd"), None, tuple("xyxy"), ("",) * 4
    )
    write_store(tmp_path / STORE_FILE, store)
    write_split(tmp_path / SPLIT_FILE, Split(("a", "b"), ("c",), ("d",)))
    with pytest.raises(DataError, match=r"the split leaks.*\n  repeat: a in train and d in test"):
        own.load(tmp_path)
    assert "repeat: a in train" in catalog.check("folder", tmp_path).problems[0]


def test_training_may_share_an_artist_where_that_is_wanted(tmp_path: Path) -> None:
    frames = np.random.default_rng(3).integers(0, 255, (3, 128, 130)).astype(np.uint8)
    names, labels = ("a", "b", "c"), ("calm", "wild", "calm")
    write_store(tmp_path / STORE_FILE, Store(frames, names, None, labels, ("x", "y", "x")))
    write_split(tmp_path / SPLIT_FILE, Split(("a",), ("b",), ("c",)))
    with pytest.raises(DataError, match=r"\(artist\) in allow_leaks if you want this"):
        load_for("resnet", tmp_path)
    found = load_for("resnet", tmp_path, allow_leaks=["artist"])
    assert found.data.tracks == names


def test_a_store_without_labels_is_not_ones_own(tmp_path: Path) -> None:
    write_store(
        tmp_path / STORE_FILE, Store(np.zeros((1, 128, 8), np.uint8), ("blues/blues.00000",))
    )
    with pytest.raises(DataError, match="has no labels; to read a store of GTZAN, use gtzan"):
        own.load(tmp_path)


def tagged(path: Path, genre: str | None, artist: str | None) -> None:
    write_track(path, path.stem)
    tags = WAVE(path)
    tags.add_tags()
    if genre:
        tags.tags.add(TCON(encoding=3, text=[genre]))
    if artist:
        tags.tags.add(TPE1(encoding=3, text=[artist]))
    tags.save()


def test_a_library_is_labelled_by_its_genre_tags(tmp_path: Path) -> None:
    music = tmp_path / "music"
    tagged(music / "a.wav", "Jazz", "Ann")
    tagged(music / "b.wav", "jazz", "Bob")
    tagged(music / "c.wav", "Jazz;Blues", None)
    tagged(music / "d.wav", None, "Dan")
    with open_library(tmp_path) as library:
        with pytest.raises(DataError, match="none of the 0 tracks of the library has a genre tag"):
            own.tracks_of_library(library)
        library.scan([music], jobs=1)
        found = {track.path.name: track for track in own.tracks_of_library(library)}
    assert {name: track.label for name, track in found.items()} == {
        "a.wav": "Jazz",
        "b.wav": "Jazz",
        "c.wav": "Jazz",
    }
    assert [found[name].artist for name in sorted(found)] == ["Ann", "Bob", ""]


def test_unknown_artists_are_told(tmp_path: Path) -> None:
    for i, label in enumerate(("calm", "wild")):
        (tmp_path / label).mkdir()
        for number in range(4):
            write_wav(tmp_path / label / f"{number}.wav", noise(10 * i + number), RATE)
    tracks = own.tracks_of_folder(tmp_path)
    report = own.prepare(tracks, tmp_path / "out", passage_s=10, sizes=THIRDS)
    assert report.notes[0].startswith("the artist of 8 of 8 tracks is unknown")
    assert read_store(report.store).artists == ("",) * 8
