"""An upgrade as a user meets it: real audio, two real models, the commands."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from audio_files import chord, write_audio
from click.testing import CliRunner, Result

pytest.importorskip("onnx", reason="needs soundalike[research]")

import onnx
from facet_models import FORMER, LAYOUT, facet_model, install

from soundalike.cli import cli
from soundalike.library import Library
from soundalike.models import ModelInfo, registry

N_TRACKS = 4
NEW_DIM = 48


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of weights in place of the package's, with an earlier default in it."""
    folder = tmp_path / "weights"
    folder.mkdir()
    path = folder / FORMER.name
    shutil.copy(FORMER, path)
    former = registry.inspect_model(path.read_bytes(), path)
    (folder / "registry.json").write_text(json.dumps([entry(path, former)]))
    monkeypatch.setattr(registry, "_WEIGHTS", folder)
    # Worker processes know nothing of that, but look among the models that were pulled.
    monkeypatch.setenv("SOUNDALIKE_MODELS", str(folder))
    registry.builtin_models.cache_clear()
    yield folder
    monkeypatch.undo()
    registry.builtin_models.cache_clear()


def entry(path: Path, like: ModelInfo, **changes: Any) -> dict[str, Any]:
    content = path.read_bytes()
    return {
        "name": like.name,
        "version": like.version,
        "file": path.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content),
        "embedding_dim": like.embedding_dim,
        "labels": list(like.labels),
        "description": like.description,
        **changes,
    }


def bring_new_model(weights: Path, monkeypatch: pytest.MonkeyPatch, *, keep_old: bool) -> ModelInfo:
    """What a release does: another default, whose embedding is a part of the old one's."""
    old = registry.find_model()
    model = onnx.load(old.path)
    (output,) = (each for each in model.graph.output if each.name == "embedding")
    for node in model.graph.node:
        node.output[:] = ["whole" if name == "embedding" else name for name in node.output]
    for name, value in (("from", 0), ("to", NEW_DIM), ("axis", 1)):
        model.graph.initializer.append(onnx.helper.make_tensor(name, 7, [1], [value]))
    model.graph.node.append(
        onnx.helper.make_node("Slice", ["whole", "from", "to", "axis"], ["embedding"])
    )
    output.type.tensor_type.shape.dim[1].dim_value = NEW_DIM
    props = {prop.key: prop.value for prop in model.metadata_props}
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {**props, "name": "successor", "version": "1"})
    onnx.checker.check_model(model, full_check=True)
    path = weights / "successor.onnx"
    onnx.save(model, path)
    new = entry(path, old, name="successor", version="1", embedding_dim=NEW_DIM)
    entries = [new]
    if keep_old:
        entries.append(entry(old.path, old))
    else:
        old.path.unlink()
    (weights / "registry.json").write_text(json.dumps(entries))
    monkeypatch.setattr(registry, "DEFAULT_MODEL", "successor")
    monkeypatch.setattr("soundalike.models.lineage.DEFAULT_MODEL", "successor")
    monkeypatch.setattr("soundalike.models.lineage.FORMER_DEFAULTS", (old.name,))
    registry.builtin_models.cache_clear()
    return registry.find_model("successor")


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    for part, numbers in (("a", range(N_TRACKS // 2)), ("b", range(N_TRACKS // 2, N_TRACKS))):
        (folder / part).mkdir(parents=True)
        for number in numbers:
            sound = chord(22_050, 11.0 + 2 * number)
            write_audio(folder / part / f"{number}.flac", sound, 22_050, "flac")
    return folder


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments], catch_exceptions=False)


def call_json(*arguments: object) -> Any:
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_an_upgrade_from_the_command_line(
    weights: Path, music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ("--library", tmp_path / "library.db")
    assert call("scan", music, *place, "--jobs", 1).exit_code == 0
    old = call_json("info", *place)["model"]
    assert call("info", *place).stderr == ""
    before = call_json("similar", music / "a/0.flac", *place)
    stranger = tmp_path / "stranger.flac"
    write_audio(stranger, chord(22_050, 30.0), 22_050, "flac")

    bring_new_model(weights, monkeypatch, keep_old=False)
    # Nothing is scanned yet, and the old model's file is gone: the library answers as before.
    after = call("similar", music / "a/0.flac", *place, "--json")
    assert json.loads(after.stdout) == before
    assert f"Answers come from {old} until" in after.stderr
    assert "successor@1: 0 of 4 are. To continue: soundalike scan --upgrade" in after.stderr
    foreign = call("similar", stranger, *place)
    assert foreign.exit_code == 1
    assert foreign.stderr.startswith("ModelMismatch: stranger.flac is not analysed, and ")
    assert "soundalike scan --upgrade" in foreign.stderr

    half = call("scan", music / "a", *place, "--jobs", 1)
    assert half.exit_code == 0
    assert half.stdout.startswith("0 analysed, 2 re-analysed, 2 unchanged, 0 failed in ")
    assert "re-analysing for successor@1: 0 of 4" in half.stderr
    assert "2 tracks are still to be re-analysed for successor@1; until then" in half.stdout
    facts = call_json("info", *place)
    assert (facts["model"], facts["analysed"]) == (old, 4)
    assert facts["upgrade"] == {
        "model": "successor@1",
        "former": [old],
        "query_model": old,
        "done": 2,
        "remaining": 2,
    }
    shown = call("info", *place)
    assert "to successor@1: 2 of 4 tracks re-analysed, 2 to go" in shown.stdout
    assert f"{old}: 4 tracks" in shown.stdout
    assert "successor@1: 2 tracks" in shown.stdout
    assert "To continue: soundalike scan --upgrade" in shown.stderr
    compared = call("compare", music / "a/0.flac", music / "b/3.flac", *place)
    assert f"Answers come from {old}" in compared.stderr

    rest = call("scan", "--upgrade", *place, "--jobs", 1)
    assert (rest.exit_code, rest.stdout.split(" in ")[0]) == (
        0,
        "0 analysed, 2 re-analysed, 2 unchanged, 0 failed",
    )
    assert "All tracks are analysed with successor@1" in rest.stdout
    facts = call_json("info", *place)
    assert (facts["model"], facts["upgrade"]) == ("successor@1", None)
    assert [each["model"] for each in facts["models"]] == ["successor@1"]
    found = call("similar", stranger, *place, "--json")
    assert (found.exit_code, found.stderr) == (0, "")
    assert json.loads(found.stdout)["searched"] == 4
    with Library(tmp_path / "library.db") as library:
        assert library.analysis(1).embedding.shape == (NEW_DIM,)


def test_a_new_file_is_found_during_an_upgrade_where_the_old_model_is_installed(
    weights: Path, music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ("--library", tmp_path / "library.db")
    assert call("scan", music, *place, "--jobs", 1).exit_code == 0
    old = registry.find_model()
    bring_new_model(weights, monkeypatch, keep_old=True)
    write_audio(music / "a/new.flac", chord(22_050, 30.0), 22_050, "flac")
    assert call("scan", music / "a", *place, "--jobs", 1).exit_code == 0
    found = call_json("similar", music / "a/new.flac", *place)
    assert (found["model"], found["searched"], found["not_searched"]) == (old.id, 4, 0)
    passage = call_json("similar", music / "b/3.flac", "--at", "0:01-0:12", *place)
    assert (passage["model"], passage["searched"]) == (old.id, 4)


def test_a_library_gets_facets(
    weights: Path, music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next version of the default has another frontend, facets and words."""
    place = ("--library", tmp_path / "library.db")
    assert call("scan", music, *place, "--jobs", 1).exit_code == 0
    old = registry.find_model()
    before = call_json("similar", 1, *place)
    assert before["weights"] == {"sound": 1.0}
    install(weights, facet_model(name=old.name, version="2"), name="facets")
    registry.builtin_models.cache_clear()
    new = f"{old.name}@2"

    assert call_json("similar", 1, *place) == before
    refused = call("similar", 1, "--weights", "rhythm=2", *place)
    assert (refused.exit_code, f"{old.id}: weights name 'rhythm'" in refused.stderr) == (1, True)
    done = call("scan", "--upgrade", *place, "--jobs", 1)
    assert f"All tracks are analysed with {new}" in done.stdout
    found = call_json("similar", 1, "--weights", "rhythm=2", *place)
    assert (found["model"], list(found["weights"])) == (new, list(LAYOUT.names))
    facts = call_json("info", *place)
    assert [each["model"] for each in facts["models"]] == [new]
    with Library(tmp_path / "library.db") as library:
        analysis = library.analysis(1)
        assert (analysis.facets, analysis.embedding.shape) == (LAYOUT, (LAYOUT.size,))
        assert analysis.words_that_hold == ("piano", "guitar")
        assert analysis.tempo_confidence is not None


def test_an_evaluation_during_an_upgrade_is_of_the_model_that_answers(
    weights: Path, music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ("--library", tmp_path / "library.db")
    assert call("scan", music, *place, "--jobs", 1).exit_code == 0
    old = registry.find_model()
    new = bring_new_model(weights, monkeypatch, keep_old=False)
    found = call_json("evaluate", "--no-baseline", *place)
    assert (found["model"], found["n_tracks"]) == (old.id, 4)
    assert found["robustness"] == []
    assert f"until all tracks are re-analysed for {new.id}" in found["robustness_reason"]
    assert "soundalike scan --upgrade" in found["robustness_reason"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scan", "--exclude", "x"], "are remembered with a folder"),
        (["scan", "x", "--exclude", "y", "--no-exclude"], "cannot be combined"),
        (["scan", "--upgrade", "--full"], "cannot be combined"),
        (["scan", "x", "--upgrade"], "--upgrade takes no folders"),
        (["scan", "--upgrade", "--retry"], "cannot be combined"),
    ],
)
def test_what_an_upgrade_does_not_go_with(arguments: list[str], message: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_scan_of_nothing_says_what_to_do() -> None:
    result = call("scan")
    assert result.exit_code == 1
    assert "there is no library; scan a folder to make one" in result.stderr
