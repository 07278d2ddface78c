"""How many columns of a terminal text takes up.

By the Unicode Standard Annex 11 (wide and full-width characters take two) and the rule that marks
on a letter take none; what else a font or a terminal does cannot be known.
"""

from __future__ import annotations

import unicodedata

__all__ = ["cell_length", "cut_to_cells"]

# Vowels and final consonants that a Hangul syllable is made of stand inside its first letter, and
# the colours of a skin in the emoji before.
_INSIDE = (range(0x1160, 0x1200), range(0xD7B0, 0xD800), range(0x1F3FB, 0x1F400))
_SOFT_HYPHEN = "\xad"


def cell_length(text: str) -> int:
    """The columns that a text without line breaks and control characters takes up."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def cut_to_cells(text: str, width: int) -> str:
    """As much of the beginning as fits into so many columns."""
    if text.isascii():
        return text[: max(width, 0)]
    used = 0
    for at, character in enumerate(text):
        used += _cells(character)
        if used > width:
            return text[:at]
    return text


def _cells(character: str) -> int:
    if character == _SOFT_HYPHEN:
        return 1  # terminals show it
    is_mark = unicodedata.category(character) in ("Mn", "Me", "Mc", "Cf")
    if is_mark or any(ord(character) in each for each in _INSIDE):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
