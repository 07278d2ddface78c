"""What the frontends of models from elsewhere share: 16,000 Hz, and patches that do not overlap.

Each of them gives what its model was trained on; where they differ is in the window, the hop, the
bands, and in whether frames are centred on multiples of the hop.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.frontends.dsp import check_sample_rate, check_waveform
from soundalike.frontends.gathered import Gathered
from soundalike.frontends.log_mel import Excerpts
from soundalike.frontends.silence import SoundFinder

__all__ = ["SAMPLE_RATE", "ResampledStream", "cut_patches"]

SAMPLE_RATE = 16_000  # Hz

FloatArray = NDArray[np.float32]

# Frames in one transform, as in the other frontend: more cost page faults.
_BATCH = 256


class ResampledStream(ABC):
    """The spectrogram of audio that arrives in blocks, at 16,000 Hz.

    Parameters
    ----------
    sample_rate : Hz, of the blocks; other rates than 16,000 are resampled.

    Attributes
    ----------
    n_samples : that were pushed, at ``sample_rate``.
    is_silent : whether none of it is sound.
    """

    window: ClassVar[int]
    """Samples of a frame."""
    hop_length: ClassVar[int]
    """Samples from frame to frame."""
    centred: ClassVar[bool]
    """Whether frame i has its centre at i hops, or its beginning. Centred, the ends are padded."""

    def __init__(self, sample_rate: int) -> None:
        # Here, so that FFmpeg is loaded only where there is audio.
        from soundalike.audio import Resampler

        self.sample_rate = sample_rate = check_sample_rate(sample_rate)
        self.n_samples = 0
        self._sound = SoundFinder(sample_rate)
        self._resampler = Resampler(sample_rate, SAMPLE_RATE)
        self._frames = Gathered()
        self._n_resampled = 0
        self._tail: FloatArray = np.zeros(self.window // 2 if self.centred else 0, np.float32)

    @abstractmethod
    def _spectra(self, buffer: FloatArray, starts: NDArray[np.int64]) -> FloatArray:
        """The frames that begin at ``starts`` in the buffer: float32 (n_frames, n_mels)."""

    @property
    def is_silent(self) -> bool:
        """Whether nothing that was pushed so far is sound, see :class:`SoundFinder`."""
        return self._sound.is_silent

    def push(self, block: NDArray[np.floating]) -> None:
        """Take the next samples: (n_samples,), any length."""
        if block.size == 0:
            return
        samples = check_waveform(block, self.sample_rate)
        self.n_samples += samples.size
        self._sound.push(samples)
        if self.sample_rate != SAMPLE_RATE:
            samples = self._resampler.push(samples)
        self._transform(samples)

    def _transform(self, samples: FloatArray) -> None:
        """Make the frames that end within the samples so far."""
        self._n_resampled += samples.size
        buffer = np.concatenate([self._tail, samples])
        n_frames = max(0, (buffer.size - self.window) // self.hop_length + 1)
        starts = np.arange(n_frames, dtype=np.int64) * self.hop_length
        for i in range(0, n_frames, _BATCH):
            self._frames.add(self._spectra(buffer, starts[i : i + _BATCH]))
        self._tail = buffer[n_frames * self.hop_length :].copy()

    def finish(self) -> FloatArray:
        """The spectrogram of all that was pushed: float32 (n_mels, n_frames), one frame or more.

        Raises
        ------
        InvalidArgument : nothing was pushed.
        """
        if self.n_samples == 0:
            raise InvalidArgument("there are no samples")
        if self.sample_rate != SAMPLE_RATE:
            self._transform(self._resampler.finish())
        missing = 0 if self.centred else self.window
        n_frames = max(1, 1 + (self._n_resampled - missing) // self.hop_length)
        self._transform(np.zeros(self.window, np.float32))
        return self._frames.take()[:n_frames].T


def cut_patches(log_mel: NDArray[np.floating], patch_frames: int, frame_s: float) -> Excerpts:
    """Cut a spectrogram into patches that do not overlap.

    What is left after the last whole patch is dropped. A track that is shorter than one patch is
    repeated until it fills it.

    Parameters
    ----------
    log_mel : (n_mels, n_frames).
    patch_frames : frames of a patch.
    frame_s : seconds from frame to frame.

    Returns
    -------
    Excerpts whose ``frames`` are float32 (n_patches, patch_frames, n_mels): frame by band, not band
    by frame.
    """
    frames = np.ascontiguousarray(log_mel.T, dtype=np.float32)
    if len(frames) < patch_frames:
        frames = np.tile(frames, (-(-patch_frames // len(frames)), 1))[:patch_frames]
    n_patches = len(frames) // patch_frames
    cut = frames[: n_patches * patch_frames].reshape(n_patches, patch_frames, -1)
    starts_s = np.arange(n_patches, dtype=np.float64) * np.float64(patch_frames * frame_s)
    return Excerpts(cut, starts_s)
