"""Augmentation: what it does with everything off, and what each change is bound by."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("torch", reason="needs soundalike[research]")

import torch

from soundalike.frontends.log_mel import EXCERPT_FRAMES, N_MELS
from soundalike.research import augment
from soundalike.research.augment import AugmentConfig
from soundalike.research.networks import normalise

OFF = AugmentConfig(
    stretch=1.0,
    mel_shift=0.0,
    mel_scale=0.0,
    tilt_db=0.0,
    edge=0.0,
    lowpass=0.0,
    floor=0.0,
    noise=0.0,
    time_masks=0,
    mel_masks=0,
    mixstyle=0.0,
    mixup=0.0,
    mixup_share=0.0,
)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def excerpts(n: int = 8) -> torch.Tensor:
    return torch.rand(n, N_MELS, EXCERPT_FRAMES) * -80


def test_a_crop_without_changes_is_a_part_of_the_track() -> None:
    # A ramp over time tells where the crop begins, one over the bands that they stayed.
    ramp = torch.arange(300.0)[None, None, :] + 1000 * torch.arange(float(N_MELS))[None, :, None]
    cut = augment.crop(ramp.expand(16, -1, -1), OFF)
    assert cut.shape == (16, N_MELS, EXCERPT_FRAMES)
    starts = cut[:, 0, 0]
    assert starts.min() >= 0
    assert starts.max() <= 300 - EXCERPT_FRAMES
    assert len(starts.unique()) > 8
    steps = cut.diff(dim=2)[:, :, 1:-1]
    assert torch.allclose(steps, torch.ones_like(steps), atol=0.05)
    bands = cut.diff(dim=1)
    assert torch.allclose(bands, torch.full_like(bands, 1000.0), atol=0.5)


def test_a_stretched_crop_stays_inside_the_track_and_keeps_to_its_bounds() -> None:
    ramp = torch.arange(200.0).expand(64, N_MELS, 200)
    cut = augment.crop(ramp, replace(OFF, stretch=1.25))
    steps = cut.diff(dim=2)[:, 0, 1:-1].mean(dim=1)
    assert steps.min() >= 1 / 1.26
    assert steps.max() <= 1.26
    assert steps.max() - steps.min() > 0.2
    assert cut.min() >= 0
    assert cut.max() <= 199


def test_a_shift_moves_bands_by_no_more_than_it_may() -> None:
    ramp = torch.arange(float(N_MELS))[None, :, None].expand(64, N_MELS, 200)
    moved = augment.crop(ramp, replace(OFF, mel_shift=4.0))[:, 40:80] - ramp[:, 40:80, :128]
    assert 2.0 < moved.abs().max() <= 4.01


def test_nothing_but_normalisation_is_left_with_everything_off() -> None:
    x = excerpts()
    assert torch.equal(augment.perturb(x, OFF), normalise(x))
    targets = torch.eye(8)
    mixed, same = augment.mix(x, targets, OFF)
    assert mixed is x
    assert same is targets


def test_gaps_are_no_longer_than_they_may_be() -> None:
    found = augment.perturb(excerpts(32), replace(OFF, time_masks=1, time_mask_frames=24))
    lengths = (found == 0).all(dim=1).sum(dim=1)
    assert 12 < lengths.max() <= 25
    found = augment.perturb(excerpts(32), replace(OFF, mel_masks=1, mel_mask_bands=20))
    lengths = (found == 0).all(dim=2).sum(dim=1)
    assert 10 < lengths.max() <= 21


def test_noise_and_a_raised_floor_fill_the_quiet_and_leave_the_loud() -> None:
    # A fifth loud, the rest very quiet, but for one band in between that noise must cover.
    x = torch.full((16, N_MELS, EXCERPT_FRAMES), -300.0)
    x[:, :24] = 0.0
    x[:, 24:26] = -200.0
    untouched = augment.perturb(x, OFF)
    assert (untouched[:, 24] > untouched[:, 100] + 0.5).all()
    for changed in (replace(OFF, noise=1.0), replace(OFF, floor=1.0)):
        found = augment.perturb(x, changed)
        assert (found[:, 25].mean(dim=1) < found[:, 26].mean(dim=1) + 0.2).all()
        assert torch.allclose(found[:, :24].std(dim=(1, 2)), torch.zeros(16), atol=0.05)


def test_a_low_pass_takes_away_what_is_above_a_band_that_is_drawn() -> None:
    x = torch.randn(256, N_MELS, EXCERPT_FRAMES)
    for lowest in (0.75, 0.5):
        found = augment.perturb(x, replace(OFF, lowpass=0.5, lowpass_from=lowest))
        quiet = (found.std(dim=2) < 1e-3).sum(dim=1)
        assert 0.35 < (quiet > 0).float().mean() < 0.65
        assert quiet.max() <= N_MELS * (1 - lowest)
        assert quiet.max() > 0.8 * N_MELS * (1 - lowest)
        cut = found[quiet > 0]
        assert (cut[:, -1].std(dim=1) < 1e-3).all()


def test_mixing_says_how_much_stays_and_what_makes_up_the_rest() -> None:
    like = torch.zeros(1)
    for alpha, share in ((0.0, 0.5), (0.4, 0.0)):
        kept, other = augment.mixing(5, alpha, share, like)
        assert torch.equal(kept, torch.ones(5))
        assert torch.equal(other, torch.arange(5))
    kept, other = augment.mixing(1000, 0.4, 0.25, like)
    assert kept.min() >= 0.5
    assert 0.15 < (kept < 1).float().mean() < 0.3
    assert torch.equal(other.sort().values, torch.arange(1000))


def test_mixup_mixes_targets_as_it_mixes_excerpts() -> None:
    # Each excerpt holds the number of its label, so the mixture can be read off both.
    labels = torch.arange(8.0)
    x = labels[:, None, None].expand(8, N_MELS, EXCERPT_FRAMES)
    mixed, targets = augment.mix(x, torch.eye(8), replace(OFF, mixup=0.5, mixup_share=1.0))
    assert torch.allclose(targets.sum(dim=1), torch.ones(8))
    assert torch.allclose(targets @ labels, mixed[:, 0, 0], atol=1e-5)
    assert (targets.amax(dim=1) >= 0.5).all()
    assert (targets.amax(dim=1) < 1).any()


def test_mixstyle_takes_on_the_mean_of_each_band_and_keeps_the_label() -> None:
    x = torch.randn(8, N_MELS, EXCERPT_FRAMES) + torch.arange(8.0)[:, None, None] * 10
    targets = torch.eye(8)
    mixed, same = augment.mix(x, targets, replace(OFF, mixstyle=1.0))
    assert torch.equal(same, targets)
    shift = (mixed - x).mean(dim=2)
    assert shift.abs().max() > 1
    # What varies within a band is scaled, not replaced.
    correlation = torch.corrcoef(torch.stack([mixed[3, 5], x[3, 5]]))[0, 1]
    assert correlation > 0.999


def test_a_seed_gives_the_same_batch() -> None:
    config = AugmentConfig(mixstyle=0.5)
    batches = []
    for _ in range(2):
        torch.manual_seed(5)
        x = augment.perturb(augment.crop(excerpts().repeat(1, 1, 2), config), config)
        batches.append(augment.mix(x, torch.eye(8), config)[0])
    assert torch.equal(*batches)
