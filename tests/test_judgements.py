"""Judgements in a library: kept with the music, and what they do to its answers."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes import FACETED, LAYOUT, OnePool, open_library, tag_track, write_track
from postgresql_server import duplicate
from test_library_read_only import no_rights, open_folder  # noqa: F401

from soundalike.errors import InvalidArgument, LibraryError, ModelMismatch, TrackNotFound
from soundalike.library import Judgement, Library, Limits
from soundalike.recommend.taste import taste_of
from soundalike.recommend.taste_use import taste_in_use
from soundalike.similarity.taste import LIKING_SHARE, Liking, Metric, Stretch, Taste

N_TRACKS = 30


def fill(folder: Path, n: int = N_TRACKS) -> Path:
    for number in range(n):
        path = write_track(folder / "music" / f"{number:02d}.wav", f"track {number}")
        tag_track(path, artist=f"Artist {number}", title=f"Title {number}")
    return folder / "music"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judged")
    music = fill(folder)
    with open_library(folder, name=FACETED) as library:
        assert library.scan([music]).analysed == N_TRACKS
    return folder


@pytest.fixture
def folder(filled: Path, tmp_path: Path) -> Path:
    """A library, the music of which lies in a folder that all tests share."""
    duplicate(filled / "library.db", tmp_path)
    return tmp_path


@pytest.fixture
def library(folder: Path) -> Iterator[Library]:
    with open_library(folder, name=FACETED) as library:
        yield library


def told(found: tuple[Judgement, ...]) -> list[tuple[str, ...]]:
    """Kind and names of those that count."""
    return [
        (each.kind, *(piece.name for piece in each.pieces))
        for each in found
        if not each.is_replaced
    ]


# What is kept


def test_all_that_is_said_is_kept(library: Library) -> None:
    library.like(1, "artist 20 title")
    library.dislike(3)
    library.alike(4, 5)
    library.unlike(5, 6)
    said = library.odd_one(7, 8, 9)
    assert [piece.track and piece.track.track_id for piece in said.pieces] == [7, 8, 9]
    found = library.judgements()
    assert [each.kind for each in found] == ["like", "like", "dislike", "alike", "unlike", "oddone"]
    assert found[5] == said
    assert found[0].pieces[0].name == "Artist 0 - Title 0"
    assert abs(found[0].judged_at.timestamp() - time.time()) < 60
    counts = library.taste_counts()
    assert dict(counts.judgements) == {
        "like": 2,
        "dislike": 1,
        "alike": 1,
        "unlike": 1,
        "oddone": 1,
    }
    assert (counts.plays, counts.played) == (0, 0)


def test_a_play_is_noted_once(library: Library) -> None:
    for share, is_skipped in ((0.9, False), (0.1, True)):
        library.note_play(1, played_at_s=1e9, share=share, is_skipped=is_skipped, source="player")
    library.note_play("artist 2 title", played_at_s=1e9 + 60.5, source="player")
    counts = library.taste_counts()
    assert (counts.plays, counts.played) == (2, 2)
    with pytest.raises(InvalidArgument, match=r"share is 1\.5: it must be at most 1"):
        library.note_play(1, played_at_s=1e9, share=1.5, source="player")
    with pytest.raises(TrackNotFound):
        library.note_play("nobody", played_at_s=1e9, source="player")
    assert library.taste_counts().plays == 2


def test_the_last_word_counts_and_can_be_taken_back(library: Library) -> None:
    library.like(1)
    library.alike(2, 3)
    library.odd_one(4, 5, 6)
    library.dislike(1)
    library.unlike(3, 2)
    library.odd_one(6, 4, 5)
    one, two, *_ = (library.track(number).name for number in (1, 2))
    assert told(library.judgements())[:2] == [("dislike", one), ("unlike", *_names(library, 3, 2))]
    assert sum(each.is_replaced for each in library.judgements()) == 3
    assert library.undo_judgement().kind == "oddone"
    assert told(library.judgements())[0] == ("oddone", *_names(library, 4, 5, 6))
    dislike = next(each for each in library.judgements() if each.kind == "dislike")
    assert library.undo_judgement(dislike.judgement_id) == dislike
    assert ("like", one) in told(library.judgements())
    assert two  # it is still there
    with pytest.raises(TrackNotFound, match="no judgement 99"):
        library.undo_judgement(99)


def _names(library: Library, *numbers: int) -> list[str]:
    return [library.track(number).name for number in numbers]


def test_there_is_nothing_to_take_back(library: Library) -> None:
    with pytest.raises(TrackNotFound, match="no judgement to take back"):
        library.undo_judgement()


def test_a_folder_is_liked_as_a_whole(library: Library, filled: Path) -> None:
    assert len(library.like(filled / "music")) == N_TRACKS
    with pytest.raises(InvalidArgument, match="a folder of 30 tracks: name one"):
        library.alike(filled / "music", 1)


def test_what_cannot_be_judged(library: Library, tmp_path: Path) -> None:
    elsewhere = write_track(tmp_path / "elsewhere.wav", "not in the library")
    with pytest.raises(TrackNotFound, match=r"elsewhere\.wav: the library does not know"):
        library.like(elsewhere)
    with pytest.raises(InvalidArgument, match="a passage: a judgement is of whole tracks"):
        library.like("title 1@0:01-0:02")
    with pytest.raises(InvalidArgument, match="are one track: name different"):
        library.alike(1, 1)
    with pytest.raises(InvalidArgument, match="are one track: name different"):
        library.odd_one(1, 2, 1)
    with pytest.raises(InvalidArgument, match="name at least one track"):
        library.like()
    with pytest.raises(TrackNotFound):
        library.dislike(4711)
    assert library.judgements() == ()


def test_copies_are_one_piece(folder: Path, tmp_path: Path) -> None:
    with open_library(folder, name=FACETED) as library:
        more = tmp_path / "more"
        more.mkdir()
        shutil.copy(library.track(1).path, more / "copy.wav")
        shutil.copy(library.track(2).path, more / "tagged.wav")
        tag_track(more / "tagged.wav", artist="Somebody", title="Other tags")
        library.scan([more])
        library.like(more / "copy.wav")
        library.dislike(1)
        assert [each.kind for each in library.judgements() if not each.is_replaced] == ["dislike"]
        with pytest.raises(InvalidArgument, match="hold the same audio"):
            library.alike(more / "tagged.wav", 2)
        library.like(2)
        library.dislike(more / "tagged.wav")
        assert told(library.judgements())[1][0] == "dislike"
        assert len(library.taste_evidence().opinions) == 2


def test_judgements_follow_the_music(tmp_path: Path) -> None:
    music = fill(tmp_path, 6)
    with open_library(tmp_path, name=FACETED) as library:
        library.scan([music])
        library.odd_one(1, 2, 3)
        library.like(4)
        (music / "00.wav").rename(music / "moved.wav")
        tag_track(music / "01.wav", artist="Renamed", title="Retagged")
        library.scan([music])
        odd, like = library.judgements()
        assert [piece.track and piece.track.path.name for piece in odd.pieces] == [
            "moved.wav",
            "01.wav",
            "02.wav",
        ]
        assert odd.pieces[1].track is not None
        assert odd.pieces[1].track.artist == "Renamed"
        assert len(library.taste_evidence().triplets) == 1

        # Gone, it still counts: what was heard is stored.
        away = (music / "03.wav").rename(tmp_path / "away.wav")
        library.scan([music])
        (like,) = library.judgements()[1:]
        assert like.pieces[0].track is not None
        assert like.pieces[0].track.status == "missing"
        assert (len(library.taste_evidence().opinions), library.taste_evidence().not_counted) == (
            1,
            0,
        )
        # Forgotten, it waits by its name.
        library.forget(missing=True)
        (like,) = library.judgements()[1:]
        assert (like.pieces[0].track, like.pieces[0].name) == (None, "Artist 3 - Title 3")
        assert (len(library.taste_evidence().opinions), library.taste_evidence().not_counted) == (
            0,
            1,
        )
        # Until it returns.
        away.rename(music / "back.wav")
        library.scan([music])
        (like,) = library.judgements()[1:]
        assert like.pieces[0].track is not None
        assert like.pieces[0].track.path.name == "back.wav"
        assert library.taste_evidence().not_counted == 0


def test_the_same_audio_under_two_names_says_nothing(tmp_path: Path) -> None:
    """What was judged as two files turns out to be one piece."""
    music = fill(tmp_path, 4)
    with open_library(tmp_path, name=FACETED) as library:
        library.scan([music])
        library.alike(1, 2)
        shutil.copy(music / "01.wav", music / "00.wav")
        tag_track(music / "00.wav", artist="Artist 0", title="Title 0")
        library.scan([music])
        library.alike(1, 3)
        found = library.taste_evidence()
        assert len(found.pairs) == 1


def test_a_reset_deletes_all_of_it(library: Library, tmp_path: Path) -> None:
    listens = tmp_path / "plays.csv"
    listens.write_text("played_at,artist,title\n2026-01-01T10:00:00Z,Artist 1,Title 1\n")
    library.like(1, 2)
    library.import_listens(listens)
    taste_of(library)
    gone = library.reset_taste()
    assert (gone.judgements["like"], gone.plays, gone.played) == (2, 1, 1)
    assert not library.taste_counts()
    assert not library.has_taste()
    assert library.judgements() == ()
    assert library.kept_taste() is None
    assert not library.reset_taste()
    with library._database.read() as connection:
        for table in ("pieces", "judgements", "plays", "tastes"):
            query = f"SELECT count(*) FROM {table}"
            assert connection.exec_driver_sql(query).scalar() == 0


def test_a_scan_at_the_same_time_is_no_harm(tmp_path: Path) -> None:
    music = fill(tmp_path, 12)
    with open_library(tmp_path, name=FACETED) as library:
        library.scan([music / f"{number:02d}.wav" for number in range(4)])
    said = 0
    with (
        open_library(tmp_path, name=FACETED, pool=OnePool) as scanning,
        open_library(tmp_path, name=FACETED) as judging,
    ):

        def judge(_: object) -> None:
            nonlocal said
            judging.odd_one(1 + said % 2, 3, 4)
            said += 1

        report = scanning.scan([music], progress=judge)
        assert report.analysed == 8
        assert said > 3
        assert len(judging.judgements()) == said
        assert len(scanning.taste_evidence().triplets) == 2


@pytest.mark.file
def test_what_cannot_be_written_says_so(open_folder: Path) -> None:  # noqa: F811
    music = fill(open_folder, 12)
    place = open_folder / "kept"
    place.mkdir()
    with open_library(place, name=FACETED) as library:
        library.scan([music])
        library.like(1, 2)
        listens = open_folder / "plays.csv"
        listens.write_text("played_at,artist,title\n2026-01-01T10:00:00Z,Artist 1,Title 1\n")
    with no_rights(place), open_library(place, name=FACETED) as library:
        for refused in (
            lambda: library.like(3),
            lambda: library.alike(1, 2),
            lambda: library.undo_judgement(),
            lambda: library.reset_taste(),
            lambda: library.import_listens(listens),
        ):
            with pytest.raises(LibraryError, match="cannot be written"):
                refused()
        # What is there is told, and fitted, all the same.
        assert len(library.judgements()) == 2
        assert dict(taste_of(library).judgements)["like"] == 2
        assert library.kept_taste() is None


# What is fitted, and kept


def listen(library: Library, n: int = 40, *, rhythm: float = 20.0) -> None:
    """Say which is the odd one of three, n times, as somebody who hears rhythm above all."""
    rng = np.random.default_rng(0)
    embeddings = library.index().embeddings
    queries = LAYOUT.reweight(embeddings, {"rhythm": rhythm})
    ids = library.index().track_ids
    for _ in range(n):
        three = rng.choice(len(ids), 3, replace=False)
        alike = queries[three] @ embeddings[three].T
        odd = int(np.argmin(alike.sum(axis=1)))
        a, b = np.delete(three, odd)
        library.odd_one(int(ids[a]), int(ids[b]), int(ids[three[odd]]))


def test_a_taste_is_learned_kept_and_used(library: Library) -> None:
    assert taste_in_use(library) is None
    assert taste_of(library).trials == ()
    assert library.kept_taste() is None  # there is nothing to keep
    listen(library)
    report = taste_of(library, now=time.time())
    trial = report.trial("weights")
    assert trial is not None
    assert trial.is_used
    assert report.weights["rhythm"] > 0.5
    taste = taste_in_use(library)
    assert taste is not None
    assert taste.metric is not None
    # It is the one that was kept: fitted once.
    assert taste_of(library).fitted_at == report.fitted_at
    library.like(1)
    assert taste_of(library).judgements["like"] == 1
    library.undo_judgement()
    assert taste_of(library).judgements["like"] == 0
    # Long after, it is fitted anew: plays are older then.
    later = time.time() + 30 * 86_400
    assert taste_of(library, now=later).fitted_at == later

    plain = library.similar(1, 5)
    assert (plain.taste, plain.matches[0].rank_without_taste) == (None, None)
    found = library.similar(1, 5, taste=taste)
    assert found.taste is not None
    assert (found.taste.weights, found.taste.metric, found.taste.liking) == (True, False, False)
    assert found.taste.most == 0
    assert dict(found.weights) == pytest.approx(dict(report.weights), abs=1e-4)
    by_weights = library.similar(1, 5, weights=report.weights)
    assert [each.track.track_id for each in found.matches] == [
        each.track.track_id for each in by_weights.matches
    ]
    for mine, theirs in zip(found.matches, by_weights.matches, strict=True):
        assert mine.similarity == pytest.approx(theirs.similarity, abs=1e-4)
        assert mine.percentile == pytest.approx(theirs.percentile, abs=0.3)
    everything = library.similar(1, N_TRACKS, limits=Limits(versions=True))
    place = {each.track.track_id: each.rank for each in everything.matches}
    for match in found.matches:
        assert match.rank_without_taste == place[match.track.track_id]
    assert [match.rank_without_taste for match in found.matches] != [1, 2, 3, 4, 5]


def test_the_kept_one_is_another_models(folder: Path) -> None:
    with open_library(folder, name=FACETED) as library:
        listen(library)
        taste = taste_of(library).taste
    with open_library(folder, name=FACETED, version="2") as newer:
        newer.scan()
        assert newer.kept_taste() is None
        with pytest.raises(ModelMismatch, match="embeddings of faceted@1, the library answers"):
            newer.similar(1, taste=taste)
        assert taste_of(newer).model == "faceted@2"


def test_what_another_version_kept_is_fitted_anew(library: Library) -> None:
    listen(library, 10)
    evidence = library.taste_evidence()
    library.keep_taste(evidence, {"version": 0})
    assert taste_of(library).judgements["oddone"] == 10
    kept = library.kept_taste()
    assert kept is not None
    assert kept.fitted["version"] > 0


def test_a_finer_metric_ranks_and_is_told_by_facet(library: Library) -> None:
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(4, 2)))[0].T.astype(np.float32)
    metric = Metric(LAYOUT, {}, {"sound": Stretch(axes, np.array([8, -0.5], np.float32))})
    taste = Taste("faceted@1", metric)
    found = library.similar(1, 10, taste=taste)
    assert found.taste is not None
    assert (found.taste.weights, found.taste.metric, found.taste.liking) == (True, True, False)
    index = library.index()
    moved = metric.transform(index.embeddings)
    expected = np.sort(moved[1:] @ moved[0])[::-1][:10]
    assert [match.similarity for match in found.matches] == pytest.approx(expected, abs=1e-5)
    pairs = (moved @ moved.T)[np.triu_indices(N_TRACKS, 1)]
    for match in found.matches:
        told = sum(found.weights[name] * match.facets[name] for name in found.weights)
        assert told == pytest.approx(match.similarity, abs=1e-5)
        below = 100 * float(np.mean(pairs < match.similarity - 1e-6))
        assert match.percentile == pytest.approx(below, abs=0.5)
    # Weights that somebody asks for go before those of a taste, the finer metric stays.
    asked = library.similar(1, 10, taste=taste, weights={"rhythm": 1, "sound": 1, "harmony": 0})
    assert asked.taste is not None
    assert (asked.taste.weights, asked.taste.metric) == (False, True)
    assert dict(asked.weights) == pytest.approx({"sound": 0.5, "rhythm": 0.5, "harmony": 0})
    weights_alone = Taste("faceted@1", Metric(LAYOUT, {"rhythm": 3}))
    assert library.similar(1, 3, taste=weights_alone, weights={"sound": 2}).taste is None
    # Several seeds, and something to be unlike.
    several = library.similar([1, 2], 5, without=3, taste=taste)
    assert len(several.matches) == 5
    assert library.similar([1, 2], 5, without=3, taste=Taste("faceted@1")).taste is None


def test_a_report_is_no_taste(library: Library) -> None:
    with pytest.raises(InvalidArgument, match=r"give a Taste, such as taste_of\(library\)\.taste"):
        library.similar(1, taste=taste_of(library))  # type: ignore[arg-type]


def test_what_is_liked_gains_no_more_than_it_may(library: Library) -> None:
    index = library.index()
    plain = library.similar(1, N_TRACKS - 1)
    wanted = plain.matches[len(plain.matches) // 2].track
    row = index.row_of(wanted.track_id)
    assert row is not None
    liking = Liking(20 * index.embeddings[row], -10.0)
    taste = Taste("faceted@1", liking=liking)
    found = library.similar(1, N_TRACKS - 1, taste=taste)
    assert found.taste is not None
    assert (found.taste.weights, found.taste.metric, found.taste.liking) == (False, False, True)
    assert found.taste.most == pytest.approx(LIKING_SHARE * index.distribution.spread, abs=1e-5)
    assert found.weights == plain.weights
    before = {match.track.track_id: match for match in plain.matches}
    for match in found.matches:
        same = before[match.track.track_id]
        assert (match.similarity, match.percentile) == (same.similarity, same.percentile)
        assert match.rank_without_taste == same.rank
        assert match.liking is not None
        gained = match.score - match.similarity
        assert gained == pytest.approx(found.taste.most * match.liking, abs=1e-5)
        assert abs(gained) <= found.taste.most + 3e-6
    match = next(each for each in found.matches if each.track.track_id == wanted.track_id)
    assert match.liking is not None
    assert match.liking > 0.9
    assert match.rank < before[wanted.track_id].rank


def test_likes_become_a_liking(library: Library) -> None:
    """What is liked lies on one side of the library, artists all different."""
    index = library.index()
    direction = index.embeddings[0]
    order = np.argsort(-(index.embeddings @ direction))
    library.like(*index.track_ids[order[:9]].tolist())
    library.dislike(*index.track_ids[order[-9:]].tolist())
    report = taste_of(library)
    trial = report.trial("liking")
    assert trial is not None
    assert trial.is_used
    taste = taste_in_use(library)
    assert taste is not None
    found = library.similar(int(index.track_ids[order[15]]), 10, taste=taste)
    assert found.taste is not None
    assert found.taste.liking
