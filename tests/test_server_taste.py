"""A listener's taste by the server: judging, what follows, and what to ask next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from servers import Music, client_of
from test_server import problem_of

from soundalike.server.settings import Settings


@pytest.fixture
def own(composed: Music, tmp_path: Path) -> Iterator[httpx.Client]:
    with client_of(Settings(library=str(composed.copy(tmp_path)))) as client:
        yield client


def test_what_is_said_is_noted_and_taken_back(own: httpx.Client) -> None:
    for kind, ids, names in (
        ("like", [1, 4], [[1], [4]]),
        ("dislike", [7], [[7]]),
        ("alike", [1, 2], [[1, 2]]),
        ("unlike", [1, 20], [[1, 20]]),
        ("oddone", [1, 2, 20], [[1, 2, 20]]),
    ):
        answer = own.post("/api/v1/taste/judgements", json={"kind": kind, "track_ids": ids})
        assert answer.status_code == 201, answer.text
        assert [
            [piece["track"]["track_id"] for piece in each["pieces"]]
            for each in answer.json()["judgements"]
        ] == names
    report = own.get("/api/v1/taste").json()
    assert report["judgements"] == {"like": 2, "dislike": 1, "alike": 1, "unlike": 1, "oddone": 1}
    listed = own.get("/api/v1/taste/judgements", params={"limit": 2}).json()
    assert listed["total"] == 6
    assert [each["kind"] for each in listed["judgements"]] == ["oddone", "unlike"]
    last = listed["judgements"][0]["judgement_id"]
    assert own.delete(f"/api/v1/taste/judgements/{last}").json()["kind"] == "oddone"
    problem_of(own.delete(f"/api/v1/taste/judgements/{last}"), 404)
    gone = own.delete("/api/v1/taste").json()
    assert sum(gone["judgements"].values()) == 5
    assert own.get("/api/v1/taste/judgements").json()["total"] == 0


def test_answers_teach_the_taste(own: httpx.Client) -> None:
    """Sixteen answers of somebody who goes by rhythm alone."""
    for seed in range(16):
        asked = own.get("/api/v1/taste/question", params={"random_seed": seed}).json()
        ids = [each["track"]["track_id"] for each in asked["passages"]]
        odd = asked["odd_by_facet"]["rhythm"]
        said = [*ids[:odd], *ids[odd + 1 :], ids[odd]]
        answer = own.post("/api/v1/taste/judgements", json={"kind": "oddone", "track_ids": said})
        assert answer.status_code == 201, answer.text
    report = own.get("/api/v1/taste").json()
    assert report["judgements"]["oddone"] == 16
    assert report["weights"]["rhythm"] > report["default_weights"]["rhythm"] + 0.1
    (trial,) = (each for each in report["trials"] if each["level"] == "weights")
    assert trial["n"] == 16
    assert trial["after"] > trial["before"]
    assert trial["is_used"]
    # Lists go by it from now on, unless they are told not to.
    limits = {"limits": {"min_length_s": 0}, "tracks": 4}
    for path, body in (
        ("playlists/make", {"seeds": [{"track_id": 1}], **limits}),
        ("playlists/extend", {"track_ids": [1, 2], **limits}),
        ("playlists/order", {"track_ids": [1, 2, 9]}),
        ("path", {"waypoints": [{"track_id": 1}, {"track_id": 20}], **limits}),
        ("radio", {"seeds": [{"track_id": 1}], **limits}),
    ):
        with_it = own.post(f"/api/v1/{path}", json=body).json()
        without = own.post(f"/api/v1/{path}", json={**body, "use_taste": False}).json()
        assert with_it["taste"]["weights"] is True
        assert without["taste"] is None


def test_a_question_is_of_three_passages(client: httpx.Client) -> None:
    asked = client.get("/api/v1/taste/question", params={"random_seed": 4}).json()
    assert asked == client.get("/api/v1/taste/question", params={"random_seed": 4}).json()
    assert asked["random_seed"] == 4
    artists = set()
    for each in asked["passages"]:
        assert 0 <= each["start_s"] < each["end_s"] <= each["track"]["duration_s"] + 0.01
        assert each["end_s"] - each["start_s"] == pytest.approx(10)
        artists.add(each["track"]["artist"])
    assert len(artists) == 3
    seeds = {client.get("/api/v1/taste/question").json()["random_seed"] for _ in range(3)}
    assert len(seeds) > 1


@pytest.mark.parametrize(
    ("kind", "ids", "status", "words"),
    [
        ("oddone", [1, 2], 422, "is said of 3 tracks"),
        ("alike", [1], 422, "is said of 2 tracks"),
        ("alike", [1, 1], 422, "one track"),
        ("like", [999_999], 404, "no track #999999"),
        ("love", [1], 422, "body.kind"),
        ("like", [], 422, "at least 1 item"),
    ],
)
def test_bad_judgements_are_problems(
    client: httpx.Client, kind: str, ids: list[int], status: int, words: str
) -> None:
    answer = client.post("/api/v1/taste/judgements", json={"kind": kind, "track_ids": ids})
    assert words in str(problem_of(answer, status)["detail"])
