"""The groups that a library falls into, and what sets each of them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.library.heard import Heard
from soundalike.library.records import Track
from soundalike.library.words import artist_key
from soundalike.recommend.map import LibraryMap
from soundalike.recommend.traits import (
    Trait,
    closeness,
    heard_words,
    mean_cosines,
    means,
    name_of,
    rare_words,
    traits_of,
)
from soundalike.similarity.select import select

__all__ = ["ArtistShare", "Group", "groups_of"]

_TYPICAL: Final = 3
_ARTISTS: Final = 3
# Tempos of a group are told where so many of its tracks have one.
_TEMPO_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class ArtistShare:
    """How many tracks of a group are by an artist, as the first of them is written."""

    artist: str
    tracks: int


@dataclass(frozen=True, slots=True)
class Group:
    """Tracks of a library that are more like each other than like the rest.

    Attributes
    ----------
    number : from 1 on, the largest first (when the map was made).
    name : what sets it apart, such as "folk, piano"; where that is nothing, its most typical track.
    size : tracks.
    unclear : of these, how many belong to no group clearly.
    typical : the tracks that are most like all others of it, one of an artist where there are
        others.
    words, genres : what there is more of than in the library, what tells most first.
    rare : words that are usual in the library and rare here.
    tempo_bpm : between these lie the tempos of the middle half; None where they are not known.
    closeness : by facet, 0 where its tracks are as alike as those of the whole library, 1 where
        they are the same.
    artists : that it has the most tracks of.
    middle : the place on the map of one of its tracks that lies amid them.
    """

    number: int
    name: str
    size: int
    unclear: int
    typical: tuple[Track, ...]
    words: tuple[Trait, ...]
    rare: tuple[Trait, ...]
    genres: tuple[Trait, ...]
    tempo_bpm: tuple[float, float] | None
    closeness: Mapping[str, float] = field(hash=False)
    artists: tuple[ArtistShare, ...]
    middle: tuple[float, float]


def groups_of(heard: Heard, found: LibraryMap) -> tuple[Group, ...]:
    """The groups of a library's map that have tracks, by number.

    Parameters
    ----------
    heard : the library.
    found : its map, of the same index.
    """
    words = heard_words(heard.words, heard.word_probabilities)
    names = [word.word for word in heard.words]
    kinds = [word.group for word in heard.words]
    genre_kinds = ["genre"] * len(heard.genres)
    usual, usual_genres = means(words), means(heard.genre_probabilities)
    everywhere = mean_cosines(heard.index.embeddings, heard.layout)
    taken: list[str] = []
    groups = []
    for label in range(found.n_groups):
        members = found.groups == label
        if not members.any():
            continue
        typical = _typical(heard, members)
        own_words = traits_of(words[members], usual, names, kinds)
        genres = traits_of(
            heard.genre_probabilities[members], usual_genres, heard.genres, genre_kinds
        )
        name = name_of((*own_words, *genres), taken)
        taken.append(name or f"like {heard.tracks[typical[0]].name}")
        rows = np.flatnonzero(members).tolist()
        x, y = _middle(found.places[rows])
        groups.append(
            Group(
                number=label + 1,
                name=taken[-1],
                size=len(rows),
                unclear=int((members & found.is_unclear).sum()),
                typical=tuple(heard.tracks[row] for row in typical),
                words=own_words,
                rare=rare_words(words[members], usual, names, kinds),
                genres=genres,
                tempo_bpm=_tempos([heard.tracks[row].tempo_bpm for row in rows]),
                closeness=closeness(
                    mean_cosines(heard.index.embeddings[members], heard.layout), everywhere
                ),
                artists=_artists([heard.tracks[row].artist for row in rows]),
                middle=(x, y),
            )
        )
    return tuple(groups)


def _typical(heard: Heard, members: NDArray[np.bool_]) -> list[int]:
    """The rows of the most typical tracks of a group, the most typical first."""
    index = heard.index
    embeddings = index.embeddings[members]
    # The sum of the products with all of them is the product with their sum.
    scores = np.full(len(index), -np.inf, np.float32)
    scores[members] = embeddings @ embeddings.mean(axis=0)

    def copies_of(rows: Sequence[int]) -> list[list[int]]:
        return [np.flatnonzero(index.audio_ids == index.audio_ids[row]).tolist() for row in rows]

    chosen: list[int] = []
    spoken_for: list[int] = []
    # Several by one artist only where there are not enough others.
    for most in (1, None):
        if len(chosen) < _TYPICAL:
            found = select(
                scores,
                _TYPICAL - len(chosen),
                exclude=spoken_for,
                artists_of=lambda rows: [{index.artist_codes[row]} - {0} for row in rows],
                artist_groups=index.artist_codes,
                max_per_artist=most,
                copies_of=copies_of,
            )
            for each in found.chosen:
                chosen.append(each.row)
                spoken_for += [each.row, *each.copies]
    return chosen


def _middle(places: NDArray[np.float32]) -> tuple[float, float]:
    apart = places - np.median(places, axis=0)
    x, y = places[(apart**2).sum(axis=1).argmin()].tolist()
    return x, y


def _tempos(known: list[float | None]) -> tuple[float, float] | None:
    tempos = [each for each in known if each is not None]
    if not tempos or len(tempos) < _TEMPO_SHARE * len(known):
        return None
    low, high = np.quantile(tempos, [0.25, 0.75])
    return float(low), float(high)


def _artists(names: list[str | None]) -> tuple[ArtistShare, ...]:
    """The most frequent, spelt as they are first."""
    spelt: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for name in names:
        key = artist_key(name)
        if key is not None and name:
            spelt.setdefault(key, name)
            counts[key] += 1
    return tuple(ArtistShare(spelt[key], n) for key, n in counts.most_common(_ARTISTS))
