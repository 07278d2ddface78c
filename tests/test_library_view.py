"""What recommendations are made of: a view of the library, what is heard, and several seeds."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes import (
    FACETED,
    LAYOUT,
    LOG,
    FakeAnalyzer,
    fake_analysis,
    fake_model,
    open_library,
    open_upgraded,
    tag_track,
    write_track,
)
from hypothesis import given
from hypothesis import strategies as st

from soundalike.analysis import Analysis
from soundalike.errors import (
    AmbiguousTrack,
    InvalidArgument,
    ModelMismatch,
    SilentAudio,
    TrackNotFound,
)
from soundalike.library import Library, Limits
from soundalike.similarity.seeds import score_seeds
from soundalike.times import parse_span, split_span

MODEL = fake_model(name=FACETED)
N = 14


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("view")
    for number in range(N):
        kind = "calm" if number < 5 else "wild"
        write_track(folder / "music" / kind / f"piece {number}.wav", f"text {number}")
    with open_library(folder, name=FACETED) as library:
        assert library.scan([folder / "music"]).analysed == N
    return folder


@pytest.fixture
def library(place: Path) -> Iterator[Library]:
    with open_library(place, name=FACETED) as opened:
        yield opened


def piece(library: Library, number: int) -> int:
    return library.track(f"piece {number}.wav").track_id


# The view


def test_a_view_tells_what_is_known_of_its_rows(library: Library) -> None:
    with library.view() as view:
        assert (len(view), view.model, view.layout) == (N, "faceted@1", LAYOUT)
        rows = [3, 0, 3, 13]
        tracks = view.tracks(rows)
        assert [track.track_id for track in tracks] == view.index.track_ids[rows].tolist()
        assert [view.row_of(view.find(track.track_id)) for track in tracks] == rows
        excerpts, starts_s = view.excerpts(rows), view.excerpt_starts_s(rows)
        assert set(excerpts) == set(starts_s) == set(rows)
        for row, track in zip(rows, tracks, strict=True):
            stored = library.analysis(track.track_id)
            np.testing.assert_array_equal(excerpts[row], stored.excerpt_embeddings)
            np.testing.assert_array_equal(starts_s[row], stored.excerpt_starts_s)
        assert view.recordings.copies_of([0]) == [[]]
        assert view.distribution.n_tracks == N
        assert view.tracks([]) == []
        assert view.excerpts([]) == {}


@pytest.mark.file
def test_a_view_sees_one_state_though_the_library_changes(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place, tmp_path / "copy")
    with open_library(tmp_path / "copy", name=FACETED) as library:
        with open_library(tmp_path / "copy", name=FACETED) as other, library.view() as view:
            write_track(tmp_path / "more" / "new.wav", "new")
            other.scan([tmp_path / "more"])
            assert len(view) == N
            assert len(view.tracks(range(N))) == N
            with pytest.raises(TrackNotFound):
                view.find("new")
        with library.view() as view:
            assert len(view) == N + 1


def test_selecting_in_a_view_is_what_similar_does(library: Library) -> None:
    expected = library.similar("piece 3", 5, max_per_artist=2)
    heard = library.hear("piece 3")
    with library.view() as view:
        row = view.row_of(heard)
        assert row is not None
        scores = score_seeds(heard.embedding[None], view.index.embeddings, view.layout).scores
        found = view.select(scores, 5, Limits(max_per_artist=2), exclude=[row])
        tracks = view.tracks([each.row for each in found.chosen])
        assert tracks == [match.track for match in expected.matches]
        later = view.select(scores, 5, Limits(max_per_artist=2), exclude=[row], before=[0, 1])
        assert not {0, 1} & {each.row for each in later.chosen}


# What is heard


def test_a_track_is_heard_from_what_is_stored(
    library: Library, place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(LOG, str(tmp_path / "log"))
    heard = library.hear("piece 3")
    stored = library.analysis(piece(library, 3))
    assert not (tmp_path / "log").exists()  # nothing was analysed
    assert heard.track == library.track("piece 3")
    assert (heard.model, heard.name, heard.path) == ("faceted@1", "calm/piece 3", heard.track.path)
    assert (heard.seed.is_whole, heard.duration_s) == (True, 25.0)
    np.testing.assert_array_equal(heard.embedding, stored.embedding)
    np.testing.assert_array_equal(heard.excerpts, stored.excerpt_embeddings)
    np.testing.assert_array_equal(heard.starts_s, stored.excerpt_starts_s)


def test_a_passage_and_a_file_from_elsewhere_are_analysed(library: Library, tmp_path: Path) -> None:
    passage = library.hear("piece 3", start_s=10, end_s=20)
    expected = fake_analysis("text 3 10-20.0", MODEL)
    np.testing.assert_array_equal(passage.embedding, expected.embedding)
    # From the beginning of the track, not of the passage.
    np.testing.assert_array_equal(passage.starts_s, expected.excerpt_starts_s + 10)
    assert (passage.seed.start_s, passage.seed.end_s) == (10.0, 20.0)
    assert passage.track == library.track("piece 3")
    stranger = library.hear(write_track(tmp_path / "stranger.wav", "a stranger"))
    expected = fake_analysis("a stranger", MODEL)
    np.testing.assert_array_equal(stranger.excerpts, expected.excerpt_embeddings)
    assert (stranger.track, stranger.name) == (None, "stranger.wav")
    with pytest.raises(SilentAudio):
        library.hear(write_track(tmp_path / "silent.wav", "silent"))


class Forgetting(FakeAnalyzer):
    """While it analyses, somebody forgets a track."""

    def from_file(self, path: str | os.PathLike[str], **passage: float | None) -> Analysis:
        with open_library(Path(path).parent) as library:
            library.forget(Path(path).parent / "music" / "1.wav")
        return super().from_file(path, **passage)  # type: ignore[arg-type]


def test_the_library_may_change_while_a_seed_is_analysed(tmp_path: Path) -> None:
    for number in range(4):
        write_track(tmp_path / f"music/{number}.wav", str(number))
    stranger = write_track(tmp_path / "stranger.wav", "a stranger")
    with open_library(tmp_path, analyzer="test_library_view:Forgetting") as library:
        with open_library(tmp_path) as other:
            other.scan([tmp_path / "music"])
        assert library.similar(1, 10).searched == 3
        found = library.similar(stranger, 10, max_per_artist=5)
        assert sorted(match.track.path.stem for match in found.matches) == ["0", "2", "3"]


def test_what_an_older_model_heard_is_not_compared(tmp_path: Path) -> None:
    for number in range(3):
        write_track(tmp_path / f"music/{number}.wav", str(number))
    with open_library(tmp_path) as library:
        library.scan([tmp_path / "music"])
        heard = library.hear(1)
    with open_library(tmp_path, version="2") as library:
        with pytest.raises(ModelMismatch, match="none by fake@2"):
            library.hear(1)
        with pytest.raises(ModelMismatch, match="none by fake@2"), library.view():
            pass
        with pytest.raises(ModelMismatch, match="none by fake@2"):
            library.similar([1, 2], without=3)
    with open_upgraded(tmp_path, "2") as library:
        library.scan([tmp_path / "music"])
        with library.view() as view:
            with pytest.raises(
                ModelMismatch, match=r"0 was heard by fake@1, the library .* fake@2"
            ):
                view.check(heard)
            view.check(library.hear(1))


# Passages and folders in queries


@pytest.mark.parametrize(
    ("text", "apart"),
    [
        ("so what@1:10-1:40", ("so what", "1:10-1:40")),
        ("so what @ 70 - 100", ("so what", "70 - 100")),
        ("17@-0:30", ("17", "-0:30")),
        ("~/a@b/c.mp3@1:00-", ("~/a@b/c.mp3", "1:00-")),
        ("me@home", None),
        ("me@home.org", None),
        ("@1:10-1:40", None),
        ("live @ 5", None),
        ("so what@-", None),
        ("so what@1:10-1:40.mp3", None),
    ],
)
def test_a_passage_at_the_end_of_a_text(text: str, apart: tuple[str, str] | None) -> None:
    assert split_span(text) == apart


@given(st.integers(0, 9000), st.integers(1, 9000))
def test_a_passage_reads_back(start: int, length: int) -> None:
    apart = split_span(f"a title @ home@{start}-{start + length}")
    assert apart is not None
    assert apart[0] == "a title @ home"
    span = parse_span(apart[1])
    assert (span.start_s, span.end_s) == (start, start + length)


def test_a_query_may_name_its_passage(library: Library, place: Path) -> None:
    apart = library.hear("piece 3", 10, 20)
    for query in ("piece 3@10-0:20", f"#{piece(library, 3)} @ 10-20", f"{apart.path}@0:10-0:20"):
        heard = library.hear(query)
        assert heard.seed == apart.seed
        np.testing.assert_array_equal(heard.embedding, apart.embedding)
    found = library.similar("piece 3@10-20", N)
    assert (found.start_s, found.end_s) == (10.0, 20.0)
    assert found == library.similar("piece 3", N, start_s=10, end_s=20)
    assert (library.hear("piece 3@5-").seed.start_s, library.hear("piece 3@-5").seed.end_s) == (
        5,
        5,
    )


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("piece 3@1:70-2:00", "'1:70' is not a time"),
        ("piece 3@20-10", "'20-10' ends before it starts"),
    ],
)
def test_passages_that_cannot_be_read(library: Library, query: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        library.hear(query)


def test_a_passage_is_given_once(library: Library, place: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"has a passage, and there is another \(start_s"):
        library.hear("piece 3@10-20", start_s=1)
    with pytest.raises(InvalidArgument, match="a passage of one track, and there are 2"):
        library.similar(["piece 3", "piece 4"], start_s=1)
    with pytest.raises(InvalidArgument, match="calm is a folder: a passage is one of a track"):
        library.similar(place / "music" / "calm", start_s=1)
    with pytest.raises(TrackNotFound):
        library.hear("nothing like it@10-20")


def test_a_title_with_an_at_sign_goes_before_a_passage(tmp_path: Path) -> None:
    with open_library(tmp_path) as library:
        for number, title in enumerate(["Live @ 5-6", "Live", "me@home"]):
            tag_track(write_track(tmp_path / f"m/{number}.wav", title), artist="A", title=title)
        write_track(tmp_path / "m/x@1-2", "a file that is called so")
        library.scan([tmp_path / "m"])
        at_five, live, home = (library.track(tmp_path / f"m/{n}.wav") for n in range(3))
        assert library.hear("live @ 5-6").track == at_five
        assert library.hear("a live@5-6").track == at_five
        assert library.hear("me@home").track == home
        heard = library.hear("live@5-7")
        assert (heard.track, heard.seed.start_s) == (live, 5)
        assert library.hear("me@home@5-6").seed.start_s == 5
        assert library.hear(str(tmp_path / "m/x@1-2")).name == "x@1-2"


def test_a_folder_means_its_tracks(library: Library, place: Path, tmp_path: Path) -> None:
    calm = place / "music" / "calm"
    heard = library.hear_all(calm)
    assert [each.path for each in heard] == sorted(calm.iterdir())
    one_by_one = [library.hear(path) for path in sorted(calm.iterdir())]
    for a, b in zip(heard, one_by_one, strict=True):
        assert a.seed == b.seed
        np.testing.assert_array_equal(a.embedding, b.embedding)
    found = library.similar(calm, N)
    assert len(found.seeds) == 5
    assert {match.track.path.parent.name for match in found.matches} == {"wild"}
    assert found == library.similar(sorted(calm.iterdir()), N)
    assert found == library.similar([f"{calm}/", calm / "piece 1.wav"], N)  # none counts twice
    with pytest.raises(InvalidArgument, match="calm is a folder of 5 tracks: name one"):
        library.hear(calm)
    with pytest.raises(TrackNotFound, match="no track of the library lies there"):
        library.similar(tmp_path)


def test_the_name_of_a_folder_is_one_if_tracks_lie_there(
    library: Library, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place / "music")
    for name in ("calm", "calm/", "./calm"):
        assert len(library.similar(name).seeds) == 5, name
    assert len(library.similar(".", without=()).seeds) == N
    # Elsewhere, and where no track lies in it, it is words.
    monkeypatch.chdir(place)
    (place / "calm").mkdir()
    with pytest.raises(AmbiguousTrack):
        library.similar("calm")
    with pytest.raises(TrackNotFound, match="no track of the library lies there"):
        library.similar("./calm")


def test_an_id_goes_before_a_folder_that_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("1", "1994"):
        for number in range(2):
            write_track(tmp_path / "music" / name / f"piece {number}.wav", f"{name} {number}")
    with open_library(tmp_path, name=FACETED) as library:
        library.scan([tmp_path / "music"])
        monkeypatch.chdir(tmp_path / "music")
        assert [seed.track for seed in library.similar("1").seeds] == [library.track(1)]
        assert len(library.similar("1994").seeds) == 2


def test_a_folder_whose_disk_is_away_is_one(tmp_path: Path) -> None:
    for number in range(3):
        write_track(tmp_path / "music" / f"piece {number}.wav", f"text {number}")
    with open_library(tmp_path, name=FACETED) as library:
        library.scan([tmp_path / "music"])
        (tmp_path / "music").rename(tmp_path / "away")
        assert len(library.hear_all(tmp_path / "music", with_excerpts=False)) == 3
        assert len(library.hear_all(f"{tmp_path}/music", with_excerpts=False)) == 3


# Several seeds


def test_each_match_tells_the_seed_that_it_is_near_to(library: Library) -> None:
    names = ["piece 1", "piece 6", "piece 9"]
    found = library.similar(names, N)
    heard = [library.hear(name) for name in names]
    assert [seed.name for seed in found.seeds] == ["calm/piece 1", "wild/piece 6", "wild/piece 9"]
    assert (found.query, found.path) == (heard[0].track, heard[0].path)
    assert found.searched == len(found.matches) == N - 3
    scores = [match.score for match in found.matches]
    assert scores == sorted(scores, reverse=True)
    for match in found.matches:
        seed = heard[match.seed]
        own = library.hear(match.track.track_id).embedding
        assert match.similarity == pytest.approx(float(seed.embedding @ own), abs=1e-5)
        weighed = sum(found.weights[name] * match.facets[name] for name in found.weights)
        assert match.similarity == pytest.approx(weighed, abs=1e-5)
    assert len({match.seed for match in found.matches}) > 1


def test_without_moves_away(library: Library) -> None:
    plain = library.similar("piece 1", N)
    away = plain.matches[0].track
    found = library.similar("piece 1", N, without=away.track_id)
    assert [seed.track for seed in found.without] == [away]
    assert away not in [match.track for match in found.matches]
    assert found.searched == N - 2
    heard = library.hear(away.track_id)
    for match in found.matches:
        own = library.hear(match.track.track_id).embedding
        missing = max(0.0, float(heard.embedding @ own) + 0.1 - match.similarity)
        assert match.score == pytest.approx(match.similarity - 2 * missing, abs=1e-5)
    assert library.similar("piece 1", N, without=[]) == plain
    with pytest.raises(InvalidArgument, match="calm/piece 1 is a seed, and among what"):
        library.similar("piece 1", without=["piece 2", "piece 1"])


def test_a_seed_from_elsewhere_beside_one_of_the_library(library: Library, tmp_path: Path) -> None:
    stranger = write_track(tmp_path / "stranger.wav", "a stranger")
    found = library.similar(["piece 1", stranger, "piece 2@1-2"], N)
    assert [seed.track is None for seed in found.seeds] == [False, True, False]
    assert len(found.matches) == N - 2


def test_a_least_percentile_keeps_what_reaches_it(library: Library) -> None:
    full = library.similar(["piece 1", "piece 6"], N)
    found = library.similar(["piece 1", "piece 6"], N, min_percentile=60)
    expected = [match.track for match in full.matches if (match.percentile or 0) >= 60]
    assert [match.track for match in found.matches] == expected
    assert [match.rank for match in found.matches] == list(range(1, len(expected) + 1))
    assert found.cut == len(full.matches) - len(expected) > 0


def test_a_large_folder_is_told_by_some_of_it(
    library: Library, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soundalike.library.seed_scores.MOST_SEEDS", 3)
    found = library.similar(place / "music" / "wild", N)
    assert len(found.seeds) == N - 5
    assert {match.track.path.parent.name for match in found.matches} == {"calm"}
    assert {match.seed for match in found.matches} <= {0, 4, 8}


def test_copies_come_where_they_are_asked_for(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "music", tmp_path / "m")
    shutil.copy(tmp_path / "m/calm/piece 1.wav", tmp_path / "m/calm/again 1.wav")
    shutil.copy(tmp_path / "m/calm/piece 2.wav", tmp_path / "m/calm/again 2.wav")
    with open_library(tmp_path, name=FACETED) as library:
        library.scan([tmp_path / "m"])
        found = library.similar("piece 1", 100)
        assert len(found.matches) == N - 1
        assert found.passed_counts == {"copy": 1}
        assert [copy.track.path.name for copy in found.copies] == ["again 1.wav"]
        every = library.similar("piece 1", 100, limits=Limits(versions=True))
        assert len(every.matches) == every.searched == N + 1
        assert every.matches[0].track.path.name == "again 1.wav"
        assert (every.copies, dict(every.passed_counts)) == ((), {})
        both = library.similar(["piece 1", "piece 2"], 100, limits=Limits(versions=True))
        assert len(both.matches) == N


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"query": []}, "query is empty: name at least one track"),
        ({"query": [2.5]}, r"2\.5 is no track"),
        ({"query": 1, "limits": {"max_per_artist": 2}}, "give Limits"),
        ({"query": 1, "limits": Limits(max_per_artist=2), "max_per_artist": 3}, "give one of them"),
        ({"query": 1, "weights": "rhythm=2"}, "weights is 'rhythm=2': give numbers by facet"),
        ({"query": 1, "end_s": 0}, "end_s is 0: the passage must end after it starts"),
    ],
)
def test_what_cannot_be_asked(library: Library, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        library.similar(**arguments)  # type: ignore[arg-type]


def test_an_empty_library(tmp_path: Path) -> None:
    stranger = write_track(tmp_path / "stranger.wav", "a stranger")
    with open_library(tmp_path) as library:
        found = library.similar(stranger, limits=Limits(max_per_artist=1))
        assert (found.matches, found.searched) == ((), 0)
        with library.view() as view:
            assert len(view) == 0
            assert view.select(np.zeros(0, np.float32), 5, Limits(max_per_artist=1)).chosen == ()
        with pytest.raises(TrackNotFound):
            library.similar("anything")
