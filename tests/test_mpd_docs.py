"""The section on MPD in docs/integrations.md takes a user from nothing to a playlist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from audio_files import write_audio
from mpd_servers import running_mpd
from servers import Music

from soundalike.audio.reader import AudioReader

pytestmark = pytest.mark.mpd

ROOT = Path(__file__).parent.parent
# What is asked for is in the index from the next release on: so whether it can be had is looked at.
PIP = """
import sys, tomllib
from importlib.metadata import version
from packaging.requirements import Requirement
command, wanted = sys.argv[1:]
assert command == "install"
asked = Requirement(wanted)
with open({project!r}, "rb") as file:
    extras = tomllib.load(file)["project"]["optional-dependencies"]
assert asked.name == "soundalike" and asked.extras == {{"mpd"}}
for each in map(Requirement, extras["mpd"]):
    assert each.specifier.contains(version(each.name)), each
"""


def test_five_commands_lead_to_a_playlist(composed: Music, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "integrations.md").read_text(encoding="utf-8")
    section = page.split("\n## MPD\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    commands = block.strip().splitlines()
    assert len(commands) == 5
    home = tmp_path / "home"
    files = sorted(each for each in composed.folder.rglob("*") if each.is_file())
    for number, file in enumerate(files[:8]):
        band = home / "Music" / f"Band {number}"
        band.mkdir(parents=True)
        with AudioReader(file) as reader:
            sound, rate = np.concatenate(list(reader)), reader.sample_rate
        tags = {"artist": f"Band {number}", "title": f"Piece {number}" if number else "So What"}
        # Lists leave out what is shorter than a minute.
        write_audio(band / f"{number}.flac", np.tile(sound, 3), rate, "flac", metadata=tags)
    programs = tmp_path / "bin"
    programs.mkdir()
    (tmp_path / "pip.py").write_text(PIP.format(project=str(ROOT / "pyproject.toml")))
    for name, does in {"pip": tmp_path / "pip.py", "soundalike": "-m soundalike"}.items():
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {does} "$@"\n')
        program.chmod(0o755)
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SOUNDALIKE_LIBRARY", "MPD_", "XDG_"))
    }
    environ |= {"HOME": str(home), "PATH": f"{programs}:{os.environ['PATH']}"}
    with running_mpd(home / "Music") as mpd:
        environ["MPD_HOST"] = mpd.socket
        for command in commands:
            ran = subprocess.run(
                ["sh", "-c", command], env=environ, capture_output=True, text=True, check=False
            )
            assert ran.returncode == 0, (command, ran.stdout, ran.stderr)
        stored = mpd.ask("listplaylist", "Evening")
        assert len(stored) == 7
        assert "Band 0/0.flac" not in stored
        assert mpd.ask("status")["state"] == "play"
        assert sorted(mpd.queue()) == sorted(stored)
