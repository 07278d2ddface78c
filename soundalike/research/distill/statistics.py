"""Timbre and rhythm of an excerpt as plain statistics, nothing learned.

All are computed in torch with fixed matrices, so that they can be part of an exported model. All
but ``mel-range`` take the excerpt normalised to zero mean and unit variance; loudness matters to
none of them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from soundalike.evaluate.timbre import N_MFCC, cosines
from soundalike.frontends.log_mel import EXCERPT_FRAMES, N_MELS
from soundalike.research.networks import normalise

__all__ = ["STATISTICS", "Statistics"]

N_GROUPS: Final = 16
# Edges of the modulation bands, in cycles an excerpt: 0.1 Hz to 6.4 Hz, about equally wide on a
# logarithmic scale.
MODULATION_EDGES: Final = (1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 46, 65)

STATISTICS: Final = {
    "mel-mean": N_MELS,
    "mel-std": N_MELS,
    "mel-range": N_MELS,
    "mfcc-covariance": N_MFCC * (N_MFCC + 1) // 2,
    "fluctuation": N_GROUPS * (len(MODULATION_EDGES) - 1),
}
"""The statistics by name, and how many values each has."""


class Statistics(nn.Module):
    """Statistics of excerpts.

    ``mel-mean`` and ``mel-std`` are mean and deviation of each mel band, ``mel-range`` is its
    deviation in dB: how far loud and soft lie apart, or how much the sound is compressed.
    ``mfcc-covariance`` is the covariance of 20 cepstral coefficients over time (Mandel and Ellis
    2005), its upper triangle, as signed square roots, so that no single one dominates a distance.
    ``fluctuation`` is how strongly 16 groups of bands vary at each of 11 rates (Pampalk, Rauber and
    Merkl 2002), as logarithms.
    """

    def __init__(self) -> None:
        super().__init__()
        for name, values in (
            ("cosines", cosines(N_MELS)),
            ("groups", _groups(N_MELS, N_GROUPS)),
            ("waves", _waves(EXCERPT_FRAMES)),
            ("rates", _rates()),
        ):
            self.register_buffer(name, torch.from_numpy(values), persistent=False)
        self.cosines: Tensor  # (20, 128)
        self.groups: Tensor  # (16, 128)
        self.waves: Tensor  # (128, 2 * 64)
        self.rates: Tensor  # (64, 11)
        row, column = np.triu_indices(N_MFCC)
        index = torch.from_numpy(row * N_MFCC + column)
        self.register_buffer("triangle", index, persistent=False)
        self.triangle: Tensor

    def forward(self, log_mel: Tensor) -> dict[str, Tensor]:
        """log_mel (n, 128, 128) in dB -> for each name in :data:`STATISTICS` (n, D)."""
        x = normalise(log_mel)
        return {
            "mel-mean": x.mean(dim=2),
            "mel-std": _deviation(x),
            "mel-range": _deviation(log_mel),
            "mfcc-covariance": self._covariance(x),
            "fluctuation": self._fluctuation(x),
        }

    def _covariance(self, x: Tensor) -> Tensor:
        coefficients = self.cosines @ x  # (n, 20, frame)
        centred = coefficients - coefficients.mean(dim=2, keepdim=True)
        covariance = centred @ centred.transpose(1, 2) / x.shape[2]
        upper = covariance.flatten(1)[:, self.triangle]
        return upper.sign() * upper.abs().sqrt()

    def _fluctuation(self, x: Tensor) -> Tensor:
        loudness = self.groups @ x  # (n, 16, frame)
        loudness = loudness - loudness.mean(dim=2, keepdim=True)
        spectrum = loudness @ self.waves
        half = spectrum.shape[2] // 2
        # The root of 0 has no gradient, and none is asked for here.
        magnitude = (spectrum[:, :, :half].square() + spectrum[:, :, half:].square()).sqrt()
        return (magnitude @ self.rates + 1e-2).log().flatten(1)


def _deviation(x: Tensor) -> Tensor:
    """Of each band over time: (n, bands, frames) to (n, bands)."""
    return (x - x.mean(dim=2, keepdim=True)).square().mean(dim=2).sqrt()


def _groups(n_bands: int, n_groups: int) -> npt.NDArray[np.float32]:
    """Means of neighbouring bands as a matrix (n_groups, n_bands)."""
    each = n_bands // n_groups
    return np.kron(np.eye(n_groups), np.full((1, each), 1 / each)).astype(np.float32)


def _waves(n: int) -> npt.NDArray[np.float32]:
    """The Fourier transform of n Hann-windowed frames at 1 to n / 2 cycles, as a matrix (n, n).

    The first half of the columns gives the real parts, the second the imaginary ones.
    """
    angles = -2 * np.pi * np.arange(n)[:, None] * np.arange(1, n // 2 + 1) / n
    waves = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    windowed: npt.NDArray[np.float32] = (np.hanning(n)[:, None] * waves).astype(np.float32)
    return windowed


def _rates() -> npt.NDArray[np.float32]:
    """Means over the modulation bands as a matrix (64, 11)."""
    edges = np.array(MODULATION_EDGES)
    cycles = np.arange(1, edges[-1])[:, None]
    inside = (cycles >= edges[:-1]) & (cycles < edges[1:])
    means: npt.NDArray[np.float32] = (inside / inside.sum(axis=0)).astype(np.float32)
    return means
