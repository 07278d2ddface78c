"""What a library returns of the words that a model predicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from soundalike.library.records import Copy, Track

__all__ = ["AskedWord", "FindMatch", "FindResult", "KnownGenre", "KnownWord", "WordOfTrack"]


@dataclass(frozen=True, slots=True)
class KnownGenre:
    """A genre of the tags.

    Attributes
    ----------
    genre : as most tracks have it; limits take it in any case, with or without accents.
    tracks : so many that a search can find have it.
    """

    genre: str
    tracks: int


@dataclass(frozen=True, slots=True)
class KnownWord:
    """A word of the model that answers.

    Attributes
    ----------
    word : such as "piano".
    group : "instrument", "voice", "style", "mood" or "other".
    precision : share (0 to 1) of the tracks for which it holds that the teachers of the model agree
        with, on music for validation; None for a word that the model is never sure of: it only
        ranks tracks.
    tracks : of this library for which it holds.
    """

    word: str
    group: str
    precision: float | None
    tracks: int


@dataclass(frozen=True, slots=True)
class AskedWord:
    """A word of a query.

    Attributes
    ----------
    word : as the model has it, whatever synonym was asked for.
    wanted : False for what must not be there.
    is_ever_sure : whether the model can be sure of the word; else it only ranks tracks.
    tracks : that surely are as asked: they have it, or, where it is not wanted, are without it.
    """

    word: str
    wanted: bool
    is_ever_sure: bool
    tracks: int

    def __str__(self) -> str:
        return self.word if self.wanted else f"no {self.word}"


@dataclass(frozen=True, slots=True)
class WordOfTrack:
    """How well a track has a word of a query.

    Attributes
    ----------
    probability : of the word, 0 to 1, the mean over the track, whether it is wanted or not.
    verdict : "yes", "unsure" or "no", whether the track is as asked.
    """

    word: str
    wanted: bool
    probability: float
    verdict: Literal["yes", "unsure", "no"]


@dataclass(frozen=True, slots=True)
class FindMatch:
    """A track that was found by words.

    Attributes
    ----------
    fit : how well it has all that is asked for, 0 to 1; see ``soundalike.words.rank``.
    words : of the query, in its order.
    copies : other tracks with the same recording, as of ``Match``.
    """

    rank: int
    track: Track
    fit: float
    words: tuple[WordOfTrack, ...]
    copies: tuple[Copy, ...] = ()


@dataclass(frozen=True, slots=True)
class FindResult:
    """The tracks of a library that have what words ask for.

    Attributes
    ----------
    query : as it was asked.
    asked : what was understood.
    model : that tells the words, ``name@version``.
    matches : best first.
    searched : tracks whose words are known.
    sure : of these, how many are surely as asked in every word.
    not_searched : tracks that are not analysed with this model (yet).
    """

    query: str
    asked: tuple[AskedWord, ...]
    model: str
    matches: tuple[FindMatch, ...]
    searched: int
    sure: int
    not_searched: int
