"""Made-up libraries of any size, written table by table: a million tracks in minutes.

What ``benchmarks.library`` writes through a scan's own statements, track by track, is the same but
takes ten times as long. Embeddings are drawn around mixtures of two real ones: of the demo's
composed music, or of a library that is named. Around 299 real tracks they come out as far apart as
these are (pairs: mean 0.05, standard deviation 0.11; the real ones 0.04 and 0.12), around the few
composed pieces much closer, which is harder to search. Lengths are as those of music; artists have
20 tracks, albums ten.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert

from benchmarks.library import TRACKS_PER_ARTIST, Tracks, length_s
from soundalike.analysis import unit
from soundalike.library.scan.store import Store
from soundalike.library.storage.database import Database
from soundalike.library.storage.schema import analyses, changes, contents, excerpts, tracks

__all__ = ["write_all"]

_CHUNK = 20_000
_ADDED_AT = 1.7e9
# Lengths of what is added to a mixture, and to a track for each of its excerpts.
_SPREAD, _ALONG = 0.5, 0.3


def write_all(place: Path, made: Tracks, n: int) -> None:
    """A new library of n tracks.

    Raises
    ------
    FileExistsError : there is one.
    """
    if place.exists():
        raise FileExistsError(place)
    names = _names()
    database = Database(place)
    with database.write() as connection:
        model_id = Store.add_model(connection, made.model)
    for first in range(0, n, _CHUNK):
        stop = min(n, first + _CHUNK)
        rows = list(_rows(made, names, first, stop, model_id))
        with database.write() as connection:
            for place_of, table in enumerate((contents, tracks, analyses, excerpts)):
                connection.execute(insert(table), [row[place_of] for row in rows])
            connection.execute(insert(changes), {"track_id": stop, "token": first + 1})
    database.close()


def _noise(rng: np.random.Generator, m: int, dim: int, length: float) -> NDArray[np.float32]:
    drawn = rng.normal(size=(m, dim)).astype(np.float32)
    return np.asarray(unit(drawn) * np.float32(length))


def _names() -> list[str]:
    """Pronounceable words."""
    rng = np.random.default_rng(1)
    letters = [list("bdfgklmnprstv"), list("aeiou")] * 3
    return [
        "".join(map(str, row))
        for row in zip(*[rng.choice(each, 4096) for each in letters], strict=True)
    ]


def _rows(
    made: Tracks, names: list[str], first: int, stop: int, model_id: int
) -> Iterator[tuple[dict[str, Any], ...]]:
    """Of each track its content, file, analysis and excerpts."""
    rng = np.random.default_rng([7, first])
    m, dim, labels = stop - first, made.model.embedding_dim, made.model.labels
    places = rng.integers(len(made.real), size=m)
    others = rng.integers(len(made.real), size=m)
    share = rng.dirichlet(np.ones(2), m).astype(np.float32)
    mixed = unit(share[:, :1] * made.real[places] + share[:, 1:] * made.real[others])
    heard = unit(mixed + _noise(rng, m, dim, _SPREAD))
    embeddings = heard.astype("<f2")
    heard = unit(np.stack([heard + _noise(rng, m, dim, _ALONG) for _ in range(2)], axis=1))
    scales = (np.abs(heard).max(axis=2) / 127).astype("<f4")
    codes = np.rint(heard / scales[..., None]).astype("i1")
    lengths = length_s(rng, m)
    probabilities = rng.dirichlet(np.ones(len(labels)), m).astype("<f4")
    parts = np.repeat(probabilities[:, None], 2, axis=1).astype("<f2")
    words = np.clip(made.words[places] * rng.uniform(0.5, 1.5, (m, 1)), 0, 1).astype("<f2")
    starts_s = np.array([0.0, 9.94], "<f8").tobytes()
    for i, number in enumerate(range(first, stop)):
        artist = number // TRACKS_PER_ARTIST
        named = [
            f"{names[number % 4096]} {names[number * 31 % 4093]}",
            f"{names[artist % 4096]} {names[artist * 7 % 4091]}",
            f"{names[artist % 4079]} {number // 10 % 2 + 1}",
        ]
        digest = number.to_bytes(32, "big")
        path = f"/music/{number // 1000}/{number}.mp3"
        yield (
            {
                "id": number + 1,
                "digest": digest,
                "audio_digest": digest[16:],
                "duration_s": lengths[i],
                "sample_rate": 44_100,
                "channels": 2,
                "codec": "mp3",
                "tags": {
                    **dict(zip(("title", "artist", "album"), named, strict=True)),
                    "genre": names[artist % 16],
                },
            },
            {
                "id": number + 1,
                "path": os.fsencode(path),
                "path_text": path,
                "size_bytes": 4_000_000 + number,
                "mtime_ns": number,
                "ctime_ns": number,
                "content_id": number + 1,
                "words": " ".join(named),
                "added_at": _ADDED_AT,
            },
            {
                "id": number + 1,
                "content_id": number + 1,
                "model_id": model_id,
                "duration_s": lengths[i],
                "embedding": embeddings[i].tobytes(),
                "probabilities": probabilities[i].tobytes(),
                "genre_set": list(labels[:2]),
                "notes": [],
                "words": words[i].tobytes() if len(made.model.words) else None,
                "analysed_at": _ADDED_AT,
            },
            {
                "analysis_id": number + 1,
                "starts_s": starts_s,
                "embeddings": codes[i].tobytes(),
                "scales": scales[i].tobytes(),
                "probabilities": parts[i].tobytes(),
            },
        )
