"""Servers that cannot hold a library: Debian's without pgvector, and one with an old one."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from postgresql_server import Cluster

from soundalike.cli import cli

pytestmark = pytest.mark.postgresql

# The last wheel of a server with a pgvector before 0.8; its binaries need no Python.
OLD = "pgserver==0.1.4"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name, for a socket, that any user may enter."""
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        path = Path(name)
        path.chmod(0o755)
        (path / "server").mkdir()
        yield path


@pytest.fixture
def without_pgvector(folder: Path) -> Iterator[Cluster]:
    """A server of Debian's package postgresql, started here."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    bare = [
        each.parent
        for each in found
        if not Path(f"/usr/share/postgresql/{each.parts[-3]}/extension/vector.control").exists()
    ]
    if not bare:
        pytest.skip("there is no PostgreSQL without pgvector: apt-get install postgresql")
    with Cluster(bare[-1], folder / "server") as cluster:
        yield cluster


@pytest.fixture
def with_old_pgvector(folder: Path, pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """A server with pgvector 0.6.2, from a wheel that pip downloads once."""
    kept = Path(pytestconfig.cache.mkdir("pgserver"))
    if not list(kept.glob("*.whl")):
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
        ran = subprocess.run(
            [*pip, "--python-version", "3.12", OLD, "--dest", kept],
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode != 0:
            pytest.skip(f"pip cannot download {OLD}: {ran.stderr.strip()[-300:]}")
    (wheel,) = kept.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "old")
    for path in (folder / "old").rglob("*"):
        path.chmod(0o755)
    with Cluster(folder / "old/pgserver/pginstall/bin", folder / "server") as cluster:
        yield cluster


def refused(url: str, music: Path) -> str:
    """What a scan into a library there says in place of scanning."""
    result = CliRunner().invoke(cli, ["scan", str(music), "--library", url])
    assert result.exit_code == 1, result.output
    assert "please report" not in result.output
    return " ".join(result.output.split())


@pytest.mark.parametrize("user", ["postgres", "plain"])
def test_a_server_without_pgvector(without_pgvector: Cluster, tmp_path: Path, user: str) -> None:
    """Whoever asks: an administrator cannot make what is not there either."""
    without_pgvector.run("CREATE ROLE plain LOGIN")
    without_pgvector.run(f"CREATE DATABASE music OWNER {user}")
    said = refused(without_pgvector.url("music", user), tmp_path)
    assert "lacks the extension pgvector" in said
    assert "postgresql-NN-pgvector" in said
    tables = "SELECT 1 FROM pg_tables WHERE schemaname = 'public'"
    assert without_pgvector.run(tables, "music") == []


def test_a_server_with_an_old_pgvector(with_old_pgvector: Cluster, tmp_path: Path) -> None:
    with_old_pgvector.run("CREATE ROLE plain LOGIN")
    with_old_pgvector.run("CREATE DATABASE music OWNER plain")
    with_old_pgvector.run("CREATE EXTENSION vector", "music")
    said = refused(with_old_pgvector.url("music", "plain"), tmp_path)
    assert "has pgvector 0.6.2, and 0.8 is the least" in said
    assert "ALTER EXTENSION vector UPDATE" in said
    tables = "SELECT 1 FROM pg_tables WHERE schemaname = 'public'"
    assert with_old_pgvector.run(tables, "music") == []
