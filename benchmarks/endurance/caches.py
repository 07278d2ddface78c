"""Damaged files beside a library: each counts as not there, and no answer changes."""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.endurance.contents import Broken, check
from benchmarks.endurance.kills import prepare
from benchmarks.endurance.processes import run
from soundalike.cli.progress import work_progress
from soundalike.library import Library
from soundalike.library.storage.index_file import read_arrays
from soundalike.recommend.map import map_of

__all__ = ["caches"]

_MAGIC = b"soundalike index\n"
_SLOW_S = 60.0


def _flip(path: Path, other: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 1, 4, 50))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def _flip_header(path: Path, other: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[rng.randrange(min(len(data), 1500))] = rng.randrange(256)
    path.write_bytes(data)


def _truncate(path: Path, other: Path, rng: random.Random) -> None:
    os.truncate(path, rng.randrange(path.stat().st_size))


def _grow(path: Path, other: Path, rng: random.Random) -> None:
    with path.open("ab") as file:
        file.write(rng.randbytes(rng.choice((1, 64, 5000))))


def _overwrite(path: Path, other: Path, rng: random.Random) -> None:
    """A block of the disk that holds something else now."""
    data = bytearray(path.read_bytes())
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.choice((64, 512, 4096)))
    data[start:end] = rng.choice((bytes(end - start), rng.randbytes(end - start)))
    path.write_bytes(data)


def _empty(path: Path, other: Path, rng: random.Random) -> None:
    path.write_bytes(b"")


def _noise(path: Path, other: Path, rng: random.Random) -> None:
    path.write_bytes(rng.randbytes(path.stat().st_size))


def _another_version(path: Path, other: Path, rng: random.Random) -> None:
    """A header that is whole and says another version, or that something else is in the file."""
    data = path.read_bytes()
    start = len(_MAGIC) + 8
    size, _ = struct.unpack_from("<II", data, len(_MAGIC))
    header = json.loads(data[start : start + size])
    what = rng.choice(("version", "statement", "arrays"))
    if what == "version":
        header["version"] += rng.choice((-1, 1, 1000))
    elif what == "statement":
        header["statement"] = rng.choice(({}, {"model": "another@1"}))
    else:
        header["arrays"] = header["arrays"][: rng.randrange(len(header["arrays"]))]
    encoded = json.dumps(header).encode().ljust(size)
    sizes = struct.pack("<II", len(encoded), zlib.crc32(encoded))
    path.write_bytes(_MAGIC + sizes + encoded + data[start + size :])


def _of_another_library(path: Path, other: Path, rng: random.Random) -> None:
    shutil.copyfile(other, path)


def _remove(path: Path, other: Path, rng: random.Random) -> None:
    path.unlink()


def _folder(path: Path, other: Path, rng: random.Random) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path, other: Path, rng: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def _link_nowhere(path: Path, other: Path, rng: random.Random) -> None:
    path.unlink()
    path.symlink_to(path.with_name("nowhere"))


_DAMAGES: dict[str, Callable[[Path, Path, random.Random], None]] = {
    "bits flipped": _flip,
    "a byte of the header": _flip_header,
    "cut off": _truncate,
    "longer": _grow,
    "a block overwritten": _overwrite,
    "empty": _empty,
    "noise": _noise,
    "another version": _another_version,
    "of another library": _of_another_library,
    "gone": _remove,
    "a folder": _folder,
    "a pipe": _pipe,
    "a broken link": _link_nowhere,
}


def caches(music: Path, home: Path, *, seed: int, count: int, files: int) -> dict[str, Any]:
    """Damage the index, the map and the versions of a library so many times, and ask it.

    Parameters
    ----------
    music : folder with real music, to cut clips from.
    home : empty folder to work in.
    seed : of clips and damages.
    files : of the library.

    Returns
    -------
    How often what was damaged, and ``findings``: an error, or another answer than before.
    """
    rng = random.Random(seed)
    whole, other, live = home / "whole", home / "other", home / "live"
    for place in (whole, other):
        place.mkdir()
        folder = home / f"music of {place.name}"
        prepare(music, folder, files, rng)
        run("scan", folder, "--library", place / "library.db")
        _answers(place / "library.db")
    expected = _answers(whole / "library.db")
    names = sorted(path.name for path in whole.glob("library.db.*") if path.suffix != ".scan-lock")
    names = [name for name in names if (whole / name).read_bytes().startswith(_MAGIC)]
    done: Counter[str] = Counter()
    findings: list[str] = []
    with work_progress("files") as progress:
        for number in range(count):
            shutil.rmtree(live, ignore_errors=True)
            shutil.copytree(whole, live)
            name, damage = rng.choice(names), rng.choice(list(_DAMAGES))
            what = f"{number}: {name.rpartition('.')[2]}, {damage}"
            _DAMAGES[damage](live / name, other / name, rng)
            done[damage] += 1
            began = time.monotonic()
            try:
                found = _answers(live / "library.db")
                check(live / "library.db")
            except Exception as error:
                findings.append(f"{what}: {error!r}")
                continue
            if time.monotonic() - began > _SLOW_S:
                findings.append(f"{what}: {time.monotonic() - began:.0f} s")
            findings += [
                f"{what}: another answer to {each}"
                for each in expected
                if found[each] != expected[each]
            ]
            if damage not in ("a folder", "a pipe") and not _is_whole_again(live / name):
                findings.append(f"{what}: it was not made anew")
            progress("damaged files", number + 1, count)
    return {
        "seed": seed,
        "damaged": count,
        "files": [name.rpartition(".")[2] for name in names],
        "damages": dict(done),
        "findings": findings,
    }


def _answers(database: Path) -> dict[str, Any]:
    """What a library says to a few questions, as a new process asks them."""
    with Library(database) as library:
        ids = [track.track_id for track in library.tracks("analysed")]
        if not ids:
            raise Broken("no track is analysed")
        similar = [
            [(each.track.track_id, each.similarity) for each in library.similar(one, k=10).matches]
            for one in ids[:3]
        ]
        groups = [
            [each.best.track_id, *(one.track.track_id for one in each.others)]
            for each in library.versions().groups
        ]
        with library.view() as view:
            places = map_of(view.index, database)
        return {
            "similar": similar,
            "versions": groups,
            "map": places.track_ids.tolist(),
            "counts": library.info().analysed,
        }


def _is_whole_again(path: Path) -> bool:
    return path.is_file() and read_arrays(path) is not None
