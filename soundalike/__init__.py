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
    from soundalike.audio import Audio, load_audio
    from soundalike.errors import SoundalikeError
    from soundalike.evaluate.neighbours import evaluate_library
    from soundalike.frontends.log_mel import log_mel
    from soundalike.library import Library
    from soundalike.similarity.passages import Comparison, compare

__all__ = [
    "Analysis",
    "Analyzer",
    "Audio",
    "Comparison",
    "Library",
    "SoundalikeError",
    "__version__",
    "compare",
    "evaluate_library",
    "load_audio",
    "log_mel",
]

__version__ = "0.1.0"

_HOMES = {
    "Analysis": "soundalike.analyzer",
    "Analyzer": "soundalike.analyzer",
    "Audio": "soundalike.audio",
    "Comparison": "soundalike.similarity.passages",
    "Library": "soundalike.library",
    "SoundalikeError": "soundalike.errors",
    "compare": "soundalike.similarity.passages",
    "evaluate_library": "soundalike.evaluate.neighbours",
    "load_audio": "soundalike.audio",
    "log_mel": "soundalike.frontends.log_mel",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'soundalike' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
