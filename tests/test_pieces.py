"""How pairs of the same music become recordings and pieces."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from soundalike.library.changes import Position
from soundalike.library.pairs import Pairs, pairs_file, read_pairs, read_pieces, write_pairs
from soundalike.library.pieces import found_pieces
from soundalike.similarity.recording import Alignment
from soundalike.similarity.select import select
from soundalike.similarity.versions import Relation


def version(of: int, evidence: float) -> Relation:
    return Relation(of, "version", 0.5, evidence, Alignment(0.9, 3, 1.25, 4.0))


def near(of: int) -> Relation:
    return Relation(of, "near", 0.99, 0.95, None)


def chain() -> Pairs:
    """Five in a chain, of which the first is there twice; and one alone."""
    pairs = Pairs(Position(7, 99), {10, 20, 30, 40, 50, 60, -5}, {60})
    pairs.add(20, version(10, 5.0))
    pairs.add(20, version(30, 4.0))
    pairs.add(40, version(30, 3.5))
    pairs.add(40, version(50, 3.0))
    pairs.add(10, near(-5))
    return pairs


def test_a_chain_ends_where_too_few_of_a_group_are_versions() -> None:
    pairs = chain()
    pieces = found_pieces(np.array(sorted(pairs.compared)), pairs.found)
    # Rows by their audio; the last has not been compared.
    rows = pieces.of_rows(np.array([50, 10, 20, 30, 40, 10, -5, 60, 70]))
    assert rows.recording(1) == [5, 6]
    assert rows.recording(6) == [1, 5]
    assert rows.versions(1) == [2, 3, 4]
    assert rows.versions(3) == [1, 2, 4, 5, 6]
    # Of the four recordings of the group one is its version: less than a third.
    assert rows.versions(0) == rows.recording(0) == []
    assert rows.versions(7) == rows.versions(8) == []
    assert not rows.is_whole
    assert pieces.of_rows(np.array([50, 10, 60])).is_whole


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    pairs = chain()
    pieces = found_pieces(np.array(sorted(pairs.compared)), pairs.found)
    database = tmp_path / "library.db"
    write_pairs(database, "model@1", pairs, pieces)
    kept = read_pairs(database, "model@1")
    assert kept is not None
    assert (kept.position, kept.compared, kept.bare) == (pairs.position, pairs.compared, {60})
    assert kept.found == pairs.found
    turned = kept.between(20, 10)
    assert turned is not None
    assert turned.alignment == Alignment(0.9, 3, 1.25, 4.0)
    back = kept.between(10, 20)
    assert back is not None
    assert back.alignment == Alignment(0.9, -3, 0.8, -4.0)
    read = read_pieces(database, "model@1")
    assert read is not None
    assert read.of_rows(np.array([10, 20, 30, 40])).versions(0) == [1, 2, 3]
    assert read_pieces(database, "model@2") is None
    pairs_file(database, "model@1").write_bytes(b"damaged")
    assert read_pairs(database, "model@1") is None
    assert read_pieces(database, "model@1") is None


def test_one_version_is_chosen_and_says_what_it_stands_for() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5], np.float32)
    versions = {0: [1, 3], 1: [0, 3], 3: [0, 1]}
    copies = {1: [2], 2: [1]}
    found = select(
        scores,
        5,
        copies_of=lambda rows: [copies.get(row, []) for row in rows],
        versions_of=lambda rows: [versions.get(row, []) for row in rows],
    )
    assert [each.row for each in found.chosen] == [0, 2, 4]
    first, second, third = found.chosen
    assert (first.copies, first.versions) == ((), (1, 3))
    # What stands for one does not stand for another.
    assert (second.copies, second.versions) == ((), ())
    assert [(each.row, each.rule, each.of) for each in second.passed_over] == [(1, "version", 0)]
    assert [(each.row, each.rule, each.of) for each in third.passed_over] == [(3, "version", 0)]
    assert found.passed_counts == {"version": 2}
    # What stands before counts, too.
    rest = select(
        scores, 5, before=[3], versions_of=lambda rows: [versions.get(row, []) for row in rows]
    )
    assert [each.row for each in rest.chosen] == [2, 4]
