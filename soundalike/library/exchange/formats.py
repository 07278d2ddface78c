"""Which format a file of analyses is in."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any, BinaryIO, Final, Literal, cast, get_args

from soundalike.errors import DataError, InvalidArgument, printable
from soundalike.files import why
from soundalike.library.exchange.records import AnalysedTrack, Header

__all__ = ["ExchangeFormat", "format_of", "opened", "write"]

ExchangeFormat = Literal["npz", "parquet", "jsonl"]
_FORMATS: Final = get_args(ExchangeFormat)
# How files of each begin.
_BEGINNINGS: Final = {b"PK": "npz", b"PAR1": "parquet", b"{": "jsonl"}


def format_of(path: str | os.PathLike[str], asked: str | None = None) -> ExchangeFormat:
    """The format that was asked for, or that the name of a file ends with.

    Raises
    ------
    InvalidArgument : neither is one.
    """
    found = asked or os.path.splitext(os.fspath(path))[1].lstrip(".").lower()
    if found not in _FORMATS:
        what = f"format is {asked!r}" if asked else f"{printable(path)} does not tell the format"
        raise InvalidArgument(f"{what}: it must be one of {', '.join(_FORMATS)}")
    return cast(ExchangeFormat, found)


def write(
    form: ExchangeFormat, file: BinaryIO, header: Header, tracks: Iterable[AnalysedTrack]
) -> None:
    """Write a header and the tracks that it counts.

    Raises
    ------
    MissingExtra : what writes this format is not installed.
    """
    _module(form).write(file, header, tracks)


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[tuple[Header, Iterator[AnalysedTrack]]]:
    """A file's header and tracks, in whichever format it is, whatever it is called.

    Raises
    ------
    DataError : it cannot be read, or holds something else; of a damaged part when it is come to.
    MissingExtra : what reads this format is not installed.
    """
    where = printable(path)
    with ExitStack() as stack:
        try:
            file = stack.enter_context(open(path, "rb"))
            start = file.read(4)
            file.seek(0)
        except OSError as error:
            raise DataError(f"{where}: cannot be read ({why(error)})") from error
        form = next((it for begin, it in _BEGINNINGS.items() if start.startswith(begin)), None)
        if form is None:
            raise DataError(
                f"{where}: holds no analyses: give a file that soundalike export has written"
            )
        yield _module(form).read(file, where)


def _module(form: str) -> Any:
    return import_module(f"soundalike.library.exchange.{form}")
