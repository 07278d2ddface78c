"""From a file of analyses into a library."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import or_, select

from soundalike.audio.tags import Tags
from soundalike.descriptors.fingerprint import FRAME_BYTES
from soundalike.errors import DataError, InvalidArgument, ModelMismatch, printable
from soundalike.files import real
from soundalike.library.exchange.formats import opened
from soundalike.library.exchange.packing import packed
from soundalike.library.exchange.records import (
    AnalysedTrack,
    Header,
    ImportReport,
    NotImported,
)
from soundalike.library.scan import statements
from soundalike.library.scan.store import KnownContent, KnownTrack, Store
from soundalike.library.scan.walk import FoundFile
from soundalike.library.storage.database import Database
from soundalike.library.storage.encoding import EncodedAnalysis, decode
from soundalike.library.storage.schema import analyses, contents, is_fast, tracks
from soundalike.models import ModelInfo, installed_models
from soundalike.remote import check_url
from soundalike.urls import url_of
from soundalike.workers.jobs import Facts

__all__ = ["import_analyses"]

# Tracks of one transaction: what is killed loses no more than these.
_AT_ONCE = 200
# Of contents and of audio.
_HASH_BYTES = {"content_hash": 32, "audio_hash": 16}
_MOST_TEXT = 100_000


def import_analyses(
    database: Database,
    model: ModelInfo,
    path: str | os.PathLike[str],
    *,
    base: str | os.PathLike[str] | None,
    progress: Callable[[str, int, int], None] | None,
) -> ImportReport:
    """See ``Library.import_analyses``."""
    counts = {"added": 0, "analysed": 0, "known": 0}
    refused: list[NotImported] = []
    done = 0
    with opened(path) as (header, records), database.scan_lock():
        _check_model(header, model, printable(path))
        reader = _Reader(header, model, base)
        while some := list(islice(records, _AT_ONCE)):
            with database.write() as connection:
                model_id = Store.model_row(connection, model)
                if model_id is None:
                    model_id = Store.add_model(connection, model)
                store = _ImportStore(connection, model_id, time.time(), takes_fast=True)
                for record in some:
                    try:
                        counts[store.put(reader.checked(record))] += 1
                    except _Refused as error:
                        refused.append(NotImported(printable(str(record.path)), str(error)))
                store.log_changes()
            done += len(some)
            if progress is not None:
                progress("reading tracks", done, max(done, header.tracks))
        if done != header.tracks:
            raise DataError(
                f"{printable(path)}: is cut off: it has {done:,} of {header.tracks:,} tracks. They "
                f"are in the library; export it again for the others"
            )
    return ImportReport(
        path=os.fspath(path),
        model=header.model_id,
        records=done,
        not_imported=tuple(refused),
        **counts,
    )


class _Refused(Exception):
    """Why a record is not taken."""


@dataclass(frozen=True, eq=False)
class _Checked:
    path: str
    digest: bytes
    audio_digest: bytes | None
    facts: Facts
    duration_s: float | None
    encoded: EncodedAnalysis
    is_fast: bool


def _check_model(header: Header, model: ModelInfo, where: str) -> None:
    if header.model_id != model.id:
        known = {each.id for each in installed_models()}
        first = "" if header.model_id in known else "install that model (soundalike models) and "
        raise ModelMismatch(
            f"{where}: its analyses are by {header.model_id}, this library's by {model.id}: they "
            f"cannot be compared. Export them with {model.id}, or {first}import them into a "
            f"library of their own (--library FILE --model {header.model_id})"
        )
    facets = model.facets.to_json() if model.facets else None
    mine = (tuple(model.labels), model.embedding_dim, facets, model.words.to_json() or None)
    if mine != (header.labels, header.embedding_dim, header.facets, header.words or None):
        raise ModelMismatch(
            f"{where}: its analyses are by another model than the one that is called {model.id} "
            f"here: labels, facets or words differ"
        )


class _Reader:
    """Looks at what a stranger's file says before any of it is stored."""

    def __init__(
        self, header: Header, model: ModelInfo, base: str | os.PathLike[str] | None
    ) -> None:
        self._sizes, self._model = header.sizes(), model
        self._base = None if base is None else real(base)

    def checked(self, record: AnalysedTrack) -> _Checked:
        """Raises _Refused where a record cannot be stored."""
        try:
            return self._checked(record)
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            raise _Refused(f"damaged: {printable(str(error))[:200]}") from error

    def _checked(self, record: AnalysedTrack) -> _Checked:
        for name, size in (("embedding", "embedding"), ("probabilities", "labels")):
            _check_shape(name, getattr(record, name), (self._sizes[size],))
        if record.words is not None:
            _check_shape("words", record.words, (self._sizes["words"],))
        n = len(record.excerpt_starts_s)
        if not n:
            raise ValueError("there are no excerpts")
        _check_shape("excerpt_starts_s", record.excerpt_starts_s, (n,))
        _check_shape("excerpt_scales", record.excerpt_scales, (n,))
        _check_shape("excerpt_embeddings", record.excerpt_embeddings, (n, self._sizes["embedding"]))
        _check_shape(
            "excerpt_probabilities", record.excerpt_probabilities, (n, self._sizes["labels"])
        )
        if len(record.fingerprint or b"") % FRAME_BYTES:
            raise ValueError("the fingerprint has another length")
        for name, least in _NUMBERS.items():
            _check_number(name, getattr(record, name), least)
        if not set(record.genre_set) <= set(self._model.labels):
            raise ValueError(f"genre_set is {record.genre_set!r}")
        if not all(isinstance(note, str) for note in record.notes):
            raise ValueError("notes are no text")
        for name in ("key", "codec"):
            _check_text(name, getattr(record, name))
        for value in record.tempo_alternatives or ():
            _check_number("tempo_alternatives", value, 0.0)
        encoded = packed(record)
        analysis = decode(
            encoded,
            model=self._model.id,
            labels=self._model.labels,
            kind=self._model.kind,
            facets=self._model.facets,
            vocabulary=self._model.words,
        )
        return _Checked(
            path=self._path(record),
            digest=_hash("content_hash", record.content_hash),
            audio_digest=(
                None if record.audio_hash is None else _hash("audio_hash", record.audio_hash)
            ),
            facts=Facts(
                sample_rate=record.sample_rate,
                channels=record.channels,
                codec=record.codec,
                tags=_checked_tags(record.tags),
            ),
            duration_s=record.duration_s,
            encoded=encoded,
            is_fast=analysis.is_fast,
        )

    def _path(self, record: AnalysedTrack) -> str:
        _check_text("path", record.path)
        path = record.path
        if record.path_hex is not None:
            path = os.fsdecode(bytes.fromhex(record.path_hex))
        if not path or "\0" in path:
            raise ValueError(f"path is {printable(path)!r}")
        url = url_of(path)
        if url is not None:
            try:
                check_url(url)
            except InvalidArgument as error:
                raise ValueError(str(error)) from error
            return url
        if os.path.isabs(path):
            return path
        if self._base is None:
            raise InvalidArgument(
                f"{printable(path)} is no whole path: name the folder that it lies in (--base)"
            )
        inside = os.path.normpath(path)
        if inside.startswith(os.pardir):
            raise ValueError(f"path {printable(path)!r} leads out of the folder")
        return os.path.join(self._base, inside)


_NUMBERS: Mapping[str, float] = {
    "duration_s": 0.0,
    "sample_rate": 1,
    "channels": 1,
    "analysed_s": 0.0,
    "familiarity": 0.0,
    "tempo_bpm": 0.0,
    "tempo_confidence": 0.0,
    "key_confidence": 0.0,
}


def _check_shape(name: str, values: NDArray[Any], shape: tuple[int, ...]) -> None:
    if values.shape != shape:
        raise ValueError(f"{name} has the shape {values.shape}, not {shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds numbers that are not finite")


def _check_number(name: str, value: Any, least: float) -> None:
    if value is None and name != "analysed_s":
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name} is {value!r}")
    if not np.isfinite(value) or not least <= value < 1 << 31:
        raise ValueError(f"{name} is {value!r}")


def _check_text(name: str, value: Any) -> None:
    if value is not None and (not isinstance(value, str) or len(value) > _MOST_TEXT):
        raise ValueError(f"{name} is {str(value)[:80]!r}")


def _hash(name: str, text: str) -> bytes:
    found = bytes.fromhex(text)
    if len(found) != _HASH_BYTES[name]:
        raise ValueError(f"{name} is {text!r}")
    return found


def _checked_tags(values: Any) -> Tags:
    """The tags, where each is of the type that it should have."""
    if not isinstance(values, Mapping):
        raise ValueError("the tags are no object")
    found = Tags.from_json(values)
    empty = Tags()
    for each in fields(Tags):
        value = getattr(found, each.name)
        if isinstance(getattr(empty, each.name), tuple):
            if not isinstance(value, tuple):
                raise ValueError(f"the tag {each.name} is {value!r}")
            for text in value:
                _check_text(each.name, text)
        elif each.name in ("year", "track_number", "disc_number"):
            _check_number(each.name, value, 0)
        else:
            _check_text(each.name, value)
    return found


class _ImportStore(Store):
    """What is asked and written of tracks whose files are elsewhere."""

    def having(self, digest: bytes, path: str) -> list[int]:
        """Ids of the tracks with this content that were read here, or are at this path."""
        statement = select(tracks.c.id).join(contents, contents.c.id == tracks.c.content_id)
        is_here = or_(tracks.c.size_bytes.is_not(None), tracks.c.path == os.fsencode(path))
        return list(self._connection.scalars(statement.where(contents.c.digest == digest, is_here)))

    def is_fast(self, content_id: int) -> bool:
        """Whether the analysis of a content is of some passages only."""
        own = (analyses.c.content_id == content_id, analyses.c.model_id == self._model_id)
        return bool(self._connection.scalar(select(is_fast()).where(*own)))

    def point(self, track: KnownTrack, content: KnownContent) -> None:
        """A track has a content, though nobody here has read its file: a scan that finds one there
        reads it."""
        self._connection.execute(
            statements.SET_CONTENT,
            {
                "for_track": track.track_id,
                "new_content": content.content_id,
                "new_size": None,
                "new_time": None,
                "new_ctime": None,
                "new_words": self._roots.words(track.path, content.tags),
            },
        )
        self._changed.add(track.track_id)

    def put(self, new: _Checked) -> str:
        """Store a record; what became of it, as ``ImportReport`` counts it."""
        having = self.having(new.digest, new.path)
        at_path = self.known([new.path]).get(new.path)
        if not having and at_path is not None and at_path.content_id is not None:
            raise _Refused("the library has other music at this path: read it with another --base")
        content = self.content(new.digest)
        takes_analysis = not content.is_analysed or (
            not new.is_fast and self.is_fast(content.content_id)
        )
        if not having:
            if at_path is None:
                self.add([FoundFile(new.path, None)])
                at_path = self.known([new.path])[new.path]
            self.point(at_path, content)
        if takes_analysis:
            self.put_encoded(content.content_id, self._model_id, new.encoded)
            self._set_duration(content.content_id, new.duration_s)
        if content.audio_digest is None and new.audio_digest is not None:
            self.set_audio(content.content_id, new.audio_digest)
        if not having:
            # Of music that is here, its own files are asked.
            self.put_facts(content.content_id, new.facts)
            return "added"
        self._changed.update(having)
        return "analysed" if takes_analysis else "known"
