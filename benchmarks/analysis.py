"""What it costs to analyse a track, beside bare decoding and beside other programs.

python -m benchmarks.analysis [--music DIR] [--each N] [--rounds N] [--scan] [--busy] [FILE ...]

Without files and without --music, four minutes of the demo's music are written as MP3, FLAC, M4A,
Ogg Vorbis and Opus. With --music, pieces of 3 to 5 minutes are taken from a folder, every one
another, and encoded where need be, so that there are N tracks of each format.

Every figure is CPU seconds, one thread, the least of the rounds (what else runs on a machine adds,
and never takes away); each round measures everything once, one after the other. Bare decoding is
PyAV's own loop over the frames of a file. Peak memory is that of a process that has analysed this
one track. bliss-audio and sonara are installed into an environment of their own; musicnn is
measured where ``soundalike models pull musicnn`` has installed it.

--scan also times ``soundalike scan`` over the tracks with one and with two processes. With --busy
every core has other work as well, and BLAS may have its threads: an analysis should take about as
much CPU time as on a quiet machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

# One core is what is measured; BLAS reads this when NumPy is imported.
BUSY = "--busy" in sys.argv
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS"):
    if not BUSY:
        os.environ[_variable] = "1"

import numpy as np  # noqa: E402
from platformdirs import user_cache_path  # noqa: E402

from benchmarks.encodings import composed_tracks, encoded_tracks  # noqa: E402
from benchmarks.peers.decoding import decode  # noqa: E402
from benchmarks.systems import BLISS, MUSICNN, SONARA, Analyser, install, python_of  # noqa: E402
from benchmarks.workers import Worker, WorkerFailed  # noqa: E402
from soundalike.analyzer import Analyzer  # noqa: E402
from soundalike.audio import AudioReader  # noqa: E402
from soundalike.cli.progress import work_progress  # noqa: E402
from soundalike.files import replaced_at_once  # noqa: E402
from soundalike.frontends import find_frontend  # noqa: E402
from soundalike.frontends.decoded import frames_of_file  # noqa: E402
from soundalike.frontends.log_mel import LogMelStream  # noqa: E402
from soundalike.models import DEFAULT_MODEL, find_model, installed_models  # noqa: E402
from soundalike.models.contract import INPUT, open_session, run  # noqa: E402

BARE, WHOLE, NETWORK = "bare decoding", "whole analysis", "network"
ALONE = "PyAV, bare decoding"
# Each does what those before it do, and more: the shares are their differences.
STEPS = (BARE, "to mono float", "log-mel", "onsets and chroma", WHOLE)


def stages() -> dict[str, Callable[[Path], object]]:
    """What is timed in this process, by name."""
    model = find_model(DEFAULT_MODEL)
    frontend, session = find_frontend(model.frontend), open_session(model.verify())
    inputs: dict[Path, dict[str, Any]] = {}

    def read(path: Path) -> None:
        with AudioReader(path) as reader:
            for _ in reader:
                pass

    def network(path: Path) -> None:
        run(session, inputs[path])

    def frames(path: Path) -> None:
        made = frames_of_file(path, frontend.stream).values
        if path not in inputs:
            cut = frontend.excerpts(made)
            inputs[path] = {INPUT: cut.frames, **cut.descriptors}

    return {
        BARE: lambda path: decode(str(path)),
        "to mono float": read,
        "log-mel": lambda path: frames_of_file(path, LogMelStream),
        "onsets and chroma": frames,
        NETWORK: network,
        WHOLE: Analyzer(model).from_file,
    }


def peers(environment: Path) -> dict[str, list[str]]:
    """The command of each program that is measured in a process of its own, by name."""
    ours = find_model(DEFAULT_MODEL)
    found = {
        ALONE: [sys.executable, "-m", "benchmarks.peers.decoding"],
        ours.id: [sys.executable, "-m", "benchmarks.peers.own_model", ours.id],
    }
    for analyser in (BLISS, SONARA):
        why = install(analyser, environment)
        if why is None:
            found[_label(analyser)] = _command(python_of(environment), analyser)
        else:
            print(f"{analyser.name}: {why}")
    if any(model.name == MUSICNN.name for model in installed_models()):
        found[_label(MUSICNN)] = _command(Path(sys.executable), MUSICNN)
    else:
        print("musicnn is not installed here: soundalike models pull musicnn")
    return found


def _label(analyser: Analyser) -> str:
    return f"{analyser.name} {analyser.version}"


def _command(python: Path, analyser: Analyser) -> list[str]:
    return [str(python), "-m", f"benchmarks.peers.{analyser.worker}", *analyser.arguments]


@contextlib.contextmanager
def other_work() -> Iterator[None]:
    """A process on each core that does nothing but take time."""
    busy = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def measure(
    path: Path,
    timed: Mapping[str, Callable[[Path], object]],
    commands: Mapping[str, Sequence[str]],
    rounds: int,
    scratch: Path,
) -> dict[str, Any]:
    """CPU seconds of each stage and of each program for one file, and what memory these take."""
    seconds: dict[str, list[float]] = {name: [] for name in (*timed, *commands)}
    peak_bytes: dict[str, int] = {}
    request = {"task": "analyse", "path": str(path.absolute()), "out": str(scratch / "found.npz")}
    with contextlib.ExitStack() as stack:
        workers = {name: stack.enter_context(Worker(each)) for name, each in commands.items()}
        for round_number in range(rounds + 1):
            for name, call in timed.items():
                start = time.process_time()
                call(path)
                seconds[name].append(time.process_time() - start)
            for name, worker in workers.items():
                try:
                    answer = worker.ask(request)
                except WorkerFailed as error:
                    if not round_number:
                        print(f"{name} fails on {path.name}: {str(error)[:100]}")
                    continue
                seconds[name].append(answer["cpu_s"])
                if not round_number:
                    peak_bytes[name] = answer["peak_bytes"]
    return {
        "file": path.name,
        "format": path.suffix[1:],
        # The first round warms the caches.
        "cpu_s": {name: min(each[1:]) for name, each in seconds.items() if each[1:]},
        "peak_bytes": peak_bytes,
    }


def scan(paths: Sequence[Path], jobs: int, scratch: Path) -> dict[str, float]:
    """Wall and CPU seconds of ``soundalike scan`` over the tracks, with the program's start."""
    import resource

    folder, library = scratch / "scanned", scratch / f"library-{jobs}-{time.time_ns()}.db"
    folder.mkdir(exist_ok=True)
    for number, path in enumerate(paths):
        link = folder / f"{number}{path.suffix}"
        if not link.exists():
            link.write_bytes(path.read_bytes())
    command = [sys.executable, "-m", "soundalike", "scan", str(folder)]
    command += ["--jobs", str(jobs), "--library", str(library)]

    def cpu_s() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    cpu, wall = cpu_s(), time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return {"wall_s": time.monotonic() - wall, "cpu_s": cpu_s() - cpu}


def print_files(measured: Sequence[Mapping[str, Any]]) -> None:
    """Medians over the files of each format, and over all."""
    formats = dict.fromkeys(each["format"] for each in measured)
    rows = [(name, [m for m in measured if m["format"] == name]) for name in formats]
    rows.append(("all", list(measured)))

    def median(files: Sequence[Mapping[str, Any]], name: str, key: str = "cpu_s") -> float:
        return float(statistics.median(file[key][name] for file in files if name in file[key]))

    print(f"\nCPU s, medians over {len(measured)} files\n")
    print("| format | " + " | ".join(STEPS) + " | whole / bare |")
    print("| --- |" + " --- |" * (len(STEPS) + 1))
    for name, files in rows:
        ratio = statistics.median(f["cpu_s"][WHOLE] / f["cpu_s"][BARE] for f in files)
        values = " | ".join(f"{median(files, step):.3f}" for step in STEPS)
        print(f"| {name} | {values} | {ratio:.2f} |")
    print("\nshare of the whole analysis, means over the files")
    shares = {step: _share(measured, step, before) for step, before in _steps()}
    network = statistics.mean(f["cpu_s"][NETWORK] / f["cpu_s"][WHOLE] for f in measured)
    shares[NETWORK], shares["the rest"] = network, shares.pop(WHOLE) - network
    for name, share in shares.items():
        print(f"  {name:20s} {100 * share:5.1f} %")
    print("\n| program | CPU s | times bare decoding | ours, times its CPU s | peak memory, MB |")
    print("| --- | --- | --- | --- | --- |")
    ours = find_model(DEFAULT_MODEL).id
    for name in dict.fromkeys(name for file in measured for name in file["peak_bytes"]):
        files = [file for file in measured if name in file["cpu_s"]]
        cells = [
            f"{median(files, name):.3f}",
            f"{statistics.median(f['cpu_s'][name] / f['cpu_s'][BARE] for f in files):.2f}",
            f"{statistics.median(f['cpu_s'][ours] / f['cpu_s'][name] for f in files):.2f}",
            f"{median(files, name, 'peak_bytes') / 1e6:.0f}",
        ]
        print(f"| {name} | " + " | ".join(cells) + " |")


def _steps() -> list[tuple[str, str | None]]:
    return list(zip(STEPS, (None, *STEPS[:-1]), strict=True))


def _share(measured: Sequence[Mapping[str, Any]], step: str, before: str | None) -> float:
    seconds: list[Mapping[str, float]] = [file["cpu_s"] for file in measured]
    return statistics.mean(
        (each[step] - (each[before] if before else 0.0)) / each[WHOLE] for each in seconds
    )


def print_scans(scans: Mapping[str, Sequence[Mapping[str, float]]], n_tracks: int) -> None:
    print(f"\nscan of {n_tracks} tracks, medians of {len(scans['1'])} rounds")
    wall = {
        jobs: statistics.median(each["wall_s"] for each in found) for jobs, found in scans.items()
    }
    for jobs, found in scans.items():
        cpu_s = statistics.median(each["cpu_s"] for each in found)
        print(f"  {jobs} processes: {wall[jobs]:.1f} s, {cpu_s / n_tracks:.3f} CPU s a track")
    print(f"  two are {wall['1'] / wall['2']:.2f} times as fast as one")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, help="audio files")
    parser.add_argument("--music", type=Path, help="folder of music to take tracks from")
    parser.add_argument("--each", type=int, default=5, help="tracks of each format, with --music")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scan", action="store_true", help="time scans as well")
    parser.add_argument("--busy", action="store_true", help="beside other work on every core")
    parser.add_argument("--out", type=Path, help="also write the figures of every file, JSON")
    parser.add_argument(
        "--environment",
        type=Path,
        default=user_cache_path("soundalike") / "benchmark" / "peers",
        help="virtual environment of the other programs; made where it is missing",
    )
    arguments = parser.parse_args()
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}"
    how = "beside other work" if arguments.busy else "1 thread"
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"{platform.machine()}, {os.cpu_count()} cores, {versions}, {how}, load {load}")
    figures: dict[str, Any] = {"load_before": os.getloadavg(), "files": [], "scans": {}}
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        if arguments.files:
            paths = arguments.files
        elif arguments.music:
            paths = encoded_tracks(arguments.music, folder, arguments.each)
        else:
            paths = composed_tracks(folder)
        commands = peers(arguments.environment)
        if arguments.busy:
            stack.enter_context(other_work())
        timed = stages()
        with work_progress() as show:
            for number, path in enumerate(paths):
                show("files", number, len(paths))
                figures["files"].append(measure(path, timed, commands, arguments.rounds, folder))
            show("files", len(paths), len(paths))
        print_files(figures["files"])
        if arguments.scan:
            for _ in range(arguments.rounds):
                for jobs in (1, 2):
                    found = scan(paths, jobs, folder)
                    figures["scans"].setdefault(str(jobs), []).append(found)
            print_scans(figures["scans"], len(paths))
    figures["load_after"] = os.getloadavg()
    print("load after:", ", ".join(f"{each:.1f}" for each in figures["load_after"]))
    if arguments.out:
        with replaced_at_once(arguments.out) as file:
            file.write(json.dumps(figures, indent=1).encode())


if __name__ == "__main__":
    main()
