"""Compare music by its sound.

>>> import soundalike
>>> library = soundalike.Library()                       # doctest: +SKIP
>>> library.scan(["~/Music"])                            # doctest: +SKIP
>>> library.similar("~/Music/piece.flac").matches[0]     # doctest: +SKIP

Everything here is loaded when it is first used: ``import soundalike`` itself takes no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soundalike.analysis import Analysis
    from soundalike.analyzer import Analyzer
    from soundalike.audio.reader import Audio, load_audio
    from soundalike.audio.tags import Tags
    from soundalike.errors import (
        AmbiguousTrack,
        AudioError,
        DamagedAudio,
        DataError,
        DecoderCrashed,
        InvalidArgument,
        LibraryError,
        MissingExtra,
        ModelError,
        ModelMismatch,
        OutputError,
        ProtectedAudio,
        SilentAudio,
        SoundalikeError,
        TooShort,
        TrackNotFound,
        UnreadableFile,
        UnsupportedAudio,
    )
    from soundalike.evaluate.neighbours import evaluate_library
    from soundalike.evaluate.records import LibraryEvaluation
    from soundalike.frontends.log_mel import log_mel
    from soundalike.library import Library
    from soundalike.library.limits import Filter, Limits, Years
    from soundalike.library.records import (
        Copy,
        DuplicateGroup,
        Failure,
        Forgotten,
        LibraryInfo,
        ScannedFolder,
        ScanProgress,
        ScanReport,
        Track,
        Upgrade,
    )
    from soundalike.library.similar_records import Heard, Match, PassedTrack, Seed, SimilarResult
    from soundalike.library.version_records import Version, VersionGroup, VersionsResult
    from soundalike.library.view import View
    from soundalike.library.word_records import FindMatch, FindResult, KnownWord
    from soundalike.models.registry import ModelInfo
    from soundalike.similarity.passages import Comparison, Passage, compare
    from soundalike.similarity.recording import Alignment

__all__ = [
    "Alignment",
    "AmbiguousTrack",
    "Analysis",
    "Analyzer",
    "Audio",
    "AudioError",
    "Comparison",
    "Copy",
    "DamagedAudio",
    "DataError",
    "DecoderCrashed",
    "DuplicateGroup",
    "Failure",
    "Filter",
    "FindMatch",
    "FindResult",
    "Forgotten",
    "Heard",
    "InvalidArgument",
    "KnownWord",
    "Library",
    "LibraryError",
    "LibraryEvaluation",
    "LibraryInfo",
    "Limits",
    "Match",
    "MissingExtra",
    "ModelError",
    "ModelInfo",
    "ModelMismatch",
    "OutputError",
    "Passage",
    "PassedTrack",
    "ProtectedAudio",
    "ScanProgress",
    "ScanReport",
    "ScannedFolder",
    "Seed",
    "SilentAudio",
    "SimilarResult",
    "SoundalikeError",
    "Tags",
    "TooShort",
    "Track",
    "TrackNotFound",
    "UnreadableFile",
    "UnsupportedAudio",
    "Upgrade",
    "Version",
    "VersionGroup",
    "VersionsResult",
    "View",
    "Years",
    "__version__",
    "compare",
    "evaluate_library",
    "load_audio",
    "log_mel",
]

__version__ = "0.1.0"

_HOMES = {
    "soundalike.analysis": ("Analysis",),
    "soundalike.analyzer": ("Analyzer",),
    "soundalike.audio.reader": (
        "Audio",
        "load_audio",
    ),
    "soundalike.audio.tags": ("Tags",),
    "soundalike.errors": (
        "AmbiguousTrack",
        "AudioError",
        "DamagedAudio",
        "DataError",
        "DecoderCrashed",
        "InvalidArgument",
        "LibraryError",
        "MissingExtra",
        "ModelError",
        "ModelMismatch",
        "OutputError",
        "ProtectedAudio",
        "SilentAudio",
        "SoundalikeError",
        "TooShort",
        "TrackNotFound",
        "UnreadableFile",
        "UnsupportedAudio",
    ),
    "soundalike.evaluate.neighbours": ("evaluate_library",),
    "soundalike.evaluate.records": ("LibraryEvaluation",),
    "soundalike.frontends.log_mel": ("log_mel",),
    "soundalike.library": ("Library",),
    "soundalike.library.limits": (
        "Filter",
        "Limits",
        "Years",
    ),
    "soundalike.library.records": (
        "Copy",
        "DuplicateGroup",
        "Failure",
        "Forgotten",
        "LibraryInfo",
        "ScanProgress",
        "ScanReport",
        "ScannedFolder",
        "Track",
        "Upgrade",
    ),
    "soundalike.library.similar_records": (
        "Heard",
        "Match",
        "PassedTrack",
        "Seed",
        "SimilarResult",
    ),
    "soundalike.library.version_records": (
        "Version",
        "VersionGroup",
        "VersionsResult",
    ),
    "soundalike.library.view": ("View",),
    "soundalike.library.word_records": (
        "FindMatch",
        "FindResult",
        "KnownWord",
    ),
    "soundalike.models.registry": ("ModelInfo",),
    "soundalike.similarity.passages": (
        "Comparison",
        "Passage",
        "compare",
    ),
    "soundalike.similarity.recording": ("Alignment",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'soundalike' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
