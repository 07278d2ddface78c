"""Ordering a library by words: how well each track has what is asked for.

What a model says of a word is a probability, and no two words are alike in it: a piano is heard
clearly, a mood hardly ever. So each probability p is compared with the word's threshold t in log
odds, which are 0 where the word begins to hold, and turned into how well the track fits,

    fit = sigmoid(logit p - logit t), for a word that must not be there 1 minus that.

The fit of a track is the geometric mean over the words (a product is an "and": one word that fails
cannot be made up for by another that holds twice over). Fits are kept above a floor: of a word that
no track has, all that is left is noise, which must not decide about the others.

A word that the model is never sure of (without a precision) is compared with the library: t is what
one track in ten reaches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument

if TYPE_CHECKING:
    from soundalike.models.contract import Word
    from soundalike.words.query import Term

__all__ = ["Verdict", "fits", "verdicts"]

Floats = NDArray[np.float32]
Verdict = Literal["yes", "unsure", "no"]
"""Whether a track has what is asked for."""

# Probabilities are kept this far from 0 and 1. Those that are stored have 11 bits.
_LEAST: Final = 1e-4
# Below this a fit is a no, and how small a no is says nothing. Where it is low, the last tracks of
# one word decide about those of another; where it is high, a word counts less.
_FLOOR: Final = 0.02
# Of a word that is never sure: what this share of the library's tracks stay below.
_USUAL: Final = 0.9
# A word is gone where its odds are this much lower than at the threshold. Right above that the
# teachers still say yes of some tracks.
_GONE: Final = float(np.log(4))


def fits(
    probabilities: NDArray[np.floating], words: Sequence[Word], terms: Sequence[Term]
) -> Floats:
    """How well each track has what is asked for; more is better.

    Parameters
    ----------
    probabilities : (n_tracks, n_words), 0 to 1; a track of which no words are known has NaN, and
        fits 0.
    words : of the model, one a column.
    terms : one or more, of these words.

    Returns
    -------
    float32 (n_tracks,), 0 to 1. A single word holds from 0.51 on.

    Raises
    ------
    InvalidArgument : no terms, a word that is none of the model's, or another shape.
    """
    if probabilities.ndim != 2 or probabilities.shape[1] != len(words):
        raise InvalidArgument(
            f"probabilities have the shape {probabilities.shape}: there must be one for each of "
            f"the {len(words)} words of a track"
        )
    if not terms:
        raise InvalidArgument("there are no words to rank by")
    columns = {word.word: column for column, word in enumerate(words)}
    total = np.zeros(len(probabilities), np.float32)
    for term in terms:
        if term.word not in columns:
            raise InvalidArgument(f"{term.word!r} is no word that the model knows")
        column = columns[term.word]
        values = probabilities[:, column].astype(np.float32)
        fit = _fit(values, words[column], wanted=term.wanted)
        total += np.log(_FLOOR + (1 - _FLOOR) * fit)
    found = np.exp(total / len(terms))
    return np.asarray(np.where(np.isnan(found), 0, found), dtype=np.float32)


def _fit(values: Floats, word: Word, *, wanted: bool) -> Floats:
    """Of one word, float32 (n_tracks,)."""
    threshold = word.threshold
    known = values[~np.isnan(values)]
    if word.precision is None and len(known):
        threshold = float(np.quantile(known, _USUAL))
    above = _log_odds(values) - _log_odds(np.float32(threshold))
    return np.asarray(1 / (1 + np.exp(-above if wanted else above)), dtype=np.float32)


def verdicts(
    probabilities: NDArray[np.floating], word: Word, *, wanted: bool = True
) -> NDArray[np.str_]:
    """Whether tracks have what is asked for, each a :data:`Verdict`.

    "yes" where the word holds (or, where it is not wanted, is surely gone), "no" where it is the
    other way round, "unsure" in between, and always for a word that the model is never sure of.

    Parameters
    ----------
    probabilities : of the word, any shape; NaN where it is not known.
    """
    found = np.full(probabilities.shape, "unsure")
    if word.precision is None:
        return found
    values = probabilities.astype(np.float32)
    gone = _log_odds(values) - _log_odds(np.float32(word.threshold)) <= -_GONE
    found[probabilities.astype(np.float64) >= word.threshold] = "yes" if wanted else "no"
    found[gone] = "no" if wanted else "yes"
    return found


def _log_odds(probabilities: Floats | np.float32) -> Floats:
    kept = np.clip(probabilities, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(kept) - np.log1p(-kept), dtype=np.float32)
