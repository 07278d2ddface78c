"""Splits by artist, and the check that nothing stands on two sides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundalike.errors import DataError, InvalidArgument
from soundalike.research.datasets.frames import LogMelSet, Split
from soundalike.research.datasets.leaks import find_leaks, find_repeats, refuse_leaks
from soundalike.research.datasets.splitting import SplitSizes, split_by_artist, unsplittable


def collection(n_labels: int, artists_each: int, tracks_each: int) -> tuple[list[str], ...]:
    """Names, labels and artists; every artist has one label and as many tracks."""
    labels, artists = [], []
    for label in range(n_labels):
        for artist in range(artists_each):
            labels += [f"l{label}"] * tracks_each
            artists += [f"l{label} a{artist}"] * tracks_each
    return [f"t{i}" for i in range(len(labels))], labels, artists


def a_set(sides: dict[str, list[int]], artists: list[int], frames: np.ndarray) -> LogMelSet:
    n_tracks = len(artists)
    return LogMelSet(
        frames,
        tuple(f"t{i}" for i in range(n_tracks)),
        np.zeros(n_tracks, np.int64),
        np.array(artists),
        {side: np.array(rows, np.int64) for side, rows in sides.items()},
        ("label",),
    )


def test_an_even_collection_is_divided_as_asked() -> None:
    tracks, labels, artists = collection(4, 20, 3)
    split = split_by_artist(tracks, labels, artists, seed=3)
    assert [len(side) for side in split.sides().values()] == [168, 36, 36]
    label_of = dict(zip(tracks, labels, strict=True))
    for names in split.sides().values():
        counts = {label: [label_of[name] for name in names].count(label) for label in set(labels)}
        assert max(counts.values()) == min(counts.values())
    assert find_leaks(split.sides(), artists=dict(zip(tracks, artists, strict=True))) == ()
    assert split == split_by_artist(tracks, labels, artists, seed=3)
    assert split != split_by_artist(tracks, labels, artists, seed=4)


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(6, 40))
def test_no_artist_is_ever_on_two_sides(seed: int, n_labels: int, n_artists: int) -> None:
    rng = np.random.default_rng(seed)
    owner = np.concatenate([np.arange(n_artists), rng.integers(0, n_artists, 4 * n_artists)])
    # Half of the artists keep to one label, the others play any.
    home = rng.integers(0, n_labels, n_artists)
    labels = [
        f"l{home[artist] if artist % 2 else rng.integers(0, n_labels)}" for artist in owner.tolist()
    ]
    artists = [f"a{artist}" if artist % 7 else "" for artist in owner.tolist()]
    tracks = [f"t{i}" for i in range(len(labels))]
    try:
        split = split_by_artist(tracks, labels, artists, tolerance=0.08)
    except DataError:  # some of these collections cannot be divided
        return
    known = {track: artist for track, artist in zip(tracks, artists, strict=True) if artist}
    assert find_leaks(split.sides(), artists=known) == ()
    assert sorted(name for side in split.sides().values() for name in side) == sorted(tracks)
    for share, names in zip((0.7, 0.15, 0.15), split.sides().values(), strict=True):
        assert abs(len(names) / len(tracks) - share) <= 0.08 + 1e-9
        assert {labels[tracks.index(name)] for name in names} == set(labels)


def test_labels_that_cannot_be_divided_are_named() -> None:
    tracks, labels, artists = collection(2, 10, 2)
    labels += ["lonely", "bob", "bob", "bob"]
    artists += ["x", "Bob", "Bob", "Bob"]
    tracks += ["u0", "u1", "u2", "u3"]
    assert unsplittable(labels, artists) == {
        "lonely": "1 track, 3 sides need one each",
        "bob": "3 tracks of 1 artist (Bob), 3 sides need one each",
    }
    with pytest.raises(DataError, match=r"bob: 3 tracks of 1 artist \(Bob\).*lonely: 1 track,"):
        split_by_artist(tracks, labels, artists)
    without_validation = SplitSizes(0.8, 0.0, 0.2)
    assert set(unsplittable(labels, artists, without_validation)) == {"lonely", "bob"}


def test_an_artist_with_too_much_is_named() -> None:
    # Ann has 90 of 97 tracks, so that nothing near 15 % is left for the other two sides.
    labels = ["a"] * 90 + ["a", "a", "a", "b", "b", "b", "b"]
    artists = ["Ann"] * 90 + ["c", "d", "e", "f", "g", "h", "i"]
    with pytest.raises(DataError, match=r"within 5%: at best train 9.*most tracks: Ann \(90\)"):
        split_by_artist([f"t{i}" for i in range(97)], labels, artists)


def test_a_side_may_be_left_out() -> None:
    tracks, labels, artists = collection(2, 10, 1)
    split = split_by_artist(tracks, labels, artists, sizes=SplitSizes(0.8, 0.0, 0.2))
    assert [len(side) for side in split.sides().values()] == [16, 0, 4]


@pytest.mark.parametrize("shares", [(0.5, 0.2, 0.2), (0.0, 0.5, 0.5), (1.2, -0.1, -0.1)])
def test_shares_sum_to_one(shares: tuple[float, float, float]) -> None:
    with pytest.raises(InvalidArgument, match="must sum to 1"):
        SplitSizes(*shares)


def test_each_kind_of_leak_is_found_with_its_names() -> None:
    sides = Split(("a", "b", "c"), ("d",), ("c", "e")).sides()
    leaks = find_leaks(sides, artists={"a": 1, "e": 1, "b": 2}, repeats=[("b", "d"), ("a", "b")])
    assert [str(leak) for leak in leaks] == [
        "track: c in train and c in test",
        "repeat: b in train and d in valid",
        "artist: a in train and e in test",
    ]


def frames_of(*seeds: int) -> np.ndarray:
    return np.stack(
        [np.random.default_rng(seed).integers(0, 256, (128, 300), np.uint8) for seed in seeds]
    )


def test_an_exact_repeat_is_refused_under_any_name() -> None:
    data = a_set({"train": [0, 1], "valid": [2], "test": [3]}, [0, 1, 2, 3], frames_of(0, 1, 2, 1))
    with pytest.raises(DataError, match="repeat: t1 in train and t3 in test"):
        refuse_leaks(data, ["artist"])
    # On one side it is no leak.
    data = a_set(
        {"train": [0, 1, 3], "valid": [2], "test": []}, [0, 1, 2, 3], frames_of(0, 1, 2, 1)
    )
    assert refuse_leaks(data) == ()


def test_a_shared_artist_passes_only_when_asked_for() -> None:
    data = a_set({"train": [0, 1], "valid": [], "test": [2]}, [5, -1, 5], frames_of(0, 1, 2))
    with pytest.raises(
        DataError, match=r"\(artist\) in allow_leaks if you want this:\n  artist: t0 in train"
    ):
        refuse_leaks(data)
    (leak,) = refuse_leaks(data, ["artist"])
    assert (leak.kind, leak.tracks) == ("artist", {"train": ("t0",), "test": ("t2",)})


def test_repeats_are_heard_through_noise_and_loudness() -> None:
    rng = np.random.default_rng(0)
    music = frames_of(0, 1, 2).astype(np.float64)
    again = np.clip(0.8 * music[1] + 20 + rng.normal(0, 15, music[1].shape), 0, 255)
    frames = np.concatenate([music, again[None]]).astype(np.uint8)
    (repeat,) = find_repeats(frames, ("a", "b", "c", "b again"))
    assert (repeat.first, repeat.second) == ("b", "b again")
    assert 0.9 < repeat.correlation < 1
    silent = np.zeros((2, 128, 300), np.uint8)
    assert find_repeats(silent, ("a", "b")) == ()
    with pytest.raises(InvalidArgument, match="correlation"):
        find_repeats(frames, ("a", "b", "c", "d"), correlation=0)
