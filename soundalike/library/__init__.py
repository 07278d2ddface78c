"""The library: which tracks there are, what is known of them, and which of them sound alike.

``catalog`` holds :class:`Library`; ``records`` what it returns. SQLAlchemy is imported with the
first use of :class:`Library`, not with this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from soundalike.library.limits import Filter, Limits, Years
from soundalike.library.records import (
    Copy,
    DuplicateGroup,
    Failure,
    Forgotten,
    LibraryInfo,
    ModelTracks,
    ScannedFolder,
    ScanProgress,
    ScanReport,
    Track,
    Upgrade,
)
from soundalike.library.similar_records import (
    Heard,
    Match,
    PassedTrack,
    Seed,
    SimilarResult,
    TasteUse,
)
from soundalike.library.taste_records import Judged, Judgement, ListenImport, TasteCounts
from soundalike.library.version_records import (
    Version,
    VersionGroup,
    VersionKind,
    VersionsResult,
)
from soundalike.library.word_records import (
    AskedWord,
    FindMatch,
    FindResult,
    KnownWord,
    WordOfTrack,
)

if TYPE_CHECKING:
    from soundalike.library.library import Library

__all__ = [
    "AskedWord",
    "Copy",
    "DuplicateGroup",
    "Failure",
    "Filter",
    "FindMatch",
    "FindResult",
    "Forgotten",
    "Heard",
    "Judged",
    "Judgement",
    "KnownWord",
    "Library",
    "LibraryInfo",
    "Limits",
    "ListenImport",
    "Match",
    "ModelTracks",
    "PassedTrack",
    "ScanProgress",
    "ScanReport",
    "ScannedFolder",
    "Seed",
    "SimilarResult",
    "TasteCounts",
    "TasteUse",
    "Track",
    "Upgrade",
    "Version",
    "VersionGroup",
    "VersionKind",
    "VersionsResult",
    "WordOfTrack",
    "Years",
]


def __getattr__(name: str) -> Any:
    if name == "Library":
        from soundalike.library.library import Library

        globals()[name] = Library
        return Library
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
