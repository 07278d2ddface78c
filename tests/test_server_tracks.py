"""Tracks over HTTP: search, analyses, comparisons, explanations, passages, words."""

from __future__ import annotations

import httpx
import pytest
from servers import Music
from test_server import problem_of

from soundalike import Library
from soundalike.audio import load_audio
from soundalike.recommend.explain import explain
from soundalike.recommend.passages import find_passages
from soundalike.show.documents import (
    analysis_document,
    comparison_document,
    explanation_document,
    to_json,
)

API = "/api/v1"


def test_a_page_of_tracks_is_that_of_the_library(client: httpx.Client, composed: Music) -> None:
    with Library(composed.library) as library:
        whole = library.search()
        artist = str(whole.tracks[0].artist)
        expected = to_json(library.search(artist[:4], sort="title", offset=1, limit=2))
    asked = {"q": artist[:4].upper(), "sort": "title", "offset": 1, "limit": 2}
    assert client.get(f"{API}/tracks", params=asked).json() == expected
    assert client.get(f"{API}/tracks").json()["total"] == whole.total
    nothing = client.get(f"{API}/tracks", params={"q": "xyzzy plugh"})
    assert nothing.status_code == 200
    assert nothing.json() == {"total": 0, "offset": 0, "tracks": []}


@pytest.mark.parametrize(
    "asked",
    [
        {"sort": "size"},
        {"status": "fine"},
        {"limit": 0},
        {"limit": 2000},
        {"offset": -1},
        {"q": "x" * 500},
    ],
)
def test_bad_pages_are_refused(client: httpx.Client, asked: dict[str, object]) -> None:
    problem_of(client.get(f"{API}/tracks", params=asked), 422)


@pytest.mark.parametrize("q", ["\0", "'", '"', "*", "a\x00b", "-", "(", "%", "\ud83d\ude00"])
def test_anything_may_be_typed(client: httpx.Client, q: str) -> None:
    text = q.encode("utf-16", "surrogatepass").decode("utf-16")
    answer = client.get(f"{API}/tracks", params={"q": text, "folder": text})
    assert answer.status_code in (200, 422), answer.text


def test_the_analysis_of_a_track(client: httpx.Client, composed: Music) -> None:
    with Library(composed.library) as library:
        expected = to_json(analysis_document(library.analysis(1), timeline=True))
    assert client.get(f"{API}/tracks/1/analysis").json() == expected
    problem_of(client.get(f"{API}/tracks/999999/analysis"), 404)


def test_two_are_compared(client: httpx.Client, composed: Music) -> None:
    with Library(composed.library) as library:
        expected = to_json(comparison_document(library.compare(1, 2)))
    pair = {"a": {"track_id": 1}, "b": {"track_id": 2}}
    assert client.post(f"{API}/compare", json=pair).json() == expected
    pair["a"]["start_s"] = 2
    refused = client.post(f"{API}/compare", json=pair)
    assert "a is a passage" in str(problem_of(refused, 422)["detail"])


def test_two_are_explained(client: httpx.Client, composed: Music) -> None:
    weights = {"rhythm": 3.0}
    with Library(composed.library) as library:
        found = explain(library, 1, 2, expected=5, weights=weights, passages=2)
        expected = to_json(explanation_document(found))
    asked = {
        "a": {"track_id": 1},
        "b": {"track_id": 2},
        "expected": {"track_id": 5},
        "weights": weights,
        "passages": 2,
    }
    assert client.post(f"{API}/explain", json=asked).json() == expected
    same = {"a": {"track_id": 1}, "b": {"track_id": 1}}
    refused = client.post(f"{API}/explain", json=same)
    assert "two of these are the same" in str(problem_of(refused, 422)["detail"])


def test_what_matches_is_heard(client: httpx.Client, composed: Music) -> None:
    asked = {"a": {"track_id": 1}, "b": {"track_id": 2}, "passages": 1}
    found = client.post(f"{API}/explain", json=asked).json()["passages"][0]
    answer = client.post(f"{API}/explain/audio", json=asked)
    assert answer.headers["content-type"] == "audio/mpeg"
    path = composed.folder.parent / "heard.mp3"
    path.write_bytes(answer.content)
    one = min(found["a_end_s"] - found["a_start_s"], found["b_end_s"] - found["b_start_s"], 15)
    # The passage of each, with a pause between them.
    assert load_audio(path).duration_s == pytest.approx(2 * one + 0.35, abs=0.2)


def test_a_passage_is_found_again(client: httpx.Client, composed: Music) -> None:
    with Library(composed.library) as library:
        found = to_json(find_passages(library, 1, 3, start_s=2, end_s=14))
    asked = {"seed": {"track_id": 1, "start_s": 2, "end_s": 14}, "k": 3}
    assert client.post(f"{API}/passages", json=asked).json() == found
    short = {"seed": {"track_id": 1, "start_s": 2, "end_s": 2.5}}
    problem_of(client.post(f"{API}/passages", json=short), 422)


def test_words(client: httpx.Client, composed: Music) -> None:
    with Library(composed.library) as library:
        words, found = to_json(library.words()), to_json(library.find("piano, no vocals", 4))
    assert client.get(f"{API}/words").json() == {"words": words}
    asked = {"query": "piano, no vocals", "k": 4}
    assert client.post(f"{API}/find", json=asked).json() == found
    unknown = client.post(f"{API}/find", json={"query": "pianno"})
    assert "Did you mean 'piano'" in str(problem_of(unknown, 422)["detail"])


def test_an_answer_is_what_its_schema_says(client: httpx.Client) -> None:
    """Each operation names a schema; its names are those that come."""
    document = client.get(f"{API}/openapi.json").json()

    def properties(path: str, method: str) -> set[str]:
        answers = document["paths"][f"{API}{path}"][method]["responses"]
        name = answers["200"]["content"]["application/json"]["schema"]["$ref"]
        found = document["components"]["schemas"][name.rsplit("/", 1)[1]]
        return set(found["properties"])

    pair = {"a": {"track_id": 1}, "b": {"track_id": 2}}
    for path, method, body in (
        ("/tracks", "get", None),
        ("/tracks/{track_id}", "get", None),
        ("/tracks/{track_id}/analysis", "get", None),
        ("/tracks/{track_id}/peaks", "get", None),
        ("/compare", "post", pair),
        ("/explain", "post", pair),
        ("/passages", "post", {"seed": {"track_id": 1, "start_s": 2, "end_s": 14}}),
        ("/words", "get", None),
        ("/find", "post", {"query": "piano"}),
    ):
        url = f"{API}{path.format(track_id=1)}"
        answer = client.request(method.upper(), url, json=body).json()
        assert set(answer) <= properties(path, method), path


def test_the_names_of_the_schema_are_documented(client: httpx.Client) -> None:
    document = client.get(f"{API}/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation.get("description"), f"{method} {path}"
