"""Answers of the Subsonic API, as JSON and as XML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from starlette.responses import Response

from soundalike import __version__
from soundalike.show.text import without_controls

__all__ = ["API_VERSION", "Failure", "answer", "failure"]

API_VERSION = "1.16.1"
_NAMESPACE = "http://subsonic.org/restapi"
# What neither XML 1.0 nor UTF-8 can carry: what stood for a byte of a name, and two characters.
_NOT_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")
_CALLBACK = re.compile(r"[A-Za-z_$][\w$.]{0,100}", re.ASCII)


class Failure(Exception):
    """An error that the API has a number for.

    Parameters
    ----------
    code : such as 70 for what was not found.
    message : what is wrong.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


def answer(found: Mapping[str, Any], form: str = "xml", callback: str = "") -> Response:
    """What was found, in the form that was asked for.

    Parameters
    ----------
    found : by the names of the API. In XML what is simple becomes an attribute, a mapping an
        element, a list elements of one name; ``value`` the text of its element.
    form : "xml", "json" or "jsonp".
    callback : the function of "jsonp".
    """
    return _enveloped("ok", found, form, callback)


def failure(error: Failure, form: str = "xml", callback: str = "") -> Response:
    """An error, in the form that was asked for; with status 200, as the API wants it."""
    document = {"error": {"code": error.code, "message": error.message}}
    return _enveloped("failed", document, form, callback)


def _enveloped(status: str, found: Mapping[str, Any], form: str, callback: str) -> Response:
    head = {
        "status": status,
        "version": API_VERSION,
        "type": "soundalike",
        "serverVersion": __version__,
        "openSubsonic": True,
    }
    if form not in ("json", "jsonp"):
        root = ElementTree.Element("subsonic-response", {"xmlns": _NAMESPACE})
        _fill(root, {**head, **found})
        text = ElementTree.tostring(root, encoding="unicode", xml_declaration=False)
        body = '<?xml version="1.0" encoding="UTF-8"?>\n' + text
        return Response(body.encode("utf-8"), media_type="application/xml")
    body = json.dumps({"subsonic-response": _without_none({**head, **found})})
    if form == "jsonp" and _CALLBACK.fullmatch(callback):
        return Response(f"{callback}({body});", media_type="application/javascript")
    return Response(body, media_type="application/json")


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_none(each) for key, each in value.items() if each is not None}
    if isinstance(value, (list, tuple)):
        return [_without_none(each) for each in value]
    return _NOT_XML.sub("?", value) if isinstance(value, str) else value


def _fill(element: ElementTree.Element, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if value is None:
            continue
        if isinstance(value, Mapping):
            _fill(ElementTree.SubElement(element, name), value)
        elif isinstance(value, (list, tuple)):
            for each in value:
                child = ElementTree.SubElement(element, name)
                if isinstance(each, Mapping):
                    _fill(child, each)
                else:
                    child.text = _text(each)
        elif name == "value":
            element.text = _text(value)
        else:
            element.set(name, _text(value))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _NOT_XML.sub("?", without_controls(str(value)))
