"""What a student is to learn: means along a recording, axes of the stated scale, and words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs soundalike[research]")

from distill_sets import small_pool

from soundalike.errors import DataError
from soundalike.frontends.log_mel import EXCERPT_FRAMES, FRAME_S
from soundalike.research.distill.lessons import LESSONS, TAUGHT, LessonPlan, Taught, fit_plan
from soundalike.research.distill.pool_file import Pool
from soundalike.research.distill.words import TAUGHT_WORDS, word_targets


@pytest.fixture(scope="module")
def pool() -> Pool:
    return small_pool()


@pytest.fixture(scope="module")
def plan(pool: Pool) -> LessonPlan:
    return fit_plan(pool)


def values_of(taught: Taught, name: str) -> np.ndarray:
    """What is learned of each patch, from the sums."""
    return np.diff(taught.sums[name].astype(np.float64), axis=0)


def test_an_excerpt_is_asked_for_the_mean_over_the_patches_in_it() -> None:
    """Patches of 2 s with the values 1, 2, 4, ... and a second, slower teacher of 6 s."""
    values = 2.0 ** np.arange(8)
    slow = np.array([[10.0, 0.0], [20.0, 1.0], [60.0, 2.0]])
    taught = Taught(
        {
            "quick": np.concatenate([[0], np.cumsum(values)])[:, None].astype(np.float32),
            "slow": np.concatenate([[[0, 0]], np.cumsum(slow, axis=0)]).astype(np.float32),
        },
        {"quick": 2.0 * np.arange(8) + 1, "slow": 6.0 * np.arange(3) + 3},
    )

    def mean(start_s: float, length_s: float) -> tuple[list[float], list[float]]:
        found = taught.excerpt(start_s / FRAME_S, length_s / FRAME_S)
        return found["quick"].tolist(), found["slow"].tolist()

    # Middles at 1, 3, ... 15 s, and at 3, 9 and 15 s.
    assert mean(0, 4) == ([1.5], [10, 0])
    assert mean(2, 8) == ([np.mean([2, 4, 8, 16])], [15, 0.5])
    assert mean(0, 16) == ([np.mean(values)], [30, 1])
    # A patch counts whole, or not at all.
    assert mean(0.9, 0.2) == ([1], [10, 0])
    # Where no middle lies in an excerpt, the nearest patch is taken.
    assert mean(3.5, 1) == ([2], [10, 0])
    assert mean(4.2, 0.4) == ([4], [10, 0])
    assert mean(7, 1) == ([8], [20, 1])
    assert mean(20, 10) == ([128], [60, 2])


def test_a_whole_excerpt_is_9_94_s(pool: Pool, plan: LessonPlan) -> None:
    taught = plan(pool.recordings[6])
    assert pool.recordings[6].log_mel.shape[1] == 400
    inside = values_of(taught, "yamnet")[10:21]  # their middles lie at 10.08 to 19.68 s
    found = taught.excerpt(9.9 / FRAME_S)
    assert pytest.approx(9.94, abs=0.01) == EXCERPT_FRAMES * FRAME_S
    assert found["yamnet"] == pytest.approx(inside.mean(axis=0), abs=1e-4)
    assert {name: len(values) for name, values in found.items()} == dict(TAUGHT)


def test_axes_have_the_stated_scale(pool: Pool, plan: LessonPlan) -> None:
    """No recording has more patches than are taken of each for the fit, but one of three."""
    for lesson in LESSONS:
        chosen, taught = [], []
        for recording in pool.recordings:
            raw = recording.said[lesson.teacher].arrays[lesson.output].astype(np.float64)
            at = np.unique(np.linspace(0, len(raw) - 1, min(24, len(raw))).astype(int))
            chosen.append((np.log(raw + lesson.floor) if lesson.floor else raw)[at])
            taught.append(values_of(plan(recording), lesson.name)[at])
        axes = np.concatenate(taught)
        assert axes.shape[1] == lesson.axes
        # Centred, and of a mean squared value of 1.
        assert axes.mean(axis=0) == pytest.approx(np.zeros(lesson.axes), abs=2e-3)
        assert np.square(axes).mean() == pytest.approx(1.0, rel=1e-2)
        # They do not vary together, and their variances are like the components' deviations.
        products = axes.T @ axes / len(axes)
        assert np.abs(products - np.diag(products.diagonal())).max() < 0.02
        joined = np.concatenate(chosen)
        standard = (joined - joined.mean(axis=0)) / joined.std(axis=0)
        deviations = np.linalg.svd(standard, compute_uv=False)[: lesson.axes]
        expected = deviations / deviations.mean()
        assert products.diagonal() == pytest.approx(expected, rel=0.02), lesson.name


def test_energies_are_taken_as_logarithms_and_dead_values_say_nothing(pool: Pool) -> None:
    def changed(scale: float) -> Pool:
        recordings = []
        for recording in pool.recordings:
            yamnet = recording.said["yamnet"]
            pooled = yamnet.arrays["pooled"].astype(np.float32)
            pooled = np.where(np.arange(1024) < 1000, pooled, scale)
            arrays = {**yamnet.arrays, "pooled": pooled}
            said = {**recording.said, "yamnet": replace(yamnet, arrays=arrays)}
            recordings.append(replace(recording, said=said))
        return replace(pool, recordings=tuple(recordings))

    one, other = changed(0.0), changed(7.0)
    plans = fit_plan(one), fit_plan(other)
    first = [np.abs(values_of(plans[0](each), "yamnet")) for each in one.recordings]
    second = [np.abs(values_of(plans[1](each), "yamnet")) for each in other.recordings]
    # An axis may point either way.
    assert np.concatenate(first) == pytest.approx(np.concatenate(second), abs=0.02)
    # A constant that did not vary in the fit may vary later: nothing comes of it.
    yamnet = one.recordings[0].said["yamnet"]
    loud = yamnet.arrays["pooled"].copy()
    loud[:, 1000:] = 1e4
    later = replace(yamnet, arrays={**yamnet.arrays, "pooled": loud})
    heard = replace(one.recordings[0], said={**one.recordings[0].said, "yamnet": later})
    assert np.abs(values_of(plans[0](heard), "yamnet")) == pytest.approx(first[0], abs=1e-4)


def test_words_are_what_both_teachers_say_patch_by_patch(pool: Pool, plan: LessonPlan) -> None:
    recording = pool.recordings[7]
    found = values_of(plan(recording), "words")
    yamnet, musicnn = (recording.said[name] for name in ("yamnet", "musicnn"))
    assert found.shape == (len(yamnet.starts_s), len(TAUGHT_WORDS))

    def probabilities(logits: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-logits.astype(np.float64)))

    # The first patch of musicnn, 3 s, goes with the first three of YAMNet: middles at 1.5 and 4.5.
    for number, nearest in ((0, 0), (2, 0), (3, 1), (5, 1), (6, 2)):
        said = {
            "yamnet": probabilities(yamnet.arrays["logits"][number : number + 1]),
            "musicnn": probabilities(musicnn.arrays["logits"][nearest : nearest + 1]),
        }
        expected = probabilities(word_targets(said, pool.labels))[0]
        assert found[number] == pytest.approx(expected, abs=1e-3)
    assert plan(recording).middles_s["words"] == pytest.approx(yamnet.starts_s + 0.48)


def test_a_pool_without_a_teacher_is_refused(pool: Pool) -> None:
    recordings = tuple(
        replace(each, said={"musicnn": each.said["musicnn"]}) for each in pool.recordings
    )
    with pytest.raises(DataError, match="the pool lacks what yamnet says as pooled: make it again"):
        fit_plan(replace(pool, recordings=recordings))
