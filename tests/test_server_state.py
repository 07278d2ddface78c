"""Health, models, metrics, sessions."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from servers import Music, client_of, running

from soundalike import Library, __version__
from soundalike.errors import InvalidArgument
from soundalike.models import installed_models
from soundalike.server.settings import Settings
from soundalike.server.tokens import checked, hash_of, kept_hash, new_token


@pytest.fixture(scope="module")
def token() -> str:
    return new_token()


@pytest.fixture(scope="module")
def guarded(composed: Music, token: str) -> Iterator[httpx.Client]:
    settings = Settings(library=str(composed.library), token_hash=hash_of(token))
    with client_of(settings) as client:
        yield client


def test_health_is_open_and_says_nothing_of_the_library(guarded: httpx.Client) -> None:
    assert guarded.get("/api/v1/health").json() == {"status": "ok", "version": __version__}
    assert guarded.get("/api/v1/healthy").status_code == 401


def test_the_library_and_its_models(client: httpx.Client, composed: Music) -> None:
    with Library(composed.library) as library:
        info = library.info()
    found = client.get("/api/v1/library").json()
    assert found["analysed"] == info.analysed
    assert [Path(each["path"]) for each in found["folders"]] == [composed.folder]
    models = client.get("/api/v1/models").json()
    assert [each["id"] for each in models] == [each.id for each in installed_models()]
    one = client.get(f"/api/v1/models/{models[0]['id']}").json()
    assert one["card"].startswith("#")
    assert one["facets"] == models[0]["facets"]
    missing = client.get("/api/v1/models/nosuch@1")
    assert missing.status_code == 404
    assert "nosuch@1" in missing.json()["detail"]


def values(client: httpx.Client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = client.get("/metrics").text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_count_by_the_template_of_the_route(composed: Music) -> None:
    with client_of(Settings(library=str(composed.library))) as client:
        for track_id in (1, 2, 999_999):
            client.get(f"/api/v1/tracks/{track_id}")
        client.get("/no/such/place")
        client.request("BREW", "/api/v1/health")
        client.get("/api/v1/tracks/1", headers={"host": "evil.example"})
        found = values(client)

        def count(method: str, route: str, status: str) -> float:
            labels = frozenset({("method", method), ("route", route), ("status", status)})
            return found.get(("soundalike_http_requests_total", labels), 0)

        route = "/api/v1/tracks/{track_id}"
        assert count("GET", route, "200") == 2
        assert count("GET", route, "404") == 1
        assert count("GET", "other", "404") == 1
        assert count("GET", "other", "403") == 1
        assert sum(
            value
            for (name, labels), value in found.items()
            if name == "soundalike_http_requests_total" and ("method", "other") in labels
        )
        timed = ("soundalike_http_seconds_count", frozenset({("method", "GET"), ("route", route)}))
        assert found[timed] == 3
        with Library(composed.library) as library:
            analysed = library.info().analysed
        assert found["soundalike_tracks", frozenset({("status", "analysed")})] == analysed
        assert found["soundalike_desk_files", frozenset({("state", "waiting")})] == 0
        assert found["process_resident_memory_bytes", frozenset()] > 1e6


def test_a_session_is_a_cookie_that_no_script_reads(guarded: httpx.Client, token: str) -> None:
    with httpx.Client(base_url=guarded.base_url) as browser:
        assert browser.get("/api/v1/library").status_code == 401
        assert browser.get("/metrics").status_code == 401
        answer = browser.post("/api/v1/session", json={"token": token})
        assert answer.status_code == 204
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "Secure" not in cookie
        assert browser.get("/api/v1/library").status_code == 200
        assert browser.get("/metrics").status_code == 200
        # The cookie alone lets no other site in.
        origin = {"origin": "http://127.0.0.1:1"}
        assert browser.delete("/api/v1/scan", headers=origin).status_code == 403
        assert browser.delete("/api/v1/session").status_code == 204
        assert browser.get("/api/v1/library").status_code == 401


def test_behind_https_the_cookie_is_secure(guarded: httpx.Client, token: str) -> None:
    headers = {"host": "127.0.0.1", "origin": "https://127.0.0.1"}
    answer = httpx.post(
        f"{guarded.base_url}/api/v1/session", json={"token": token}, headers=headers
    )
    assert "Secure" in answer.headers["set-cookie"]


def test_without_a_token_a_session_needs_none(client: httpx.Client) -> None:
    answer = client.post("/api/v1/session", json={"token": "whatever"})
    assert answer.status_code == 204
    assert "set-cookie" not in answer.headers


def test_guesses_wait_and_only_so_many(guarded: httpx.Client, token: str) -> None:
    address = str(guarded.base_url)

    def guess(number: int) -> int:
        if number % 2:
            wrong = {"token": f"wrong{number}"}
            return httpx.post(f"{address}/api/v1/session", json=wrong).status_code
        headers = {"authorization": f"Bearer wrong{number}"}
        return httpx.get(f"{address}/api/v1/library", headers=headers).status_code

    with ThreadPoolExecutor(40) as threads:
        found = list(threads.map(guess, range(40)))
    assert set(found) == {401, 429}
    right = {"authorization": f"Bearer {token}"}
    assert guarded.get("/api/v1/library", headers=right).status_code == 200


@pytest.mark.parametrize("token", ["short", "x" * 201, "with space in the middle", "ümlaut" * 5])
def test_a_made_up_token_must_be_hard_to_guess(token: str) -> None:
    with pytest.raises(InvalidArgument, match="MY_TOKEN"):
        checked("MY_TOKEN", token)
    assert checked("MY_TOKEN", "correct-horse-battery") == "correct-horse-battery"


def test_the_token_is_kept_hashed_for_the_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soundalike.server import tokens

    place = tmp_path / "settings" / "server-token"
    monkeypatch.setattr(tokens, "token_file", lambda: place)
    assert kept_hash() is None
    place.parent.mkdir()
    place.touch(0o644)
    tokens.keep("a token that nobody knows")
    assert place.stat().st_mode & 0o777 == 0o600
    assert "nobody" not in place.read_text()
    assert kept_hash() == hash_of("a token that nobody knows")


def test_too_many_requests_are_told_to_come_again(composed: Music) -> None:
    settings = Settings(library=str(composed.library), most_asked=1)
    with running(settings) as address, ExitStack() as streams:
        stream = streams.enter_context(
            httpx.stream("GET", f"{address}/api/v1/scan/events", timeout=60)
        )
        assert stream.status_code == 200
        refused = httpx.get(f"{address}/api/v1/library")
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        assert refused.json()["title"] == "Busy"
        assert httpx.get(f"{address}/api/v1/health").status_code == 200


def test_a_flood_of_files_is_refused_and_the_rest_answers(composed: Music) -> None:
    settings = Settings(library=str(composed.library), most_waiting=2)
    body = {"seeds": [{"track_id": 1, "start_s": 1, "end_s": 13}], "k": 1}
    over = threading.Event()
    with running(settings) as address, ThreadPoolExecutor(21) as threads:

        def ask(_: int) -> httpx.Response:
            return httpx.post(f"{address}/api/v1/similar", json=body, timeout=60)

        def others() -> list[int]:
            found = []
            while not over.is_set():
                found.append(httpx.get(f"{address}/api/v1/health", timeout=60).status_code)
            return found

        watched = threads.submit(others)
        answers = list(threads.map(ask, range(20)))
        over.set()
        assert set(watched.result()) == {200}
        codes = [answer.status_code for answer in answers]
        assert set(codes) == {200, 503}
        # One is worked on, two wait; whoever comes when they are done has a place, too.
        assert codes.count(200) >= 3
        assert all(int(answer.headers["retry-after"]) > 0 for answer in answers if answer.is_error)
        # Nothing is left behind: whoever comes later is answered.
        assert ask(0).status_code == 200
