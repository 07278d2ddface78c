"""Artists that sound alike: known answers, and what holds whatever the tracks are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.recommend.artists import MOST_REPRESENTATIVES, Artists, representatives


def unit(rows: object) -> NDArray[np.float32]:
    found = np.array(rows, np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def noise(seed: int, n: int, size: int = 6) -> NDArray[np.float32]:
    return unit(np.random.default_rng(seed).standard_normal((n, size)))


def rows(*some: int) -> NDArray[np.intp]:
    return np.array(some, np.intp)


def test_representatives_stand_for_each_group_by_its_share() -> None:
    around_x = [[1, 0, 0.02 * n] for n in range(-2, 4)]
    around_y = [[0, 1, 0.02 * n] for n in range(-1, 1)]
    chosen, shares = representatives(unit(around_x + around_y), 2)
    assert chosen[0] in range(6)
    assert chosen[1] in range(6, 8)
    assert shares.tolist() == [0.75, 0.25]


def test_equal_tracks_stand_for_themselves() -> None:
    chosen, shares = representatives(unit([[1, 0], [1, 0], [1, 0]]))
    assert sorted(chosen.tolist()) == [0, 1, 2]
    assert shares.tolist() == pytest.approx([1 / 3] * 3)
    with pytest.raises(InvalidArgument, match="without tracks"):
        representatives(np.zeros((0, 2), np.float32))


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_shares_are_of_all_tracks(seed: int, n: int) -> None:
    chosen, shares = representatives(noise(seed, n))
    assert len(set(chosen.tolist())) == len(chosen) == min(n, MOST_REPRESENTATIVES)
    assert shares.sum() == pytest.approx(1.0, abs=1e-5)
    assert (shares > 0).all()


def test_a_known_answer() -> None:
    # A: one track along x. B: half its tracks along x, half along y. C: along y alone.
    embeddings = unit([[1, 0], [1, 0], [0, 1], [0, 1]])
    artists = Artists(embeddings, {"A": rows(0), "B": rows(1, 2), "C": rows(3)})
    found = artists.like(rows(0), 5, without="A")
    # (1 + (1/2 + 0)) / 2, and 0.
    assert [(each.artist, each.similarity) for each in found] == [("B", 0.75), ("C", 0.0)]


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 12))
def test_it_is_symmetric(seed: int, n: int, m: int) -> None:
    embeddings = noise(seed, n + m)
    a, b = np.arange(n), np.arange(n, n + m)
    artists = Artists(embeddings, {"a": a, "b": b})
    (one,) = artists.like(a, 1, without="a")
    (other,) = artists.like(b, 1, without="b")
    assert (one.artist, other.artist) == ("b", "a")
    assert one.similarity == pytest.approx(other.similarity, abs=1e-5)


def test_a_track_in_common_makes_nobody_alike() -> None:
    embeddings = unit([[1, 0], [0.9, 0.1], [0, 1], [0.7, 0.7]])
    # "guest" sang along on the first track, and has another; "voice" has that one alone.
    artists = Artists(
        embeddings, {"own": rows(0, 1), "guest": rows(0, 2), "voice": rows(0), "near": rows(3)}
    )
    found = artists.like(rows(0, 1), 5, without="own")
    assert [each.artist for each in found] == ["near", "guest"]
    assert artists.partners(rows(0, 1), rows(0), 3, 3) == []


def test_partners_are_the_most_alike_and_what_they_stand_for() -> None:
    embeddings = unit([[1, 0, 0], [1, 0.1, 0], [0, 0, 1], [0.98, 0, 0.05], [0, 1, 0], [1, 0.3, 0]])
    artists = Artists(embeddings, {"a": rows(0, 1, 2), "b": rows(3, 4, 5)})
    found = artists.partners(rows(0, 1, 2), rows(3, 4, 5), 2, 2)
    assert [(each.ours[0], each.theirs[0]) for each in found] == [(0, 3), (1, 5)]
    assert found[0].similarity == pytest.approx(float(embeddings[0] @ embeddings[3]))
    many = unit([[1, 0.01 * n] for n in range(30)] + [[0, 1]])
    (part,) = Artists(many, {}).partners(np.arange(30), rows(30), 5, 3)
    assert len(part.ours) == 3
    assert part.theirs == (30,)


def test_many_tracks_of_one_artist_are_looked_at_evenly() -> None:
    embeddings = noise(1, 3_000)
    artists = Artists(embeddings, {"many": np.arange(2_900), "few": np.arange(2_900, 3_000)})
    (found,) = artists.like(np.arange(2_900), 1, without="many")
    assert found.artist == "few"
    assert 0 < found.similarity < 1


def test_nobody_else() -> None:
    assert Artists(noise(1, 3), {}).like(rows(0), 5) == []
    assert Artists(noise(1, 3), {"a": rows(0, 1)}).like(rows(0, 1), 5, without="a") == []
