"""Jobs of the server: one of a kind, progress, stop; scans and evaluations over HTTP."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from servers import Music, client_of

from soundalike import Library
from soundalike.errors import Busy, InvalidArgument, LibraryError
from soundalike.server.jobs import Job, Jobs, JobState, Stopped
from soundalike.server.settings import Settings


class Held:
    """Work that goes on until it may end."""

    def __init__(self) -> None:
        self.may_end = threading.Event()

    def __call__(self, job: Job) -> str:
        job.tell({"done": 1})
        assert self.may_end.wait(30)
        job.tell_or_stop({"done": 2})
        return "result"


def ended(jobs: Jobs, kind: str) -> JobState:
    assert jobs.join(30)
    return jobs.state(kind)


def test_one_of_a_kind_runs_and_its_result_stays() -> None:
    jobs, held = Jobs(), Held()
    assert jobs.state("scan").status == "idle"
    state = jobs.start("scan", held)
    assert (state.status, state.progress) == ("running", {"done": 1})
    with pytest.raises(LibraryError, match="a scan is running already"):
        jobs.start("scan", held)
    other = jobs.start("evaluation", lambda _: "other")
    assert other.kind == "evaluation"
    assert jobs.running() == {"scan": True, "evaluation": False}
    held.may_end.set()
    state = ended(jobs, "scan")
    assert (state.status, state.result, state.progress) == ("finished", "result", {"done": 2})
    assert state.started_at is not None
    assert state.ended_at is not None
    assert state.started_at <= state.ended_at


def test_a_job_is_stopped_when_it_tells() -> None:
    jobs, held = Jobs(), Held()
    jobs.start("map", held)
    assert jobs.stop("map").status == "running"
    held.may_end.set()
    state = ended(jobs, "map")
    assert (state.status, state.result) == ("stopped", None)
    assert jobs.stop("none").status == "idle"


def test_what_is_wrong_at_once_is_raised_and_leaves_no_trace() -> None:
    jobs = Jobs()

    def wrong(_: Job) -> None:
        raise InvalidArgument("no such folder")

    with pytest.raises(InvalidArgument, match="no such folder"):
        jobs.start("scan", wrong)
    assert jobs.state("scan").status == "idle"
    jobs.start("scan", lambda _: "report")
    ended(jobs, "scan")
    with pytest.raises(InvalidArgument):
        jobs.start("scan", wrong)
    assert jobs.state("scan").result == "report"


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (LibraryError("the disk is full"), 409, "the disk is full"),
        (ZeroDivisionError("by zero"), 500, "a fault of soundalike"),
    ],
)
def test_what_goes_wrong_later_is_a_problem(error: Exception, status: int, words: str) -> None:
    jobs = Jobs()

    def fails(job: Job) -> None:
        job.tell({"done": 1})
        raise error

    jobs.start("scan", fails)
    state = ended(jobs, "scan")
    assert state.status == "failed"
    assert state.problem is not None
    assert state.problem["status"] == status
    assert state.problem["title"] == type(error).__name__
    assert words in state.problem["detail"]


def test_listeners_get_the_state_at_once_then_changes_until_the_end() -> None:
    jobs, held = Jobs(), Held()
    jobs.start("scan", held)

    async def listen(on_first: Callable[[], None]) -> list[dict[str, Any]]:
        found = []
        async for event in jobs.events("scan"):
            assert event.event == "state"
            assert event.raw_data is not None
            found.append(json.loads(event.raw_data))
            if len(found) == 1:
                on_first()
            if found[-1]["status"] != "running":
                jobs.end()
        return found

    async def both() -> list[list[dict[str, Any]]]:
        return list(await asyncio.gather(listen(held.may_end.set), listen(lambda: None)))

    for states in asyncio.run(both()):
        assert states[0]["progress"] == {"done": 1}
        assert states[-1]["status"] == "finished"
        # It may be large: who wants it asks for it.
        assert all(state["result"] is None for state in states)
    with pytest.raises(Busy, match="the server ends"):
        jobs.start("scan", held)


def test_a_scan_is_stopped_from_another_thread(composed: Music, tmp_path: Path) -> None:
    stop = threading.Event()

    def stop_at_once(_: object) -> None:
        stop.set()

    with Library(tmp_path / "new.db") as library:
        report = library.scan([composed.folder], jobs=1, progress=stop_at_once, stop=stop)
        assert report.interrupted
        assert report.analysed == 0
        full = library.scan([composed.folder], jobs=2)
        assert not full.interrupted
        assert full.analysed > 0


def states_of(client: httpx.Client, kind: str) -> Iterator[dict[str, Any]]:
    with client.stream("GET", f"/api/v1/{kind}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))


def until_ended(client: httpx.Client, kind: str) -> dict[str, Any]:
    for state in states_of(client, kind):
        if state["status"] not in ("running", "idle"):
            break
    found: dict[str, Any] = client.get(f"/api/v1/{kind}").json()
    return found


@contextmanager
def changing(composed: Music, folder: Path) -> Iterator[httpx.Client]:
    with client_of(Settings(library=str(composed.copy(folder)))) as client:
        yield client


def test_a_scan_over_http(composed: Music, tmp_path: Path) -> None:
    music = tmp_path / "more"
    music.mkdir()
    pieces = sorted(path for path in composed.folder.rglob("*") if path.is_file())
    (music / f"copy{pieces[0].suffix}").write_bytes(pieces[0].read_bytes())
    (music / "broken.mp3").write_bytes(b"this is no music" * 100)
    with changing(composed, tmp_path) as client:
        before = client.get("/api/v1/library").json()
        answer = client.post("/api/v1/scan", json={"folders": [str(music)], "fast": True})
        assert answer.status_code == 202
        state = until_ended(client, "scan")
        assert state["status"] == "finished"
        assert state["progress"]["is_fast"]
        report = state["result"]
        assert (report["copied"], report["fast"]) == (1, 0)
        assert [Path(each["path"]).name for each in report["failed"]] == ["broken.mp3"]
        after = client.get("/api/v1/library").json()
        assert after["tracks"] == before["tracks"] + 2
        assert str(music) in [each["path"] for each in after["folders"]]
        failures = client.get("/api/v1/failures").json()
        assert failures["total"] == 1
        assert failures["failures"][0]["advice"]
        assert client.post("/api/v1/failures/retry").status_code == 202
        assert until_ended(client, "scan")["result"]["failed"][0]["attempts"] == 2


def test_a_scan_that_cannot_be_is_refused_at_once(client: httpx.Client, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    answer = client.post("/api/v1/scan", json={"folders": [nowhere]})
    assert answer.status_code == 422
    assert nowhere in answer.json()["detail"]
    answer = client.post("/api/v1/scan", json={"exclude": ["x"]})
    assert "name those" in answer.json()["detail"]
    for other in ("full", "fast"):
        answer = client.post("/api/v1/scan", json={"upgrade": True, other: True})
        assert answer.status_code == 422


def test_a_scan_is_stopped_over_http(composed: Music, tmp_path: Path) -> None:
    with client_of(Settings(library=str(tmp_path / "new.db"))) as client:
        asked = {"folders": [str(composed.folder)]}
        assert client.post("/api/v1/scan", json=asked).status_code == 202
        again = client.post("/api/v1/scan", json=asked)
        assert again.status_code == 409
        assert "running already" in again.json()["detail"]
        assert client.delete("/api/v1/scan").json()["status"] in ("running", "stopped")
        state = until_ended(client, "scan")
        assert state["status"] == "stopped"
        assert state["result"]["interrupted"]


def test_an_evaluation_and_its_page(composed: Music, tmp_path: Path) -> None:
    with changing(composed, tmp_path) as client:
        none = client.get("/api/v1/evaluation/page")
        assert none.status_code == 404
        assert none.headers["content-type"] == "application/problem+json"
        body = {"k": 3, "baseline_tracks": 0, "robustness_tracks": 0}
        assert client.post("/api/v1/evaluation", json=body).status_code == 202
        state = until_ended(client, "evaluation")
        assert state["status"] == "finished", state["problem"]
        assert state["result"]["k"] == 3
        assert state["result"]["cannot_say"]
        page = client.get("/api/v1/evaluation/page")
        assert "How good are the neighbours?" in page.text
        policy = page.headers["content-security-policy"]
        assert "sandbox" in policy
        assert "'sha256-" in policy
        assert "unsafe-inline" not in policy
        assert "script-src" not in policy


@pytest.mark.parametrize(
    ("kind", "path", "state_path"),
    [
        ("scan", "scan", "scan"),
        ("evaluation", "evaluation", "evaluation"),
        ("map", "map", "map/state"),
        ("comparison", "versions", "versions/state"),
    ],
)
def test_each_kind_of_job_has_a_state_events_and_an_end(
    client: httpx.Client, kind: str, path: str, state_path: str
) -> None:
    state = client.get(f"/api/v1/{state_path}").json()
    assert state["kind"] == kind
    first = next(states_of(client, path))
    assert first == {**state, "result": None}
    # Where none runs, there is none to be stopped, and nothing is wrong.
    assert client.delete(f"/api/v1/{path}").json() == state


def test_stopped_work_may_have_a_result() -> None:
    jobs = Jobs()

    def half(job: Job) -> None:
        job.tell({"done": 1})
        raise Stopped("half")

    jobs.start("evaluation", half)
    state = ended(jobs, "evaluation")
    assert (state.status, state.result) == ("stopped", "half")
