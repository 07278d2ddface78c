"""What a model file says of itself, there and back, and the registry that many may change."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import LAYOUT, WORDS
from hypothesis import given
from hypothesis import strategies as st

from soundalike.errors import ModelError
from soundalike.facets import Facets
from soundalike.frontends import find_frontend
from soundalike.locks import locked
from soundalike.models import builtin_models
from soundalike.models.contract import (
    DEFAULT_FRONTEND,
    KINDS,
    NO_WORDS,
    Calibration,
    Familiarity,
    ModelMetadata,
    open_session,
    output_sizes,
    read_properties,
    tag_words,
)
from soundalike.models.registry import changed_registry, inspect_model

texts = st.text(max_size=20)


@given(
    st.builds(
        ModelMetadata,
        texts,
        texts,
        st.lists(texts, max_size=4).map(tuple),
        texts,
        st.sampled_from(KINDS),
        texts,
        st.none() | st.sampled_from([Facets.one(8), LAYOUT]),
        st.sampled_from([NO_WORDS, WORDS]),
    )
)
def test_what_is_written_is_read(metadata: ModelMetadata) -> None:
    assert ModelMetadata.from_metadata(metadata.to_metadata()) == metadata


@given(st.floats(0.05, 20), st.floats(0, 1))
def test_a_calibration_is_exact(temperature: float, quantile: float) -> None:
    calibration = Calibration(temperature, quantile)
    assert Calibration.from_metadata(calibration.to_metadata()) == calibration


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": None}, "no property 'name'"),
        ({"labels": "blues"}, "labels must be a list in JSON, not 'blues'"),
        ({"labels": '{"blues": 1}'}, "labels must be a list in JSON"),
    ],
)
def test_what_is_missing_is_named(change: dict[str, str | None], message: str) -> None:
    properties = ModelMetadata("a", "1", ("x",), "").to_metadata() | change
    with pytest.raises(ValueError, match=message):
        ModelMetadata.from_metadata({k: v for k, v in properties.items() if v is not None})
    with pytest.raises(ValueError, match="'temperature' must be a number, not 'warm'"):
        Calibration.from_metadata({"temperature": "warm", "genre_set_quantile": "1"})


def test_what_ships_keeps_the_contract() -> None:
    find_frontend(DEFAULT_FRONTEND)
    for model in builtin_models():
        session = open_session(model.verify())
        properties = read_properties(session)
        assert ModelMetadata.from_metadata(properties) == model.metadata
        assert 0.05 <= Calibration.from_metadata(properties).temperature <= 20
        sizes = {"logits": len(model.labels), "embedding": model.embedding_dim, "distance": 1}
        if model.words:
            sizes["words"] = len(model.words.words)
        assert len(Familiarity.from_metadata(properties).held_out) > 200
        assert output_sizes(session) == sizes
        # An export of it would be entered as it is.
        assert inspect_model(model.verify(), model.path) == model


def test_programs_that_change_a_registry_at_once_lose_nothing(tmp_path: Path) -> None:
    """Four programs enter ten models each, and take every other one out again."""
    code = """
import sys
from dataclasses import replace
from pathlib import Path
from soundalike.models import DEFAULT_MODEL, builtin_models
from soundalike.models.registry import changed_registry
folder, mine = Path(sys.argv[1]), sys.argv[2]
sys.stdin.read()  # until all are there
for number in range(10):
    name = f"{mine}-{number}"
    with changed_registry(folder) as registry:
        registry.put(replace(builtin_models()[0], name=name))
    if number % 2:
        with changed_registry(folder) as registry:
            registry.drop(name)
"""
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name], stdin=subprocess.PIPE)
        for name in "abcd"
    ]
    for program in running:
        assert program.stdin is not None
        program.stdin.close()
    assert [program.wait() for program in running] == [0] * 4
    entries = json.loads((tmp_path / "registry.json").read_text(encoding="utf-8"))
    expected = {f"{name}-{number}" for name in "abcd" for number in range(0, 10, 2)}
    assert {entry["name"] for entry in entries} == expected
    assert len(entries) == len(expected)
    assert [path.name for path in tmp_path.iterdir()] == ["registry.json"]


def test_a_lock_is_waited_for_and_given_up(tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    with (
        locked(path),
        pytest.raises(TimeoutError, match=r"another program holds .*registry\.json\.lock"),
        locked(path, timeout_s=0.0),
    ):
        pass
    with locked(path, timeout_s=0.0):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with (
        pytest.raises(ModelError, match="models: cannot be written"),
        changed_registry(tmp_path / "models"),
    ):
        pass


def test_tags_become_words() -> None:
    labels = ["Violin, fiddle", "Bell", "Bell, church bell", "Roaring cats (lions, tigers)", "sad"]
    words = tag_words(labels)
    assert [word.word for word in words] == [
        "violin",
        "bell",
        "bell church bell",
        "roaring cats (lions tigers)",
        "sad",
    ]
    assert {(word.group, word.precision) for word in words} == {("tag", None)}
