"""Does a changed copy of a track find the track it was made from?

A worker process makes the copies (``changed_embeddings``); ``find_again`` ranks the library for
each of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import load_audio
from soundalike.audio.effects import change_gain, change_pitch, change_tempo, through_mp3
from soundalike.errors import InvalidArgument
from soundalike.evaluate.intervals import Interval, share_interval
from soundalike.similarity.rank import similarities

if TYPE_CHECKING:
    from soundalike.workers.process import AnalyzerLike

__all__ = [
    "CHANGES",
    "COPIES_VERSION",
    "MAX_DURATION_S",
    "MIN_DURATION_S",
    "Robustness",
    "changed_embeddings",
    "find_again",
]

MIN_DURATION_S = 20.0
"""An excerpt of a shorter track is most of the track."""
MAX_DURATION_S = 600.0
"""The whole track is in memory, several times over: ten minutes take about 700 MB."""

_PASSAGE_S = 10.0
_MP3_RATES = (16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
# A passage may fall into a pause.
_PASSAGES_TRIED = 5

CHANGES = {
    "file": "the file itself, read again",
    "excerpt": "10 seconds from anywhere in it",
    "mp3": "MP3 at 96 kbit/s",
    "louder": "6 dB louder, peaks clipped",
    "pitch": "pitch 3 % higher",
    "tempo": "tempo 3 % faster",
}
"""The copies that are made of a track, by name, and what they are."""
COPIES_VERSION = 1
"""To be raised with every change of how a copy is made, so that what was kept is made anew."""


@dataclass(frozen=True)
class Robustness:
    """How often one kind of changed copy finds its own track.

    Attributes
    ----------
    name, meaning : of ``CHANGES``.
    n_tracks : copies that could be made.
    first : share (0 to 1) whose own track is the most alike, with the 95 % interval of Wilson.
    within_k : share whose own track is among the k most alike.
    median_rank : of the own track, 1 is best.
    mean_similarity : of a copy with its own track.
    chance_first, chance_within_k : the shares that guessing has.
    """

    name: str
    meaning: str
    n_tracks: int
    first: Interval
    within_k: Interval
    median_rank: float
    mean_similarity: float
    chance_first: float
    chance_within_k: float


def changed_embeddings(
    path: str | os.PathLike[str], load: Callable[[], AnalyzerLike], seed: int
) -> dict[str, NDArray[np.float32]]:
    """The embeddings of all copies of a file; the signature is that of an call.

    Parameters
    ----------
    load : makes the analyzer.
    seed : of where the excerpt is cut.

    Returns
    -------
    Name of the change -> float32 (embedding_dim,). An excerpt is left out where only pauses were
    hit.

    Raises
    ------
    AudioError : the file cannot be decoded or analysed.
    """
    analyzer = load()
    found: dict[str, NDArray[np.float32]] = {"file": analyzer.from_file(path).embedding}
    audio = load_audio(path, mono=False)
    rate = audio.sample_rate
    mono = audio.samples.mean(axis=0, dtype=np.float32)

    def embed(samples: NDArray[np.float32], sample_rate: int = rate) -> Any:
        return analyzer.from_waveform(samples, sample_rate).embedding

    excerpt = _excerpt(mono, rate, embed, np.random.default_rng(seed))
    if excerpt is not None:
        found["excerpt"] = excerpt
    if rate not in _MP3_RATES or len(audio.samples) > 2:
        audio = load_audio(path, mono=len(audio.samples) > 2, sample_rate=44_100)
    # Two channels, as files have them: mono would get twice the bits.
    channels = np.atleast_2d(audio.samples)
    encoded = through_mp3(
        channels if len(channels) == 2 else channels[0], audio.sample_rate, 96_000
    )
    found["mp3"] = embed(np.atleast_2d(encoded).mean(axis=0, dtype=np.float32), audio.sample_rate)
    del audio, channels, encoded
    found["louder"] = embed(change_gain(mono, 6.0))
    found["pitch"] = embed(change_pitch(mono, rate, 3.0))
    found["tempo"] = embed(change_tempo(mono, rate, 3.0))
    return found


def _excerpt(
    mono: NDArray[np.float32], rate: int, embed: Callable[..., Any], generator: np.random.Generator
) -> NDArray[np.float32] | None:
    length = round(_PASSAGE_S * rate)
    for _ in range(_PASSAGES_TRIED):
        start = int(generator.integers(0, max(1, len(mono) - length + 1)))
        try:
            embedding: NDArray[np.float32] = embed(mono[start : start + length])
        except InvalidArgument:
            continue  # silent
        return embedding
    return None


def find_again(
    heard: dict[int, dict[str, NDArray[np.float32]]], embeddings: NDArray[np.float32], k: int
) -> tuple[Robustness, ...]:
    """Rank the library for each copy.

    Parameters
    ----------
    heard : row of a track in ``embeddings`` -> the embeddings of its copies.
    embeddings : (n_tracks, D), unit length; each row another recording.
    k : of ``within_k``.
    """
    n = len(embeddings)
    found = []
    for name, meaning in CHANGES.items():
        ranks, own = [], []
        for row, copies in heard.items():
            if name in copies:
                scores = similarities(copies[name], embeddings)
                own.append(float(scores[row]))
                # Those equal to its own to the last shown place do not count against it.
                ranks.append(1 + int(np.count_nonzero(scores > scores[row] + 1e-6)))
        if ranks:
            array = np.array(ranks)
            found.append(
                Robustness(
                    name=name,
                    meaning=meaning,
                    n_tracks=len(ranks),
                    first=share_interval(int(np.count_nonzero(array == 1)), len(array)),
                    within_k=share_interval(int(np.count_nonzero(array <= k)), len(array)),
                    median_rank=float(np.median(array)),
                    mean_similarity=float(np.mean(own)),
                    chance_first=1 / n,
                    chance_within_k=min(k / n, 1.0),
                )
            )
    return tuple(found)
