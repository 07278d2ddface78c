"""XML in pieces: elements as records, with their text as XML to be written again.

Files come from anywhere, so a document type declaration is refused: entities, which make a small
file large or read other files, can be declared nowhere else. Nothing here calls itself, however
deep elements lie in each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from soundalike.playlists.source import Damaged

__all__ = ["XML_BASE", "Element", "Fragments", "Name", "attributes_text"]

XML_BASE = "http://www.w3.org/XML/1998/namespace base xml"
_XMLNS = "xmlns"


class Name(NamedTuple):
    """Of an element: its namespace ("" for none), its name there, and its prefix in the file."""

    uri: str
    local: str
    prefix: str

    @classmethod
    def of(cls, text: str) -> Name:
        """From what expat gives: "uri local prefix", or less where there is less."""
        *uri, local = text.split(" ")[:2]
        prefix = text.split(" ")[2:]
        return cls(uri[0] if uri else "", local, prefix[0] if prefix else "")

    @property
    def qualified(self) -> str:
        return f"{self.prefix}:{self.local}" if self.prefix else self.local


@dataclass
class Element:
    """An element with all that is in it.

    Attributes
    ----------
    attributes : by name; those with a namespace as expat names them.
    text : of it and of all elements in it.
    xml : all of it, such that it means the same in a file whose root declares the prefixes of
        the root that it was read from.
    """

    name: Name
    attributes: Mapping[str, str]
    text: str = ""
    xml: str = ""


@dataclass
class _Open:
    """An element of which the end is not read yet."""

    name: Name
    declared: dict[str, str]
    is_written: bool
    is_empty: bool = True


@dataclass
class Fragments:
    """Reads a document: announces the elements that hold others, and gives the rest whole.

    Parameters
    ----------
    enter : called with each element that is not inside a whole one; whether it is one of those
        that hold others. False: it is read as a whole.
    leave : called at the end of each that holds others.
    whole : called with each that does not.
    comment : called with each comment that is in no whole element, as XML.
    default : the namespace of names without a prefix in the file that is to be written.
    """

    enter: Callable[[Element], bool]
    leave: Callable[[], None]
    whole: Callable[[Element], None]
    comment: Callable[[str], None]
    default: str
    root_prefixes: dict[str, str] = field(default_factory=dict)
    _open: list[_Open] = field(default_factory=list)
    _declared: dict[str, str] = field(default_factory=dict)
    _element: Element | None = None
    _texts: list[str] = field(default_factory=list)
    _pieces: list[str] = field(default_factory=list)

    def read(self, data: bytes) -> None:
        """Read all of it.

        Raises
        ------
        Damaged : it is no XML, or has a document type declaration.
        """
        parser = self._parser = expat.ParserCreate(namespace_separator=" ")
        parser.namespace_prefixes = True
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartNamespaceDeclHandler = self._declare
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.CommentHandler = self._comment
        try:
            parser.Parse(data, True)
        except Damaged:
            raise
        except expat.ExpatError as error:
            what = expat.errors.messages.get(error.code, str(error))
            raise Damaged(
                f"line {error.lineno:,}, column {error.offset + 1:,}: {what}; it is no XML"
            ) from error
        except (LookupError, ValueError) as error:  # the encoding that it states
            raise Damaged(f"its encoding cannot be read ({error}); save it as UTF-8") from error

    def _doctype(self, *_: object) -> None:
        raise Damaged(
            f"line {self._parser.CurrentLineNumber:,}: a document type declaration (<!DOCTYPE), "
            f"which could make it grow without end; take it out"
        )

    def _declare(self, prefix: str | None, uri: str | None) -> None:
        self._declared[prefix or ""] = uri or ""

    def _start(self, text: str, attributes: dict[str, str]) -> None:
        declared, self._declared = self._declared, {}
        name = Name.of(text)
        if not self._open:
            self.root_prefixes = {key: uri for key, uri in declared.items() if key}
        is_written = self._element is not None
        if self._element is None:
            element = Element(name, attributes)
            if not self.enter(element):
                self._element, is_written = element, True
                declared = self._missing_declarations(declared)
        if is_written:
            self._close_tag()
            self._pieces.append(f"<{name.qualified}{attributes_text(declared, attributes)}")
        self._open.append(_Open(name, declared, is_written))

    def _end(self, _: str) -> None:
        closed = self._open.pop()
        if not closed.is_written:
            self.leave()
            return
        self._pieces.append("/>" if closed.is_empty else f"</{closed.name.qualified}>")
        if not (self._open and self._open[-1].is_written):
            assert self._element is not None
            element, self._element = self._element, None
            element.text, element.xml = "".join(self._texts), "".join(self._pieces)
            self._texts, self._pieces = [], []
            self.whole(element)

    def _characters(self, text: str) -> None:
        if self._element is not None:
            self._close_tag()
            self._texts.append(text)
            self._pieces.append(escape(text, {"\r": "&#13;"}))

    def _comment(self, text: str) -> None:
        if self._element is not None:
            self._close_tag()
            self._pieces.append(f"<!--{text}-->")
        else:
            self.comment(f"<!--{text}-->")

    def _close_tag(self) -> None:
        """The end of the start tag that was written last, if something follows in the element."""
        if self._open and self._open[-1].is_written and self._open[-1].is_empty:
            self._open[-1].is_empty = False
            self._pieces.append(">")

    def _missing_declarations(self, own: dict[str, str]) -> dict[str, str]:
        """What a whole element has to declare itself, as the root that is written does not."""
        known: dict[str, str] = {}
        for each in self._open:
            known |= each.declared
        known |= own
        there = {"": self.default, **self.root_prefixes}
        return {prefix: uri for prefix, uri in known.items() if there.get(prefix) != uri}


def attributes_text(declared: Mapping[str, str], attributes: Mapping[str, str]) -> str:
    """Namespaces and attributes as they stand in a tag, each after a blank."""
    named = {f"{_XMLNS}:{key}" if key else _XMLNS: uri for key, uri in declared.items()}
    named |= {Name.of(key).qualified: value for key, value in attributes.items()}
    return "".join(f" {key}={quoteattr(value)}" for key, value in named.items())
