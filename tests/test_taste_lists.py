"""Playlists, paths, radio and explanations by a listener's taste."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from fakes import FACETED, LAYOUT, open_library
from listening import make_listening, open_listening
from postgresql_server import duplicate
from test_judgements import listen

from soundalike.cli import cli
from soundalike.errors import InvalidArgument, ModelMismatch
from soundalike.library import Library, Limits
from soundalike.library import library as library_module
from soundalike.playlists import Playlist, read_playlist, write_playlist
from soundalike.recommend.explain import explain
from soundalike.recommend.journey import make_path
from soundalike.recommend.path import listening_path
from soundalike.recommend.playlist import make_playlist
from soundalike.recommend.playlist_files import (
    as_playlist,
    extend_playlist,
    order_playlist,
    refresh_playlist,
)
from soundalike.recommend.radio import Radio
from soundalike.recommend.records import Likeness
from soundalike.recommend.station import continue_radio, start_radio
from soundalike.recommend.taste_use import taste_in_use
from soundalike.similarity.taste import Liking, Metric, Stretch, Taste

N = 50
MODEL = f"{FACETED}@1"
FREE = Limits()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_listening(tmp_path_factory.mktemp("tasted"), N)


@pytest.fixture(scope="module")
def library(place: Path) -> Iterator[Library]:
    with open_listening(place) as opened:
        yield opened


def finer(seed: int = 0) -> Metric:
    """Rhythm above all, and two axes of the sound that count for other than they do."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(4, 2)))[0].T.astype(np.float32)
    stretch = Stretch(axes, np.array([8, -0.5], np.float32))
    return Metric(LAYOUT, {"sound": 0.3, "rhythm": 0.6, "harmony": 0.1}, {"sound": stretch})


def liking_of(library: Library, track_id: int) -> Liking:
    """Of what is near to a track, and nothing else."""
    row = library.index().row_of(track_id)
    assert row is not None
    return Liking(20 * library.index().embeddings[row], -14.0)


@pytest.fixture(scope="module")
def taste(library: Library) -> Taste:
    return Taste(MODEL, finer(), liking_of(library, 30))


def moved(library: Library, taste: Taste) -> dict[int, np.ndarray]:
    """By the ids of tracks, embeddings of which the products are the listener's similarities."""
    assert taste.metric is not None
    index = library.index()
    return dict(
        zip(index.track_ids.tolist(), taste.metric.transform(index.embeddings), strict=True)
    )


def check_sum(likeness: Likeness | None, similarity: float) -> None:
    assert likeness is not None
    assert math.fsum(likeness.shares.values()) == pytest.approx(similarity, abs=1e-5)
    assert likeness.similarity == pytest.approx(similarity, abs=1e-5)


# Playlists


def test_a_playlist_is_what_similar_finds_by_a_taste(library: Library, taste: Taste) -> None:
    made = make_playlist(library, "piece 7", tracks=12, limits=FREE, order="similar", taste=taste)
    found = library.similar("piece 7", 12, taste=taste)
    assert [(item.track.track_id, item.score) for item in made.items] == [
        (match.track.track_id, match.score) for match in found.matches
    ]
    assert [(item.rank_without_taste, item.liking) for item in made.items] == [
        (match.rank_without_taste, match.liking) for match in found.matches
    ]
    assert (made.taste, dict(made.weights)) == (found.taste, dict(found.weights))
    assert made.taste is not None
    assert made.taste.metric
    assert made.taste.liking
    plain = make_playlist(library, "piece 7", tracks=12, limits=FREE, order="similar")
    assert plain.taste is None
    assert {item.rank_without_taste for item in plain.items} == {None}
    assert {i.track.track_id for i in plain.items} != {i.track.track_id for i in made.items}


@pytest.mark.parametrize("surprise", [0.0, 0.5])
def test_the_same_seed_and_taste_give_the_same_list(
    library: Library, taste: Taste, surprise: float
) -> None:
    kept = Taste.from_json(json.loads(json.dumps(taste.to_json())))
    asked: dict[str, Any] = {"tracks": 10, "surprise": surprise, "random_seed": 3}
    made, again = (
        make_playlist(library, ["piece 7", "piece 8"], taste=each, **asked)
        for each in (taste, kept)
    )
    assert made == again


def test_likenesses_and_steps_are_by_the_metric(library: Library, taste: Taste) -> None:
    own = moved(library, taste)
    made = make_playlist(library, "piece 7", tracks=10, with_seeds=True, taste=taste)
    assert made.items[0].is_seed
    for before, item in zip(made.items, made.items[1:], strict=False):
        row = own[item.track.track_id]
        check_sum(item.likeness, float(own[8] @ row))
        assert item.step == pytest.approx(float(own[before.track.track_id] @ row), abs=1e-5)


def test_what_is_liked_comes_sooner(library: Library) -> None:
    plain = make_playlist(library, "piece 7", tracks=40, limits=FREE, order="similar")
    wanted = plain.items[20].track.track_id
    taste = Taste(MODEL, liking=liking_of(library, wanted))
    made = make_playlist(library, "piece 7", tracks=40, limits=FREE, order="similar", taste=taste)
    item = next(each for each in made.items if each.track.track_id == wanted)
    assert item.liking is not None
    assert item.liking > 0.9
    assert item.rank < item.rank_without_taste == 21
    # What it is like does not change by being liked.
    assert item.likeness == plain.items[20].likeness


def test_weights_go_before_those_of_a_taste(library: Library) -> None:
    taste = Taste(MODEL, Metric(LAYOUT, {"rhythm": 5}))
    asked = make_playlist(library, 8, tracks=9, weights={"harmony": 4}, taste=taste)
    assert asked.taste is None
    plain = make_playlist(library, 8, tracks=9, weights={"harmony": 4})
    assert asked.items == plain.items


def test_what_is_no_taste_here_is_refused(library: Library) -> None:
    makers: Sequence[Callable[..., Any]] = (
        lambda **more: make_playlist(library, 8, **more),
        lambda **more: make_path(library, [8, 9], **more),
        lambda **more: start_radio(library, 8, **more),
        lambda **more: explain(library, 8, 9, **more),
    )
    for make in makers:
        with pytest.raises(InvalidArgument, match="taste is a str: give a Taste"):
            make(taste="mine")
        with pytest.raises(ModelMismatch, match="the taste is about embeddings of other@1"):
            make(taste=Taste("other@1", finer()))
        assert make(taste=Taste("other@1")).taste is None  # it says nothing


def test_an_extension_and_an_order_go_by_it(library: Library, taste: Taste, tmp_path: Path) -> None:
    file = tmp_path / "mix.m3u8"
    made = make_playlist(library, "piece 7", tracks=8)
    write_playlist(file, as_playlist(made))
    more = extend_playlist(library, file, tracks=6, taste=taste)
    assert more.taste is not None
    assert more.recipe["taste"] is True
    assert more.items != extend_playlist(library, file, tracks=6).items
    ordered = order_playlist(library, file, taste=taste)
    assert ordered.taste is not None
    assert not ordered.taste.liking  # it puts nothing in order
    own = moved(library, taste)
    ids = [track.track_id for track in ordered.tracks]
    assert ordered.steps == pytest.approx(
        [float(own[a] @ own[b]) for a, b in pairwise(ids)], abs=1e-5
    )


# Recipes


@pytest.fixture(scope="module")
def listened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_listening(tmp_path_factory.mktemp("judged"), 30)
    with open_listening(folder) as opened:
        listen(opened)
    return folder


@pytest.fixture
def judged(listened: Path, tmp_path: Path) -> Iterator[Library]:
    """A library whose listener hears rhythm above all."""
    duplicate(listened / "library.db", tmp_path)
    with open_listening(tmp_path) as opened:
        yield opened


def test_a_recipe_remembers_whether_a_taste_counts(judged: Library, tmp_path: Path) -> None:
    taste = taste_in_use(judged)
    assert taste is not None
    file, other = tmp_path / "mix.m3u8", tmp_path / "other.m3u8"
    for path, used in ((file, taste), (other, None)):
        write_playlist(path, as_playlist(make_playlist(judged, 3, tracks=8, taste=used)))
    for path, used in ((file, True), (other, False)):
        again = refresh_playlist(judged, path)
        assert (again.came, again.went, again.made.taste is not None) == ((), (), used)
        assert again.made.recipe.get("taste", False) is used
    # Another wish is remembered from then on.
    assert refresh_playlist(judged, file, taste=False).made.taste is None
    assert refresh_playlist(judged, file).made.taste is None
    assert refresh_playlist(judged, other, taste=True).made.taste is not None
    # With nothing in use any more it is made without, and the wish stays.
    judged.reset_taste()
    gone = refresh_playlist(judged, other)
    assert (gone.made.taste, gone.made.recipe["taste"]) == (None, True)


def test_a_wish_that_is_none_is_refused(library: Library, tmp_path: Path) -> None:
    file = tmp_path / "mix.m3u8"
    made = make_playlist(library, 3, tracks=4)
    recipe = {**made.recipe, "taste": "mine"}
    write_playlist(file, Playlist(entries=as_playlist(made).entries, recipe=recipe))
    with pytest.raises(InvalidArgument, match="taste is 'mine': it must be true or false"):
        refresh_playlist(library, file)


# Paths


def test_a_bonus_leads_a_path_another_way() -> None:
    # Two ways from the first to the last, each over one track; the upper is a bit shorter.
    embeddings = np.array([[1, 0, 0], [1, 1, 0.30], [1, 1, -0.35], [0, 1, 0]], np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    assert listening_path(embeddings, [0, 3], 3).rows.tolist() == [0, 1, 3]
    bonus = np.array([0, 0, 0.05, 0], np.float32)
    led = listening_path(embeddings, [0, 3], 3, bonus=bonus)
    assert led.rows.tolist() == [0, 2, 3]
    # What is told of it is as it is.
    assert led.largest_step == pytest.approx(1 - float(embeddings[0] @ embeddings[2]), abs=1e-6)
    with pytest.raises(InvalidArgument, match=r"bonus has shape \(3,\)"):
        listening_path(embeddings, [0, 3], 3, bonus=bonus[1:])


def test_a_path_goes_by_a_taste(library: Library, taste: Taste, place: Path) -> None:
    own = moved(library, taste)
    made = make_path(library, [3, "piece 40@0:10-0:40", 20], tracks=9, taste=taste)
    assert made == make_path(library, [3, "piece 40@0:10-0:40", 20], tracks=9, taste=taste)
    assert made.taste is not None
    assert made.weights["rhythm"] == pytest.approx(0.6)
    for before, stop in zip(made.stops, made.stops[1:], strict=False):
        assert stop.likeness is not None
        assert math.fsum(stop.likeness.shares.values()) == pytest.approx(
            stop.likeness.similarity, abs=1e-5
        )
        if before.waypoint != 1 and stop.waypoint != 1:
            assert before.track is not None
            assert stop.track is not None
            product = float(own[before.track.track_id] @ own[stop.track.track_id])
            check_sum(stop.likeness, product)
    assert all(stop.liking is not None for stop in made.stops if stop.waypoint is None)
    assert made.stops != make_path(library, [3, "piece 40@0:10-0:40", 20], tracks=9).stops


# Radio


def test_a_bonus_lets_a_track_come_first() -> None:
    angles = np.deg2rad([0, 10, 20, 30])
    embeddings = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    told: dict[str, Any] = {"breadth": 0, "popularity": np.zeros(4)}
    assert next(Radio(embeddings, [0], **told)).row == 1
    assert next(Radio(embeddings, [0], bonus=np.array([0, 0, 0, 0.2]), **told)).row == 3
    with pytest.raises(InvalidArgument, match=r"bonus has shape \(3,\)"):
        Radio(embeddings, [0], bonus=np.zeros(3), **told)


def test_a_radio_goes_on_with_the_taste_that_it_began_with(library: Library, taste: Taste) -> None:
    whole = start_radio(library, "piece 7", tracks=20, taste=taste)
    assert whole.taste is not None
    parts = [start_radio(library, "piece 7", tracks=6, taste=taste)]
    parts.append(continue_radio(library, json.loads(json.dumps(parts[0].state)), tracks=14))
    assert [item for part in parts for item in part.items] == list(whole.items)
    assert (parts[1].state, parts[1].taste) == (whole.state, whole.taste)
    own = moved(library, taste)
    for before, item in zip(whole.items, whole.items[1:], strict=False):
        product = float(own[before.track.track_id] @ own[item.track.track_id])
        check_sum(item.likeness, product)
        assert item.liking is not None
    plain = start_radio(library, "piece 7", tracks=20)
    assert (plain.taste, plain.state["taste"]) == (None, None)
    assert plain.items != whole.items


def test_a_radio_of_before_tastes_goes_on(library: Library) -> None:
    part = start_radio(library, "piece 7", tracks=3)
    old = {name: value for name, value in part.state.items() if name != "taste"}
    assert continue_radio(library, old, tracks=5) == continue_radio(library, part.state, tracks=5)
    with pytest.raises(InvalidArgument, match="cannot be read"):
        continue_radio(library, {**part.state, "taste": {"weights": {}}})


def test_likes_of_a_session_are_told_beside_a_taste(library: Library, taste: Taste) -> None:
    state = start_radio(library, "piece 7", tracks=3, taste=taste).state
    plain = continue_radio(library, state, tracks=6)
    liked = continue_radio(library, state, tracks=6, like=["piece 30"])
    assert plain.items != liked.items
    assert not library.taste_counts()  # they are of this radio alone


# Explanations


@pytest.mark.parametrize("weights", [None, {"harmony": 3.0}])
def test_an_explanation_is_of_the_place_in_similar(
    library: Library, taste: Taste, weights: dict[str, float] | None
) -> None:
    limits = Limits(versions=True)
    asked: dict[str, Any] = {"weights": weights, "limits": limits}
    found = library.similar("piece 7", N, taste=taste, **asked).matches
    plain = {each.track.track_id: each.rank for each in library.similar(8, N, **asked).matches}
    for match in found[::6]:
        track_id = match.track.track_id
        told = explain(library, 8, track_id, weights=weights, taste=taste)
        standing = told.standing
        assert standing.rank == match.rank
        assert standing.rank_without_taste == plain[track_id]
        assert (standing.percentile, standing.liking) == (match.percentile, match.liking)
        assert math.fsum(each.share for each in told.facets) == pytest.approx(told.similarity)
        assert told.similarity == pytest.approx(match.similarity, abs=1e-5)
        assert standing.score == pytest.approx(match.score, abs=1e-5)
        assert told.taste is not None
        assert told.taste.weights is (weights is None)


def test_differences_add_up_by_a_taste(library: Library, taste: Taste) -> None:
    found = library.similar(8, 20, taste=taste).matches
    near, far = found[1], found[15]
    told = explain(library, 8, near.track.track_id, expected=far.track.track_id, taste=taste)
    assert told.expected is not None
    gap = sum(told.expected.differences.values())
    assert gap == pytest.approx(near.similarity - far.similarity, abs=1e-5)
    bonuses = told.standing.bonus - told.expected.standing.bonus
    assert gap + bonuses == pytest.approx(near.score - far.score, abs=1e-5)
    # The pictures of passages are by the same metric.
    own = moved(library, taste)
    assert told.similarity == pytest.approx(float(own[8] @ own[near.track.track_id]), abs=1e-5)
    pairs = (finer().transform(told.a.analysis.excerpt_embeddings)) @ (
        finer().transform(told.b.analysis.excerpt_embeddings).T
    )
    assert told.comparison.excerpt_similarity == pytest.approx(pairs, abs=1e-5)
    plain = explain(library, 8, near.track.track_id)
    assert (plain.taste, plain.standing.bonus, plain.standing.rank_without_taste) == (None, 0, None)
    by_facet = explain(library, 8, near.track.track_id, taste=replace(taste, liking=None))
    assert by_facet.standing.bonus == 0
    assert by_facet.facets == told.facets


# On the command line


@pytest.fixture
def told(judged: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    model = judged.model
    monkeypatch.setattr(library_module, "find_model", lambda _: model)
    monkeypatch.setenv("SOUNDALIKE_LIBRARY", str(tmp_path / "library.db"))
    monkeypatch.setenv("SOUNDALIKE_MODEL", FACETED)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, [str(one) for one in arguments], terminal_width=200)
    assert result.exit_code == code, result.output
    return result


USED = "by your taste (its weights); --no-taste leaves it out"


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    "command",
    [
        ("playlist", 3, "--tracks", 6),
        ("playlist", "extend", "old.m3u8", "--tracks", 6),
        ("playlist", "order", "old.m3u8"),
        ("path", 3, 9, "--steps", 6),
        ("radio", 3, "--tracks", 6),
        ("explain", 3, 9),
    ],
    ids=lambda command: " ".join(map(str, command[:2])),
)
def test_commands_say_whether_a_taste_is_used(command: tuple[object, ...]) -> None:
    call("playlist", 5, "--tracks", 6, "--no-taste", "--out", "old.m3u8")
    assert USED in call(*command).stderr
    without = call(*command, "--no-taste")
    assert "taste" not in without.stderr
    used = json.loads(call(*command, "--json").stdout)
    assert used["taste"] == {"weights": True, "metric": False, "liking": False, "most": 0.0}
    assert json.loads(call(*command, "--no-taste", "--json").stdout)["taste"] is None
    assert call(*command, "--no-taste").stdout != call(*command).stdout
    call("taste", "--reset", "--yes")
    assert "No taste is in use: `soundalike taste` says why." in call(*command, "--taste").stderr
    assert call(*command).stdout == without.stdout


def test_files_remember_it_on_the_command_line(told: Path) -> None:
    call("playlist", 3, "--tracks", 6, "--out", "mix.m3u8")
    recipe = read_playlist(told / "mix.m3u8").recipe
    assert recipe is not None
    assert recipe["taste"] is True
    assert USED in call("playlist", "refresh", "mix.m3u8").stderr
    refreshed = call("playlist", "refresh", "mix.m3u8", "--no-taste").stderr
    assert "taste" not in refreshed.replace("mix", "")
    assert "taste" not in call("playlist", "refresh", "mix.m3u8").stderr

    first = call("radio", 3, "--tracks", 3, "--state", "on.json")
    assert USED in first.stderr
    assert USED in call("radio", "--tracks", 3, "--state", "on.json").stderr
    refused = call("radio", "--no-taste", "--state", "on.json", code=2).stderr
    assert "taste" in refused
    assert "begin another" in refused.replace("\n", " ")


def test_an_explanation_tells_what_a_liking_adds(told: Path) -> None:
    with open_library(told, name=FACETED) as library:
        library.reset_taste()
        index = library.index()
        order = index.track_ids[np.argsort(-(index.embeddings @ index.embeddings[0]))]
        library.like(*order[:9].tolist())
        library.dislike(*order[-9:].tolist())
        taste = taste_in_use(library)
        assert taste is not None
        assert taste.liking is not None
        near, far = int(order[12]), int(order[18])
        standing = explain(library, int(order[10]), near, taste=taste).standing
    text = call("explain", int(order[10]), near, "--not", far).stdout
    lines = [line.split() for line in text.splitlines()]
    together, liked, ranked = (
        next(float(line[-1]) for line in lines if line[: len(words)] == words)
        for words in (["together"], ["what", "you", "like"], ["ranked", "by"])
    )
    assert ranked == pytest.approx(together + liked, abs=1e-9)
    assert liked == pytest.approx(standing.bonus, abs=6e-4)
    assert "without your taste" in text
