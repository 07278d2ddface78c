"""Scans on a real Ray cluster of two nodes, with nodes, workers and the driver killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import fakes
import numpy as np
import pytest
from fakes import contents_of, open_library, text_of, write_track
from remote_servers import KEYS, s3_server

import soundalike
from benchmarks.ray_nodes import two_nodes
from soundalike.errors import ClusterError, ModelError
from soundalike.library import Library
from soundalike.workers.jobs import MakePool, Setup
from soundalike.workers.pool import WorkerPool
from soundalike.workers.ray_cluster import Cluster
from soundalike.workers.ray_pool import RayPool, ray_pool

pytestmark = [
    pytest.mark.ray,
    # Ray leaves sockets and files to the garbage collector, and warns of its own future.
    pytest.mark.filterwarnings("ignore"),
]

TRACKS = 12

SCAN = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from fakes import open_library
from soundalike.workers.ray_cluster import Cluster
from soundalike.workers.ray_pool import RayPool, ray_pool
def show(progress):
    print(progress.phase, progress.done, flush=True)
with open_library(Path(sys.argv[2]), pool=ray_pool(sys.argv[4])) as library:
    report = library.scan([sys.argv[3]], progress=show)
print("report", report.analysed, report.interrupted, flush=True)
"""


@pytest.fixture(scope="module")
def pids(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pids")


@pytest.fixture(scope="module")
def store(pids: Path) -> Iterator[Any]:
    """What the nodes have in their environment, an S3 server with its keys; a client of that."""
    with pytest.MonkeyPatch.context() as patch, s3_server(patch) as client:
        patch.setenv("SOUNDALIKE_CACHE", str(pids.parent / "cache"))
        patch.setenv(fakes.PIDS, str(pids))
        patch.setenv(fakes.SLOW_S, "0.3")
        # What a worker has is what is installed on its node.
        paths = [str(Path(fakes.__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        patch.setenv("PYTHONPATH", os.pathsep.join(paths))
        yield client


@pytest.fixture(scope="module")
def cluster(store: Any) -> Iterator[Any]:
    with two_nodes(dead_after_s=2) as made:
        yield made


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    for number in range(TRACKS):
        write_track(folder / f"{number:02d}.wav", f"slow {number}")
    write_track(folder / "99 bad.wav", "silent")
    write_track(folder / "copies/1.wav", "slow 1")
    return folder


def expected(music: Path) -> Counter[tuple[str, str, str | None]]:
    found: Counter[tuple[str, str, str | None]] = Counter()
    for path in music.rglob("*.wav"):
        if (text := text_of(path)) == "silent":
            found[str(path), "failed", "silent: 0.1 s that never reach -80 dBFS"] += 1
        else:
            found[str(path), "analysed", f"text: {text}"] += 1
    return found


def running(pids: Path) -> list[int]:
    """The analysing processes that live."""
    return [int(each.name) for each in pids.iterdir() if Path(f"/proc/{each.name}").exists()]


def wait_until(condition: Any, what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def test_all_nodes_work_and_leave_nothing_behind(
    cluster: Any, tmp_path: Path, music: Path, pids: Path
) -> None:
    before = set(pids.iterdir())
    with open_library(tmp_path, pool=ray_pool(cluster.address)) as library:
        report = library.scan([music])
        assert (report.analysed, report.copied, len(report.failed)) == (TRACKS, 1, 1)
        assert contents_of(library) == expected(music)
        again = library.scan([music])
        assert (again.analysed, again.unchanged, again.still_failing) == (0, TRACKS + 1, 1)
    assert len(set(pids.iterdir()) - before) == 2
    wait_until(lambda: not running(pids), "workers live on")


def test_jobs_limit_the_workers(cluster: Any, tmp_path: Path, music: Path, pids: Path) -> None:
    before = set(pids.iterdir())
    with open_library(tmp_path, pool=ray_pool("auto")) as library:
        assert library.scan([music], jobs=1).analysed == TRACKS
    assert len(set(pids.iterdir()) - before) == 1


def test_work_is_handed_out_as_it_is_done(
    cluster: Any, tmp_path: Path, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two batches an actor are on their way at most, whatever there is to do."""
    for number in range(100, 140):
        write_track(music / f"{number}.wav", f"quick {number}")
    on_their_way: list[int] = []
    ready = Cluster.ready

    def watched(self: Cluster, refs: Sequence[Any], timeout_s: float) -> list[Any]:
        on_their_way.append(len(refs))
        return ready(self, refs, timeout_s)

    monkeypatch.setattr(Cluster, "ready", watched)
    pools: list[RayPool] = []
    waiting: list[int] = []

    def pool(setup: Setup, size: int | None) -> RayPool:
        pools.append(RayPool(setup, size, cluster.address))
        return pools[0]

    with open_library(tmp_path, pool=pool) as library:
        report = library.scan(
            [music], progress=lambda _: waiting.extend(each.outstanding for each in pools)
        )
        assert report.analysed == TRACKS + 40
    assert max(on_their_way) == 2 * 2
    assert max(waiting) <= 8 * 2


def test_a_crash_costs_only_the_file_that_caused_it(
    cluster: Any, tmp_path: Path, music: Path
) -> None:
    bad = write_track(music / "05 bad.wav", "crash")
    once = write_track(music / "06 once.wav", f"once {tmp_path / 'mark'}")
    with open_library(tmp_path, pool=ray_pool(cluster.address)) as library:
        report = library.scan([music])
        assert report.analysed == TRACKS + 1
        failures = {failure.path: failure for failure in report.failed}
        assert once not in failures
        assert failures[bad].kind == "DecoderCrashed"
        assert failures[bad].reason == "the process that read it was killed by SIGSEGV"


def test_a_dead_actor_costs_a_retry(cluster: Any, tmp_path: Path, music: Path, pids: Path) -> None:
    """The actor itself, not its process: as when Ray ends it for want of memory."""
    told: list[str] = []
    killed: list[int] = []

    def kill_one(progress: Any) -> None:
        if progress.phase == "analysing" and progress.done >= 2 and not killed:
            pid = running(pids)[0]
            parent = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
            killed.append(parent)
            os.kill(parent, signal.SIGKILL)

    with open_library(tmp_path, pool=ray_pool(cluster.address, tell=told.append)) as library:
        report = library.scan([music], progress=kill_one)
        assert (report.analysed, len(report.failed)) == (TRACKS, 1)
        assert contents_of(library) == expected(music)
    assert killed
    assert any(line.startswith("lost a worker") for line in told)
    wait_until(lambda: not running(pids), "workers live on")


def test_a_file_that_takes_its_actor_down_each_time_is_recorded(
    cluster: Any, tmp_path: Path, music: Path
) -> None:
    bad = write_track(music / "05 bad.wav", "slay")
    with open_library(tmp_path, pool=ray_pool(cluster.address)) as library:
        report = library.scan([music])
        assert report.analysed == TRACKS
        (failure,) = (each for each in report.failed if each.path == bad)
        assert failure.kind == "DecoderCrashed"
        assert failure.reason.startswith("3 workers of the Ray cluster died over it: ")


def test_a_signal_stops_in_order(cluster: Any, tmp_path: Path, music: Path, pids: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        with start_scan(tmp_path, music, cluster.address) as process:
            wait_for(process, 3)
            process.send_signal(number)
            assert process.stdout is not None
            *_, last = process.stdout
        assert process.returncode == 0
        word, analysed, interrupted = last.split()
        assert (word, interrupted) == ("report", "True")
        wait_until(lambda: not running(pids), "workers live on")
        with open_library(tmp_path) as library:
            stored = {track.content_hash for track in library.tracks("analysed")}
            assert len(stored) >= int(analysed)
        for path in tmp_path.glob("library.db*"):
            path.unlink()


def test_a_killed_driver_leaves_nothing_running_and_the_next_scan_goes_on(
    cluster: Any, tmp_path: Path, music: Path, pids: Path
) -> None:
    with start_scan(tmp_path, music, cluster.address) as process:
        wait_for(process, 5)
        process.kill()
    wait_until(lambda: not running(pids), "workers live on")
    with open_library(tmp_path, pool=ray_pool(cluster.address)) as library:
        stored = {track.content_hash for track in library.tracks("analysed")}
        assert len(stored) >= 5 - 2
        report = library.scan([music])
        assert report.analysed == TRACKS - len(stored)
        assert contents_of(library) == expected(music)


def test_a_model_that_the_nodes_lack_ends_the_scan(
    cluster: Any, tmp_path: Path, music: Path
) -> None:
    pool = ray_pool(cluster.address)
    with open_library(tmp_path, analyzer="fakes:unloadable", pool=pool) as library:
        with pytest.raises(ModelError, match=r"on a node of the Ray cluster: .*damaged model"):
            library.scan([music])
        assert library.failures() == []


def test_another_version_on_the_nodes_ends_the_scan(
    cluster: Any, tmp_path: Path, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = soundalike.__version__
    monkeypatch.setattr(soundalike, "__version__", "99.0")
    with (
        open_library(tmp_path, pool=ray_pool(cluster.address)) as library,
        pytest.raises(ClusterError, match=f"has soundalike {there}, this machine has 99.0"),
    ):
        library.scan([music])


def test_nodes_without_soundalike_end_the_scan(store: Any, tmp_path: Path, music: Path) -> None:
    # What the nodes find first is another module of that name.
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "soundalike.py").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path / "other"))
        made = two_nodes()
        cluster = made.__enter__()
    try:
        # Elsewhere than in the checkout, which Ray would tell the nodes of.
        with start_scan(tmp_path, music, cluster.address, cwd=tmp_path) as process:
            _, error = process.communicate(timeout=300)
    finally:
        made.__exit__(None, None, None)
    assert process.returncode == 1
    assert "ClusterError: a node of the Ray cluster has no soundalike in the Python" in error


def test_a_folder_that_the_nodes_do_not_see_ends_the_scan(
    cluster: Any, tmp_path: Path, music: Path
) -> None:
    """The driver sees it in a namespace of its own, where it is mounted."""
    inside = tmp_path / "mount"
    inside.mkdir()
    command = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
    scan = [sys.executable, "-c", SCAN, str(Path(fakes.__file__).parent), str(tmp_path)]
    scan += [str(inside), cluster.address]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", command, "-", str(music), str(inside), *scan],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1, done.stderr
    assert f"does not see {inside}, which is on this machine: mount it" in done.stderr
    with open_library(tmp_path) as library:
        assert library.failures() == []
        assert library.info().missing == 0


def test_an_address_without_a_cluster(tmp_path: Path, music: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for address, message in (
        (f"127.0.0.1:{port}", f"there is no Ray cluster at 127.0.0.1:{port}"),
        ("nonsense", "'nonsense' is no address of a Ray cluster"),
        ("local", "'local' is no address of a Ray cluster"),
    ):
        with (
            open_library(tmp_path, pool=ray_pool(address)) as library,
            pytest.raises(ClusterError, match=message),
        ):
            library.scan([music])


def test_without_a_gpu_the_cores_do_it_and_that_is_said(
    cluster: Any, tmp_path: Path, music: Path
) -> None:
    told: list[str] = []
    pool = ray_pool(cluster.address, gpu=True, tell=told.append)
    with open_library(tmp_path, pool=pool) as library:
        assert library.scan([music]).analysed == TRACKS
    assert told == ["the Ray cluster has no GPU: the model runs on its cores"]


def test_a_gpu_actor_takes_several_files_at_a_time(
    store: Any, tmp_path: Path, pieces: Path
) -> None:
    """The GPU is one that Ray was told of: the model runs on cores, all else as it would."""
    told: list[str] = []
    with two_nodes(num_cpus=2, num_gpus=1) as cluster:
        pool = ray_pool(cluster.address, gpu=True, tell=told.append)
        with Library(tmp_path / "gpu.db", pool=pool) as library:
            bad = tmp_path / "bad.mp3"
            bad.write_text("no music")
            report = library.scan([pieces, bad])
            (failure,) = report.failed
            assert report.analysed == 8
            found = embeddings_of(library)
    (remark,) = told
    assert "runs the model on its cores: its ONNX Runtime" in remark
    assert failure.kind == "UnsupportedAudio"
    with Library(tmp_path / "local.db") as library:
        library.scan([pieces])
        local = embeddings_of(library)
    assert found.keys() == local.keys()
    for name, values in found.items():
        assert np.allclose(values, local[name], atol=1e-5)


def embeddings_of(library: Library) -> dict[str, np.ndarray]:
    return {
        track.path.name: library.analysis(track.track_id).excerpt_embeddings
        for track in library.tracks("analysed")
    }


def start_scan(
    home: Path, music: Path, address: str, cwd: Path | None = None
) -> subprocess.Popen[str]:
    arguments = [str(Path(fakes.__file__).parent), str(home), str(music), address]
    return subprocess.Popen(
        [sys.executable, "-c", SCAN, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if cwd else None,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(soundalike.__file__).parent.parent)},
        text=True,
    )


def wait_for(process: subprocess.Popen[str], done: int) -> None:
    """Until so many files are done."""
    assert process.stdout is not None
    for line in process.stdout:
        phase, _, number = line.strip().partition(" ")
        if phase == "analysing" and int(number) >= done:
            return
    raise AssertionError("the scan ended too early")


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Composed music in several formats, of 20 to 60 s."""
    folder = tmp_path_factory.mktemp("pieces")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parent.parent / "examples")
        from compose import make_piece, scores

        for score in scores():
            if score.track_number == 1:
                make_piece(folder, score)
    return folder


def analyses_of(library: Library) -> dict[str, bytes]:
    """All that is stored of each file's sound, bit for bit."""
    found = {}
    for track in library.tracks():
        analysis = library.analysis(track.track_id)
        arrays = [
            analysis.embedding,
            analysis.excerpt_embeddings,
            analysis.probabilities,
            analysis.excerpt_starts_s,
        ]
        said = f"{track.tags} {track.content_hash} {analysis.tempo_bpm} {analysis.key}".encode()
        found[track.path.name] = said + b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)
    return found


def scanned(home: Path, music: Path, pool: MakePool = WorkerPool, **more: Any) -> dict[str, bytes]:
    home.mkdir()
    with Library(home / "library.db", pool=pool) as library:
        report = library.scan([music], **more)
        assert not report.failed
        return analyses_of(library)


def test_a_node_that_dies_in_the_middle_changes_no_bit(
    store: Any, tmp_path: Path, pieces: Path
) -> None:
    local = scanned(tmp_path / "local", pieces)
    told: list[str] = []
    with two_nodes(dead_after_s=2) as cluster:
        (second,) = (node for node in cluster.list_all_nodes() if node != cluster.head_node)
        made = ray_pool(cluster.address, tell=told.append)
        pools: list[RayPool] = []
        killed: list[float] = []

        def pool(setup: Setup, size: int | None) -> RayPool:
            pools.append(made(setup, size))
            return pools[-1]

        def of_second() -> list[Any]:
            return [
                actor
                for actor in pools[-1]._actors
                if actor.hello is not None and actor.hello.node_id == second.node_id
            ]

        def kill_second(progress: Any) -> None:
            if progress.phase != "analysing" or progress.done < 1 or killed:
                return
            # It may start late, and what has nothing to do is not missed: it gets files first.
            until = time.monotonic() + 60.0
            while not of_second() and time.monotonic() < until:
                pools[-1]._gather(0.1)
            pools[-1]._feed()
            assert any(actor.batches for actor in of_second())
            killed.append(time.monotonic())
            (raylet,) = second.all_processes["raylet"]
            pid = raylet.process.pid
            workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            # All at once, as a machine dies: a worker left alone would answer first.
            for worker in workers:
                os.kill(int(worker), signal.SIGSTOP)
            cluster.remove_node(second, allow_graceful=False)
            for worker in workers:
                with suppress(ProcessLookupError):
                    os.kill(int(worker), signal.SIGKILL)

        found = scanned(tmp_path / "ray", pieces, pool, progress=kill_second)
    assert killed
    assert told, "nobody was told of the lost node"
    assert found == local
    assert len(found) == 8


def test_the_command_analyses_on_the_cluster_what_s3_holds(
    cluster: Any, store: Any, tmp_path: Path, pieces: Path
) -> None:
    local = scanned(tmp_path / "local", pieces)
    store.create_bucket(Bucket="music")
    for path in pieces.rglob("*.*"):
        store.upload_file(str(path), "music", f"my music/{path.relative_to(pieces)}")
    database = tmp_path / "library.db"
    command = [sys.executable, "-m", "soundalike", "scan", "s3://music/my music"]
    command += ["--ray", cluster.address, "--library", str(database)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    with Library(database) as library:
        assert analyses_of(library) == local
    # Neither told nor stored, nor in Ray's own logs.
    logs = Path(cluster.head_node.get_session_dir_path())
    written = [path for path in [database, *logs.rglob("*")] if path.is_file()]
    assert len(written) > 3
    said = [done.stdout.encode(), done.stderr.encode(), *(path.read_bytes() for path in written)]
    assert not [value for value in KEYS.values() if any(value.encode() in each for each in said)]
