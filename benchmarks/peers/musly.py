"""pymusly, its default method ``timbre``: Gaussians of MFCCs, Jensen-Shannon divergence.

musly is no embedding: it compares models of tracks, and sets the divergences in relation to those
of the collection (mutual proximity), which is why it must see all tracks before it compares any.
The wheel has no decoder and would call the ffmpeg program; PyAV decodes here instead, to the mono
samples at 22,050 Hz that musly asks for. It is handed the whole track and itself takes 60 s from
the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import av
import numpy as np
import pymusly

from benchmarks.peers.serve import Arrays, serve

_SAMPLE_RATE = 22_050

_jukebox = pymusly.MuslyJukebox("timbre")


def analyse(path: str) -> Arrays:
    track = _jukebox.track_from_audiodata(_decode(path))
    return {"track": np.frombuffer(_jukebox.serialize_track(track), dtype=np.uint8)}


def _decode(path: str) -> np.ndarray:
    blocks = []
    # Tags in another encoding than they claim are no reason to fail.
    with av.open(path, metadata_errors="replace") as container:
        resampler = av.AudioResampler("flt", "mono", _SAMPLE_RATE)
        for packet in container.demux(container.streams.audio[0]):
            # As the program does: a packet that does not decode is passed over.
            with suppress(av.error.FFmpegError):
                for frame in packet.decode():
                    blocks += [block.to_ndarray()[0] for block in resampler.resample(frame)]
        blocks += [block.to_ndarray()[0] for block in resampler.resample(None)]
    return np.concatenate(blocks)


def compare(files: Sequence[Arrays], variant: str) -> list[list[float]]:
    tracks = [_jukebox.deserialize_track(file["track"].tobytes()) for file in files]
    # The documentation asks for a sample of at most 1,000 tracks, drawn at random.
    sample = np.random.default_rng(0).permutation(len(tracks))[:1000]
    _jukebox.set_style([tracks[i] for i in sample])
    numbered = list(enumerate(tracks))
    _jukebox.add_tracks(numbered)
    # What it calls similarity is a distance: 0 for the track itself.
    return [[-d for d in _jukebox.compute_similarity(seed, numbered)] for seed in numbered]


if __name__ == "__main__":
    serve(analyse, compare)
