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
from soundalike.frontends.dsp import banded, mel_filterbank, mel_power, power_frames
from soundalike.frontends.log_mel import Excerpts
from soundalike.frontends.resampled import SAMPLE_RATE, ResampledStream, cut_patches

__all__ = ["FRAME_S", "N_MELS", "PATCH_FRAMES", "PATCH_S", "SAMPLE_RATE", "PatchStream", "patches"]

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


class PatchStream(ResampledStream):
    """The spectrogram (96, n_frames), in memory that grows by 24 kB a second."""

    window = N_FFT
    hop_length = HOP_LENGTH
    centred = True

    def __init__(self, sample_rate: int) -> None:
        super().__init__(sample_rate)
        filterbank = mel_filterbank(SAMPLE_RATE, N_FFT, N_MELS, SAMPLE_RATE / 2)
        self._bands = banded(filterbank * np.float32(10_000 * _POWER_SCALE))

    def _spectra(self, buffer: FloatArray, starts: NDArray[np.int64]) -> FloatArray:
        mel = mel_power(power_frames(buffer, starts, N_FFT, _N_BINS), self._bands)
        mel += 1.0
        return np.log10(mel, out=mel)


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
    return cut_patches(log_mel, PATCH_FRAMES, FRAME_S)
