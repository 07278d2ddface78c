"""What happens to recordings as they are copied and shared: functions of the waveform.

All are deterministic. Pitch and tempo are changed by FFmpeg's ``atempo`` (WSOLA, as players do it),
MP3 by LAME.
"""

from __future__ import annotations

import io

import av
import numpy as np
from numpy.typing import NDArray

from soundalike.audio.writing import encode

__all__ = ["change_gain", "change_pitch", "change_tempo", "through_mp3"]

Samples = NDArray[np.float32]


def change_gain(waveform: Samples, gain_db: float) -> Samples:
    """Louder or softer by so many dB; what passes full scale is clipped, as in a file."""
    louder: Samples = waveform * np.float32(10 ** (gain_db / 20))
    return np.clip(louder, -1, 1)


def through_mp3(waveform: Samples, rate: int, bit_rate: int) -> Samples:
    """Encode as MP3 (constant bit rate in bits a second) and decode again, in memory.

    Parameters
    ----------
    waveform : (n_samples,), or (2, n_samples) for joint stereo.

    Raises
    ------
    InvalidArgument : MP3 does not have this sample rate.
    """
    file = io.BytesIO(encode(waveform, rate, "mp3", bit_rate))
    with av.open(file, "r") as decoded:
        blocks = [frame.to_ndarray() for frame in decoded.decode(audio=0)]
    together = np.concatenate(blocks, axis=1).astype(np.float32)
    return together[0] if waveform.ndim == 1 else together


def change_tempo(waveform: Samples, rate: int, percent: float) -> Samples:
    """Faster (above 0) or slower (below) by so many per cent, at the same pitch."""
    return _filtered(waveform, rate, [("atempo", f"{1 + percent / 100:.6f}")])


def change_pitch(waveform: Samples, rate: int, percent: float) -> Samples:
    """Higher or lower by so many per cent (a semitone is 5.9), at the same tempo."""
    factor = 1 + percent / 100
    played_at = round(rate * factor)
    return _filtered(
        waveform,
        rate,
        [
            ("asetrate", str(played_at)),
            ("aresample", str(rate)),
            ("atempo", f"{rate / played_at:.6f}"),
        ],
    )


def _frame(waveform: Samples, rate: int) -> av.AudioFrame:
    planes = np.ascontiguousarray(np.atleast_2d(waveform))
    frame = av.AudioFrame.from_ndarray(planes, "fltp", "mono" if len(planes) == 1 else "stereo")
    frame.sample_rate = rate
    return frame


def _filtered(waveform: Samples, rate: int, filters: list[tuple[str, str]]) -> Samples:
    """Send mono samples through filters of FFmpeg's."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=rate, format="fltp", layout="mono", time_base=None)
    steps = [graph.add(name, argument) for name, argument in filters]
    # atempo works on what it is given; the planes of one channel come back as they went in.
    ends = [graph.add("aformat", "sample_fmts=fltp"), graph.add("abuffersink")]
    graph.link_nodes(source, *steps, *ends).configure()
    graph.push(_frame(waveform, rate))
    graph.push(None)
    blocks = []
    while True:
        try:
            blocks.append(graph.pull().to_ndarray()[0])
        except (av.error.EOFError, av.error.BlockingIOError):
            break
    return np.concatenate(blocks).astype(np.float32)
