"""Which tracks have some words, by the index of words that a kind of database has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection
from sqlalchemy.sql import ColumnElement

from soundalike.library.storage import sqlite

__all__ = ["is_letter", "shared_parts", "word_parts", "word_starts"]

# From here on a character may be a word.
_FIRST_IDEOGRAPH = "\u2e80"


def word_starts(
    connection: Connection, words: Sequence[str], *, is_typed: bool = False
) -> ColumnElement[bool]:
    """Whether a row of ``tracks`` has a word for each of these that begins like it.

    A single letter has to be a whole word; an ideograph is a word by itself, and may begin one.

    Parameters
    ----------
    words : at least one, as ``library.words.plain`` leaves them; they hold nothing that a query
        language takes for more than letters.
    is_typed : whether the last word may go on, even if it is a single letter.
    """
    is_whole = [is_letter(word) for word in words]
    if is_typed:
        is_whole[-1] = False
    if _is_sqlite(connection):
        return sqlite.word_starts(words, is_whole=is_whole)
    from soundalike.library.storage import postgresql_search

    return postgresql_search.word_starts(words, is_whole=is_whole)


def word_parts(connection: Connection, words: Sequence[str]) -> ColumnElement[bool]:
    """Whether a row of ``tracks`` holds all words, if only inside longer ones; see
    :func:`word_starts`."""
    if _is_sqlite(connection):
        return sqlite.word_parts(words)
    from soundalike.library.storage import postgresql_search

    return postgresql_search.word_parts(words)


def shared_parts(connection: Connection, words: Sequence[str]) -> Counter[int]:
    """How many parts each track shares with some words: three letters, or the first two of a word.
    For words mistyped.

    The ends of words count as letters, so that words of three letters have parts to share.
    """
    if _is_sqlite(connection):
        return sqlite.shared_parts(connection, words)
    from soundalike.library.storage import postgresql_search

    return postgresql_search.shared_parts(connection, words)


def is_letter(word: str) -> bool:
    """Whether a word is a single letter that means little: no ideograph."""
    return len(word) == 1 and word < _FIRST_IDEOGRAPH


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"
