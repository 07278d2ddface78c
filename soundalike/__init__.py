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
        Busy,
        DamagedAudio,
        DataError,
        DecoderCrashed,
        InvalidArgument,
        LibraryError,
        LibraryInUse,
        MissingExtra,
        ModelError,
        ModelMismatch,
        OutputError,
        PlaylistError,
        PlaylistNotFound,
        ProtectedAudio,
        ServerError,
        SilentAudio,
        SoundalikeError,
        TooShort,
        TrackNotFound,
        UnreadableFile,
        UnsupportedAudio,
        UnwritableTags,
    )
    from soundalike.evaluate.neighbours import evaluate_library
    from soundalike.evaluate.records import LibraryEvaluation
    from soundalike.frontends.log_mel import log_mel
    from soundalike.library import Library
    from soundalike.library.info_records import LibraryInfo, ScannedFolder, Upgrade
    from soundalike.library.limits import Filter, Limits, Years
    from soundalike.library.playlist_records import PlaylistResolution, ResolvedEntry
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
    from soundalike.library.taste_records import Judgement, ListenImport
    from soundalike.library.version_records import (
        DuplicateGroup,
        Version,
        VersionGroup,
        VersionsResult,
    )
    from soundalike.library.view import View
    from soundalike.library.word_records import FindMatch, FindResult, KnownGenre, KnownWord
    from soundalike.models.registry import ModelInfo
    from soundalike.playlists import Playlist, PlaylistEntry, read_playlist, write_playlist
    from soundalike.recommend.explain import Explanation, explain
    from soundalike.recommend.journey import make_path
    from soundalike.recommend.passages import PassageMatch, PassageResult, find_passages
    from soundalike.recommend.playlist import make_playlist, wished_playlist
    from soundalike.recommend.playlist_files import (
        as_playlist,
        extend_playlist,
        extended,
        order_playlist,
        refresh_playlist,
        wished_extension,
    )
    from soundalike.recommend.records import (
        Likeness,
        MadePath,
        MadePlaylist,
        OrderedPlaylist,
        PathStop,
        PlaylistItem,
        RadioItem,
        RadioPart,
        RefreshedPlaylist,
    )
    from soundalike.recommend.station import continue_radio, start_radio
    from soundalike.recommend.taste import TasteReport, taste_of
    from soundalike.recommend.wishes import Wishes
    from soundalike.similarity.passages import Comparison, Passage, compare
    from soundalike.similarity.recording import Alignment
    from soundalike.similarity.taste import Taste

__all__ = [
    "Alignment",
    "AmbiguousTrack",
    "Analysis",
    "Analyzer",
    "Audio",
    "AudioError",
    "Busy",
    "Comparison",
    "Copy",
    "DamagedAudio",
    "DataError",
    "DecoderCrashed",
    "DuplicateGroup",
    "Explanation",
    "Failure",
    "Filter",
    "FindMatch",
    "FindResult",
    "Forgotten",
    "Heard",
    "InvalidArgument",
    "Judgement",
    "KnownGenre",
    "KnownWord",
    "Library",
    "LibraryError",
    "LibraryEvaluation",
    "LibraryInUse",
    "LibraryInfo",
    "Likeness",
    "Limits",
    "ListenImport",
    "MadePath",
    "MadePlaylist",
    "Match",
    "MissingExtra",
    "ModelError",
    "ModelInfo",
    "ModelMismatch",
    "OrderedPlaylist",
    "OutputError",
    "Passage",
    "PassageMatch",
    "PassageResult",
    "PassedTrack",
    "PathStop",
    "Playlist",
    "PlaylistEntry",
    "PlaylistError",
    "PlaylistItem",
    "PlaylistNotFound",
    "PlaylistResolution",
    "ProtectedAudio",
    "RadioItem",
    "RadioPart",
    "RefreshedPlaylist",
    "ResolvedEntry",
    "ScanProgress",
    "ScanReport",
    "ScannedFolder",
    "Seed",
    "ServerError",
    "SilentAudio",
    "SimilarResult",
    "SoundalikeError",
    "Tags",
    "Taste",
    "TasteReport",
    "TasteUse",
    "TooShort",
    "Track",
    "TrackNotFound",
    "UnreadableFile",
    "UnsupportedAudio",
    "UnwritableTags",
    "Upgrade",
    "Version",
    "VersionGroup",
    "VersionsResult",
    "View",
    "Wishes",
    "Years",
    "__version__",
    "as_playlist",
    "compare",
    "continue_radio",
    "evaluate_library",
    "explain",
    "extend_playlist",
    "extended",
    "find_passages",
    "load_audio",
    "log_mel",
    "make_path",
    "make_playlist",
    "order_playlist",
    "read_playlist",
    "refresh_playlist",
    "start_radio",
    "taste_of",
    "wished_extension",
    "wished_playlist",
    "write_playlist",
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
        "Busy",
        "DamagedAudio",
        "DataError",
        "DecoderCrashed",
        "InvalidArgument",
        "LibraryError",
        "LibraryInUse",
        "MissingExtra",
        "ModelError",
        "ModelMismatch",
        "OutputError",
        "PlaylistError",
        "PlaylistNotFound",
        "ServerError",
        "ProtectedAudio",
        "SilentAudio",
        "SoundalikeError",
        "TooShort",
        "TrackNotFound",
        "UnreadableFile",
        "UnsupportedAudio",
        "UnwritableTags",
    ),
    "soundalike.evaluate.neighbours": ("evaluate_library",),
    "soundalike.evaluate.records": ("LibraryEvaluation",),
    "soundalike.frontends.log_mel": ("log_mel",),
    # Where in it they are, it says itself.
    "soundalike.library": (
        "Copy",
        "DuplicateGroup",
        "Failure",
        "Filter",
        "Forgotten",
        "Heard",
        "Judgement",
        "Library",
        "LibraryInfo",
        "Limits",
        "ListenImport",
        "Match",
        "PassedTrack",
        "ScanProgress",
        "ScanReport",
        "ScannedFolder",
        "Seed",
        "SimilarResult",
        "TasteUse",
        "Track",
        "Upgrade",
        "Version",
        "VersionGroup",
        "VersionsResult",
        "Years",
    ),
    "soundalike.library.playlist_records": ("PlaylistResolution", "ResolvedEntry"),
    "soundalike.library.view": ("View",),
    "soundalike.library.word_records": (
        "FindMatch",
        "FindResult",
        "KnownGenre",
        "KnownWord",
    ),
    "soundalike.models.registry": ("ModelInfo",),
    "soundalike.playlists": (
        "Playlist",
        "PlaylistEntry",
        "read_playlist",
        "write_playlist",
    ),
    "soundalike.recommend.journey": ("make_path",),
    "soundalike.recommend.playlist": ("make_playlist", "wished_playlist"),
    "soundalike.recommend.playlist_files": (
        "as_playlist",
        "extend_playlist",
        "extended",
        "order_playlist",
        "refresh_playlist",
        "wished_extension",
    ),
    "soundalike.recommend.records": (
        "Likeness",
        "MadePath",
        "MadePlaylist",
        "OrderedPlaylist",
        "PathStop",
        "PlaylistItem",
        "RadioItem",
        "RadioPart",
        "RefreshedPlaylist",
    ),
    "soundalike.recommend.station": (
        "continue_radio",
        "start_radio",
    ),
    "soundalike.recommend.explain": (
        "Explanation",
        "explain",
    ),
    "soundalike.recommend.passages": (
        "PassageMatch",
        "PassageResult",
        "find_passages",
    ),
    "soundalike.recommend.taste": (
        "TasteReport",
        "taste_of",
    ),
    "soundalike.recommend.wishes": ("Wishes",),
    "soundalike.similarity.passages": (
        "Comparison",
        "Passage",
        "compare",
    ),
    "soundalike.similarity.taste": ("Taste",),
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
