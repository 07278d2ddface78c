"""The documentation is true: its Python runs, its commands exist, its links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from audio_files import chord, write_audio

from soundalike.cli.app import cli

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")])


def test_the_examples_of_the_api_run(tmp_path: Path) -> None:
    music = tmp_path / "Music"
    music.mkdir()
    for number in range(4):
        write_audio(music / f"{number}.flac", chord(44_100, 4.0 + number), 44_100, "flac")
    write_audio(tmp_path / "piece.flac", chord(44_100, 12.0, channels=2), 44_100, "flac")
    write_audio(tmp_path / "other.mp3", chord(22_050, 25.0), 22_050, "mp3-cbr")
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    printed = ran.stdout.splitlines()
    assert printed[0].startswith("(529200,) 44100 12.0")
    assert "4 tracks" in printed
    assert printed[-1] == "UnreadableFile no such file.flac: no such file or directory"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_pictures_are_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} points to {target}"


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in cli.list_commands(None):  # type: ignore[arg-type]
        assert f"soundalike {name}" in readme, f"the README does not name `soundalike {name}`"
