"""Audio files: what they hold, and their samples.

Start with ``reader``. ``container`` opens a file with FFmpeg, ``decoder`` turns packets into blocks
of samples, ``mixing`` makes one channel of several, ``headers`` and ``wave_format`` read what a
file says about its own length and layout, ``tags`` reads its tags, and ``effects`` changes a
waveform. FFmpeg is loaded with the first use of a reader, not with this package.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soundalike.audio.container import AudioInfo
    from soundalike.audio.reader import (
        Audio,
        AudioReader,
        Resampler,
        load_audio,
        probe,
        read_tags,
    )
    from soundalike.audio.tags import Tags

__all__ = [
    "Audio",
    "AudioInfo",
    "AudioReader",
    "Resampler",
    "Tags",
    "load_audio",
    "probe",
    "read_tags",
]

_HOMES = {"AudioInfo": "soundalike.audio.container", "Tags": "soundalike.audio.tags"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, "soundalike.audio.reader")), name)
    globals()[name] = value
    return value
