"""The library: which tracks there are, what is known of them, and which of them sound alike.

``library`` holds :class:`Library`; ``records`` and those named like it what that returns. Each is
imported with the first use of a name from it, not with this package.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soundalike.library.info_records import (
        LibraryInfo,
        ModelTracks,
        ScannedFolder,
        Upgrade,
    )
    from soundalike.library.library import Library
    from soundalike.library.limits import Filter, Limits, Years
    from soundalike.library.records import Copy, Track
    from soundalike.library.scan_records import (
        Failure,
        Forgotten,
        ScanProgress,
        ScanReport,
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
        DuplicateGroup,
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

_HOMES = {
    "soundalike.library.library": ("Library",),
    "soundalike.library.limits": (
        "Filter",
        "Limits",
        "Years",
    ),
    "soundalike.library.info_records": (
        "LibraryInfo",
        "ModelTracks",
        "ScannedFolder",
        "Upgrade",
    ),
    "soundalike.library.records": (
        "Copy",
        "Track",
    ),
    "soundalike.library.scan_records": (
        "Failure",
        "Forgotten",
        "ScanProgress",
        "ScanReport",
    ),
    "soundalike.library.similar_records": (
        "Heard",
        "Match",
        "PassedTrack",
        "Seed",
        "SimilarResult",
        "TasteUse",
    ),
    "soundalike.library.taste_records": (
        "Judged",
        "Judgement",
        "ListenImport",
        "TasteCounts",
    ),
    "soundalike.library.version_records": (
        "DuplicateGroup",
        "Version",
        "VersionGroup",
        "VersionKind",
        "VersionsResult",
    ),
    "soundalike.library.word_records": (
        "AskedWord",
        "FindMatch",
        "FindResult",
        "KnownWord",
        "WordOfTrack",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value
