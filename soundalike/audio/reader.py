"""Opening an audio file: what it holds, its tags, its samples in blocks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from soundalike.audio.codepages import check_encoding
from soundalike.audio.container import AudioInfo, open_container
from soundalike.audio.decoder import SAMPLE_RATES, Decoder
from soundalike.audio.headers import read_header
from soundalike.audio.source import Source, StrPath, tell_progress
from soundalike.audio.tags import Tags, mended, read_with_mutagen, tags_from_mapping
from soundalike.closing import Closing
from soundalike.errors import InvalidArgument, UnreadableFile, printable
from soundalike.files import why

__all__ = [
    "Audio",
    "AudioReader",
    "Resampler",
    "load_audio",
    "probe",
    "read_tags",
    "resampled",
]

FloatArray = NDArray[np.float32]

# Channels that cancel each other out for less than this are not reported; more than this share is
# the whole track.
_CANCELLED_S, _CANCELLED_SHARE = 1.0, 0.95


@dataclass(frozen=True)
class Audio:
    """Decoded audio.

    Attributes
    ----------
    samples : float32, full scale at 1; (n_samples,) if mono, else (n_channels, n_samples).
    sample_rate : Hz.
    notes : what was odd, such as "truncated: 12.3 s of 240.0 s could be decoded".
    """

    samples: FloatArray
    sample_rate: int
    notes: tuple[str, ...] = ()

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return float(self.samples.shape[-1] / self.sample_rate)


def probe(path: StrPath) -> AudioInfo:
    """Tell what a file holds, from its header and first packets.

    Raises
    ------
    UnreadableFile, UnsupportedAudio, ProtectedAudio, DamagedAudio : as :class:`AudioReader`.
    """
    with Decoder(path) as decoder:
        return decoder.info


def read_tags(path: StrPath, encoding: str | None = None) -> Tags:
    """Read title, artist and so on. A file without tags, or with broken ones, has none.

    Parameters
    ----------
    path : any audio file.
    encoding : what text is in that does not state it, or states Latin-1, such as "cp1251". By
        default Windows-1252 (which contains Latin-1), Windows-1251 and Shift-JIS are told apart.
        Text that is UTF-8 is read as such in any case. A byte that does not fit becomes the
        character of Windows-1252 or Latin-1 with its number, so that none gets lost.

    Raises
    ------
    UnreadableFile : missing, a folder, a broken link, not permitted, no regular file.
    InvalidArgument : Python knows no such encoding.
    """
    check_encoding(encoding)
    with Source(path) as source:
        header = read_header(source)
        source.corrections = header.corrections
        is_mpeg = header.kind in (None, "MP3")
        try:
            found = read_with_mutagen(str(Path(source.local)), is_mpeg=is_mpeg, encoding=encoding)
        except OSError as error:
            raise UnreadableFile(path, why(error)) from error
        if found.is_whole or source.size == 0:
            return found.tags
        # mutagen knows neither Matroska nor the INFO chunk of WAV, and drops bytes that are not
        # UTF-8. FFmpeg knows them all.
        source.seek(0)
        try:
            with open_container(source) as container:
                values = {k: v for s in container.streams.audio for k, v in s.metadata.items()}
                values.update(container.metadata)
                tags = tags_from_mapping(values, encoding, like=found.tags)
        except av.error.FFmpegError:
            return found.tags
        return mended(found.tags, tags)


def load_audio(
    path: StrPath,
    *,
    sample_rate: int | None = None,
    mono: bool = True,
    start_s: float = 0.0,
    end_s: float | None = None,
) -> Audio:
    """Decode a file, or a passage of it, into memory.

    Parameters
    ----------
    path : any audio file that FFmpeg decodes.
    sample_rate : Hz to resample to; by default the file's own.
    mono : mix all channels to their mean, see :class:`AudioReader`.
    start_s, end_s : seconds; by default the whole track.

    Raises
    ------
    UnreadableFile, UnsupportedAudio, ProtectedAudio, DamagedAudio, InvalidArgument : as
        :class:`AudioReader`.

    Examples
    --------
    >>> audio = load_audio("piece.flac", sample_rate=22050)    # doctest: +SKIP
    >>> audio.samples.shape, audio.sample_rate                 # doctest: +SKIP
    ((661500,), 22050)
    """
    if sample_rate is not None and (
        isinstance(sample_rate, bool) or sample_rate not in SAMPLE_RATES
    ):
        raise InvalidArgument(
            f"sample_rate must be a whole number of Hz from {SAMPLE_RATES[0]} to "
            f"{SAMPLE_RATES[-1]}, not {sample_rate!r}"
        )
    with AudioReader(path, start_s=start_s, end_s=end_s, mono=mono) as reader:
        rate = sample_rate or reader.sample_rate
        blocks = list(resampled(reader, rate))
    return Audio(np.concatenate(blocks, axis=-1), rate, tuple(reader.notes))


def resampled(reader: AudioReader, sample_rate: int) -> Iterator[FloatArray]:
    """The blocks of a reader at another sample rate in Hz."""
    if sample_rate == reader.sample_rate:
        yield from reader
        return
    resampler = Resampler(reader.sample_rate, sample_rate)
    for block in reader:
        yield resampler.push(block)
    yield resampler.finish()


class AudioReader(Closing):
    """Decode a file block by block, in bounded memory.

    Iterate over it, once, for blocks of float32 with full scale at 1: (n_samples,) if mono, else
    (n_channels, n_samples). All samples are finite. Packets that do not decode are left out and
    noted; so is a file that ends before the length it states.

    Parameters
    ----------
    path : any audio file that FFmpeg decodes; of a video, its sound.
    start_s, end_s : seconds; the blocks are the exact slice of the whole track.
    mono : mix all channels to their mean; where they cancel each other out (the right one is the
        left one turned round, say), the strongest alone is taken, and noted.

    Attributes
    ----------
    info : what the file holds.
    sample_rate : Hz, that of the first frame; what follows at another rate is resampled to it.
    notes : what was odd; complete after the iteration.

    Raises
    ------
    UnreadableFile : missing, a folder, a broken link, not permitted, no regular file; or, while
        iterating, it changed, vanished or could not be read further.
    UnsupportedAudio : empty, no audio, no audio stream, or an unknown codec.
    ProtectedAudio : encrypted.
    DamagedAudio : nothing could be decoded; or, after the iteration, most of it was damaged.
    InvalidArgument : times that are not a passage of the track. A start beyond its end shows only
        after the iteration: what a header states may be wrong.
    """

    def __init__(
        self,
        path: StrPath,
        *,
        start_s: float = 0.0,
        end_s: float | None = None,
        mono: bool = True,
    ) -> None:
        self._decoder = Decoder(path)
        self.info = self._decoder.info
        self.sample_rate = self.info.sample_rate
        self.notes: list[str] = []
        self._mono = mono
        self._start_s, self._end_s = start_s, end_s
        self._n_yielded = 0
        self._is_used = False
        try:
            self._check_times()
        except InvalidArgument:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._decoder.close()

    @property
    def duration_s(self) -> float:
        """Seconds that the iteration has yielded so far."""
        return self._n_yielded / self.sample_rate

    def _check_times(self) -> None:
        start_s, end_s, duration_s = self._start_s, self._end_s, self.info.duration_s
        for name, value in (("start_s", start_s), ("end_s", end_s)):
            is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
            if not is_number and not (name == "end_s" and value is None):
                raise InvalidArgument(f"{name} must be a number of seconds, not {value!r}")
        lasts = "" if duration_s is None else f"; the track lasts {duration_s:.1f} s"
        if not (math.isfinite(start_s) and start_s >= 0):
            raise InvalidArgument(f"start_s must be 0 or more seconds, not {start_s}{lasts}")
        if end_s is not None and not end_s > start_s:
            raise InvalidArgument(f"end_s must be more than start_s {start_s}, not {end_s}{lasts}")

    def _beyond(self, duration_s: float) -> InvalidArgument:
        return InvalidArgument(
            f"start_s {self._start_s} is beyond the end of {printable(self.info.path)}, "
            f"which lasts {duration_s:.1f} s"
        )

    def __iter__(self) -> Iterator[FloatArray]:
        if self._is_used:
            raise RuntimeError("an AudioReader can be read only once: open another")
        self._is_used = True
        rate = self.sample_rate
        first = round(self._start_s * rate)
        last = None
        if self._end_s is not None and math.isfinite(self._end_s):
            last = max(first + 1, round(self._end_s * rate))
        position = self._decoder.skip_towards(self._start_s)
        reached_end = True
        for block in self._blocks(position, (first, math.inf if last is None else last)):
            n_samples = block.shape[-1]
            begin = min(max(first - position, 0), n_samples)
            end = n_samples if last is None else min(last - position, n_samples)
            position += n_samples
            if end > begin:
                self._n_yielded += end - begin
                yield block[..., begin:end]
            if last is not None and position >= last:
                reached_end = False
                break
        self._decoder.check()
        if not self._n_yielded:
            raise self._beyond(position / rate)
        self.notes += self._decoder.notes(position / rate if reached_end else None)
        if reached_end and last is not None and last - position > rate / 2:
            self.notes.append(f"the track ends at {position / rate:.1f} s, before end_s")
        self._note_cancelled()

    def _note_cancelled(self) -> None:
        """Say for how long the channels cancelled each other out."""
        cancelled_s, duration_s = self._decoder.cancelled_s, self.duration_s
        # A moment of an effect is nothing to report, unless the passage is hardly longer.
        if cancelled_s < min(_CANCELLED_S, duration_s / 2):
            return
        if cancelled_s < _CANCELLED_SHARE * duration_s:
            self.notes.append(
                f"the channels cancel each other out in {cancelled_s:.1f} s of {duration_s:.1f} s: "
                "the strongest alone is used there"
            )
        else:
            self.notes.append("the channels cancel each other out: the strongest alone is used")

    def _blocks(self, position: int, heard: tuple[float, float]) -> Iterator[FloatArray]:
        """Blocks at the rate and with the channels of the first frame."""
        resampler: Resampler | None = None
        blocks = self._decoder.blocks(mono=self._mono, position=position, heard=heard)
        for rate, block in blocks:
            # Of a small file, hours of sound may come without another byte being read.
            tell_progress()
            if resampler is not None and rate != resampler.rate_in:
                yield resampler.finish()
                resampler = None
            if not self._mono and len(block) != self.info.channels:
                block = np.tile(block.mean(axis=0, dtype=np.float32), (self.info.channels, 1))
            if rate != self.sample_rate:
                resampler = resampler or Resampler(rate, self.sample_rate)
                block = resampler.push(block)
            yield block
        if resampler is not None:
            yield resampler.finish()


class Resampler:
    """Resample blocks of (n,) or (n_channels, n) float32 by FFmpeg's swresample.

    Each channel is resampled separately, so the channel order does not matter.
    """

    def __init__(self, rate_in: int, rate_out: int) -> None:
        self.rate_in, self._rate_out = rate_in, rate_out
        self._channels: list[av.AudioResampler] = []
        self._shape: tuple[int, ...] = ()

    def push(self, block: FloatArray) -> FloatArray:
        self._shape = block.shape[:-1]
        rows = block.reshape(-1, block.shape[-1])
        if not self._channels:
            self._channels = [
                av.AudioResampler(format="flt", layout="mono", rate=self._rate_out) for _ in rows
            ]
        frames = []
        for row in rows:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(row[None]), "flt", "mono")
            frame.sample_rate = self.rate_in
            frames.append(frame)
        return self._resample(frames)

    def finish(self) -> FloatArray:
        return self._resample([None] * len(self._channels))

    def _resample(self, frames: list[Any]) -> FloatArray:
        rows = []
        for channel, frame in zip(self._channels, frames, strict=True):
            parts = [out.to_ndarray()[0] for out in channel.resample(frame) if out is not None]
            rows.append(np.concatenate(parts) if parts else np.empty(0, np.float32))
        return np.reshape(rows, (*self._shape, -1)).astype(np.float32, copy=False)
