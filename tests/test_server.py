"""The server: who may ask, and how errors are told."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from servers import Music, client_of

from soundalike import Library
from soundalike.server.schema import documented, schema_of
from soundalike.server.settings import Settings
from soundalike.server.tokens import hash_of, new_token


def problem_of(answer: httpx.Response, status: int) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, object] = answer.json()
    assert document["status"] == status
    return document


def test_similar_tracks_are_those_of_the_library(client: httpx.Client, composed: Music) -> None:
    with Library(composed.library) as library:
        (first, *_) = library.tracks()
        expected = library.similar(first.track_id, 5)
    found = client.get(f"/api/v1/tracks/{first.track_id}/similar", params={"k": 5}).json()
    assert [each["track"]["track_id"] for each in found["matches"]] == [
        match.track.track_id for match in expected.matches
    ]
    asked = {"seeds": [{"track_id": first.track_id}], "k": 5, "weights": {"rhythm": 1}}
    by_rhythm = client.post("/api/v1/similar", json=asked).json()
    assert by_rhythm["weights"] == {"sound": 0, "rhythm": 1, "harmony": 0} or (
        by_rhythm["weights"]["rhythm"] > found["weights"]["rhythm"]
    )


def test_a_passage_is_analysed_in_a_process(client: httpx.Client, composed: Music) -> None:
    asked = {"seeds": [{"track_id": 1, "start_s": 2, "end_s": 14}], "k": 3}
    found = client.post("/api/v1/similar", json=asked)
    assert found.status_code == 200, found.text
    with Library(composed.library) as library:
        expected = library.similar(1, 3, start_s=2, end_s=14)
    assert [each["track"]["track_id"] for each in found.json()["matches"]] == [
        match.track.track_id for match in expected.matches
    ]
    behind = {"seeds": [{"track_id": 1, "start_s": 9000, "end_s": 9010}]}
    assert "9000" in str(problem_of(client.post("/api/v1/similar", json=behind), 422)["detail"])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"seeds": [{"track_id": 999_999}]}, "there is no track #999999"),
        ({"seeds": [{"upload_id": "none"}]}, "there is no upload 'none'"),
    ],
)
def test_what_is_not_there_is_404(client: httpx.Client, body: object, words: str) -> None:
    assert words in str(problem_of(client.post("/api/v1/similar", json=body), 404)["detail"])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"seeds": []}, "at least 1 item"),
        ({"seeds": [{"path": "/etc/passwd"}]}, "body.seeds.0.path"),
        ({"seeds": [{"track_id": 1, "upload_id": "x"}]}, "either track_id or upload_id"),
        ({"seeds": [{"track_id": 1}], "weights": {"melody": 1}}, "melody"),
        (
            {"seeds": [{"track_id": 1}], "limits": {"min_length_s": 9, "max_length_s": 3}},
            "min_length_s is 9 and max_length_s is 3",
        ),
        ({"seeds": [{"track_id": 1}], "min_percentile": 101}, "less than or equal to 100"),
    ],
)
def test_bad_input_is_named(client: httpx.Client, body: object, words: str) -> None:
    assert words in str(problem_of(client.post("/api/v1/similar", json=body), 422)["detail"])


def test_numbers_that_json_does_not_have_are_refused(client: httpx.Client) -> None:
    text = '{"seeds": [{"track_id": 1}], "min_percentile": NaN}'
    answer = client.post(
        "/api/v1/similar", content=text, headers={"content-type": "application/json"}
    )
    problem_of(answer, 422)


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:8420"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
    ],
)
def test_other_sites_may_not_ask(client: httpx.Client, headers: dict[str, str]) -> None:
    problem_of(client.get("/api/v1/tracks/1", headers=headers), 403)


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:80", "192.168.1.20"])
def test_own_names_and_addresses_may(client: httpx.Client, host: str) -> None:
    answer = client.get("/api/v1/tracks/1", headers={"host": host, "origin": f"http://{host}"})
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_without_the_token_nothing_is_told(composed: Music) -> None:
    token = new_token()
    settings = Settings(library=str(composed.library), token_hash=hash_of(token))
    with client_of(settings) as client:
        problem_of(client.get("/api/v1/tracks/1"), 401)
        wrong = {"authorization": f"Bearer {token}x"}
        problem_of(client.get("/api/v1/tracks/1", headers=wrong), 401)
        right = {"authorization": f"Bearer {token}"}
        assert client.get("/api/v1/tracks/1", headers=right).status_code == 200
        problem_of(client.get("/api/v1/openapi.json"), 401)


def test_what_is_too_large_is_refused(client: httpx.Client) -> None:
    body = json.dumps({"seeds": [], "padding": "x" * 3_000_000}).encode()
    problem_of(client.post("/api/v1/similar", content=body), 413)


@dataclass(frozen=True)
class _Inner:
    """An inner one."""

    name: str


@dataclass(frozen=True)
class _Record:
    """A record.

    Attributes
    ----------
    path, other : where
        it lies.
    inner : some.
    """

    path: Path
    other: Path | None
    inner: tuple[_Inner, ...]


def test_a_schema_is_made_of_the_record() -> None:
    assert documented(_Record) == {
        "path": "where it lies.",
        "other": "where it lies.",
        "inner": "some.",
    }
    schema = schema_of(_Record).model_json_schema()
    assert schema["description"] == "A record."
    assert schema["properties"]["path"]["type"] == "string"
    assert schema["properties"]["inner"]["items"] == {"$ref": "#/$defs/_Inner"}
    assert schema["required"] == ["path", "other", "inner"]
