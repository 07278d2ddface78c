"""Augmentation on log-mel frames, a whole batch at a time, on any device.

Changes that keep the genre: where the excerpt is cut, tempo, pitch, equaliser, noise floor, and
gaps in time or frequency. Gain needs nothing: the networks normalise.
All randomness comes from torch's global generator, which training seeds anew each epoch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from soundalike.frontends.log_mel import EXCERPT_FRAMES, N_MELS
from soundalike.research.networks import normalise

__all__ = ["AugmentConfig", "crop", "mix", "mixing", "perturb", "record_again"]


@dataclass(frozen=True)
class AugmentConfig:
    """How far each change may go. 0 switches it off; for ``stretch``, 1 does.

    Attributes
    ----------
    stretch : tempo, log-uniform from 1 / stretch to stretch.
    mel_shift : pitch, bands up or down.
    mel_scale : width of the bands, as a share up or down.
    tilt_db : equaliser, standard deviation of the slowest of its four waves, dB.
    edge : share of excerpts whose top bands (above 8 kHz) are raised or lowered. A resampler
        faded these bands in GTZAN, but not in other music.
    lowpass : share of excerpts that lose everything above a band.
    lowpass_from : the lowest such band, as a share of all; they are drawn from there up.
    floor : share of excerpts whose noise floor is raised to 40-80 dB under their maximum.
    noise : share of excerpts with noise added, 25-60 dB under their maximum.
    time_masks, time_mask_frames : gaps in time, how many and the longest.
    mel_masks, mel_mask_bands : gaps in frequency, likewise.
    mixstyle : share of excerpts that take on part of another's mean and spread in each band.
    mixup : alpha of the beta distribution that weighs the two excerpts.
    mixup_share : share of excerpts that are mixed.
    """

    stretch: float = 1.25
    mel_shift: float = 4.0
    mel_scale: float = 0.04
    tilt_db: float = 6.0
    edge: float = 0.0
    lowpass: float = 0.0
    lowpass_from: float = 0.75
    floor: float = 0.5
    noise: float = 0.2
    time_masks: int = 2
    time_mask_frames: int = 24
    mel_masks: int = 2
    mel_mask_bands: int = 20
    mixstyle: float = 0.0
    mixup: float = 0.3
    mixup_share: float = 0.5


def crop(tracks: Tensor, config: AugmentConfig, size: int = EXCERPT_FRAMES) -> Tensor:
    """One random excerpt of each track, at a random tempo and pitch.

    Parameters
    ----------
    tracks : float32 (n, N_MELS, n_frames), dB.
    size : frames of an excerpt, at most n_frames.

    Returns
    -------
    float32 (n, N_MELS, size), dB.
    """
    n, _, n_frames = tracks.shape
    device = tracks.device
    limit = math.log(config.stretch)
    stretch = torch.exp((torch.rand(n, device=device) * 2 - 1) * limit)
    stretch = stretch.clamp(max=max(n_frames - 1, size) / size)
    start = torch.rand(n, device=device) * (n_frames - size * stretch)
    shift = (torch.rand(n, device=device) * 2 - 1) * config.mel_shift
    scale = 1 + (torch.rand(n, device=device) * 2 - 1) * config.mel_scale

    frame = start[:, None] + (torch.arange(size, device=device) + 0.5) * stretch[:, None]
    band = shift[:, None] + (torch.arange(N_MELS, device=device) + 0.5) * scale[:, None]
    grid = torch.stack(
        [
            (frame * (2 / n_frames) - 1)[:, None, :].expand(n, N_MELS, size),
            (band * (2 / N_MELS) - 1)[:, :, None].expand(n, N_MELS, size),
        ],
        dim=3,
    )
    return F.grid_sample(tracks[:, None], grid, padding_mode="border", align_corners=False)[:, 0]


def record_again(log_mel: Tensor, config: AugmentConfig) -> Tensor:
    """The same music through another chain: equaliser, band limits, noise and floor.

    Parameters
    ----------
    log_mel : float32 (n, n_mels, n_frames), dB.

    Returns
    -------
    The same shape, in dB.
    """
    n = len(log_mel)
    device = log_mel.device
    x = log_mel + _equaliser(log_mel, config.tilt_db) if config.tilt_db > 0 else log_mel
    if config.edge > 0:
        x = x + _edge(x, config.edge)
    top = x.amax(dim=(1, 2), keepdim=True)
    if config.lowpass > 0:
        beyond = _above_cutoff(x, config.lowpass, config.lowpass_from)
        x = torch.where(beyond, top - 80, x)
    if config.noise > 0:
        noisy = (torch.rand(n, device=device) < config.noise).nonzero()[:, 0]
        x = x.index_copy(0, noisy, _with_noise(x[noisy], top[noisy]))
    if config.floor > 0:
        depth = 40 + 40 * torch.rand(n, 1, 1, device=device)
        off = torch.rand(n, 1, 1, device=device) >= config.floor
        x = torch.maximum(x, top - depth.masked_fill(off, 200.0))
    return x


def perturb(log_mel: Tensor, config: AugmentConfig) -> Tensor:
    """Record again, and gaps.

    Parameters
    ----------
    log_mel : float32 (n, n_mels, n_frames), dB.

    Returns
    -------
    The same shape, normalised, so that a gap (0) is the excerpt's mean.
    """
    n = len(log_mel)
    x = normalise(record_again(log_mel, config))
    for _ in range(config.time_masks):
        x = x.masked_fill(_gap(n, x.shape[2], config.time_mask_frames, x)[:, None, :], 0.0)
    for _ in range(config.mel_masks):
        x = x.masked_fill(_gap(n, x.shape[1], config.mel_mask_bands, x)[:, :, None], 0.0)
    return x


def mix(log_mel: Tensor, targets: Tensor, config: AugmentConfig) -> tuple[Tensor, Tensor]:
    """Mixstyle (Zhou et al. 2021, by mel band as in Kim et al. 2022) and mixup (Zhang et al. 2018).

    Mixstyle lends an excerpt part of another's sound (equaliser, recording) and leaves its label;
    mixup blends excerpts and labels.

    Parameters
    ----------
    log_mel : float32 (n, n_mels, n_frames), normalised.
    targets : float32 (n, n_labels), probabilities.
    """
    n = len(log_mel)
    device = log_mel.device
    if config.mixstyle > 0:
        on = torch.rand(n, 1, 1, device=device) < config.mixstyle
        other = torch.randperm(n, device=device)
        share = torch.rand(n, 1, 1, device=device) * 0.5 * on
        mean = log_mel.mean(dim=2, keepdim=True)
        spread = log_mel.std(dim=2, keepdim=True) + 1e-3
        new_mean = (1 - share) * mean + share * mean[other]
        new_spread = (1 - share) * spread + share * spread[other]
        log_mel = (log_mel - mean) / spread * new_spread + new_mean
    if config.mixup > 0 and config.mixup_share > 0:
        share, other = mixing(n, config.mixup, config.mixup_share, log_mel)
        log_mel = share[:, None, None] * log_mel + (1 - share[:, None, None]) * log_mel[other]
        targets = share[:, None] * targets + (1 - share[:, None]) * targets[other]
    return log_mel, targets


def mixing(n: int, alpha: float, share: float, like: Tensor) -> tuple[Tensor, Tensor]:
    """How much of each example stays, 0.5 to 1, and which other one (both (n,)) makes up the rest.

    Parameters
    ----------
    alpha : of the beta distribution of the proportion; 0 mixes nothing.
    share : of the examples that are mixed.
    """
    if not (alpha > 0 and share > 0):
        return torch.ones(n, device=like.device), torch.arange(n, device=like.device)
    concentration = torch.full((n,), alpha)
    kept = torch.distributions.Beta(concentration, concentration).sample().to(like.device)
    kept = torch.maximum(kept, 1 - kept)
    kept = torch.where(torch.rand(n, device=like.device) < share, kept, 1.0)
    return kept, torch.randperm(n, device=like.device)


def _equaliser(log_mel: Tensor, tilt_db: float) -> Tensor:
    """Gains (n, n_mels, 1): half and whole cosine waves over the bands, from a tilt to a smile."""
    n, n_mels, _ = log_mel.shape
    waves = torch.arange(1, 5, device=log_mel.device)
    position = (torch.arange(n_mels, device=log_mel.device) + 0.5) / n_mels
    basis = torch.cos(math.pi * waves[:, None] * position)  # (4, n_mels)
    gains = torch.randn(n, 4, device=log_mel.device) * tilt_db / waves
    return (gains @ basis)[:, :, None]


def _edge(log_mel: Tensor, share: float) -> Tensor:
    """Gains (n, n_mels, 1): 0 up to a band near 8 kHz, from there a ramp to -20 to +25 dB."""
    n, n_mels, _ = log_mel.shape
    device = log_mel.device
    begin = n_mels * (0.88 + 0.06 * torch.rand(n, 1, device=device))
    ramp = ((torch.arange(n_mels, device=device) - begin) / (n_mels - begin)).clamp(min=0)
    gain = 45 * torch.rand(n, 1, device=device) - 20
    on = torch.rand(n, 1, device=device) < share
    return (ramp * gain * on)[:, :, None]


def _above_cutoff(log_mel: Tensor, share: float, lowest: float) -> Tensor:
    """Which bands a low-pass takes away: bool (n, n_mels, 1)."""
    n, n_mels, _ = log_mel.shape
    device = log_mel.device
    cutoff = n_mels * (lowest + (1 - lowest) * torch.rand(n, 1, device=device))
    on = torch.rand(n, 1, device=device) < share
    return ((torch.arange(n_mels, device=device) >= cutoff) & on)[:, :, None]


def _with_noise(x: Tensor, top: Tensor) -> Tensor:
    """Noise of a random level and colour, added as power; (n, n_mels, n_frames) in dB."""
    n, n_mels, _ = x.shape
    level = top - 25 - 35 * torch.rand(n, 1, 1, device=x.device)
    slope = torch.linspace(0, -30, n_mels, device=x.device)[:, None]
    # The power of noise in a mel band varies by a few dB from frame to frame.
    noise = level + slope * torch.rand(n, 1, 1, device=x.device) + 2.5 * torch.randn_like(x)
    per_db = math.log(10) / 10
    return torch.maximum(x, noise) + torch.log1p(torch.exp(-per_db * (x - noise).abs())) / per_db


def _gap(n: int, size: int, longest: int, like: Tensor) -> Tensor:
    """Where each excerpt has its gap along an axis of that size: bool (n, size)."""
    length = torch.rand(n, 1, device=like.device) * longest
    begin = torch.rand(n, 1, device=like.device) * (size - length)
    index = torch.arange(size, device=like.device)
    return (index >= begin) & (index < begin + length)
