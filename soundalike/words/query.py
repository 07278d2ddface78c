"""Reading what somebody asks for: "piano, no vocals, sad"."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

from soundalike.errors import InvalidArgument
from soundalike.plain import plain
from soundalike.words.synonyms import SYNONYMS

__all__ = ["Term", "parse"]

_NEGATIONS: Final = frozenset({"no", "not", "non", "without", "neither", "nor"})
# Where a negation ends, besides a comma.
_ENDS: Final = frozenset({"but", "with"})
_FILLERS: Final = frozenset(
    {"a", "an", "and", "any", "music", "or", "some", "song", "songs", "sound", "sounds", "the"}
)
_MINUS: Final = "-"
_MARK: Final = "\0"  # of a minus, while the text is taken apart
# At the start of a word, or before all of a part: inside a word it is a hyphen, and alone between
# two words a dash. Phones write the longer ones.
_MINUS_SIGN: Final = re.compile(
    r"(?:^\s*|(?<=[,;\n])\s*)[-\N{EN DASH}\N{MINUS SIGN}](?=\s*\w)"
    r"|(?<=\s)[-\N{EN DASH}\N{MINUS SIGN}](?=\w)"
)
_BREAK: Final = re.compile(r"[,;\n]")
# Suggestions for a word that is not known.
_OFFERED: Final = 3


@dataclass(frozen=True, slots=True)
class Term:
    """One thing that is asked for.

    Attributes
    ----------
    word : as the model has it.
    wanted : False for what must not be there.
    """

    word: str
    wanted: bool = True

    def __str__(self) -> str:
        return self.word if self.wanted else f"no {self.word}"


def parse(text: str, known: Sequence[str]) -> tuple[Term, ...]:
    """What a text asks for, in its order, each word once.

    Words are those of the model or synonyms of them, in singular or plural; some consist of
    several, such as "electric guitar". Commas and "and" join them. "no", "not" and "without" hold
    for all that follows up to a comma, "but" or "with"; a minus holds for the word behind it.

    Parameters
    ----------
    text : such as "piano, no vocals, sad" or "strings and harp without drums".
    known : the words of the model that is asked.

    Raises
    ------
    InvalidArgument : nothing is asked for; a word is none of the model's (the message offers what
        is written nearly like it); a word is asked for and ruled out; or what is wanted is joined
        by "or", which cannot be asked.

    Examples
    --------
    >>> [str(term) for term in parse("a piano without vocals", ["piano", "singing"])]
    ['piano', 'no singing']
    """
    if not isinstance(text, str):
        raise InvalidArgument(f"the query is {text!r}: it must be text, such as 'piano, no drums'")
    reader = _Reader(_names(tuple(known)))
    for part in _BREAK.split(_MINUS_SIGN.sub(f" {_MARK} ", text.replace(_MARK, " "))):
        reader.read(_tokens(part))
    if reader.unknown:
        raise InvalidArgument(
            "\n".join([*reader.unknown, "soundalike find --words lists them all"])
        )
    if not reader.found:
        raise InvalidArgument(
            f"the query {text!r} names nothing to look for: write words such as 'piano, no drums'"
        )
    return tuple(Term(word, wanted) for word, wanted in reader.found.items())


@dataclass
class _Reader:
    """Reads the parts of a query one after the other.

    Attributes
    ----------
    names : what the words are called -> the words.
    found : the words that are asked for -> whether they are wanted.
    unknown : a line for each word that is none.
    """

    names: Mapping[str, str]
    found: dict[str, bool] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    def read(self, tokens: Sequence[str]) -> None:
        """What stands between two commas."""
        rules_out, minus, place = False, False, 0
        while place < len(tokens):
            token = tokens[place]
            length, word = self._longest(tokens[place:])
            place += length
            if word is not None:
                self._add(word, wanted=not (rules_out or minus))
                minus = False
            elif token == _MINUS:
                minus = True
            elif token in _NEGATIONS:
                rules_out = True
            elif token in _ENDS:
                rules_out = False
            elif token == "or" and not rules_out:
                raise InvalidArgument(
                    f"{' '.join(tokens)!r}: all words of a query must hold, so 'or' cannot be "
                    f"asked; ask for one after the other"
                )
            elif token not in _FILLERS:
                self._add_unknown(token, tokens)

    def _longest(self, tokens: Sequence[str]) -> tuple[int, str | None]:
        """The longest name that the tokens begin with: how many of them, and the word it means."""
        for length in range(len(tokens), 0, -1):
            word = self.names.get(" ".join(tokens[:length]))
            if word is not None:
                return length, word
        return 1, None

    def _add(self, word: str, *, wanted: bool) -> None:
        if self.found.setdefault(word, wanted) != wanted:
            raise InvalidArgument(f"the query asks for {word!r} and rules it out")

    def _add_unknown(self, token: str, tokens: Sequence[str]) -> None:
        # All of a part may be one name: of "femail vocals" a half is known.
        whole = " ".join(each for each in tokens if each not in _NEGATIONS | _FILLERS | {_MINUS})
        close = self._close(whole) or self._close(token)
        meant = f". Did you mean {' or '.join(map(repr, close))}?" if close else ""
        self.unknown.append(f"{token!r} is no word that the model knows{meant}")

    def _close(self, text: str) -> list[str]:
        """Words with a name that begins with a text, or is written nearly like it."""
        begun = [name for name in self.names if len(text) >= 3 and name.startswith(text)]
        names = begun or get_close_matches(text, self.names, n=_OFFERED, cutoff=0.7)
        return list(dict.fromkeys(self.names[name] for name in names))[:_OFFERED]


def _tokens(text: str) -> list[str]:
    """The plain words of a text, and the minus signs; what stands for "and" is written so."""
    found: list[str] = []
    for token in text.replace("&", " and ").replace("+", " and ").split():
        found += [_MINUS] if token == _MARK else plain(token).split()
    return found


@lru_cache(maxsize=8)
def _names(words: tuple[str, ...]) -> dict[str, str]:
    """All that the words of a model are called, as plain text -> the word."""
    names = {" ".join(_tokens(word)): word for word in words}
    for group in SYNONYMS:
        called = [" ".join(_tokens(name)) for name in group]
        # The model may call it by any of these.
        word = next((names[name] for name in called if name in names), None)
        if word is not None:
            names |= {name: word for name in called if name not in names}
    for name, word in list(names.items()):
        other = name.removesuffix("s") if name.endswith("s") else f"{name}s"
        names.setdefault(other, word)
    return names
