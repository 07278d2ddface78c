"""The API's own document: what it allows is answered as it says, and a client can be made of it.

SOUNDALIKE_FUZZ=N asks N questions an operation, other ones each time; ``make fuzz`` does so.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from servers import Music, running

from soundalike import Library
from soundalike.server.app import create_app
from soundalike.server.settings import Settings

DOCUMENT = create_app(Settings()).openapi()
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = [
    (method, path)
    for path, methods in DOCUMENT["paths"].items()
    for method in methods
    # What never ends: see test_server_jobs.
    if not path.endswith("/events")
]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
ASKED = int(os.environ.get("SOUNDALIKE_FUZZ", "0"))


@pytest.fixture(scope="module")
def address(composed: Music, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a library of its own, for whatever may be done to it."""
    folder = tmp_path_factory.mktemp("fuzzed")
    library = str(composed.copy(folder))
    with running(Settings(library=library, playlists=folder / "playlists")) as found:
        yield found


def harmless(case: Case, folder: Path) -> None:
    """Scan no folder of this machine, and do nothing that takes long."""
    body: Any = case.body
    if not isinstance(body, dict):
        return
    if case.path == "/api/v1/scan" and isinstance(body.get("folders"), list):
        body["folders"] = [
            str(folder / each.replace("/", "_")) if isinstance(each, str) and each else each
            for each in body["folders"]
        ]
    if case.path == "/api/v1/evaluation":
        for name in ("baseline_tracks", "robustness_tracks"):
            if isinstance(body.get(name, 0), int):
                body[name] = min(body.get(name, 0), 0)


# Schemathesis's strategies draw from it now and then, which Hypothesis does not like to see.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module:Warning")
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_it_answers_as_it_says(method: str, path: str, address: str, tmp_path: Path) -> None:
    operation = SCHEMA[path][method]
    cases = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if operation.body or any(operation.iter_parameters()):
        cases |= operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @given(case=cases)
    @settings(
        max_examples=ASKED or 16,
        derandomize=not ASKED,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Case) -> None:
        harmless(case, tmp_path / "nowhere")
        answer = case.call(base_url=address, timeout=60)
        case.validate_response(answer, checks=CHECKS)

    ask()


def test_every_operation_is_told_of() -> None:
    names = set()
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (method, path)
            assert operation["description"], (method, path)
            assert operation["operationId"] not in names
            names.add(operation["operationId"])
            answers = operation["responses"]
            assert "application/problem+json" in answers["404"]["content"], (method, path)
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            assert body is None or "$ref" in json.dumps(body["schema"]), (method, path)


def example_of(schema: dict[str, Any], name: str) -> Any:
    """What a generated client's reader is shown."""
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema.get("examples", schema.get("properties", {}).get(name, {}).get("examples"))


def test_what_is_asked_most_has_examples() -> None:
    for path, method, name in (
        ("/api/v1/similar", "post", "seeds"),
        ("/api/v1/scan", "post", "folders"),
    ):
        body = DOCUMENT["paths"][path][method]["requestBody"]["content"]["application/json"]
        assert example_of(body["schema"], name), path
    (parameter, *_) = DOCUMENT["paths"]["/api/v1/tracks/{track_id}"]["get"]["parameters"]
    assert parameter["schema"]["examples"]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The package that openapi-python-client makes of the document."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "openapi.json").write_text(json.dumps(DOCUMENT), encoding="utf-8")
    kinds = {
        kind
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
        for answer in operation["responses"].values()
        for kind in answer.get("content", {})
    }
    # The generator is told which kinds are bytes; no formatter runs over what it makes.
    plain = ("application/json", "application/problem+json", "text/")
    is_bytes = {each: "application/octet-stream" for each in kinds if not each.startswith(plain)}
    config = {"post_hooks": [], "content_type_overrides": is_bytes}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"),
            *("--path", "openapi.json", "--config", "config.json"),
            *("--output-path", "soundalike_client", "--fail-on-warning"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("soundalike_client")
    finally:
        sys.path.remove(str(folder))
        for name in [each for each in sys.modules if each.split(".")[0] == "soundalike_client"]:
            del sys.modules[name]


def test_a_typed_client_finds_similar_tracks(
    generated: ModuleType, client: httpx.Client, composed: Music
) -> None:
    def operation(name: str) -> Any:
        return importlib.import_module(f"{generated.__name__}.api.{name}")

    models = importlib.import_module(f"{generated.__name__}.models")
    with Library(composed.library) as library:
        expected = library.similar(1, 3)
    with generated.Client(base_url=str(client.base_url)) as asking:
        found = operation("similar.similar_to").sync(1, client=asking, k=3)
        assert isinstance(found, models.SimilarResult)
        assert [match.track.track_id for match in found.matches] == [
            match.track.track_id for match in expected.matches
        ]
        body = models.SimilarBody(seeds=[models.SeedBody(track_id=1)], k=3)
        posted = operation("similar.similar").sync(client=asking, body=body)
        assert posted.to_dict() == found.to_dict()
        nothing = operation("similar.similar_to").sync_detailed(999_999, client=asking)
        assert nothing.status_code == 404
        state = operation("library.scan_state").sync(client=asking)
        assert state.status == "idle"
