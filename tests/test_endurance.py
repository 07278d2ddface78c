"""What ``benchmarks.endurance`` does, in small; ``make test-endurance`` runs all of it."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.endurance.beside import beside
from benchmarks.endurance.caches import caches
from benchmarks.endurance.contents import Broken, check, contents, differences
from benchmarks.endurance.disk import disk
from benchmarks.endurance.disturbed import files
from benchmarks.endurance.fuzz import fuzz
from benchmarks.endurance.kills import kills
from benchmarks.endurance.mutations import MUTATIONS, mutant
from benchmarks.endurance.soak import soak

if TYPE_CHECKING:
    from servers import Music

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="processes are watched through /proc")
FILES = [("wav", b"RIFF" + bytes(range(256)) * 20), ("flac", b"fLaC" + bytes(3000))]


def test_a_mutant_is_the_same_again_and_unlike_its_file() -> None:
    made = [mutant(FILES, 1, number) for number in range(300)]
    assert made == [mutant(FILES, 1, number) for number in range(300)]
    assert made != [mutant(FILES, 2, number) for number in range(300)]
    whole = {data for _, data in FILES}
    # Noise may happen to be what was there.
    assert sum(each.data in whole for each in made) < 30
    done = {name for each in made for name in each.name.split()[1].split("+")}
    assert done == set(MUTATIONS)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("DELETE FROM excerpts WHERE analysis_id = 1", "FROM analyses"),
        ("UPDATE excerpts SET scales = x'00' WHERE analysis_id = 1", "FROM analyses"),
        ("UPDATE analyses SET embedding = x'0000' WHERE id = 1", "FROM analyses"),
        ("UPDATE tracks SET content_id = 4000 WHERE id = 1", "foreign_key_check"),
        ("DELETE FROM track_prefixes_data WHERE id > 10", "track_prefixes"),
    ],
)
def test_what_is_not_whole_is_noticed(
    composed: Music, tmp_path: Path, damage: str, message: str
) -> None:
    database = composed.copy(tmp_path)
    expected = contents(database)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(damage)
        connection.commit()
    with pytest.raises(Broken, match=message):
        check(database)
    assert differences(expected, expected) == []


def test_two_that_say_something_else_differ(composed: Music, tmp_path: Path) -> None:
    database = composed.copy(tmp_path)
    check(database)
    expected = contents(database)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE analyses SET embedding = zeroblob(length(embedding))")
        connection.commit()
    assert len(differences(contents(database), expected)) == 5


def findings(result: dict[str, Any]) -> list[str]:
    found: list[str] = result["findings"]
    return found


@LINUX
@pytest.mark.endurance
class TestEndurance:
    def test_killed_scans(self, composed: Music, tmp_path: Path) -> None:
        result = kills(composed.folder, tmp_path, seed=5, count=8, files=9)
        assert findings(result) == []
        assert result["kills"] == 8

    def test_full_disks(self, composed: Music, tmp_path: Path) -> None:
        result = disk(
            composed.folder, tmp_path, seed=5, files=9, levels=(0, 9, 60, 130), asked_at=(1,)
        )
        assert findings(result) == []
        assert result["scans that said that the disk is full"] > 0

    def test_files_that_do_not_hold_still(self, composed: Music, tmp_path: Path) -> None:
        result = files(composed.folder, tmp_path, seed=5, rounds=4, count=18)
        assert findings(result) == []

    def test_two_scans_and_others_at_once(self, composed: Music, tmp_path: Path) -> None:
        result = beside(composed.folder, tmp_path, seed=5, rounds=2, count=9)
        assert findings(result) == []

    def test_damaged_caches(self, composed: Music, tmp_path: Path) -> None:
        result = caches(composed.folder, tmp_path, seed=5, count=40, files=12)
        assert findings(result) == []
        assert set(result["files"]) == {"index", "map", "versions"}

    def test_many_files(self, composed: Music, tmp_path: Path) -> None:
        result = soak(composed.folder, tmp_path, seed=5, count=1500, distinct=60)
        assert findings(result) == []

    def test_damaged_files(self, composed: Music, tmp_path: Path) -> None:
        result = fuzz(composed.folder, seed=5, count=1000, limit_s=60, keep=tmp_path / "keep")
        assert findings(result) == []
        assert sum(result["outcomes"].values()) == 1000
        assert result["outcomes"]["analysed"] > 100
