"""One audio file, opened and decoded into runs of samples.

FFmpeg decodes, through PyAV. It gets the open file, and only audio formats are accepted, so that no
other file is ever read: playlists and streams that name others are refused.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import av
import av.error
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from soundalike.audio.container import AudioInfo, has_film, is_text, open_container
from soundalike.audio.headers import read_header
from soundalike.audio.mixing import CONTEXT_S, Form, Mixer, Run, to_float
from soundalike.audio.source import Source, StrPath
from soundalike.closing import Closing
from soundalike.errors import (
    DamagedAudio,
    ProtectedAudio,
    UnsupportedAudio,
)
from soundalike.files import why
from soundalike.urls import path_of

__all__ = ["SAMPLE_RATES", "Decoder"]

FloatArray = NDArray[np.float32]

# Samples in a block: 1.5 s at 44,100 Hz. Larger ones leave the processor's cache and are slower.
BLOCK_SAMPLES = 1 << 16

# The demuxers whose duration comes from the header, not from size and bit rate.
_STATE_DURATION = {"aiff", "ape", "dsf", "flac", "mov", "matroska", "mpc", "mpc8"}
_STATE_DURATION |= {"tak", "tta", "wv"}
# Kinds of header that may describe an order of channels of their own.
_APPLE = {"AIFF", "CAF", "MP4"}
# Those whose samples lie one after the other, and codecs with as many bytes for each, so that the
# place in the file tells the time; and those whose packets can be skipped by their times.
_SEEK, _SEEK_CODECS = {"aiff", "caf", "w64", "wav"}, ("pcm_", "adpcm_ms", "adpcm_ima_wav")
_SKIP = {"caf", "flac", "mov", "mp3"}
# Those whose packets carry times of their own; a gap in them longer than this is a loss.
_KEEP_TIME, _MISSING_S = {"asf", "flac", "ogg"}, 0.1
# A decoder needs some packets to get going: the bit reservoir of MP3, the overlap of all codecs.
# And what is mixed depends on what is heard shortly before.
_PREROLL_S = 2.0

SAMPLE_RATES = range(1_000, 3_000_001)
# A demuxer that fails so often in a row does not recover.
_MAX_DEMUX_ERRORS = 16
# How much shorter or longer than stated a track may be: encoders round and pad.
_OFF_BY_S, _OFF_BY_SHARE = 1.0, 0.01
# Up to this share of samples that are no numbers, the others are still the music.
_MAX_REPLACED = 0.1


class _Landing(NamedTuple):
    """Where a packet lies in the file, and what it holds."""

    pos: int
    n_bytes: int
    n_samples: int


class Decoder(Closing):
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
            if self._header.unsupported is not None:
                raise UnsupportedAudio(path, self._header.unsupported)
            self._source.corrections = self._header.corrections
            self._start()
        except BaseException:
            self.close()
            raise

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
            self._n_good = self._n_damaged = self._n_damaged_at_end = 0
            self._n_values = self._n_replaced = 0
            self._mixers: list[Mixer] = []
            self._missing_s = 0.0
            self._broke_off = False
            # The first packet that was decoded after the last jump, and what those before it said.
            self._landing: _Landing | None = None
            self._has_landed = False
            self._next_pts: int | None = None
            self._durations: set[int] = set()
            self._times_hold = True
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
        text = is_text(self._source.read_at(0, 1024))
        reason = "text, not audio" if text else "no audio format that FFmpeg knows"
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
        elif container.duration is not None and not has_film(container):
            duration_s = container.duration / av.time_base
        duration_s = duration_s if duration_s and duration_s > 0 else None
        self.stated_s = header.duration_s
        if self.stated_s is None and name in _STATE_DURATION:
            self.stated_s = duration_s
        # An MP3's stated length counts the silence that encoders add, FFmpeg's does not.
        if header.duration_s is not None and name != "mp3":
            duration_s = header.duration_s
        return AudioInfo(
            path=path_of(self._source.path),
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
        self._next_pts = self._landing = None
        self._has_landed = False
        # A track has ten thousand packets: what is asked of each costs a hundredth of the decoding.
        for packet in self._packets():
            # A packet without data, the last, makes the decoder hand out what it holds back.
            has_data = packet is not None and packet.size > 0
            if has_data and not self._has_landed:
                self._check_time(packet)
                if from_pts is not None and packet.pts is not None and packet.pts < from_pts:
                    continue
                self._has_landed = True
            try:
                frames = context.decode(packet)
            except av.error.FFmpegError as error:
                self._damage(error)
                continue
            if frames and has_data:
                self._n_good += 1
                if self._landing is None and packet.pos is not None:
                    n_samples = sum(frame.samples for frame in frames)
                    self._landing = _Landing(packet.pos, packet.size, n_samples)
                if self._n_damaged_at_end:
                    self._n_damaged += self._n_damaged_at_end
                    self._n_damaged_at_end = 0
            yield from frames

    def _check_time(self, packet: Any) -> None:
        """Note whether a packet begins where the last one ended, and how long it lasts."""
        if packet.pts is None or not packet.duration:
            self._times_hold = False
            return
        if self._next_pts is not None and packet.pts != self._next_pts:
            self._times_hold = False
        self._next_pts = packet.pts + packet.duration
        self._durations.add(packet.duration)

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

        Where the skipping has led is measured or counted; the file's times alone are not believed.

        Returns
        -------
        The position of the next sample, counted from the track's first.
        """
        target_s = start_s - _PREROLL_S
        if target_s <= _PREROLL_S:
            return 0
        latest = (start_s - CONTEXT_S) * self.info.sample_rate
        try:
            position = self._seek(target_s) if self._is_even() else self._skip(target_s)
        except av.error.FFmpegError:
            position = None
        if position is None or not 0 <= position <= latest:
            # Nothing is there, or the times are not to be trusted: from the beginning, then.
            self._container.close()
            self._start()
            return 0
        self._n_damaged = 0  # the first packets may refer to some that were skipped
        return position

    def _is_even(self) -> bool:
        """Whether every sample takes up the same number of bytes, and nothing lies in between."""
        return self.info.container in _SEEK and self.info.codec.startswith(_SEEK_CODECS)

    def _seek(self, target_s: float) -> int | None:
        """Go to a time; the position in samples follows from the place in the file."""
        stream, before, zero = self._stream, self._landing, self._first.pts
        if before is None or zero is None:
            return None
        self._container.seek(zero + int(target_s / stream.time_base), stream=stream)
        stream.codec_context.flush_buffers()
        self._frames = self._decode()
        frame = next(self._frames, None)
        if frame is None or self._landing is None:
            return None
        self._first = frame
        position = Fraction((self._landing.pos - before.pos) * before.n_samples, before.n_bytes)
        return int(position) if position.denominator == 1 else None

    def _skip(self, target_s: float) -> int | None:
        """Leave packets out up to a time, and count what they last."""
        stream, zero = self._stream, self._first.pts
        if self.info.container not in _SKIP or zero is None:
            return None
        stream.codec_context.flush_buffers()
        self._frames = self._decode(zero + int(target_s / stream.time_base))
        frame = next(self._frames, None)
        if frame is None or frame.pts is None or not self._times_hold:
            return None
        self._first = frame
        rate = self.info.sample_rate
        # The header of each frame of FLAC says how long it is. Elsewhere the container says so,
        # and is right if all packets last as long as the samples of one.
        if self.info.container != "flac" and {
            duration * stream.time_base * rate for duration in self._durations
        } != {Fraction(frame.samples)}:
            return None
        position = (frame.pts - zero) * stream.time_base * rate
        return int(position) if position.denominator == 1 else None

    def blocks(
        self, *, mono: bool, position: int = 0, heard: tuple[float, float] = (0, math.inf)
    ) -> Iterator[tuple[int, FloatArray]]:
        """Sample rate and samples, float32 (n,) if mono, else (n_channels, n).

        All samples are finite. Rate and number of channels may change on the way.

        Parameters
        ----------
        mono : mix all channels, see :class:`Mixer`.
        position : of the next sample, as :meth:`skip_towards` returned it.
        heard : first and last position between which ``cancelled_s`` counts.
        """
        form: Form | None = None
        mixer: Mixer | None = None
        for form_now, channels in self._runs():
            if mixer is not None and form is not None and form_now != form:
                yield from ((form.sample_rate, block) for block in mixer.finish())
                mixer, position, heard = None, 0, (0, math.inf)
            form = form_now
            scale = np.float32(1 / form.full_scale)
            if not mono:
                yield form.sample_rate, np.stack(channels) * scale
            elif form.channels == 1:
                yield form.sample_rate, channels[0] * scale
            else:
                if mixer is None:
                    mixer = Mixer(form.sample_rate, form.full_scale, position, heard)
                    self._mixers.append(mixer)
                yield from ((form.sample_rate, block) for block in mixer.push(channels))
        if mixer is not None and form is not None:
            yield from ((form.sample_rate, block) for block in mixer.finish())

    @property
    def cancelled_s(self) -> float:
        """For how many seconds the channels have cancelled each other out."""
        return sum(mixer.cancelled_s for mixer in self._mixers)

    def _runs(self) -> Iterator[tuple[Form, list[FloatArray]]]:
        """Form and samples of each channel, float32 (n,), their full scale still that of the form;
        not to be written to."""
        run: Run | None = None
        ends_s: float | None = None
        for frame in itertools.chain([self._first], self._frames):
            if run is None:
                run = Run(frame)
            elif not run.fits(frame):
                ends_s = self._note_gap(run, ends_s)
                yield run.form, self._counted(run)
                run = Run(frame)
            elif run.n_samples >= BLOCK_SAMPLES:
                ends_s = self._note_gap(run, ends_s)
                yield run.form, self._counted(run)
            run.add(frame)
        if run is not None:
            self._note_gap(run, ends_s)
            yield run.form, self._counted(run)

    def _note_gap(self, run: Run, ends_s: float | None) -> float | None:
        """Compare a block's time with the time at which the last one ended.

        Some decoders skip damage silently; only the times of the packets show it.
        """
        if self.info.container not in _KEEP_TIME or run.begins_pts is None:
            return None
        begins_s = float(run.begins_pts * self._stream.time_base)
        if ends_s is not None and begins_s - ends_s > _MISSING_S:
            self._missing_s += begins_s - ends_s
        return begins_s + run.n_samples / run.form.sample_rate

    def _counted(self, run: Run) -> list[FloatArray]:
        channels, n_replaced = to_float(run.form, run.take())
        self._n_values += sum(channel.size for channel in channels)
        self._n_replaced += n_replaced
        return channels

    # -- afterwards ----------------------------------------------------------------------------

    def check(self) -> None:
        """Raise an error if what was decoded is not what is in the file.

        Raises
        ------
        UnreadableFile : the file changed or vanished since it was opened.
        DamagedAudio, UnsupportedAudio : most packets did not decode, or a tenth of the samples are
            no numbers; the rest is noise.
        """
        self._source.check_unchanged()
        if self._n_replaced > _MAX_REPLACED * self._n_values:
            raise DamagedAudio(
                self._source.path,
                f"{self._n_replaced} of {self._n_values} samples are NaN, infinite or absurd: "
                "this is not the format that the header states",
            )
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
            # Without a stated length none is missing, and nothing is too much.
            stated_s = decoded_s if self.stated_s is None else self.stated_s
            tolerance_s = max(_OFF_BY_S, _OFF_BY_SHARE * stated_s)
            if self._broke_off:
                notes.append(f"breaks off after {decoded_s:.1f} s: {self._last_error}")
            elif stated_s - decoded_s > tolerance_s:
                kind = "damaged" if n_damaged or self._missing_s else "truncated"
                notes.append(f"{kind}: {decoded_s:.1f} s of {stated_s:.1f} s could be decoded")
            elif decoded_s - stated_s > tolerance_s:
                notes.append(
                    f"longer than its header states: {decoded_s:.1f} s instead of {stated_s:.1f} s"
                )
            elif self._header.unread_s > tolerance_s:
                notes.append(
                    f"the file goes on for about {self._header.unread_s:.1f} s after the "
                    f"{stated_s:.1f} s that its header states; they are left out"
                )
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
