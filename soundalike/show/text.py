"""Text from tags, file names and arguments, made fit to be shown.

Whoever wrote a tag or named a file may have put anything into it: a control character that changes
a terminal's title or colours, or a bidirectional override that turns the rest of the line round.
"""

from __future__ import annotations

import re

__all__ = ["clean", "escape_json", "without_controls"]

# Those that reorder all that follows them, up to the end of the line. A page may be wider than a
# line, so that they reach beyond the cell they stand in.
_TURNING = "\u202a-\u202e\u2066-\u2069"
# Those that only say which way their neighbours run: names in Arabic or Hebrew may have them.
_MARKS = "\u061c\u200e\u200f"
_CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f"
_BREAKS = "\u2028\u2029"

_MARK = re.compile(f"[{_MARKS}]")
_SHOWN_ESCAPED = re.compile(f"[{_CONTROLS}{_BREAKS}{_TURNING}]")
_JSON_RAW = re.compile(f"[\x7f-\x9f{_BREAKS}{_MARKS}{_TURNING}]")
# A page may hold a carriage return.
_UNFIT = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{_TURNING}\ufffe\uffff]")


def clean(text: str) -> str:
    r"""The text as a terminal can show it without obeying it; cleaning it again changes nothing.

    Control characters other than line break and tab, and what reorders a line, become ``\xNN`` or
    ``\uNNNN``. Marks of direction, which cannot be seen and reorder nothing but what is beside
    them, are left out.
    """
    return _SHOWN_ESCAPED.sub(_escaped, _MARK.sub("", text))


def escape_json(document: str) -> str:
    r"""A JSON document in which all that :func:`clean` takes care of is ``\uNNNN``.

    ``json.dumps`` escapes only what lies below the space. It is the same document to a program.
    """
    return _JSON_RAW.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def without_controls(text: str) -> str:
    """For pages: what HTML cannot hold, and what reorders a line, becomes U+FFFD."""
    return _UNFIT.sub("\ufffd", text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
