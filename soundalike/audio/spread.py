"""A few passages spread over a file, reached by seeking: what lies between is not decoded.

Where a seek has led, the packets' own times say. They are compared with what is decoded, and the
end of the file is looked at: where times, lengths or packets do not agree, there are no passages,
and the file has to be heard as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from soundalike.audio.decoder import Decoder
from soundalike.audio.mixing import CONTEXT_S
from soundalike.audio.source import StrPath, tell_progress

__all__ = ["TOLERANCE_S", "Spread", "read_spread"]

FloatArray = NDArray[np.float32]

TOLERANCE_S: Final = 0.1
"""How far the times of packets may be from what was decoded since the last seek, in seconds."""

# A decoder needs some packets to get going, and what is mixed depends on what is heard before.
_PREROLL_S: Final = CONTEXT_S + 0.25
# Formats with few places to go to would have to be decoded for longer than a passage lasts.
_MOST_PREROLL_S: Final = 10.0
# How much of the end is looked at, and how far it may lie from what the file states.
_TAIL_S, _OFF_BY_S = 1.0, 1.0
# Where several tracks in one file have times of their own, a seek finds one of them: between two
# passages then lie far more bytes than their share.
_MOST_BYTES: Final = 2.0
# Those that end with their last packet; others may have pictures there.
_PLAIN_END: Final = {"flac", "ogg"}


@dataclass(frozen=True, eq=False)
class Spread:
    """Passages of a track.

    Attributes
    ----------
    sample_rate : Hz.
    starts_s : when each passage begins, seconds; true within ``TOLERANCE_S`` by the packets' times.
    passages : float32 (n_samples,) each, all channels mixed.
    duration_s : seconds, of the whole track.
    notes : what was odd.
    """

    sample_rate: int
    starts_s: tuple[float, ...]
    passages: tuple[FloatArray, ...]
    duration_s: float
    notes: tuple[str, ...]


def read_spread(
    path: StrPath, n_passages: int, passage_s: float, *, most_share: float
) -> Spread | None:
    """Decode passages that lie in the middles of equal parts of a track.

    Parameters
    ----------
    path : any audio file that FFmpeg decodes.
    passage_s : seconds of each passage. Laid end to end they are as long as so many passages, to
        the sample: their lengths are rounded together.
    most_share : of the track that the passages may be, 0 to 1.

    Returns
    -------
    None where the passages would be more of the track than that, where its length or its packets'
    times are not known or not true, and where anything in them is damaged.

    Raises
    ------
    UnreadableFile, UnsupportedAudio, ProtectedAudio, DamagedAudio : as ``AudioReader``.
    """
    decoder = _SeekingDecoder(path)
    with decoder:
        stated_s = decoder.info.duration_s
        if stated_s is None or n_passages * passage_s > most_share * stated_s:
            return None
        try:
            duration_s = decoder.end_s(stated_s)
            rate = decoder.info.sample_rate
            edges = [math.ceil(i * passage_s * rate) for i in range(n_passages + 1)]
            starts_s, passages = [], []
            for i in range(n_passages):
                middle_s = (i + 0.5) / n_passages * duration_s
                first = round((middle_s - passage_s / 2) * rate)
                passages.append(decoder.passage(first, edges[i + 1] - edges[i]))
                starts_s.append(first / rate)
            decoder.check_places(duration_s)
        except (_NotThere, av.error.FFmpegError):
            return None
        decoder.check()
        notes = decoder.notes(None)
    return Spread(rate, tuple(starts_s), tuple(passages), duration_s, tuple(notes))


class _NotThere(Exception):
    """A time cannot be gone to, or what is there is not what it should be."""


class _SeekingDecoder(Decoder):
    """A decoder that can go to any time, as long as all times agree."""

    def __init__(self, path: StrPath) -> None:
        super().__init__(path)
        self._zero_pts: int | None = self._first.pts
        # Times, and the places in the file where they lie.
        self._places: list[tuple[float, int]] = []
        self._note_place(0.0)

    def end_s(self, stated_s: float) -> float:
        """When the track ends, by its last packets.

        Raises
        ------
        _NotThere : it does not end where it should.
        """
        is_true = self.stated_s is None or abs(self.stated_s - stated_s) <= _OFF_BY_S
        if not (is_true and self._header.has_end) or self._header.unread_s > _OFF_BY_S:
            raise _NotThere
        self._go_to(max(0.0, stated_s - _TAIL_S))
        end_s = 0.0
        for frame, begins_s in self._timed(stated_s - _TAIL_S / 2):
            end_s = begins_s + frame.samples / frame.sample_rate
            if end_s > stated_s + _OFF_BY_S:
                raise _NotThere
        if self._broke_off or end_s < stated_s - _OFF_BY_S:
            raise _NotThere
        return end_s

    def check_places(self, duration_s: float) -> None:
        """Compare where in the file the passages were found with when they are.

        Raises
        ------
        _NotThere : they are too far apart in it.
        """
        first = min((pos for _, pos in self._places), default=0)
        end = max((pos for _, pos in self._places), default=0)
        if self.info.container in _PLAIN_END:
            end = self._source.size
        places = [*sorted(self._places), (duration_s, end)]
        for (before_s, before), (after_s, after) in pairwise(places):
            share = max(after_s - before_s, _PREROLL_S) / duration_s
            if after - before > _MOST_BYTES * share * (end - first):
                raise _NotThere

    def passage(self, first: int, n_samples: int) -> FloatArray:
        """So many samples from one on, mixed.

        Raises
        ------
        _NotThere : they cannot be reached, or are damaged.
        """
        rate = self.info.sample_rate
        last = first + n_samples
        landed_s = self._go_to(max(0.0, first / rate - _PREROLL_S))
        position = round(landed_s * rate)
        if not first - _MOST_PREROLL_S * rate <= position <= first:
            raise _NotThere
        frames = self._timed(first / rate, last / rate + CONTEXT_S)
        self._first, _ = next(frames)
        self._frames = (frame for frame, _ in frames)
        parts = []
        for _, block in self.blocks(mono=True, position=position, heard=(first, last)):
            tell_progress()
            parts.append(block[max(first - position, 0) : max(last - position, 0)])
            position += block.size
        found = np.concatenate(parts)
        if found.size != n_samples or self._n_replaced:
            raise _NotThere
        return found

    def _go_to(self, time_s: float) -> float:
        """Go to a time or a little before; the time of the next sample."""
        stream, zero = self._stream, self._zero_pts
        if zero is None:
            raise _NotThere
        self._container.seek(zero + int(time_s / stream.time_base), stream=stream)
        stream.codec_context.flush_buffers()
        self._frames = self._decode()
        # What a decoder makes of the first packets alone may have no time.
        for frame in self._frames:
            if frame.pts is not None:
                self._first = frame
                time_s = self._time_s(frame)
                self._note_place(time_s)
                return time_s
        raise _NotThere

    def _note_place(self, time_s: float) -> None:
        if self._landing is not None:
            self._places.append((time_s, self._landing.pos))

    def _time_s(self, frame: av.AudioFrame) -> float:
        assert frame.pts is not None  # asked before
        assert self._zero_pts is not None
        return float((frame.pts - self._zero_pts) * self._stream.time_base)

    def _timed(
        self, sound_s: float, until_s: float = math.inf
    ) -> Iterator[tuple[av.AudioFrame, float]]:
        """The frames from where it landed on, and when each begins; all of one form.

        Parameters
        ----------
        sound_s : what is damaged before is due to the seek.
        until_s : no frame that begins later.
        """
        rate, channels = self.info.sample_rate, self.info.channels
        position_s = self._time_s(self._first)
        frames = self._frames
        frame: av.AudioFrame | None = self._first
        while frame is not None and position_s < until_s:
            # What a decoder hands out last may have no time.
            is_true = frame.pts is None or abs(self._time_s(frame) - position_s) <= TOLERANCE_S
            is_same = (frame.sample_rate, frame.layout.nb_channels) == (rate, channels)
            if not (is_true and is_same):
                raise _NotThere
            if position_s < sound_s:
                self._n_damaged = self._n_damaged_at_end = 0
            yield frame, position_s
            position_s += frame.samples / rate
            frame = next(frames, None)
        if self._n_damaged + self._n_damaged_at_end:
            raise _NotThere
