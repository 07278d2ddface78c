"""What a taste is fitted to, and whether it is used: listeners whose taste is known."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.facets import Facet, Facets
from soundalike.library.changes import Position
from soundalike.library.index import Index
from soundalike.library.rows import Rows
from soundalike.library.taste_records import Evidence, Plays
from soundalike.recommend.answers import Answers, Problem, principal_axes
from soundalike.recommend.likes import Likes, fit_liking, held_out_places
from soundalike.recommend.taste import HALF_LIFE_DAYS, TasteReport, fit_taste, play_weights
from soundalike.recommend.trials import chance_of, folds_of
from soundalike.similarity.seeds import score_seeds
from soundalike.similarity.taste import Liking, Metric, Stretch, Taste

LAYOUT = Facets((Facet("sound", 10, 0.8), Facet("rhythm", 6, 0.1), Facet("harmony", 6, 0.1)))
DAY = 86_400.0
NOW = 1_800_000_000.0


def tracks(n: int, seed: int = 0, layout: Facets = LAYOUT) -> NDArray[np.float32]:
    return layout.normalise(np.random.default_rng(seed).normal(size=(n, layout.size)))


def stretched(gain: float, facet: str = "sound") -> Metric:
    """A metric for which differences along two axes count for more."""
    size = next(each.size for each in LAYOUT if each.name == facet)
    axes = np.eye(size, dtype=np.float32)[:2]
    stretch = Stretch(axes, np.full(2, gain, np.float32))
    return Metric(LAYOUT, {}, {facet: stretch})


RHYTHMIC = Metric(LAYOUT, {"sound": 0.1, "rhythm": 0.8, "harmony": 0.1})
AS_THE_MODEL = Metric(LAYOUT, {})


def odd_ones(
    metric: Metric, embeddings: NDArray[np.float32], n: int, *, wrong: float = 0.1, seed: int = 0
) -> NDArray[np.intp]:
    """Triplets, the odd one last, as somebody with this metric says it."""
    rng = np.random.default_rng(seed)
    moved = metric.transform(embeddings)
    found = []
    for _ in range(n):
        three = rng.permutation(rng.choice(len(embeddings), 3, replace=False))
        alike = moved[three] @ moved[three].T
        odd = int(np.argmin(alike.sum(axis=1)))  # what is left out of the pair that is most alike
        if rng.random() < wrong:
            odd = (odd + int(rng.integers(1, 3))) % 3
        found.append([*np.delete(three, odd), three[odd]])
    return np.array(found, np.intp)


NOTHING = np.zeros(0, np.intp)
NO_PLAYS = Plays(NOTHING, np.zeros(0), np.zeros(0), np.zeros(0, np.bool_))


def evidence(
    embeddings: NDArray[np.float32],
    *,
    triplets: NDArray[np.intp] | None = None,
    pairs: NDArray[np.intp] | None = None,
    alike: NDArray[np.bool_] | None = None,
    opinions: NDArray[np.intp] = NOTHING,
    liked: NDArray[np.bool_] | None = None,
    plays: Plays = NO_PLAYS,
    layout: Facets = LAYOUT,
) -> Evidence:
    """What somebody said of tracks, all of which are by artists of their own."""
    n = len(embeddings)
    ids = np.arange(1, n + 1)
    rows = Rows.of(
        embeddings,
        track_ids=ids,
        content_ids=ids,
        audio_ids=ids,
        artist_codes=ids,
        album_codes=np.zeros(n, np.int64),
        durations_s=np.linspace(60, 600, n).astype(np.float32),
    )
    index = Index(
        **rows.columns(), model="faceted@1", position=Position(1, 1), counts={"analysed": n}
    )
    return Evidence(
        model="faceted@1",
        layout=layout,
        stamp="1/1 1/1",
        index=index,
        embeddings=embeddings,
        artists=ids,
        index_rows=np.arange(n),
        triplets=np.zeros((0, 3), np.intp) if triplets is None else triplets,
        pairs=np.zeros((0, 2), np.intp) if pairs is None else pairs,
        alike=np.zeros(0, np.bool_) if alike is None else alike,
        opinions=opinions,
        liked=np.ones(len(opinions), np.bool_) if liked is None else liked,
        plays=plays,
        judgements={"oddone": 0 if triplets is None else len(triplets)},
        not_counted=0,
    )


# The metric


weights = st.fixed_dictionaries({name: st.floats(0.01, 10) for name in LAYOUT.names})
gains = st.lists(st.floats(-0.9, 20), min_size=1, max_size=3)


@given(weights, gains, st.integers(0, 2**32 - 1))
def test_a_metric_says_the_same_in_all_its_ways(
    shares: dict[str, float], factors: list[float], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(6, len(factors))))[0].T.astype(np.float32)
    metric = Metric(LAYOUT, shares, {"rhythm": Stretch(axes, np.array(factors, np.float32))})
    a, rows = tracks(2, seed=seed % 1000), tracks(7, seed=1 + seed % 1000)
    moved = metric.transform(np.concatenate([a, rows]))
    assert np.linalg.norm(moved, axis=1) == pytest.approx(np.ones(9), abs=1e-4)
    products = metric.products(metric.queries(a), rows, metric.lengths(rows))
    assert products == pytest.approx(moved[:2] @ moved[2:].T, abs=1e-4)
    cosines = metric.cosines(a[0], rows[0])
    told = sum(metric.weights[name] * cosines[name] for name in LAYOUT.names)
    assert told == pytest.approx(float(products[0, 0]), abs=1e-4)


@given(weights)
def test_weights_alone_are_those_of_facets(shares: dict[str, float]) -> None:
    a, rows = tracks(2), tracks(5, seed=1)
    metric = Metric(LAYOUT, shares)
    assert metric.is_plain
    assert metric.lengths(rows) is None
    expected = LAYOUT.reweight(a, shares) @ rows.T
    assert metric.products(metric.queries(a), rows, None) == pytest.approx(expected, abs=1e-5)


def test_a_gain_counts_along_its_axis() -> None:
    one = LAYOUT.normalise(np.eye(LAYOUT.size)[[0, 0, 5]] + 1e-9)
    one[1, 5] = one[0, 0]  # half along the axis, half across
    metric = stretched(3.0)
    for a, b, expected in ((0, 1, 2 / np.sqrt(5)), (1, 2, 1 / np.sqrt(5))):
        cosine = metric.cosines(one[a], one[b])["sound"]
        assert cosine == pytest.approx(expected, abs=1e-4)


@given(weights, gains, st.integers(1, 4), st.integers(0, 3), st.integers(0, 999))
def test_seeds_are_scored_as_embeddings_that_the_metric_moved(
    shares: dict[str, float], factors: list[float], n_seeds: int, n_without: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(10, len(factors))))[0].T.astype(np.float32)
    metric = Metric(LAYOUT, shares, {"sound": Stretch(axes, np.array(factors, np.float32))})
    rows = tracks(40, seed)
    seeds, without = tracks(n_seeds, seed + 1), tracks(n_without, seed + 2)
    found = score_seeds(seeds, rows, LAYOUT, without=without, metric=metric)
    expected = score_seeds(
        metric.transform(seeds),
        metric.transform(rows),
        Facets.one(LAYOUT.size),
        without=metric.transform(without),
    )
    assert found.scores == pytest.approx(expected.scores, abs=1e-4)
    assert found.similarities == pytest.approx(expected.similarities, abs=1e-4)
    kept = metric.lengths(rows)
    again = score_seeds(seeds, rows, LAYOUT, without=without, metric=metric, lengths=kept)
    assert np.array_equal(again.scores, found.scores)


def test_what_does_not_fit_is_refused() -> None:
    axes = np.eye(6, dtype=np.float32)[:1]
    with pytest.raises(InvalidArgument, match="do not fit the facets"):
        Metric(LAYOUT, {}, {"sound": Stretch(axes, np.ones(1, np.float32))})
    with pytest.raises(InvalidArgument, match="must be > -1"):
        Metric(LAYOUT, {}, {"rhythm": Stretch(axes, -np.ones(1, np.float32))})


def test_a_taste_is_kept_as_json() -> None:
    liking = Liking(tracks(1)[0], 0.25)
    taste = Taste("faceted@1", stretched(2.5), liking)
    back = Taste.from_json(taste.to_json())
    assert back.metric is not None
    assert back.liking is not None
    assert back.metric.key == stretched(2.5).key
    assert back.liking.of(tracks(9)) == pytest.approx(liking.of(tracks(9)), abs=1e-5)
    assert not Taste.from_json({"model": "faceted@1"})
    with pytest.raises(ValueError, match="no taste"):
        Taste.from_json({"weights": {}})


# Answers


def problem(embeddings: NDArray[np.float32], answers: Answers) -> Problem:
    rng = np.random.default_rng(0)
    background = embeddings[rng.integers(0, len(embeddings), (60, 2))]
    judged = np.unique(answers.triplets)
    return Problem(embeddings, LAYOUT, background, principal_axes(embeddings[judged], LAYOUT))


def test_the_slope_of_the_loss_is_that_of_small_steps() -> None:
    embeddings = tracks(30)
    answers = Answers(
        odd_ones(stretched(5), embeddings, 20),
        np.array([[0, 1], [2, 3], [4, 5]]),
        np.array([True, False, True]),
    )
    tried = problem(embeddings, answers)
    size = 2 + tried.n_weights + tried.n_entries
    prior = np.full(size, 2.0)
    asked = tried._asked(answers)
    values = np.random.default_rng(1).normal(size=size) * 0.05
    _, slope, curvature = tried._loss(answers, asked, values, prior)
    for place in range(size):
        step = np.zeros(size)
        step[place] = 1e-5
        above, below = (
            tried._loss(answers, asked, values + sign * step, prior)[0] for sign in (1, -1)
        )
        assert slope[place] == pytest.approx((above - below) / 2e-5, abs=1e-5)
    assert np.linalg.eigvalsh(curvature).min() > 0


def test_the_fit_is_a_minimum() -> None:
    embeddings = tracks(30)
    answers = Answers(odd_ones(RHYTHMIC, embeddings, 40), np.zeros((0, 2), np.intp), NOTHING > 0)
    tried = problem(embeddings, answers)
    values = tried.fit(answers)
    losses, right = tried.losses(answers, values)
    rng = np.random.default_rng(0)
    for _ in range(20):
        moved = values + rng.normal(size=len(values)) * 0.05
        penalty = 0.5 * (moved @ moved - values @ values)
        # The prior of all values but the offset has a standard deviation of 1.
        penalty -= 0.5 * 0.75 * (moved[1] ** 2 - values[1] ** 2)
        assert tried.losses(answers, moved)[0].sum() + penalty > losses.sum() - 1e-4
    assert right.mean() > 0.75


def test_answers_that_share_a_pair_are_held_out_together() -> None:
    triplets = np.array([[0, 1, 2], [3, 4, 5], [6, 7, 8], [1, 9, 10]])
    pairs = np.array([[4, 3], [2, 0], [10, 11]])
    answers = Answers(triplets, pairs, np.ones(3, np.bool_))
    groups = answers.groups()
    assert groups[1] == groups[4]
    assert groups[0] == groups[5]
    assert len(set(groups.tolist())) == 5
    folds = folds_of(groups, 3)
    assert folds[1] == folds[4]
    assert folds[0] == folds[5]
    kept = answers.take(np.array([True, False, False, False, False, True, True]))
    assert kept.triplets.tolist() == [[0, 1, 2]]
    assert kept.pairs.tolist() == [[2, 0], [10, 11]]


def test_chance_is_that_of_flipped_coins() -> None:
    ten = np.arange(10)
    assert chance_of(np.ones(10), ten) == pytest.approx(2**-10, abs=0.002)
    assert chance_of(np.zeros(10), ten) == 1.0
    assert chance_of(-np.ones(10), ten) == 1.0
    # Ten that hang together are one coin.
    assert chance_of(np.ones(10), np.zeros(10, np.intp)) == pytest.approx(0.5, abs=0.03)
    eight_of_ten = np.array([1.0] * 8 + [-1.0] * 2)
    assert chance_of(eight_of_ten, ten) == pytest.approx(56 / 1024, abs=0.01)


# Whether it is used


def test_a_listener_who_weighs_rhythm_is_found_out() -> None:
    embeddings = tracks(80)
    report = fit_taste(evidence(embeddings, triplets=odd_ones(RHYTHMIC, embeddings, 49)), now=NOW)
    trial = report.trial("weights")
    assert trial is not None
    assert trial.is_used
    assert (trial.n, trial.chance is not None and trial.chance < 0.01) == (49, True)
    assert trial.after > trial.before + 10
    assert report.weights["rhythm"] > 0.6
    assert report.trial("metric") is None  # too few for it
    metric = report.taste.metric
    assert metric is not None
    unseen = odd_ones(RHYTHMIC, embeddings, 300, wrong=0, seed=1)
    right = {}
    for name, each in (("model", AS_THE_MODEL), ("taste", metric)):
        moved = each.transform(embeddings)[unseen]
        a, b, odd = moved[:, 0], moved[:, 1], moved[:, 2]
        pairs = [(x * y).sum(axis=1) for x, y in ((a, b), (a, odd), (b, odd))]
        right[name] = float(np.mean(np.argmax(pairs, axis=0) == 0))
    assert right["taste"] > 0.85
    assert right["taste"] > right["model"] + 0.2


def test_two_tracks_at_a_time_tell_it_as_well() -> None:
    embeddings = tracks(80)
    rng = np.random.default_rng(0)
    pairs = np.array([rng.choice(80, 2, replace=False) for _ in range(49)])
    moved = RHYTHMIC.transform(embeddings)
    similarities = (moved[pairs[:, 0]] * moved[pairs[:, 1]]).sum(axis=1)
    alike = similarities > np.median(similarities)
    report = fit_taste(evidence(embeddings, pairs=pairs, alike=alike), now=NOW)
    trial = report.trial("weights")
    assert trial is not None
    assert trial.is_used
    assert report.weights["rhythm"] > 0.4


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n", [10, 40])
def test_who_agrees_with_the_model_changes_nothing(n: int, seed: int) -> None:
    embeddings = tracks(80, seed)
    triplets = odd_ones(AS_THE_MODEL, embeddings, n, seed=seed)
    report = fit_taste(evidence(embeddings, triplets=triplets), now=NOW)
    assert not report.taste
    assert [trial.is_used for trial in report.trials] == [False]


@pytest.mark.parametrize("seed", range(6))
def test_random_answers_switch_it_off(seed: int) -> None:
    embeddings = tracks(80)
    rng = np.random.default_rng(seed)
    triplets = np.array([rng.choice(80, 3, replace=False) for _ in range(40)])
    report = fit_taste(evidence(embeddings, triplets=triplets), now=NOW)
    assert not report.taste


def test_few_answers_are_not_even_tried() -> None:
    embeddings = tracks(80)
    triplets = odd_ones(RHYTHMIC, embeddings, 7, wrong=0)
    report = fit_taste(evidence(embeddings, triplets=triplets), now=NOW)
    trial = report.trial("weights")
    assert trial is not None
    assert (trial.n, trial.chance, trial.is_used) == (7, None, False)
    assert not report.taste
    assert fit_taste(evidence(embeddings), now=NOW).trials == ()


def test_a_finer_metric_is_found_where_there_are_many_answers() -> None:
    embeddings = tracks(120)
    own = stretched(20)
    triplets = odd_ones(own, embeddings, 240, wrong=0.05)
    report = fit_taste(evidence(embeddings, triplets=triplets), now=NOW)
    trial = report.trial("metric")
    assert trial is not None
    assert trial.is_used
    metric = report.taste.metric
    assert metric is not None
    assert not metric.is_plain
    # Along the listener's axes differences count for more than across.
    along, across = (np.zeros((1, LAYOUT.size), np.float32) for _ in range(2))
    along[0, 0], across[0, 5] = (LAYOUT.facets[0].weight ** 0.5,) * 2
    lengths = [metric.lengths(each) for each in (along, across)]
    assert lengths[0] is not None
    assert lengths[1] is not None
    assert lengths[0][0, 0] < 0.8 * lengths[1][0, 0]
    again = TasteReport.from_json(report.to_json())
    assert again.trials == report.trials
    assert again.taste.metric is not None
    moved = (each.transform(embeddings) for each in (metric, again.taste.metric))
    assert next(moved) == pytest.approx(next(moved), abs=1e-5)


def test_a_model_without_facets_has_no_weights_to_fit() -> None:
    layout = Facets.one(12)
    embeddings = tracks(60, layout=layout)
    triplets = odd_ones(Metric(layout, {}), embeddings, 60)
    found = evidence(embeddings, triplets=triplets, layout=layout)
    report = fit_taste(found, now=NOW)
    assert [trial.level for trial in report.trials] == ["metric"]
    assert not report.taste
    assert dict(report.weights) == {"sound": 1.0}


def test_the_same_evidence_gives_the_same_answer() -> None:
    embeddings = tracks(80)
    found = evidence(embeddings, triplets=odd_ones(RHYTHMIC, embeddings, 30))
    first, second = (fit_taste(found, now=NOW).to_json() for _ in range(2))
    assert first == second


# Plays and likes


def plays(*each: tuple[int, float, float | None, bool]) -> Plays:
    """From row, age in days, share and whether it was skipped."""
    rows, ages, shares, skipped = zip(*each, strict=True) if each else ((), (), (), ())
    return Plays(
        np.array(rows, np.intp),
        NOW - DAY * np.array(ages, np.float64),
        np.array(shares, np.float64),
        np.array(skipped, np.bool_),
    )


def weight(*each: tuple[float, float | None, bool]) -> float:
    return float(play_weights(plays(*((0, *one) for one in each)), 1, now=NOW)[0])


def test_plays_weigh_what_they_should() -> None:
    assert weight((0, None, False)) == pytest.approx(0.5)
    assert weight((0, 1.0, False), (0, None, False)) == pytest.approx(0.75)
    assert weight((0, 0.5, False)) == pytest.approx(1 - 0.5**0.5)
    assert weight((HALF_LIFE_DAYS, None, False)) == pytest.approx(1 - 0.5**0.5)
    assert weight((2 * HALF_LIFE_DAYS, None, False)) == pytest.approx(1 - 0.5**0.25)
    assert weight((0, None, True)) == pytest.approx(-0.5)
    assert weight((0, 0.6, True)) == pytest.approx(0.5**0.4 - 1)
    assert weight((0, 0.2, False)) == pytest.approx(0.5**0.8 - 1)  # hardly begun
    assert weight((0, None, True), (0, None, False)) == pytest.approx(0.0)
    assert weight((-5, None, False)) == pytest.approx(0.5)  # a clock that was ahead
    assert play_weights(plays(), 3, now=NOW).tolist() == [0, 0, 0]


one_play = st.tuples(st.floats(0, 4000), st.none() | st.floats(0, 1), st.booleans())


@given(st.lists(one_play, min_size=1, max_size=8), st.floats(0, 2000))
def test_older_plays_count_less(
    each: list[tuple[float, float | None, bool]], more_days: float
) -> None:
    for one in each:
        now, later = weight(one), weight((one[0] + more_days, *one[1:]))
        assert abs(later) <= abs(now) + 1e-9
        assert now * later >= 0
    assert -1 <= weight(*each) <= 1


def likes_of(n_liked: int, n_background: int, direction: NDArray[np.float32], seed: int) -> Likes:
    """Likes of what has a high product with a direction."""
    embeddings = tracks(n_liked * 6, seed)
    order = np.argsort(-(embeddings @ direction))
    liked = embeddings[order[:n_liked]]
    return Likes(
        liked,
        np.ones(n_liked),
        np.arange(n_liked),
        tracks(n_background, seed + 1),
        np.arange(n_liked, n_liked + n_background),
    )


def test_what_is_liked_is_found_where_it_is_liked() -> None:
    direction = tracks(1, seed=99)[0]
    likes = likes_of(25, 200, direction, seed=3)
    places = held_out_places(likes)
    assert np.nanmean(places) > 0.75
    liking = fit_liking(likes)
    unseen = tracks(400, seed=50)
    scores = liking.of(unseen)
    assert np.corrcoef(scores, unseen @ direction)[0, 1] > 0.6
    assert -1 <= scores.min() < 0 < scores.max() <= 1
    # Half of the library gains, half loses.
    assert abs(float(np.median(liking.of(likes.background)))) < 0.02
    disliked = replace(likes, weights=-likes.weights)
    assert fit_liking(disliked).of(unseen) == pytest.approx(-scores, abs=0.02)


def test_the_artists_of_one_fold_are_not_seen_in_another() -> None:
    """One artist, whose tracks are all the same: held out, nothing of that is known."""
    likes = likes_of(20, 200, tracks(1)[0], seed=0)
    one = np.repeat(tracks(1, seed=7), 20, axis=0)
    alone = replace(likes, embeddings=one, groups=np.full(20, 5_000))
    assert np.isnan(held_out_places(alone)).all()


@pytest.mark.parametrize("seed", range(4))
def test_random_likes_switch_it_off(seed: int) -> None:
    embeddings = tracks(300, seed)
    some = np.random.default_rng(seed).choice(300, 25, replace=False)
    report = fit_taste(evidence(embeddings, opinions=some), now=NOW)
    trial = report.trial("liking")
    assert trial is not None
    assert not trial.is_used
    assert not report.taste


def test_likes_and_plays_are_used_where_they_tell_something() -> None:
    embeddings = tracks(300)
    direction = tracks(1, seed=99)[0]
    best = np.argsort(-(embeddings @ direction))
    said = fit_taste(evidence(embeddings, opinions=best[:25]), now=NOW)
    played = plays(*((int(row), 3.0, None, False) for row in best[:25]))
    heard = fit_taste(evidence(embeddings, plays=played), now=NOW)
    for report in (said, heard):
        trial = report.trial("liking")
        assert trial is not None
        assert trial.is_used
        liking = report.taste.liking
        assert liking is not None
        assert liking.of(embeddings[best[25:60]]).mean() > 0.1
        assert liking.of(embeddings[best[-60:]]).mean() < -0.1
    assert (heard.plays, heard.played) == (25, 25)
    # What is said goes before what was played: these are disliked.
    found = evidence(embeddings, opinions=best[:25], liked=np.zeros(25, np.bool_), plays=played)
    liking = fit_taste(found, now=NOW).taste.liking
    assert liking is not None
    assert liking.of(embeddings[best[25:60]]).mean() < -0.1


def test_years_later_plays_say_nothing_any_more() -> None:
    embeddings = tracks(300)
    best = np.argsort(-(embeddings @ tracks(1, seed=99)[0]))
    old = plays(*((int(row), 40 * HALF_LIFE_DAYS, None, False) for row in best[:25]))
    new = plays(*((int(row), 1.0, None, False) for row in best[-25:]))
    both = Plays(*(np.concatenate([a, b]) for a, b in zip(vars_of(old), vars_of(new), strict=True)))
    liking = fit_taste(evidence(embeddings, plays=both), now=NOW).taste.liking
    assert liking is not None
    assert liking.of(embeddings[best[-60:]]).mean() > 0.1
    assert liking.of(embeddings[best[:60]]).mean() < 0


def vars_of(found: Plays) -> list[NDArray[np.generic]]:
    return [found.rows, found.played_at, found.shares, found.is_skipped]


def test_too_few_artists_are_not_tried() -> None:
    report = fit_taste(evidence(tracks(100), opinions=np.arange(4)), now=time.time())
    trial = report.trial("liking")
    assert trial is not None
    assert (trial.chance, trial.is_used) == (None, False)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_whatever_is_said_there_is_an_answer(seed: int, n: int) -> None:
    """Contradictions, repetitions, tracks that are all the same."""
    rng = np.random.default_rng(seed)
    embeddings = tracks(5, seed % 100)
    embeddings[1] = embeddings[0]
    triplets = np.array([rng.choice(5, 3, replace=False) for _ in range(n)])
    pairs = np.array([rng.choice(5, 2, replace=False) for _ in range(n)])
    found = evidence(
        embeddings,
        triplets=triplets,
        pairs=pairs,
        alike=rng.random(n) < 0.5,
        opinions=np.arange(3),
        liked=rng.random(3) < 0.5,
    )
    report = fit_taste(found, now=NOW)
    assert sum(report.weights.values()) == pytest.approx(1.0)
    assert all(np.isfinite(trial.after) for trial in report.trials)
