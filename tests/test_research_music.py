"""Folders of music as reference: which files count, and what the frontends make of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from audio_files import chord, write_audio
from click.testing import CliRunner
from facet_models import FORMER
from facet_models import music as made_music

pytest.importorskip("torch", reason="needs soundalike[research]")

from soundalike.audio import load_audio
from soundalike.cli.app import cli
from soundalike.errors import DataError
from soundalike.frontends import find_frontend
from soundalike.frontends.log_mel import log_mel
from soundalike.frontends.streams import DESCRIPTORS
from soundalike.models.contract import open_session, output_sizes
from soundalike.models.registry import changed_registry, inspect_model
from soundalike.research.music import descriptors, music_files, spectrograms

RATE = 11_025


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One with a manifest, which lists three of four files, and one with no more than files."""
    listed, plain = tmp_path_factory.mktemp("listed"), tmp_path_factory.mktemp("plain")
    for name, seconds in (("a", 31.0), ("b", 32.0), ("short", 4.0), ("unlisted", 31.0)):
        write_audio(listed / f"{name}.flac", chord(RATE, seconds), RATE, "flac")
    entries = [
        {"path": f"{name}.flac", "package": package}
        for name, package in (("b", "one"), ("a", "two"), ("short", "two"))
    ]
    (listed / "manifest.json").write_text(json.dumps(entries), encoding="utf-8")
    (plain / "more").mkdir()
    write_audio(plain / "more" / "c.flac", made_music(33.0), 22_050, "flac")
    (plain / "broken.flac").write_bytes(b"fLaC and no more")
    return listed, plain


def test_a_manifest_says_which_files_count(folders: tuple[Path, Path], tmp_path: Path) -> None:
    listed, plain = folders
    names = [Path(path).name for path in music_files([listed, plain])]
    assert names[:3] == ["b.flac", "a.flac", "short.flac"]
    assert sorted(names[3:]) == ["broken.flac", "c.flac"]
    assert [Path(path).name for path in music_files([listed], {"two", "three"})] == ["b.flac"]
    with pytest.raises(DataError, match="gone: there is no such folder"):
        music_files([tmp_path / "gone"])
    (tmp_path / "manifest.json").write_text("{]", encoding="utf-8")
    with pytest.raises(DataError, match=r"manifest\.json: not a list of tracks"):
        music_files([tmp_path])


def test_what_is_short_or_broken_is_left_out(folders: tuple[Path, Path]) -> None:
    done: list[tuple[int, int]] = []
    found = list(spectrograms(folders, progress=lambda *so_far: done.append(so_far)))
    assert done == [(number, 5) for number in range(1, 6)]
    expected = []
    for path in (folders[0] / "b.flac", folders[0] / "a.flac", folders[1] / "more" / "c.flac"):
        audio = load_audio(path)
        expected.append(log_mel(audio.samples, audio.sample_rate))
    assert len(found) == 3
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, abs=1e-3)


def test_descriptors_are_those_of_the_product(folders: tuple[Path, Path]) -> None:
    (found,) = descriptors([folders[1]])
    audio = load_audio(folders[1] / "more" / "c.flac")
    frontend = find_frontend("facets-1")
    stream = frontend.stream(audio.sample_rate)
    stream.push(audio.samples)
    expected = frontend.excerpts(stream.finish()).descriptors
    assert set(found) == set(DESCRIPTORS)
    for name, size in DESCRIPTORS.items():
        assert found[name].shape == (len(expected[name]), size)
        np.testing.assert_allclose(found[name], expected[name], atol=1e-3)


def test_the_command_teaches_a_model_which_music_it_knows(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from small_sets import small_set

    monkeypatch.setattr("soundalike.research.datasets.gtzan.load", lambda _: small_set())
    path, content = tmp_path / FORMER.name, FORMER.read_bytes()
    path.write_bytes(content)
    with changed_registry(tmp_path) as registry:
        registry.put(inspect_model(content, path))
    listed, plain = map(str, folders)
    words = ["models", "familiarity", str(path), "--music", listed, "--held-out", plain]
    result = CliRunner().invoke(cli, [*words, "--without", "two"])
    assert result.exit_code == 0, result.output
    session = open_session(path.read_bytes())
    assert output_sizes(session)["distance"] == 1
    properties = session.get_modelmeta().custom_metadata_map
    # Of GTZAN's six validation tracks, and of the one that can be used.
    assert len(json.loads(properties["held_out_distances"])) == 7
    gone = CliRunner().invoke(cli, [*words, "--music", str(tmp_path / "gone")])
    assert gone.exit_code == 1
    assert "gone: there is no such folder" in gone.stderr
