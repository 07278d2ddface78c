"""CPU seconds to decode and to analyse one track, beside bliss-audio on the same file.

python -m benchmarks.analysis [--busy] [FILE ...]

With --busy, every core has other work as well, and no environment variable holds BLAS to one
thread: an analysis should take about as much CPU time as on a quiet machine.

Without files, 240 s of the demo's music are written as MP3 (256 kbit/s), FLAC and M4A. Every
figure is the median over the rounds of one run; in each round the candidates take turns, so that
a machine that slows down slows all of them.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

# One core is what is measured; BLAS reads this when NumPy is imported.
BUSY = "--busy" in sys.argv
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS"):
    if not BUSY:
        os.environ[_variable] = "1"

import numpy as np  # noqa: E402

from soundalike.analyzer import Analyzer  # noqa: E402
from soundalike.audio import AudioReader  # noqa: E402
from soundalike.frontends import spectrogram_of_file  # noqa: E402
from soundalike.frontends.log_mel import excerpts  # noqa: E402

DURATION_S = 240
ROUNDS = 7


def decode(path: Path) -> None:
    with AudioReader(path) as reader:
        for _ in reader:
            pass


def decode_and_transform(path: Path) -> None:
    excerpts(spectrogram_of_file(path).values)


def candidates() -> dict[str, Callable[[Path], object]]:
    """What is timed, by name; bliss-audio where it is installed."""
    analyzer = Analyzer()
    found: dict[str, Callable[[Path], object]] = {
        "decode": decode,
        "decode + log-mel": decode_and_transform,
        "soundalike": analyzer.from_file,
    }
    try:
        import bliss_audio
    except ImportError:
        print("bliss-audio is not installed here: pip install bliss-audio")
    else:
        found["bliss-audio"] = lambda path: bliss_audio.Song(str(path))
    return found


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


def measure(path: Path, rounds: int) -> dict[str, float]:
    """Median CPU seconds of each candidate on one file."""
    timed = candidates()
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    for round_number in range(rounds + 1):
        for name, call in timed.items():
            start = time.process_time()
            call(path)
            if round_number:  # the first one warms the caches
                seconds[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def make_tracks(folder: Path) -> list[Path]:
    """Four minutes of composed music in the three formats that libraries hold most."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))
    from compose import scores
    from demo_music.files import Format, write_audio
    from demo_music.render import render
    from demo_music.synthesis import SAMPLE_RATE

    # One piece of each band and more: none is longer than 30 s or shorter than 22 s.
    stereo = np.concatenate([render(score) for score in scores()[::3]], axis=1)
    stereo = stereo[:, : DURATION_S * SAMPLE_RATE]
    assert stereo.shape[1] == DURATION_S * SAMPLE_RATE
    formats = [
        Format(".mp3", "libmp3lame", "fltp", 44_100, 256_000),
        Format(".flac", "flac", "s16", 44_100),
        Format(".m4a", "aac", "fltp", 44_100, 256_000),
    ]
    paths = []
    for audio_format in formats:
        paths.append(folder / f"track{audio_format.suffix}")
        write_audio(paths[-1], stereo, audio_format)
    return paths


def report(path: Path, seconds: dict[str, float]) -> None:
    base = seconds["decode"]
    print(f"\n{path.suffix[1:].upper()}  {path.stat().st_size / 1e6:.1f} MB")
    for name, value in seconds.items():
        print(f"  {name:18s} {value:7.3f} CPU s   {value / base:5.2f} x decoding alone")
    if "bliss-audio" in seconds:
        ratio = seconds["soundalike"] / seconds["bliss-audio"]
        print(f"  soundalike takes {ratio:.2f} x bliss-audio's time")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, help="audio files (default: composed music)")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--busy", action="store_true", help="beside other work on every core")
    arguments = parser.parse_args()
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}"
    how = "beside other work" if arguments.busy else "1 thread"
    print(f"{platform.machine()}, {versions}, {how}")
    with tempfile.TemporaryDirectory() as folder:
        paths = arguments.files or make_tracks(Path(folder))
        stack = contextlib.ExitStack()
        if arguments.busy:
            stack.enter_context(other_work())
        with stack:
            for path in paths:
                report(path, measure(path, arguments.rounds))


if __name__ == "__main__":
    main()
