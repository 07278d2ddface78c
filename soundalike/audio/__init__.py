"""Audio files: what they hold, and their samples.

Start with ``reader``. ``decoder`` turns packets into blocks of samples, ``headers`` reads what a
file says about its own length, ``tags`` reads its tags, and ``effects`` changes a waveform.
"""

from soundalike.audio.decoder import AudioInfo
from soundalike.audio.reader import Audio, AudioReader, Resampler, load_audio, probe, read_tags
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
