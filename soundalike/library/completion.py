"""Words of a library for a shell that completes them: quick, and without a word when it fails.

SQLAlchemy is not loaded for this, nothing is made, and nothing is brought up to date.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

from soundalike.library.location import default_location
from soundalike.plain import plain

__all__ = ["complete_words"]

_MOST = 40
# Enough to tell which words are common.
_ROWS = 5_000


def complete_words(location: str | None, before: list[str], begun: str) -> list[str]:
    """The words that begin so, of tracks that have all words before; the commonest first.

    Parameters
    ----------
    location : the library's file; None for the default one. No words come from anything else.
    before : words that are there already.
    begun : a part of a word; without any there are no words.
    """
    begun = plain(begun)
    if not begun or " " in begun:
        return []
    path = Path(location or os.environ.get("SOUNDALIKE_LIBRARY") or default_location())
    others = [plain(word) for word in before]
    conditions = " AND ".join(["' ' || replace(words, char(10), ' ') LIKE ?"] * (1 + len(others)))
    values = [f"% {begun}%", *(f"%{word}%" for word in others)]
    try:
        with closing(_read_only(path)) as connection:
            rows = connection.execute(
                f"SELECT words FROM tracks WHERE missing_at IS NULL AND {conditions} LIMIT {_ROWS}",
                values,
            ).fetchall()
    except (sqlite3.Error, OSError, ValueError):
        return []
    found = Counter(
        word for (words,) in rows for word in set(words.split()) if word.startswith(begun)
    )
    return [word for word, _ in found.most_common(_MOST)]


def _read_only(path: Path) -> sqlite3.Connection:
    # Without a log beside it nobody writes to it, and it can be read where nothing can be made.
    still = "" if Path(f"{path}-wal").exists() else "&immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{still}", uri=True, timeout=0.2)
