"""Text as it is compared: without case, accents and punctuation."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["plain"]

# Letters that Unicode does not take apart into a plain one and an accent.
_LETTERS = str.maketrans({"ø": "o", "đ": "d", "ł": "l", "ħ": "h", "æ": "ae", "œ": "oe"})
_NO_LETTER = re.compile(r"[\W_]+")


def plain(text: str) -> str:
    """The words of a text, lower case, accents gone, one space between them.

    >>> plain("Mötley Crüe: Girls, Girls, Girls")
    'motley crue girls girls girls'
    """
    if text.isascii():  # most are, and a library asks about each of its names
        return _NO_LETTER.sub(" ", text.lower()).strip()
    taken_apart = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(each for each in taken_apart if not unicodedata.combining(each))
    return _NO_LETTER.sub(" ", letters.translate(_LETTERS)).strip()
