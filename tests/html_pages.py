"""What the tests of pages share: text that means harm, and a parser to see what became of it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

HOSTILE = "<script>alert(1)</script></title></style> & \"two\" 'one' {{ 7 * 7 }} \x00\x1b\udcff"
SHOWN = HOSTILE.replace("\x00\x1b", "\ufffd\ufffd").replace("\udcff", "\\udcff")


class Page(HTMLParser):
    """The tags with the names of their attributes, all values, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, ...]] = []
        self.values: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, *(name for name, _ in attrs)))
        self.values += [value or "" for _, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(("/" + tag,))

    def handle_data(self, data: str) -> None:
        self.text += data


def assert_harmless(hostile: str, plain: str) -> None:
    """The page with HOSTILE in it has the very tags of the one with plain words, and shows it."""
    hostile.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", hostile)
    found = Page(hostile)
    assert found.tags == Page(plain).tags
    assert SHOWN in found.text
    assert "<script" not in hostile
    assert "{{ 7 * 7 }}" in hostile
