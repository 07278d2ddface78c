"""The answer to "which tracks have a piano and no singing?"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from soundalike.errors import ModelError, ModelMismatch
from soundalike.library.copies import copies_of_row
from soundalike.library.limits import Limits
from soundalike.library.storage.encoding import decode_probabilities, decode_words
from soundalike.library.storage.schema import analyses, models, tracks
from soundalike.library.word_records import (
    AskedWord,
    FindMatch,
    FindResult,
    KnownWord,
    WordOfTrack,
)
from soundalike.models import ModelInfo
from soundalike.models.contract import TAG, Words, tag_words
from soundalike.words.query import parse
from soundalike.words.rank import fits, verdicts

if TYPE_CHECKING:
    from soundalike.library.index import Index
    from soundalike.library.snapshot import Snapshot
    from soundalike.library.view import View

__all__ = [
    "find_by_words",
    "known_vocabulary",
    "known_words",
    "vocabulary_of",
    "word_probabilities",
]


def vocabulary_of(snapshot: Snapshot) -> Words:
    """The words of the model that answers: those that it analysed the library with, or else its
    own; empty for a model without, or one that has analysed nothing and is not installed."""
    space = snapshot.space
    is_it = (models.c.name == space.name) & (models.c.version == space.version)
    stored = snapshot.connection.scalar(select(models.c.words).where(is_it))
    if stored or not isinstance(space, ModelInfo):
        return Words.from_json(stored or ())
    return tag_words(space.labels) if space.kind == "tags" else space.words


def known_vocabulary(snapshot: Snapshot, model: ModelInfo) -> Words:
    """The words of the model that answers; refused where it has none.

    Parameters
    ----------
    model : that was asked for.

    Raises
    ------
    ModelError, ModelMismatch : as ``Library.find``.
    """
    found = vocabulary_of(snapshot)
    if found:
        return found
    if snapshot.space.id != model.id and model.words:
        raise ModelMismatch(
            f"{snapshot.space.id}, which answers until all tracks are analysed with {model.id}, "
            f"tells no words: finish the upgrade (soundalike scan --upgrade)"
        )
    raise ModelError(
        f"{model.id} tells no words: choose a model that does, such as yamnet "
        f"(`soundalike models pull yamnet`), and scan with --model yamnet"
    )


def known_words(index: Index, snapshot: Snapshot, vocabulary: Words) -> tuple[KnownWord, ...]:
    """See ``Library.words``."""
    probabilities = word_probabilities(index, snapshot, vocabulary)
    return tuple(
        KnownWord(
            word.word,
            word.group,
            word.precision,
            int((verdicts(probabilities[:, column], word) == "yes").sum()),
        )
        for column, word in enumerate(vocabulary)
    )


def find_by_words(
    view: View,
    vocabulary: Words,
    query: str,
    *,
    k: int,
    max_per_artist: int | None,
    sure: bool,
) -> FindResult:
    """Rank an index by words; see ``Library.find``.

    Parameters
    ----------
    vocabulary : of the model that answers.

    Raises
    ------
    InvalidArgument : the query cannot be read; see ``words.query.parse``.
    """
    index, snapshot = view.index, view.snapshot
    words = tuple(vocabulary)
    columns = {word.word: column for column, word in enumerate(words)}
    terms = parse(query, tuple(columns))
    probabilities = word_probabilities(index, snapshot, vocabulary)
    is_known = ~np.isnan(probabilities).any(axis=1)
    # (n_tracks, n_terms): what is asked for, and whether it is so.
    asked = probabilities[:, [columns[term.word] for term in terms]]
    is_so = np.stack(
        [
            verdicts(asked[:, n], words[columns[term.word]], wanted=term.wanted)
            for n, term in enumerate(terms)
        ],
        axis=1,
    )
    is_sure = (is_so == "yes").all(axis=1)
    scores = fits(probabilities, words, terms)
    scores[~(is_sure if sure else is_known)] = -np.inf
    chosen = view.select(scores, k, Limits(max_per_artist=max_per_artist)).chosen
    rows = [row for each in chosen for row in (each.row, *each.copies, *each.versions)]
    tracks = dict(zip(rows, view.tracks(rows), strict=True))
    matches = tuple(
        FindMatch(
            rank=each.rank,
            track=tracks[each.row],
            fit=float(scores[each.row]),
            words=tuple(
                WordOfTrack(term.word, term.wanted, float(value), verdict)
                for term, value, verdict in zip(
                    terms, asked[each.row].tolist(), is_so[each.row].tolist(), strict=True
                )
            ),
            copies=copies_of_row(index, each.row, each.copies, tracks, each.versions),
        )
        for each in chosen
    )
    return FindResult(
        query=query,
        asked=tuple(
            AskedWord(
                term.word,
                term.wanted,
                is_ever_sure=words[columns[term.word]].precision is not None,
                tracks=int((is_so[:, n] == "yes").sum()),
            )
            for n, term in enumerate(terms)
        ),
        model=index.model,
        matches=matches,
        searched=int(is_known.sum()),
        sure=int(is_sure.sum()),
        not_searched=index.counts["pending"],
    )


def word_probabilities(index: Index, snapshot: Snapshot, vocabulary: Words) -> NDArray[np.float32]:
    """Of the words, (n_tracks, n_words), row by row as in the index; NaN where not known."""
    # Tags are what their model says of a track anyway.
    of_tags = bool(vocabulary) and all(word.group == TAG for word in vocabulary)
    column = analyses.c.probabilities if of_tags else analyses.c.words
    statement = snapshot.searchable(tracks.c.id, column.label("stored"))
    stored = {row.id: row.stored for row in snapshot.connection.execute(statement)}
    encoded = [stored.get(each) for each in index.track_ids.tolist()]
    decode = decode_probabilities if of_tags else decode_words
    return decode(encoded, len(vocabulary))
