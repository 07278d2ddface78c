"""Audio files: what they hold, and their samples.

Start with ``reader``. ``container`` opens a file with FFmpeg, ``decoder`` turns packets into blocks
of samples, ``mixing`` makes one channel of several, ``headers`` and ``wave_format`` read what a
file says about its own length and layout, ``tags`` reads its tags, ``digest`` tells the same sound
under other tags, and ``effects`` changes a waveform. FFmpeg is loaded with the first use of a
reader, not with this package. ``spread`` decodes a few passages of a file.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soundalike.audio.container import AudioInfo
    from soundalike.audio.digest import audio_digest
    from soundalike.audio.reader import (
        Audio,
        AudioReader,
        Resampler,
        load_audio,
        probe,
        read_tags,
        resampled,
    )
    from soundalike.audio.spread import Spread, read_spread
    from soundalike.audio.tags import Tags

__all__ = [
    "Audio",
    "AudioInfo",
    "AudioReader",
    "Resampler",
    "Spread",
    "Tags",
    "audio_digest",
    "load_audio",
    "probe",
    "read_spread",
    "read_tags",
    "resampled",
]

_HOMES = {
    "AudioInfo": "soundalike.audio.container",
    "Spread": "soundalike.audio.spread",
    "Tags": "soundalike.audio.tags",
    "audio_digest": "soundalike.audio.digest",
    "read_spread": "soundalike.audio.spread",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, "soundalike.audio.reader")), name)
    globals()[name] = value
    return value
