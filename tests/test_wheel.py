"""The wheel as a user gets it: built, installed alone into a fresh environment, and used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest
from audio_files import chord, write_audio, write_wav

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
# What the README promises for `pip install soundalike`.
MOST_MEGABYTES = 300


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of executables of an environment that holds the wheel and what it needs."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("soundalike-*.whl")
    environment = folder / "venv"
    venv.create(environment, with_pip=True)
    executables = environment / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run(
        [str(executables / "python"), "-m", "pip", "install", "--quiet", str(wheel)],
        check=True,
        capture_output=True,
    )
    return executables


def run(installed: Path, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SOUNDALIKE_LIBRARY": str(folder / "library.db")}
    return subprocess.run(
        [str(installed / "soundalike"), *words],
        capture_output=True,
        text=True,
        cwd=folder,  # not the checkout: what is imported must be what was installed
        env=environment,
        check=False,
    )


def test_the_wheel_analyses_a_file(installed: Path, tmp_path: Path) -> None:
    write_audio(tmp_path / "chord.flac", chord(44_100, 12.0), 44_100, "flac")
    answer = run(installed, "genre", "--json", "chord.flac", folder=tmp_path)
    assert answer.returncode == 0, answer.stderr
    (row,) = json.loads(answer.stdout)
    assert sum(row["genres"].values()) == pytest.approx(1.0, abs=1e-3)


def test_the_wheel_scans_a_folder_and_makes_a_page_of_it(installed: Path, tmp_path: Path) -> None:
    music = tmp_path / "music"
    music.mkdir()
    draw = np.random.default_rng(0)
    for number in range(3):
        samples = draw.standard_normal(44_100 * 3).astype(np.float32) / 4
        write_wav(music / f"{number}.wav", samples, 44_100)
    answer = run(installed, "scan", str(music), "--json", folder=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["analysed"] == 3
    page = tmp_path / "page.html"
    answer = run(
        *(installed, "evaluate", "--no-baseline", "--no-robustness", "--html", str(page)),
        folder=tmp_path,
    )
    assert answer.returncode == 0, answer.stderr
    html = page.read_text("utf-8")
    assert html.startswith("<!doctype html>")
    assert "prefers-color-scheme" in html  # the style sheet is inside
    assert "too few tracks: 3" in html


def test_the_wheel_brings_the_plugin_among_those_of_beets(installed: Path) -> None:
    code = (
        "import importlib.util as u; print(u.find_spec('beetsplug').origin);"
        "print(u.find_spec('beetsplug.soundalike').origin)"
    )
    namespace, plugin = subprocess.run(
        [str(installed / "python"), "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert namespace == "None"  # with a file, the plugins of beets itself would be hidden
    assert Path(plugin).parts[-3:] == ("beetsplug", "soundalike", "__init__.py")


def test_the_default_install_says_what_musicnn_needs(installed: Path, tmp_path: Path) -> None:
    answer = run(installed, "models", "pull", "musicnn", folder=tmp_path)
    assert answer.returncode == 1
    assert "pip install 'soundalike[musicnn]'" in answer.stderr


def test_the_default_install_is_light(installed: Path) -> None:
    code = (
        "import importlib.util as u, sysconfig; print(sysconfig.get_path('purelib'));"
        "print(*[n for n in ('torch', 'matplotlib', 'scipy', 'librosa') if u.find_spec(n)])"
    )
    site, heavy = subprocess.run(
        [str(installed / "python"), "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert heavy == ""
    tools = ("pip", "setuptools", "pkg_resources", "_distutils_hack")
    size = sum(
        path.stat().st_size
        for path in Path(site).rglob("*")
        if path.is_file()
        and not path.is_symlink()
        and path.relative_to(site).parts[0].split("-")[0] not in tools
    )
    print(f"{size / 1e6:.0f} MB")
    assert size < MOST_MEGABYTES * 1e6
