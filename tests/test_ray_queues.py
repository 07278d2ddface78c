"""Which job a node of a cluster gets next; no cluster is needed to know."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundalike.files import Stamp
from soundalike.workers.jobs import AnalyseJob, DigestJob
from soundalike.workers.ray_queues import Queues, Task


def digest(number: int) -> DigestJob:
    return DigestJob(number, f"/music/{number}".encode())


def analyse(number: int) -> AnalyseJob:
    path = f"/music/{number}".encode()
    return AnalyseJob(number, path, Stamp(1, 1, 1), b"", (), is_again=False)


def taken(queues: Queues, most: int, node: str) -> list[int]:
    return [task.job.track_id for task in queues.take(most, node)]


@pytest.fixture
def queues() -> Queues:
    made = Queues()
    made.note({analyse(1).path: "a", analyse(2).path: "b"})
    for number in (1, 2, 3):
        made.add(analyse(number))
    for number in (7, 8):
        made.add(digest(number))
    return made


def test_a_node_analyses_what_it_has_hashed(queues: Queues) -> None:
    # 3 was hashed nobody knows where.
    assert taken(queues, 2, "a") == [3, 1]
    assert taken(queues, 1, "b") == [2]


def test_a_new_file_goes_before_what_another_node_has_hashed(queues: Queues) -> None:
    assert taken(queues, 4, "c") == [3, 7, 8, 1]
    assert taken(queues, 4, "c") == [2]
    assert taken(queues, 4, "c") == []


def test_what_a_node_died_over_goes_alone_and_first(queues: Queues) -> None:
    dead = queues.take(3, "a")
    queues.put_alone(dead[0])
    queues.put_back(dead[1:])
    assert [taken(queues, 4, "b") for _ in range(3)] == [[3], [1, 7, 2, 8], []]


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from("abc")), min_size=1, max_size=40),
    st.data(),
)
def test_each_job_comes_once_whatever_dies(
    jobs: list[tuple[bool, str]], data: st.DataObject
) -> None:
    queues = Queues()
    queues.note({analyse(number).path: node for number, (_, node) in enumerate(jobs)})
    for number, (is_hashed, _) in enumerate(jobs):
        queues.add(analyse(number) if is_hashed else digest(number))
    done: list[int] = []
    deaths: dict[int, int] = {}
    while len(queues):
        most, node = data.draw(st.integers(1, 5)), data.draw(st.sampled_from("abcd"))
        batch = queues.take(most, node)
        assert 1 <= len(batch) <= most
        if any(task.deaths for task in batch):
            assert len(batch) == 1
        if data.draw(st.booleans()) or any(deaths.get(t.job.track_id, 0) > 2 for t in batch):
            done += [task.job.track_id for task in batch]
            continue
        # It died over the first; the others had not begun.
        first, *rest = batch
        died(first, deaths)
        queues.put_alone(first)
        queues.put_back(rest)
    assert sorted(done) == list(range(len(jobs)))


def died(task: Task, deaths: dict[int, int]) -> None:
    task.deaths += 1
    deaths[task.job.track_id] = deaths.get(task.job.track_id, 0) + 1
