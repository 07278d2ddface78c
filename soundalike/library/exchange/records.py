"""What a file of analyses holds: a header, and a record for each track."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import DataError, ModelError, printable
from soundalike.facets import Facets
from soundalike.models.contract import Words

__all__ = [
    "FIELDS",
    "FORMAT_VERSION",
    "AnalysedTrack",
    "ExportReport",
    "Field",
    "Header",
    "ImportReport",
    "NotImported",
]

FORMAT_VERSION = 1
_FORMAT = "soundalike analyses"

Kind = Literal["integer", "number", "text", "json", "bytes", "float32", "int8", "float64"]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record, as every format has it.

    Attributes
    ----------
    kind : "json" is text in formats that have no objects; the last three are arrays.
    columns : of an array with a row for each excerpt, or of one that is as long for all tracks: a
        name in :meth:`Header.sizes`. None: one number for each excerpt.
    along : whether an array has a row for each excerpt.
    """

    name: str
    kind: Kind
    columns: str | None = None
    along: bool = False

    @property
    def is_array(self) -> bool:
        return self.kind in ("float32", "int8", "float64")


FIELDS = (
    Field("id", "integer"),
    Field("path", "text"),
    Field("path_hex", "text"),
    Field("content_hash", "text"),
    Field("audio_hash", "text"),
    Field("duration_s", "number"),
    Field("sample_rate", "integer"),
    Field("channels", "integer"),
    Field("codec", "text"),
    Field("tags", "json"),
    Field("analysed_s", "number"),
    Field("genre_set", "json"),
    Field("notes", "json"),
    Field("familiarity", "number"),
    Field("tempo_bpm", "number"),
    Field("tempo_confidence", "number"),
    Field("tempo_alternatives", "json"),
    Field("key", "text"),
    Field("key_confidence", "number"),
    Field("embedding", "float32", "embedding"),
    Field("probabilities", "float32", "labels"),
    Field("words", "float32", "words"),
    Field("excerpt_starts_s", "float64", along=True),
    Field("excerpt_embeddings", "int8", "embedding", along=True),
    Field("excerpt_scales", "float32", along=True),
    Field("excerpt_probabilities", "float32", "labels", along=True),
    Field("fingerprint", "bytes"),
)


@dataclass(frozen=True, eq=False)
class AnalysedTrack:
    """A track, what its file says, and what the model of the header says of it.

    Attributes
    ----------
    id : in the library that it comes from.
    path : absolute, or below a folder that is named when it is read again. Of a name that is no
        UTF-8, as people can read it; ``path_hex`` has its bytes then.
    content_hash, audio_hash : as of ``Track``, hexadecimal.
    duration_s, sample_rate, channels, codec : of the file; None where unknown.
    tags : ``audio.tags.Tags``, by name.
    analysed_s : seconds that were heard.
    genre_set, notes, familiarity, tempo_bpm, tempo_confidence, tempo_alternatives, key,
        key_confidence : as of ``Analysis``.
    embedding : float32 (D,), unit length but for what 16 bits can hold.
    probabilities : float32 (n_labels,), of the header's labels.
    words : float32 (n_words,), of the header's words; None where the model gives none.
    excerpt_starts_s : float64 (n_excerpts,), seconds.
    excerpt_embeddings : int8 (n_excerpts, D): times ``excerpt_scales``, float32 (n_excerpts,),
        and each facet scaled to its length, they are the excerpts' embeddings.
    excerpt_probabilities : float32 (n_excerpts, n_labels).
    fingerprint : bytes of uint8 (n_frames, 6), as of ``Analysis``; None where there is none.
    """

    id: int
    path: str
    content_hash: str
    duration_s: float | None
    tags: Mapping[str, Any]
    analysed_s: float
    genre_set: list[str]
    notes: list[str]
    embedding: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    excerpt_starts_s: NDArray[np.float64]
    excerpt_embeddings: NDArray[np.int8]
    excerpt_scales: NDArray[np.float32]
    excerpt_probabilities: NDArray[np.float32]
    path_hex: str | None = None
    audio_hash: str | None = None
    sample_rate: int | None = None
    channels: int | None = None
    codec: str | None = None
    familiarity: float | None = None
    tempo_bpm: float | None = None
    tempo_confidence: float | None = None
    tempo_alternatives: list[float] | None = None
    key: str | None = None
    key_confidence: float | None = None
    words: NDArray[np.float32] | None = None
    fingerprint: bytes | None = None


@dataclass(frozen=True)
class Header:
    """What holds for all records of a file.

    Attributes
    ----------
    model, version : of what analysed; analyses of two are never mixed.
    labels : genres, or tags, in the order of the probabilities.
    embedding_dim : numbers of an embedding.
    facets, words : of the model, as ``facets.Facets`` and ``models.contract.Words`` write them.
    tracks : how many records follow.
    soundalike : version of the program that wrote the file.
    made_at : when, ISO 8601, UTC.
    """

    model: str
    version: str
    labels: tuple[str, ...]
    embedding_dim: int
    facets: Any
    words: Any
    tracks: int
    soundalike: str
    made_at: str

    @property
    def model_id(self) -> str:
        """``name@version``."""
        return f"{self.model}@{self.version}"

    def sizes(self) -> dict[str, int]:
        """How many columns arrays have, by ``Field.columns``."""
        return {
            "embedding": self.embedding_dim,
            "labels": len(self.labels),
            "words": len(self.words or ()),
        }

    def to_json(self) -> dict[str, Any]:
        """As every format carries it."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return {"format": _FORMAT, "format_version": FORMAT_VERSION} | own

    @classmethod
    def from_json(cls, values: Any, where: str) -> Header:
        """What :meth:`to_json` gave.

        Raises
        ------
        DataError : it is something else, or of a newer version; the message begins with ``where``.
        """
        if not isinstance(values, dict) or values.get("format") != _FORMAT:
            raise DataError(
                f"{where}: holds no analyses: give a file that soundalike export has written"
            )
        if values.get("format_version") != FORMAT_VERSION:
            raise DataError(
                f"{where}: version {values.get('format_version')!r} of the format, and this "
                f"soundalike reads version {FORMAT_VERSION}: upgrade soundalike"
            )
        try:
            found = cls(**{field.name: values[field.name] for field in fields(cls)})
            found = cls(**{**vars(found), "labels": tuple(map(str, found.labels))})
            whole = [found.embedding_dim, found.tracks]
            if any(not isinstance(each, int) or isinstance(each, bool) for each in whole):
                raise ValueError(f"{whole} are not whole numbers")
            if not 0 < found.embedding_dim < 1 << 16 or found.tracks < 0:
                raise ValueError(f"embeddings of {found.embedding_dim}, {found.tracks} tracks")
            if found.facets and Facets.from_json(found.facets).size != found.embedding_dim:
                raise ValueError("the facets have another size than the embedding")
            if len(Words.from_json(found.words or ())) != len(found.words or ()):
                raise ValueError("the words")
        except (KeyError, TypeError, ValueError, AttributeError, ModelError) as error:
            raise DataError(f"{where}: its header is damaged ({printable(str(error))})") from error
        return found

    @classmethod
    def from_text(cls, text: str | bytes, where: str) -> Header:
        """The same from JSON."""
        try:
            values = json.loads(text)
        except ValueError:
            values = None
        return cls.from_json(values, where)


@dataclass(frozen=True)
class ExportReport:
    """What was written.

    Attributes
    ----------
    path : of the file; "-" for standard output.
    model : ``name@version`` of what analysed.
    tracks, excerpts : how many.
    left_out : tracks of the library without an analysis by that model, by status.
    size_bytes : of the file; None for standard output.
    """

    path: str
    model: str
    tracks: int
    excerpts: int
    left_out: Mapping[str, int]
    size_bytes: int | None


@dataclass(frozen=True)
class NotImported:
    """A record that was not taken, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class ImportReport:
    """What became of the records of a file.

    Attributes
    ----------
    model : ``name@version``.
    records : how many the file has.
    added : tracks that are new in the library.
    analysed : tracks that the library had without an analysis of that model, and has one now.
    known : tracks that the library had with one: nothing was changed.
    not_imported : the others.
    """

    path: str
    model: str
    records: int
    added: int
    analysed: int
    known: int
    not_imported: tuple[NotImported, ...]
