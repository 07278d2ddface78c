"""The pages about music servers are true: their commands run, from nothing to a playlist."""

from __future__ import annotations

import configparser
import importlib.metadata
import re
import shlex
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from music_servers import PASSWORD, USER, supysonic
from mutagen.flac import FLAC

from soundalike.audio.writing import encode
from soundalike.cli.app import cli
from soundalike.integrations.credentials import Credentials
from soundalike.integrations.subsonic import Subsonic
from soundalike.integrations.subsonic_playlists import all_playlists, songs_in

DOCS = Path(__file__).parent.parent / "docs"
RATE = 22_050


def section(page: str, title: str) -> str:
    text = (DOCS / page).read_text(encoding="utf-8")
    return text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def write_music(folder: Path) -> None:
    """Five pieces of a minute, each of other tones at another pace."""
    times = np.arange(62 * RATE) / RATE
    for number, title in enumerate(("So What", "Freddie", "Blue", "All", "Sketches")):
        pace = np.floor(times * (1.5 + 0.4 * number)).astype(int)
        steps = np.random.default_rng(number).integers(0, 12, pace[-1] + 1)
        hz = 110.0 * 2 ** (number / 3 + steps[pace] / 12)
        sound = 0.3 * np.sin(2 * np.pi * np.cumsum(hz) / RATE)
        file = folder / "Band" / "Album" / f"{number} - {title}.flac"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encode(sound.astype(np.float32), RATE, "flac"))
        tags = FLAC(file)
        tags.update({"artist": f"Player {number}", "title": title, "album": "Album"})
        tags.save()


def test_five_commands_lead_to_the_first_playlist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = section("integrations.md", "Navidrome and other Subsonic servers")
    (block,) = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    install, *commands = block.splitlines()
    assert len(commands) == 4
    extra = re.fullmatch(r"pip install 'soundalike\[(\w+)\]'", install)
    assert extra is not None
    assert extra[1] in (importlib.metadata.metadata("soundalike").get_all("Provides-Extra") or ())
    write_music(tmp_path / "Music")
    monkeypatch.setenv("SOUNDALIKE_LIBRARY", str(tmp_path / "library.db"))
    monkeypatch.setenv("SOUNDALIKE_LINK_PASSWORD", PASSWORD)
    with supysonic(tmp_path / "supysonic", tmp_path / "Music") as server:
        stands_for = {"~/Music": str(tmp_path / "Music"), "http://nas.local:4533": server}
        stands_for |= {"me": USER}
        for command in commands:
            program, *words = shlex.split(command)
            assert program == "soundalike"
            ran = CliRunner().invoke(cli, [stands_for.get(word, word) for word in words])
            assert ran.exit_code == 0, f"{command}: {ran.output}"
        with Subsonic(server, Credentials(USER, PASSWORD)) as client:
            (playlist,) = all_playlists(client)
            assert playlist.name == "Evening"
            assert len(songs_in(client, playlist.playlist_id) or ()) == 4
        code = section("integrations/subsonic.md", "In Python")
        (code,) = re.findall(r"```python\n(.*?)```", code, re.DOTALL)
        for here, there in {"http://nas.local:4533": server, '"me"': f'"{USER}"'}.items():
            code = code.replace(here, there)
        # The server is linked by its host already; under another name it is another one.
        exec(code, {})


def test_the_units_run_commands_that_there_are() -> None:
    text = section("integrations/subsonic.md", "Every night")
    service, timer = re.findall(r"```ini\n(.*?)```", text, re.DOTALL)
    units = [configparser.ConfigParser(strict=False, interpolation=None) for _ in range(2)]
    for unit, lines in zip(units, (service, timer), strict=True):
        unit.optionxform = str  # type: ignore[assignment,method-assign]
        unit.read_string(lines)
    (program, *words) = shlex.split(units[0]["Service"]["ExecStart"])
    assert program.endswith("/soundalike")
    ran = CliRunner().invoke(cli, [*words, "--help"])
    assert ran.exit_code == 0
    assert "SOUNDALIKE_LINK_PASSWORD_FILE=%d/navidrome" in service
    assert units[1]["Install"]["WantedBy"] == "timers.target"


@pytest.mark.parametrize(
    "command",
    re.findall(
        r"^    (soundalike .*?)(?:  +#.*)?$",
        (DOCS / "integrations" / "subsonic.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    ),
)
def test_the_commands_of_the_page_can_be_read(command: str) -> None:
    _, *words = shlex.split(command)
    found: click.Command | None = cli
    context: click.Context | None = None
    while found is not None:  # parses every level, runs none
        context = found.make_context(found.name, words, parent=context)
        if not isinstance(found, click.Group) or not context._protected_args:
            return
        name, *words = [*context._protected_args, *context.args]
        found = found.get_command(context, name)
    pytest.fail(f"{command} is no command")
