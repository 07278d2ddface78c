"""One audio file, opened and decoded into runs of samples.

FFmpeg decodes, through PyAV. It gets the open file, and only audio formats are accepted, so that no
other file is ever read: playlists and streams that name others are refused.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import av
import av.error
import av.stream
import numpy as np
from av.audio.plane import AudioPlane
from av.container import InputContainer
from numpy.typing import NDArray

from soundalike.audio.headers import read_header
from soundalike.audio.source import Source, StrPath
from soundalike.errors import (
    DamagedAudio,
    ProtectedAudio,
    UnsupportedAudio,
)
from soundalike.files import why

__all__ = ["SAMPLE_RATES", "AudioInfo", "Decoder", "open_container"]

FloatArray = NDArray[np.float32]

_PYAV = int(av.__version__.split(".")[0])

# Samples in a block: 1.5 s at 44,100 Hz. Larger ones leave the processor's cache and are slower.
BLOCK_SAMPLES = 1 << 16

# Every demuxer of FFmpeg that reads music. Left out on purpose: playlists and other formats that
# open further files or URLs, pictures, subtitles, text, and raw samples without a header.
_DEMUXERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,dts,dtshd,eac3,flac,flv,iff,loas,matroska,mlp,mov,"
    "mp3,mp4,mpc,mpc8,mpeg,mpegts,nistsphere,nut,ogg,oma,osq,qoa,rm,shn,tak,truehd,tta,voc,vqf,"
    "w64,wav,webm,wv,xwma"
)
_CONTAINER_OPTIONS = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "none"}
# The demuxers whose duration comes from the header, not from size and bit rate.
_STATE_DURATION = {"aiff", "ape", "dsf", "flac", "mov", "matroska", "mpc", "mpc8"}
_STATE_DURATION |= {"tak", "tta", "wv"}
# Kinds of header that may describe an order of channels of their own.
_APPLE = {"AIFF", "CAF", "MP4"}
# Those that seek to an exact time, and those whose packets can be skipped by their times.
_SEEK_EXACTLY = {"aiff", "caf", "flac", "mov", "wav", "w64"}
_SKIP_EXACTLY = _SEEK_EXACTLY | {"mp3"}
# Those whose packets carry times of their own; a gap in them longer than this is a loss.
_KEEP_TIME, _MISSING_S = {"asf", "flac", "ogg"}, 0.1
# A decoder needs some packets to get going: the bit reservoir of MP3, the overlap of all codecs.
_PREROLL_S = 1.0

SAMPLE_RATES = range(1_000, 3_000_001)
# Float samples above this are not audio at any scale, but other data.
_MAX_LEVEL = 1e10
# A demuxer that fails so often in a row does not recover.
_MAX_DEMUX_ERRORS = 16
# How much shorter than stated a track may be: encoders round and pad.
_SHORT_BY_S, _SHORT_BY_SHARE = 1.0, 0.01


@dataclass(frozen=True)
class AudioInfo:
    """What a file holds.

    Attributes
    ----------
    path : the file.
    container : FFmpeg's name of the format, such as "mp3", "mov" (all of MP4) or "ogg".
    codec : FFmpeg's name of the codec, such as "mp3", "aac" or "flac".
    sample_rate : Hz.
    channels : number of channels.
    duration_s : seconds; None if unknown.
    duration_is_stated : whether the duration is stored in the file. If not, it is an estimate
        from size and bit rate, which is wrong for a variable one.
    bit_rate : bits a second; None if unknown.
    """

    path: Path
    container: str
    codec: str
    sample_rate: int
    channels: int
    duration_s: float | None
    duration_is_stated: bool
    bit_rate: int | None


# No byte of a tag that is not UTF-8 may stop the opening. From 19 on PyAV always works like this.
_METADATA_OPTIONS: dict[str, Any] = {} if _PYAV >= 19 else {"metadata_errors": "surrogateescape"}


def open_container(source: Source) -> InputContainer:
    opened: InputContainer = av.open(
        source, "r", container_options=_CONTAINER_OPTIONS, buffer_size=1 << 16, **_METADATA_OPTIONS
    )
    return opened


class _Form(NamedTuple):
    """How the samples of a run are laid out."""

    sample_rate: int
    channels: int
    sample_format: str


# Decoder's sample format -> type, value of full scale, value of silence.
_SAMPLE_FORMATS: dict[str, tuple[type[np.generic], float, float]] = {
    "u8": (np.uint8, 2.0**7, 2.0**7),
    "s16": (np.int16, 2.0**15, 0.0),
    "s32": (np.int32, 2.0**31, 0.0),
    "s64": (np.int64, 2.0**63, 0.0),
    "flt": (np.float32, 1.0, 0.0),
    "dbl": (np.float64, 1.0, 0.0),
}


class Decoder:
    """The first audio stream of a file that decodes, as runs of samples of one form.

    Raises
    ------
    UnreadableFile, UnsupportedAudio, ProtectedAudio, DamagedAudio : see AudioReader.
    """

    def __init__(self, path: StrPath) -> None:
        self._source = Source(path)
        try:
            if self._source.size == 0:
                raise UnsupportedAudio(path, "the file is empty")
            self._header = read_header(self._source)
            if self._header.protection is not None:
                raise ProtectedAudio(path, f"encrypted ({self._header.protection})")
            self._start()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Decoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close container and file."""
        # The frames generator holds the container's demuxer: it goes first.
        self._frames: Iterator[Any] = iter(())
        container: InputContainer | None = getattr(self, "_container", None)
        if container is not None:
            container.close()
        self._source.close()

    # -- opening -------------------------------------------------------------------------------

    def _start(self) -> None:
        """Open the container, and its best stream of which a frame decodes."""
        n_tried, reason = 0, ""
        while True:
            self._container = self._open()
            streams = self._audio_streams()
            if n_tried == len(streams):
                if self._header.kind is None:
                    raise self._no_audio()
                raise DamagedAudio(self._source.path, f"nothing could be decoded: {reason}")
            self._stream = streams[n_tried]
            self._n_good = self._n_damaged = self._n_damaged_at_end = self._n_replaced = 0
            self._missing_s = 0.0
            self._broke_off = False
            self._last_error = "it holds no audio data"
            self._frames = self._decode()
            first = next(self._frames, None)
            if first is not None:
                break
            self._container.close()
            reason = reason or self._last_error
            n_tried += 1
        self._first = first
        self.info = self._describe(first)
        if self.info.sample_rate not in SAMPLE_RATES:
            raise DamagedAudio(
                self._source.path, f"states a sample rate of {self.info.sample_rate} Hz"
            )

    def _open(self) -> InputContainer:
        path, header = self._source.path, self._header
        self._source.seek(0)
        try:
            return open_container(self._source)
        except av.error.FFmpegError as error:
            if not header.has_index:
                raise DamagedAudio(
                    path, f"truncated: the index of the {header.kind} file is missing"
                ) from error
            if header.kind is not None:
                raise DamagedAudio(
                    path, f"the {header.kind} header is damaged or cut off: {why(error)}"
                ) from error
            raise self._no_audio() from error

    def _no_audio(self) -> UnsupportedAudio:
        is_text = _is_text(self._source.read_at(0, 1024))
        reason = "text, not audio" if is_text else "no audio format that FFmpeg knows"
        return UnsupportedAudio(self._source.path, reason)

    def _audio_streams(self) -> list[Any]:
        """Audio streams with a decoder, the best first."""
        path, streams = self._source.path, list(self._container.streams.audio)
        if not streams:
            raise UnsupportedAudio(path, "holds no audio stream")
        usable = [stream for stream in streams if stream.codec_context is not None]
        if not usable:
            raise UnsupportedAudio(path, "no decoder for its audio codec is known")
        best = self._container.streams.best("audio")
        return sorted(usable, key=lambda stream: stream is not best)

    def _describe(self, first: av.AudioFrame) -> AudioInfo:
        header, container, stream = self._header, self._container, self._stream
        name = container.format.name.split(",")[0]
        duration_s: float | None = None
        if stream.duration is not None:
            duration_s = float(stream.duration * stream.time_base)
        # A film may last longer than its sound.
        elif container.duration is not None and not _has_film(container):
            duration_s = container.duration / av.time_base
        duration_s = duration_s if duration_s and duration_s > 0 else None
        self.stated_s = header.duration_s
        if self.stated_s is None and name in _STATE_DURATION:
            self.stated_s = duration_s
        # An MP3's stated length counts the silence that encoders add, FFmpeg's does not.
        if header.duration_s is not None and name != "mp3":
            duration_s = header.duration_s
        return AudioInfo(
            path=Path(self._source.path),
            container=name,
            codec=stream.codec_context.codec.canonical_name,
            sample_rate=first.sample_rate,
            channels=first.layout.nb_channels,
            duration_s=duration_s,
            duration_is_stated=self.stated_s is not None,
            bit_rate=stream.codec_context.bit_rate or container.bit_rate or None,
        )

    # -- decoding ------------------------------------------------------------------------------

    def _decode(self, from_pts: int | None = None) -> Iterator[av.AudioFrame]:
        """Frames of the next packets, or of those from a given time on.

        What does not decode is left out and counted.
        """
        context = self._stream.codec_context
        if not context.is_open:
            context.thread_count = 1  # a scan uses one process for each core
            self._plain_channel_order(context)
            # Before the first packet: PyAV 19 knows no codec any more once this has failed.
            try:
                context.open()
            except av.error.FFmpegError as error:
                self._damage(error)
                return
        for packet in self._packets():
            # A packet without data, the last, makes the decoder hand out what it holds back.
            if from_pts is not None and packet is not None and packet.size:
                if packet.pts is not None and packet.pts < from_pts:
                    continue
                from_pts = None
            try:
                frames = context.decode(packet)
            except av.error.FFmpegError as error:
                self._damage(error)
                continue
            if frames and packet is not None and packet.size:
                self._n_good += 1
                self._n_damaged += self._n_damaged_at_end
                self._n_damaged_at_end = 0
            yield from frames

    def _packets(self) -> Iterator[Any]:
        n_errors = 0
        while n_errors < _MAX_DEMUX_ERRORS:
            try:
                for packet in self._container.demux(self._stream):
                    n_errors = 0
                    yield packet
            except av.error.FFmpegError as error:
                n_errors += 1
                self._damage(error)
            else:
                return
        self._broke_off = True
        yield None  # the decoder's last frames

    def _damage(self, error: av.error.FFmpegError) -> None:
        self._n_damaged_at_end += 1
        self._last_error = why(error)

    def _plain_channel_order(self, context: Any) -> None:
        """Decode PCM as this number of channels, in any order.

        If a file describes a channel order of its own, PyAV 18 frees that description twice, which
        aborts the process. Only Apple's containers describe one.
        """
        is_pcm = context.codec.name.startswith(("pcm_", "adpcm_"))
        if is_pcm and self._header.channels is not None and self._header.kind in _APPLE:
            context.options = {"ch_layout": f"{self._header.channels}C"}

    def skip_towards(self, start_s: float) -> int:
        """Skip what is well before a time, if the format allows it exactly.

        Returns
        -------
        The position of the next sample, counted from the track's first.
        """
        name, stream, first = self.info.container, self._stream, self._first
        target_s = start_s - _PREROLL_S
        if target_s <= _PREROLL_S or name not in _SKIP_EXACTLY or first.pts is None:
            return 0
        zero, time_base = first.pts, stream.time_base
        target = zero + int(target_s / time_base)
        if name in _SEEK_EXACTLY:
            self._container.seek(target, stream=stream)
        else:
            stream.codec_context.flush_buffers()
        self._frames = self._decode(target)
        frame = next(self._frames, None)
        position_s = math.inf
        if frame is not None and frame.pts is not None:
            position_s = float((frame.pts - zero) * time_base)
        if frame is None or position_s > start_s:
            # Nothing is there, or the times are not to be trusted: from the beginning, then.
            self._container.close()
            self._start()
            return 0
        self._first = frame
        self._n_damaged = 0  # the first packets may refer to some that were skipped
        return round(position_s * self.info.sample_rate)

    def blocks(self, *, mono: bool) -> Iterator[tuple[int, FloatArray]]:
        """Sample rate and samples, float32 (n,) if mono, else (n_channels, n).

        All samples are finite. Rate and number of channels may change on the way.
        """
        form: _Form | None = None
        frames: list[av.AudioFrame] = []
        n_samples = 0
        ends_s: float | None = None
        for frame in itertools.chain([self._first], self._frames):
            form_now = _Form(frame.sample_rate, frame.layout.nb_channels, frame.format.name)
            if form is not None and (form_now != form or n_samples >= BLOCK_SAMPLES):
                ends_s = self._note_gap(frames[0], n_samples, ends_s)
                yield form.sample_rate, self._to_float(form, frames, mono=mono)
                frames, n_samples = [], 0
            form = form_now
            frames.append(frame)
            n_samples += frame.samples
        if form is not None:
            self._note_gap(frames[0], n_samples, ends_s)
            yield form.sample_rate, self._to_float(form, frames, mono=mono)

    def _note_gap(self, frame: av.AudioFrame, n_samples: int, ends_s: float | None) -> float | None:
        """Compare a block's time with the time at which the last one ended.

        Some decoders skip damage silently; only the times of the packets show it.
        """
        if self.info.container not in _KEEP_TIME or frame.pts is None:
            return None
        begins_s = float(frame.pts * self._stream.time_base)
        if ends_s is not None and begins_s - ends_s > _MISSING_S:
            self._missing_s += begins_s - ends_s
        return begins_s + n_samples / frame.sample_rate

    def _to_float(self, form: _Form, frames: list[av.AudioFrame], *, mono: bool) -> FloatArray:
        dtype, full_scale, silence = _SAMPLE_FORMATS[form.sample_format.removesuffix("p")]
        n_channels = form.channels
        if form.sample_format.endswith("p"):
            # Not frame.planes: of eight, PyAV counts one too many, and from 19 on that is an error.
            channels = [
                np.concatenate([_array(AudioPlane(f, c), dtype, f.samples) for f in frames])
                for c in range(n_channels)
            ]
        else:
            packed = [
                _array(frame.planes[0], dtype, frame.samples * n_channels) for frame in frames
            ]
            channels = list(np.concatenate(packed).reshape(-1, n_channels).T)
        if dtype in (np.float32, np.float64):
            channels = [self._clean(channel) for channel in channels]
        if mono:
            mixed = channels[0].astype(np.float32)
            for channel in channels[1:]:
                np.add(mixed, channel, out=mixed, dtype=np.float32, casting="unsafe")
            scale = full_scale * n_channels
        else:
            mixed, scale = np.array(channels, np.float32), full_scale
        if silence:
            mixed -= np.float32(silence * (n_channels if mono else 1))
        if scale != 1:
            mixed *= np.float32(1 / scale)
        return mixed

    def _clean(self, channel: NDArray[Any]) -> NDArray[Any]:
        """The channel without NaN, infinite and absurd samples, which become 0."""
        # One pass tells of nearly all channels that there are none.
        with np.errstate(over="ignore", invalid="ignore"):
            if np.dot(channel, channel) < _MAX_LEVEL**2:
                return channel
            good = np.abs(channel) <= _MAX_LEVEL
        self._n_replaced += int(good.size - np.count_nonzero(good))
        return np.where(good, channel, 0)

    # -- afterwards ----------------------------------------------------------------------------

    def check(self) -> None:
        """Raise an error if what was decoded is not what is in the file.

        Raises
        ------
        UnreadableFile : the file changed or vanished since it was opened.
        DamagedAudio, UnsupportedAudio : most packets did not decode; the rest is noise.
        """
        self._source.check_unchanged()
        n_damaged = self._n_damaged + self._n_damaged_at_end
        if n_damaged > self._n_good:
            if self._header.kind is None:
                raise self._no_audio()
            raise DamagedAudio(
                self._source.path,
                f"{n_damaged} of {n_damaged + self._n_good} packets are damaged: "
                + self._last_error,
            )

    def notes(self, decoded_s: float | None) -> list[str]:
        """What was odd.

        Parameters
        ----------
        decoded_s : length of the whole track as it decoded; None if it was not read to its end.
        """
        notes = []
        n_damaged = self._n_damaged
        if decoded_s is not None:
            stated_s = self.stated_s
            if self._broke_off:
                notes.append(f"breaks off after {decoded_s:.1f} s: {self._last_error}")
            elif stated_s is not None and stated_s - decoded_s > max(
                _SHORT_BY_S, _SHORT_BY_SHARE * stated_s
            ):
                kind = "damaged" if n_damaged or self._missing_s else "truncated"
                notes.append(f"{kind}: {decoded_s:.1f} s of {stated_s:.1f} s could be decoded")
            elif not self._header.has_end:
                notes.append(f"truncated: it breaks off after {decoded_s:.1f} s")
            else:
                n_damaged += self._n_damaged_at_end
        if self._missing_s:
            notes.append(f"damaged: {self._missing_s:.1f} s in between are missing")
        if n_damaged:
            packets = "packet" if n_damaged == 1 else "packets"
            notes.append(f"{n_damaged} damaged {packets} skipped")
        if self._n_replaced:
            samples = "sample" if self._n_replaced == 1 else "samples"
            notes.append(f"{self._n_replaced} non-finite {samples} replaced by silence")
        return notes


def _array(plane: Any, dtype: type[np.generic], n_values: int) -> NDArray[Any]:
    """The values of a plane, which is padded."""
    return np.frombuffer(plane, dtype, n_values)


def _has_film(container: InputContainer) -> bool:
    """Whether there are moving pictures; a cover is a stream of one picture."""
    cover = av.stream.Disposition.attached_pic
    return any(not stream.disposition & cover for stream in container.streams.video)


def _is_text(head: bytes) -> bool:
    """Whether bytes read as text: UTF-8 without control characters."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The last character may be cut off.
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8")
    return all(character.isprintable() or character.isspace() for character in text)
