"""Compose pieces of which it is known what they have in common.

    python examples/controlled.py DIR [--set NAME...]

Each piece combines one of eight rhythms, one of eight harmonies and one of eight instrumentations
(`demo_music`). So it is known which pieces share what, and whether a program that claims to
compare rhythms compares rhythms can be counted. Key, tempo, melody, mix and playing are drawn for
each piece anew. Writes WAV files of about 24 seconds and DIR/manifest.json, which says what each
piece is made of. The sets:

- ``combined``: 128 pieces. Any level of one factor meets any of another in two pieces, so the
  factors tell nothing about each other.
- ``transposed``: one piece with each harmony, in all twelve keys.
- ``tempo``: one piece with each rhythm, at seven tempi from 0.7 to 1.4 times its own.
- ``small``: all 64 combinations of the first four levels, 16 seconds each, for tests.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import TypeVar

import numpy as np
from demo_music.arrangement import arrange
from demo_music.files import WAVE, write_audio
from demo_music.harmonies import HARMONIES, Harmony
from demo_music.instrumentations import INSTRUMENTATIONS, Instrumentation
from demo_music.render import render
from demo_music.rhythms import RHYTHMS, Rhythm
from demo_music.synthesis import SAMPLE_RATE, Samples

FACTORS = ("instrumentation", "rhythm", "harmony")
SETS = ("combined", "transposed", "tempo", "small")
TEMPI = (0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4)
SMALL_LEVELS = 4

_Level = TypeVar("_Level", Rhythm, Harmony, Instrumentation)


@dataclass(frozen=True)
class Factors:
    """What a piece is made of: all that `compose` needs.

    Attributes
    ----------
    key : semitones above C.
    tempo : factor on the rhythm's own tempo.
    seed : of melody, mix and playing.
    set_name : one of `SETS`.
    """

    rhythm: str
    harmony: str
    instrumentation: str
    key: int
    tempo: float
    seed: int
    set_name: str
    duration_s: float = 24.0

    @property
    def tempo_bpm(self) -> float:
        """Beats a minute."""
        return self.tempo * _named(RHYTHMS, self.rhythm).tempo_bpm

    @property
    def mode(self) -> str:
        """ "major" or "minor", or nothing where listeners would not agree on the key."""
        return _named(HARMONIES, self.harmony).mode


def _named(levels: Sequence[_Level], name: str) -> _Level:
    for level in levels:
        if level.name == name:
            return level
    known = ", ".join(level.name for level in levels)
    raise ValueError(f"{name!r} is none of: {known}")


def compose(
    rhythm: str,
    harmony: str,
    instrumentation: str,
    key: int = 0,
    tempo: float = 1.0,
    *,
    seed: int = 0,
    duration_s: float = 24.0,
) -> tuple[Samples, int]:
    """Compose and play one piece; the same arguments give the same samples.

    Parameters
    ----------
    rhythm, harmony, instrumentation : names of levels, such as "waltz", "jazz", "strings".
    key : semitones above C.
    tempo : factor on the rhythm's own tempo.
    seed : of melody, mix and playing.
    duration_s : of the music, to the nearest whole bar; 29 is the most.

    Returns
    -------
    The waveform, float32 (n_samples,), peak below 1, and its sample rate in Hz.

    Raises
    ------
    ValueError : an unknown level.
    """
    piece = arrange(
        _named(RHYTHMS, rhythm),
        _named(HARMONIES, harmony),
        _named(INSTRUMENTATIONS, instrumentation),
        key=key % 12,
        tempo=tempo,
        seed=seed,
        duration_s=duration_s,
    )
    return render(piece, n_channels=1)[0], SAMPLE_RATE


def compose_piece(factors: Factors) -> tuple[Samples, int]:
    """Compose and play one of `pieces`; as `compose`."""
    return compose(
        factors.rhythm,
        factors.harmony,
        factors.instrumentation,
        factors.key,
        factors.tempo,
        seed=factors.seed,
        duration_s=factors.duration_s,
    )


def pieces(*sets: str, seed: int = 0) -> list[tuple[str, Factors]]:
    """The pieces of some sets by name, those of all but ``small`` by default.

    Raises
    ------
    ValueError : an unknown set.
    """
    found = []
    for name in sets or SETS[:-1]:
        if name not in SETS:
            raise ValueError(f"{name!r} is none of the sets {', '.join(SETS)}")
        found += [
            (f"{name}-{number:03d}", factors) for number, factors in enumerate(_factors(name, seed))
        ]
    return found


def _factors(set_name: str, seed: int) -> list[Factors]:
    names = [[level.name for level in levels] for levels in (RHYTHMS, HARMONIES, INSTRUMENTATIONS)]
    rhythms, harmonies, instrumentations = names
    if set_name == "transposed":
        # Each harmony has an accompaniment of its own, but all twelve of its keys the same.
        return [
            Factors(RHYTHMS[0].name, harmony, INSTRUMENTATIONS[0].name, key, 1.0, seed, set_name)
            for harmony, key in product(harmonies, range(12))
        ]
    if set_name == "tempo":
        return [
            Factors(rhythm, HARMONIES[0].name, INSTRUMENTATIONS[0].name, 0, tempo, seed, set_name)
            for rhythm, tempo in product(rhythms, TEMPI)
        ]
    if set_name == "combined":
        n = len(RHYTHMS)
        # Two Latin squares: each pair of levels of two factors comes twice.
        chosen = [
            (rhythms[i], harmonies[j], instrumentations[(i + j + shift) % n])
            for i, j, shift in product(range(n), range(n), (0, 3))
        ]
        duration_s = 24.0
    else:
        n = SMALL_LEVELS
        chosen = list(product(rhythms[:n], harmonies[:n], instrumentations[:n]))
        duration_s = 16.0
    rng = np.random.default_rng([seed, SETS.index(set_name)])
    keys = rng.permutation(np.arange(len(chosen)) % 12)
    tempi = rng.permutation(np.linspace(0.88, 1.12, len(chosen)))
    return [
        Factors(
            *levels, int(key), round(float(tempo), 3), 1_000 * seed + number, set_name, duration_s
        )
        for number, (levels, key, tempo) in enumerate(zip(chosen, keys, tempi, strict=True))
    ]


def write_pieces(folder: Path, chosen: Sequence[tuple[str, Factors]]) -> Path:
    """Write the pieces as WAV files, and the manifest, whose path is returned."""
    folder.mkdir(parents=True, exist_ok=True)

    def write(piece: tuple[str, Factors]) -> dict[str, object]:
        name, factors = piece
        waveform, _ = compose_piece(factors)
        path = folder / f"{name}.wav"
        write_audio(path, waveform[None], WAVE)
        described = asdict(factors) | {"tempo_bpm": factors.tempo_bpm, "mode": factors.mode}
        return {"path": path.name, "name": name, "set": described.pop("set_name")} | described

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        manifest = list(pool.map(write, chosen))
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return path


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description="Compose pieces of which it is known what they have in common."
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="where to put them")
    parser.add_argument(
        "--set",
        dest="sets",
        nargs="+",
        choices=SETS,
        default=SETS[:-1],
        metavar="NAME",
        help=f"which sets: {', '.join(SETS)} (all but the last)",
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed, other pieces (0)")
    options = parser.parse_args(arguments)
    chosen = pieces(*options.sets, seed=options.seed)
    print(f"{len(chosen)} pieces: {write_pieces(options.folder, chosen)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
