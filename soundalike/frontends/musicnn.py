"""The log-mel patches that musicnn takes.

16,000 Hz, ``n_fft`` 512 (32 ms, Hann), a hop of 256 samples (16 ms), 96 Slaney mel bands from 0 to
8,000 Hz, log10(1 + 10,000 * power), cut into patches of 187 frames that do not overlap: the format
that it was trained on (Pons and Serra, arXiv 1909.06654), made with librosa there. Frames are
centred on multiples of the hop, the ends padded with zeros.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.frontends.dsp import (
    check_sample_rate,
    check_waveform,
    mel_filterbank,
    mel_power,
    power_frames,
)
from soundalike.frontends.log_mel import Excerpts
from soundalike.frontends.silence import SoundFinder

__all__ = ["FRAME_S", "N_MELS", "PATCH_FRAMES", "PATCH_S", "SAMPLE_RATE", "PatchStream", "patches"]

SAMPLE_RATE = 16_000  # Hz
N_FFT = 512  # samples, 32 ms
HOP_LENGTH = 256  # samples, 16 ms
N_MELS = 96
PATCH_FRAMES = 187
FRAME_S = HOP_LENGTH / SAMPLE_RATE
PATCH_S = PATCH_FRAMES * FRAME_S  # 2.99 s

FloatArray = NDArray[np.float32]

_N_BINS = N_FFT // 2 + 1
# Our Hann window is divided by its sum, librosa's is not.
_POWER_SCALE = (N_FFT / 2) ** 2
# Frames in one transform, as in the other frontend: more cost page faults.
_BATCH = 256


class PatchStream:
    """The spectrogram of audio that arrives in blocks, in memory that grows by 24 kB a second.

    Parameters
    ----------
    sample_rate : Hz, of the blocks; other rates than 16,000 are resampled.

    Attributes
    ----------
    n_samples : that were pushed, at ``sample_rate``.
    is_silent : whether none of it is sound.
    """

    def __init__(self, sample_rate: int) -> None:
        # Here, so that FFmpeg is loaded only where there is audio.
        from soundalike.audio import Resampler

        self.sample_rate = sample_rate = check_sample_rate(sample_rate)
        self.n_samples = 0
        self._sound = SoundFinder(sample_rate)
        self._resampler = Resampler(sample_rate, SAMPLE_RATE)
        filterbank = mel_filterbank(SAMPLE_RATE, N_FFT, N_MELS, SAMPLE_RATE / 2)
        self._filterbank_t = np.ascontiguousarray(filterbank.T) * np.float32(10_000 * _POWER_SCALE)
        self._log_mel: list[FloatArray] = []
        self._n_resampled = 0
        self._tail: FloatArray = np.zeros(N_FFT // 2, np.float32)

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
        n_frames = max(0, (buffer.size - N_FFT) // HOP_LENGTH + 1)
        starts = np.arange(n_frames, dtype=np.int64) * HOP_LENGTH
        for i in range(0, n_frames, _BATCH):
            power = power_frames(buffer, starts[i : i + _BATCH], N_FFT, _N_BINS)
            mel = mel_power(power, self._filterbank_t)
            mel += 1.0
            self._log_mel.append(np.log10(mel, out=mel))
        self._tail = buffer[n_frames * HOP_LENGTH :].copy()

    def finish(self) -> FloatArray:
        """The log-mel spectrogram of all that was pushed: float32 (96, n_frames).

        Raises
        ------
        InvalidArgument : nothing was pushed.
        """
        if self.n_samples == 0:
            raise InvalidArgument("there are no samples")
        if self.sample_rate != SAMPLE_RATE:
            self._transform(self._resampler.finish())
        n_frames = 1 + self._n_resampled // HOP_LENGTH
        self._transform(np.zeros(N_FFT, np.float32))
        return np.concatenate(self._log_mel)[:n_frames].T


def patches(log_mel: NDArray[np.floating]) -> Excerpts:
    """Cut a spectrogram of :class:`PatchStream` into the inputs of the model.

    As in musicnn, what is left after the last whole patch is dropped. A track that is shorter than
    one patch is repeated until it fills it, as in its training.

    Parameters
    ----------
    log_mel : (96, n_frames).

    Returns
    -------
    Excerpts whose ``frames`` are float32 (n_patches, 187, 96): frame by band, not band by frame.
    """
    if log_mel.ndim != 2 or log_mel.shape[1] == 0:
        raise InvalidArgument(f"log_mel must have the shape (96, n_frames), not {log_mel.shape}")
    frames = np.ascontiguousarray(log_mel.T, dtype=np.float32)
    if len(frames) < PATCH_FRAMES:
        frames = np.tile(frames, (-(-PATCH_FRAMES // len(frames)), 1))[:PATCH_FRAMES]
    n_patches = len(frames) // PATCH_FRAMES
    cut = frames[: n_patches * PATCH_FRAMES].reshape(n_patches, PATCH_FRAMES, -1)
    return Excerpts(cut, np.arange(n_patches, dtype=np.float64) * np.float64(PATCH_S))
