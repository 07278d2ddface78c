"""Copies of a recording: which rows hold it, against a look at every pair, and in a ranking."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundalike.errors import InvalidArgument
from soundalike.similarity.codes import encode
from soundalike.similarity.distribution import PairDistribution
from soundalike.similarity.duplicates import Recordings
from soundalike.similarity.rank import rank
from soundalike.similarity.recording import Music, is_same_recording, same_piece


def unit(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float32)


def piece(seed: int, n: int = 8, dim: int = 24) -> np.ndarray:
    return unit(np.random.default_rng(seed).standard_normal((n, dim)))


def nearly(part: np.ndarray, seed: int, deviation: float = 0.02) -> np.ndarray:
    return unit(part + np.random.default_rng(seed).standard_normal(part.shape) * deviation)


def collection(
    pieces: Sequence[tuple[int, float, int]], *, with_codes: bool = False
) -> tuple[Recordings, np.ndarray]:
    """Of pieces by number, with length and number of the audio; -1 for one of its own."""
    parts = [nearly(piece(number), seed) for seed, (number, _, _) in enumerate(pieces)]
    embeddings = unit(np.stack([part.mean(axis=0) for part in parts]))
    audio = [1000 + row if own < 0 else own for row, (_, _, own) in enumerate(pieces)]
    durations = np.array([length for _, length, _ in pieces], np.float32)
    found = Recordings(
        embeddings,
        durations,
        np.array(audio, np.int64),
        lambda rows: {row: Music(float(durations[row]), parts[row]) for row in rows},
        codes=encode(embeddings) if with_codes else None,
    )
    return found, embeddings


def test_copies_are_of_the_same_audio_or_nearly_the_same() -> None:
    recordings, _ = collection(
        [(1, 60, -1), (2, 60, -1), (1, 60.05, -1), (1, 61.2, 7), (3, 90, 7), (1, 63, -1)]
    )
    # 2 is row 0 in another encoding, 3 from another rip; 4 has the audio of 3; 5 is too long.
    assert recordings.copies_of([0, 1, 5]) == [[2, 3, 4], [], []]
    assert recordings.groups() == [[0, 2, 3, 4]]
    like = nearly(piece(1), 99)
    assert recordings.copies_of_other(unit(like.mean(axis=0)), Music(60.0, like)) == [0, 2, 3, 4]
    assert recordings.copies_of_other(unit(like.mean(axis=0)), Music(70.0, like)) == []


PIECES = st.tuples(
    st.integers(0, 4),
    st.sampled_from([60.0, 60.05, 61.0, 62.0, 63.5, 90.0]),
    st.sampled_from([-1, -1, 0, 1]),
)


@settings(max_examples=80)
@given(pieces=st.lists(PIECES, min_size=1, max_size=14))
def test_groups_are_those_of_a_look_at_every_pair(pieces: list[tuple[int, float, int]]) -> None:
    recordings, embeddings = collection(pieces)
    n = len(pieces)
    parts = [nearly(piece(number), seed) for seed, (number, _, _) in enumerate(pieces)]
    linked = np.eye(n, dtype=bool)
    for a in range(n):
        for b in range(n):
            has_same_audio = pieces[a][2] == pieces[b][2] >= 0
            linked[a, b] |= has_same_audio or is_same_recording(
                parts[a],
                parts[b],
                similarity=float(embeddings[a] @ embeddings[b]),
                apart_s=abs(float(np.float32(pieces[a][1])) - float(np.float32(pieces[b][1]))),
            )
    # Audio stands for its first row alone, so that the search looks at no copy twice.
    reached = linked.copy()
    for _ in range(n):
        reached = (reached.astype(int) @ linked.astype(int)) > 0
    expected = {tuple(np.flatnonzero(row).tolist()) for row in reached}
    for group in recordings.groups():
        assert len(group) > 1
        assert any(set(group) <= set(each) for each in expected)
    for row, copies in enumerate(recordings.copies_of(range(n))):
        assert row not in copies
        assert set(copies) <= set(np.flatnonzero(reached[row]).tolist())
        direct = set(np.flatnonzero(linked[row]).tolist()) - {row}
        assert direct <= set(copies)


@settings(max_examples=40)
@given(pieces=st.lists(PIECES, min_size=8, max_size=40), data=st.data())
def test_codes_save_a_look_and_change_nothing(
    pieces: list[tuple[int, float, int]], data: st.DataObject
) -> None:
    (plain, embeddings), (quick, _) = (
        collection(pieces, with_codes=each) for each in (False, True)
    )
    rows = data.draw(st.lists(st.integers(0, len(pieces) - 1), min_size=1, max_size=3, unique=True))
    cosines = embeddings @ embeddings[rows[0]]
    assert quick.copies_of(rows) == plain.copies_of(rows)
    assert quick.copies_of(rows, cosines) == plain.copies_of(rows, cosines)


def test_many_copies_are_found_and_few_others_are_looked_at() -> None:
    pieces = [(1, 60.0, -1)] * 20 + [(number, 60.0, -1) for number in range(2, 30)]
    recordings, _ = collection(pieces)
    assert recordings.copies_of([0]) == [list(range(1, 20))]
    assert recordings.groups() == [list(range(20))]


def test_a_block_of_rows_is_as_good_as_all() -> None:
    """More rows than are compared at once, all of one length."""
    rng = np.random.default_rng(0)
    parts = [piece(seed, n=6, dim=16) for seed in range(600)]
    for copy, of in ((599, 0), (300, 255), (257, 256)):
        parts[copy] = parts[of]
    embeddings = unit(np.stack([part.mean(axis=0) for part in parts]))
    recordings = Recordings(
        embeddings,
        np.full(600, 30.0, np.float32),
        rng.permutation(600).astype(np.int64),
        lambda rows: {row: Music(30.0, parts[row]) for row in rows},
    )
    assert recordings.groups() == [[0, 599], [255, 300], [256, 257]]


@pytest.mark.parametrize(
    ("n", "apart_s", "similarity", "is_same"),
    [
        (1, 0.0, 0.999, True),
        (1, 0.2, 0.999, False),
        (2, 0.0, 0.99, False),
        (8, 0.0, 0.95, True),
        (8, 1.4, 0.95, True),
        (8, 1.6, 0.999, False),
        (8, 0.0, 0.89, False),
        (0, 0.0, 1.0, False),
    ],
)
def test_what_counts_as_one_recording(
    n: int, apart_s: float, similarity: float, is_same: bool
) -> None:
    a = piece(1, max(n, 1))[:n]
    assert is_same_recording(a, a, similarity=similarity, apart_s=apart_s) is is_same


def test_a_ranking_has_a_row_for_each_recording() -> None:
    embeddings = unit(np.array([[1, 0], [1, 0.1], [1, 0.1], [1, 0.3], [1, 0.1], [0, 1]]))
    asked: list[list[int]] = []

    def copies_of(rows: Sequence[int]) -> list[list[int]]:
        asked.append(list(rows))
        same = {1, 2, 4}
        return [sorted(same - {row}) if row in same else [] for row in rows]

    found = rank(embeddings[0], embeddings, k=2, exclude=[0], copies_of=copies_of)
    assert [(each.index, each.copies) for each in found] == [(1, (2, 4)), (3, ())]
    # A copy that is left out is no copy of a result, and copies do not use up an artist.
    found = rank(
        embeddings[0],
        embeddings,
        k=5,
        exclude=[0, 4],
        artists=[1, 1, 1, 1, 1, 2],
        max_per_artist=2,
        copies_of=copies_of,
    )
    assert [(each.index, each.copies) for each in found] == [(1, (2,)), (3, ()), (5, ())]
    assert all(rows for rows in asked)


@settings(max_examples=100)
@given(
    labels=st.lists(st.integers(0, 6), min_size=1, max_size=40),
    k=st.integers(1, 12),
    seed=st.integers(0, 50),
)
def test_a_ranking_of_recordings_is_that_of_their_best_rows(
    labels: list[int], k: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    embeddings = unit(rng.standard_normal((len(labels), 5)))
    query = unit(rng.standard_normal(5))

    def copies_of(rows: Sequence[int]) -> list[list[int]]:
        return [
            [o for o, label in enumerate(labels) if label == labels[r] and o != r] for r in rows
        ]

    found = rank(query, embeddings, k=k, copies_of=copies_of)
    expected = []
    for each in rank(query, embeddings, k=len(labels)):
        if labels[each.index] not in [labels[row] for row in expected]:
            expected.append(each.index)
    assert [each.index for each in found] == expected[:k]
    for each in found:
        assert sorted([each.index, *each.copies]) == [
            row for row, label in enumerate(labels) if label == labels[each.index]
        ]


def test_the_distribution_has_each_piece_once() -> None:
    embeddings = piece(5, n=12)
    twice = np.concatenate([embeddings, embeddings])
    durations = np.tile(np.arange(12) * 10.0, 2)
    alone = PairDistribution.from_embeddings(embeddings)
    both = PairDistribution.from_embeddings(twice, durations_s=durations)
    assert (both.n_tracks, both.sampled_tracks) == (12, 12)
    np.testing.assert_allclose(both.pair_similarities, alone.pair_similarities, atol=1e-6)
    other_lengths = np.concatenate([np.arange(12) * 10.0, np.arange(12) * 10.0 + 3])
    assert PairDistribution.from_embeddings(twice, durations_s=other_lengths).n_tracks == 24
    assert same_piece(twice @ twice.T, durations).sum() == 4 * 12


def test_when_the_best_match_is_poor() -> None:
    large = PairDistribution.from_embeddings(piece(1, n=400))
    assert [large.is_poor(share) for share in (94.9, 95.1, None)] == [True, False, False]
    small = PairDistribution.from_embeddings(piece(1, n=21))
    # 0.01 ** (1 / 20): below that the best of twenty is once in a hundred.
    assert [small.is_poor(share) for share in (79.0, 80.0)] == [True, False]


@pytest.mark.parametrize("value", [2.5, True, "3", None, float("nan"), np.float32(2)])
def test_numbers_of_the_wrong_type_are_named(value: object) -> None:
    embeddings = piece(1)
    with pytest.raises(InvalidArgument, match=r"k is .*: it must be a whole number"):
        rank(embeddings[0], embeddings, k=value)  # type: ignore[arg-type]
    if value is not None:
        with pytest.raises(InvalidArgument, match=r"max_per_artist is .*: it must be a whole"):
            rank(embeddings[0], embeddings, artists=[0] * 8, max_per_artist=value)  # type: ignore[arg-type]
    assert len(rank(embeddings[0], embeddings, k=np.int64(3))) == 3  # type: ignore[arg-type]
