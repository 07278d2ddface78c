"""The library in use: finding tracks by what people say, similar ones, comparisons, facts."""

from __future__ import annotations

import math
import os
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mutagen.wave
import numpy as np
import pytest
from fakes import (
    fake_analysis,
    fake_model,
    fresh_index,
    open_library,
    same_index,
    write_track,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from mutagen.id3 import TALB, TCON, TDRC, TIT2, TPE1, TRCK
from sqlalchemy import delete, insert, select

from soundalike.errors import (
    AmbiguousTrack,
    InvalidArgument,
    LibraryError,
    SilentAudio,
    TrackNotFound,
    UnreadableFile,
)
from soundalike.facets import Facets
from soundalike.library import Library, reader
from soundalike.library.changes import log_changes
from soundalike.library.scan.store import Store
from soundalike.library.storage.encoding import decode, decode_embeddings, encode
from soundalike.library.storage.schema import (
    analyses,
    contents,
    excerpts,
    folders,
    models,
    tracks,
)
from soundalike.library.storage.word_search import word_parts, word_starts
from soundalike.plain import plain

MUSIC = [
    # file, artist, title, album
    ("a/01.wav", "Sigur Rós", "Svefn-g-englar", "Ágætis byrjun"),
    ("a/02.wav", "Sigur Rós", "Starálfur", "Ágætis byrjun"),
    ("b/come.wav", "Nirvana", "Come as You Are", "Nevermind"),
    ("b/come live.wav", "Nirvana", "Come as You Are (Live)", "MTV Unplugged"),
    ("b/99.wav", "Toto", "99", "Hydra"),
    ("b/100.wav", "Nobody", "Six", "Hydra"),
    ("c/Untitled Tape_03.wav", None, None, None),
]


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    for name, artist, title, album in MUSIC:
        path = write_track(folder / name, name)
        if title and artist and album:
            file = mutagen.wave.WAVE(path)
            file.add_tags()
            file.tags.add(TIT2(text=title))
            file.tags.add(TPE1(text=artist))
            file.tags.add(TALB(text=album))
            file.tags.add(TRCK(text="3/12"))
            file.tags.add(TDRC(text="1991-09-24"))
            file.tags.add(TCON(text="Rock"))
            file.save()
    return folder


@pytest.fixture
def library(tmp_path: Path, music: Path) -> Iterator[Library]:
    with open_library(tmp_path) as opened:
        assert opened.scan([music]).analysed == len(MUSIC)
        yield opened


def test_a_track_has_what_its_file_says(library: Library, music: Path) -> None:
    track = library.track("starálfur")
    assert (track.path, track.status) == (music / "a/02.wav", "analysed")
    assert (track.title, track.artist, track.album) == ("Starálfur", "Sigur Rós", "Ágætis byrjun")
    assert (track.genre, track.year, track.track_number) == ("Rock", 1991, 3)
    assert (track.sample_rate, track.channels) == (8000, 1)
    assert track.duration_s == 25.0
    assert track.size_bytes == track.path.stat().st_size
    assert track.name == "Sigur Rós - Starálfur"
    assert library.track("tape 03").name == "c/Untitled Tape_03"


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("svefn g englar", "a/01.wav"),
        ("SIGUR ROS staralfur", "a/02.wav"),
        ("staralfur sigur", "a/02.wav"),
        ("agaetis svefn", "a/01.wav"),
        ("untitled", "c/Untitled Tape_03.wav"),
        ("untit tap", "c/Untitled Tape_03.wav"),
        ("Untitled Tape_03.wav", "c/Untitled Tape_03.wav"),
        ("come as you are", "b/come.wav"),  # the exact title, though another begins like it
        ("Nirvana - Come As You Are", "b/come.wav"),
        ("come live", "b/come live.wav"),
        ("nevermind", "b/come.wav"),
        ("toto", "b/99.wav"),
        ("99", "b/99.wav"),  # a title, and no id
    ],
)
def test_words_that_mean_one_track(library: Library, music: Path, query: str, name: str) -> None:
    assert library.track(query).path == music / name


def test_words_that_mean_several_tracks(library: Library) -> None:
    with pytest.raises(AmbiguousTrack) as caught:
        library.track("sigur ros")
    first, second, third = str(caught.value).splitlines()
    assert first.startswith("'sigur ros' matches 2 tracks; name one by its id")
    assert "#1  Sigur Rós - Svefn-g-englar  (" in second
    assert "#2  Sigur Rós - Starálfur  (" in third


def test_at_most_ten_candidates_are_listed(library: Library, tmp_path: Path) -> None:
    for number in range(14):
        write_track(tmp_path / f"more/medley part {number}.wav", f"{number}")
    library.scan([tmp_path / "more"])
    with pytest.raises(AmbiguousTrack) as caught:
        library.track("medley")
    lines = str(caught.value).splitlines()
    assert len(lines) == 12
    assert lines[-1] == "  and 4 more"


def test_ids(library: Library, music: Path) -> None:
    assert library.track(4).path == music / "b/99.wav"
    assert library.track("4").path == library.track(" #4 ").path == music / "b/99.wav"
    for query in (99, "#99"):
        with pytest.raises(TrackNotFound, match="no track #99"):
            library.track(query)


def test_what_is_printed_as_an_id_works_as_it_is(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else has the number for its name: a title, a file, or a file that is here."""
    assert library.track("99").title == "99"  # as long as no track has this id
    for number in range(99):
        write_track(tmp_path / f"more/{number:03}x.wav", f"{number}")
    write_track(tmp_path / "more/1.wav", "one")
    library.scan([tmp_path / "more"])
    (tmp_path / "4").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    for track in library.tracks():
        assert library.track(str(track.track_id)) == library.track(f"#{track.track_id}") == track
    assert library.track("toto 99").title == "99"
    with pytest.raises(TrackNotFound, match="4: not in the library"):
        library.track("./4")


@pytest.mark.parametrize("query", [2.5, True, None, [1], b"x", float("nan")])
def test_what_is_no_query(library: Library, query: object) -> None:
    with pytest.raises(InvalidArgument, match="is no track: give a path, an id"):
        library.track(query)  # type: ignore[arg-type]


def test_words_match_at_their_starts(library: Library, music: Path) -> None:
    with pytest.raises(AmbiguousTrack, match="'com' matches 2 tracks"):
        library.track("com")
    assert library.track("staral").path == music / "a/02.wav"
    # Inside of words only where no word begins so.
    write_track(music / "d/reverse.wav", "reverse")
    library.scan([music])
    assert library.track("vers").path == music / "d/reverse.wav"
    write_track(music / "d/verse.wav", "verse")
    library.scan([music])
    assert library.track("vers").path == music / "d/verse.wav"


def test_a_letter_is_a_whole_word_or_nothing(library: Library, music: Path) -> None:
    write_track(music / "d/plan x.wav", "plan x")
    library.scan([music])
    assert library.track("x").path == music / "d/plan x.wav"
    for query in ("s", "e", "o"):
        with pytest.raises(TrackNotFound):
            library.track(query)


def test_an_ideograph_is_a_word(library: Library, music: Path) -> None:
    write_track(music / "d/東京事変.wav", "tokyo")
    library.scan([music])
    for query in ("東", "東京", "事変", "変"):
        assert library.track(query).path == music / "d/東京事変.wav"


def test_the_best_match_comes_first(library: Library, music: Path) -> None:
    named = [
        ("moon/z.wav", "Zoe", "Zebra", "Zoo"),
        ("z/1.wav", "Zoe", "Zebra II", "Moon and Stars"),
        ("z/2.wav", "Moon Men", "Zebra III", "Zoo"),
        ("z/3.wav", "Zoe", "Moonlight", "Zoo"),
        ("z/4.wav", "Zoe", "Harvest Moon, Live", "Zoo"),
        ("z/5.wav", "Zoe", "Harvest Moon", "Zoo"),
    ]
    for name, artist, title, album in named:
        path = write_track(music / name, name)
        file = mutagen.wave.WAVE(path)
        file.add_tags()
        for frame in (TIT2(text=title), TPE1(text=artist), TALB(text=album)):
            file.tags.add(frame)
        file.save()
    library.scan([music])
    with pytest.raises(AmbiguousTrack) as caught:
        library.track("moon")
    listed = [line.split("(/")[0].split("  ")[2] for line in str(caught.value).splitlines()[1:]]
    assert listed == [
        "Zoe - Harvest Moon",
        "Zoe - Harvest Moon, Live",
        "Zoe - Moonlight",  # the beginning of a word
        "Moon Men - Zebra III",  # of the artist
        "Zoe - Zebra II",  # of the album
        "Zoe - Zebra",  # of a folder
    ]


@pytest.mark.parametrize(
    ("query", "offered"),
    [
        ("nirvanna", ["#5", "#6"]),
        ("svefn g englarr", ["#1"]),
        ("come as yuo are nirvana", ["#5", "#6"]),
        ("tooto", ["#4"]),
        ("zzzz", []),
        ("q", []),
    ],
)
def test_what_is_nearly_written_so_is_offered(
    library: Library, query: str, offered: list[str]
) -> None:
    with pytest.raises(TrackNotFound) as caught:
        library.track(query)
    lines = str(caught.value).splitlines()
    assert [line.split()[0] for line in lines[1:]] == offered
    assert ("Did you mean" in lines[0]) is bool(offered)


def test_folders_are_words_and_names(library: Library, music: Path) -> None:
    write_track(music / "planet blupi/track8.wav", "blupi")
    library.scan([music])
    track = library.track("planet blupi")
    assert (track.name, track.title) == ("planet blupi/track8", None)
    assert (track.artist, track.album) == ("planet blupi", "planet blupi")
    assert track.stand_ins == ("artist", "album")
    assert track.tags.artist is None
    assert track.to_json()["artist"] == "planet blupi"
    assert track.to_json()["stand_ins"] == ("artist", "album")
    tagged = library.track("toto")
    assert (tagged.artist, tagged.stand_ins) == ("Toto", ())


def test_a_path_works_after_its_file_is_gone(library: Library, music: Path) -> None:
    expected = library.track("toto")
    (music / "b/99.wav").unlink()
    assert library.track(str(music / "b/99.wav")).track_id == expected.track_id


def test_one_piece_in_two_formats_is_meant_as_one(library: Library, music: Path) -> None:
    shutil.copy(music / "b/99.wav", music / "b/99 again.wav")
    with open(music / "b/99 again.wav", "ab") as file:
        file.write(b"more")
    write_track(music / "game/track8.wav", "track 8")
    library.scan([music])
    assert library.track("toto 99").path == music / "b/99.wav"  # the lower id


@pytest.mark.parametrize("query", ["nothing like this", "", "   ", "%", "_", "***", "\0"])
def test_words_that_mean_nothing(library: Library, query: str) -> None:
    with pytest.raises(TrackNotFound, match="nothing in the library matches"):
        library.track(query)


def test_paths(library: Library, music: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = library.track("toto")
    monkeypatch.chdir(music / "a")
    assert library.track(music / "b/99.wav") == expected
    assert library.track("../b/99.wav") == expected
    assert library.track(str(music / "a" / ".." / "b" / "99.wav")) == expected
    (music / "link").symlink_to(music / "b")
    (music / "link.wav").symlink_to(music / "b" / "99.wav")
    assert library.track(music / "link/99.wav") == expected
    assert library.track(music / "link.wav") == expected
    # A name that no link explains, as on a disk that does not know case.
    (music / "hard.wav").hardlink_to(music / "b/99.wav")
    assert library.track(music / "hard.wav") == expected


def test_a_path_goes_before_words(
    library: Library, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(music)
    shutil.copy(music / "b/come.wav", music / "toto")
    with pytest.raises(TrackNotFound, match="toto: not in the library; scan its folder"):
        library.track("toto")
    (music / "nirvana").mkdir()  # a folder is no track
    with pytest.raises(AmbiguousTrack):
        library.track("nirvana")
    with pytest.raises(TrackNotFound, match=r"nowhere\.wav: .*there is no such file"):
        library.track(music / "nowhere.wav")


def test_a_missing_track_is_found_only_when_nothing_else_is(library: Library, music: Path) -> None:
    (music / "b/come.wav").unlink()
    library.scan([music])
    assert library.track("come").path.name == "come live.wav"
    missing = library.track("nevermind")
    assert missing.status == "missing"
    assert library.track(music / "b/come.wav") == missing
    assert library.similar("nevermind").query == missing


def test_of_exact_copies_the_first_is_meant(library: Library, music: Path) -> None:
    shutil.copy(music / "b/99.wav", music / "b/copy.wav")
    library.scan([music])
    assert library.track("toto").path == music / "b/99.wav"
    assert library.track("copy").path == music / "b/copy.wav"


def expected_similarities(music: Path, query: str) -> dict[Path, float]:
    embedding = fake_analysis(query, fake_model()).embedding
    return {
        music / name: float(embedding @ fake_analysis(name, fake_model()).embedding)
        for name, *_ in MUSIC
    }


def test_similar_ranks_all_others(library: Library, music: Path) -> None:
    result = library.similar("toto", k=100)
    expected = expected_similarities(music, "b/99.wav")
    del expected[music / "b/99.wav"]
    assert [match.rank for match in result.matches] == [1, 2, 3, 4, 5, 6]
    assert [match.track.path for match in result.matches] == sorted(
        expected, key=lambda path: -expected[path]
    )
    for match in result.matches:
        assert match.similarity == pytest.approx(expected[match.track.path], abs=2e-3)
        assert match.percentile is None  # seven tracks are too few
    assert result.query == library.track("toto")
    assert (result.searched, result.copies, result.not_searched) == (6, (), 0)
    assert result.model == "fake@1"
    assert len(library.similar("toto", k=2).matches) == 2


def test_similar_to_a_file_from_elsewhere(library: Library, music: Path, tmp_path: Path) -> None:
    stranger = write_track(tmp_path / "stranger.wav", "a stranger")
    result = library.similar(stranger, k=100)
    expected = expected_similarities(music, "a stranger")
    assert result.query is None
    assert result.path == stranger
    assert result.searched == len(result.matches) == len(MUSIC)
    assert result.matches[0].track.path == max(expected, key=lambda path: expected[path])
    with pytest.raises(UnreadableFile, match="nowhere"):
        library.similar(tmp_path / "nowhere.wav")
    with pytest.raises(SilentAudio):
        library.similar(write_track(tmp_path / "silent.wav", "silent"))
    assert len(library.tracks()) == len(MUSIC)  # queries are not kept


def test_similar_to_a_passage(library: Library, music: Path) -> None:
    result = library.similar("toto", k=100, start_s=10.0, end_s=20.0)
    expected = expected_similarities(music, "b/99.wav 10-20.0")
    del expected[music / "b/99.wav"]
    assert [match.track.path for match in result.matches] == sorted(
        expected, key=lambda path: -expected[path]
    )
    assert (result.start_s, result.end_s) == (10.0, 20.0)


def test_copies_of_the_query_are_counted_not_listed(
    library: Library, music: Path, tmp_path: Path
) -> None:
    shutil.copy(music / "b/99.wav", music / "b/copy 1.wav")
    shutil.copy(music / "b/99.wav", music / "b/copy 2.wav")
    shutil.copy(music / "b/99.wav", tmp_path / "elsewhere.wav")
    library.scan([music])
    result = library.similar(music / "b/99.wav", k=100)
    assert (len(result.matches), len(result.copies), result.searched) == (6, 2, 6)
    assert [copy.kind for copy in result.copies] == ["copy", "copy"]
    result = library.similar(tmp_path / "elsewhere.wav", k=100)
    assert (len(result.matches), len(result.copies), result.searched) == (6, 3, 6)
    assert [copy.kind for copy in result.copies] == ["copy", "copy", "copy"]


def test_threads_take_turns_and_one_that_waits_for_an_analysis_is_passed(
    library: Library, music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two answers at once on two cores; what is wrong, or takes long elsewhere, keeps no turn."""
    at_once = most = 0
    counting, is_heard = threading.Lock(), threading.Event()
    search, hear = reader.search, reader.Reader._hear

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal at_once, most
        with counting:
            at_once += 1
            most = max(most, at_once)
        # Time for others to come, if they may.
        time.sleep(0.02)
        with counting:
            at_once -= 1
        return search(*arguments, **options)

    def slow(*arguments: Any) -> Any:
        assert is_heard.wait(60)
        return hear(*arguments)

    monkeypatch.setattr(reader, "search", counted)
    monkeypatch.setattr(reader.Reader, "_hear", slow)
    others = [write_track(tmp_path / f"other{number}.wav", f"o{number}") for number in range(20)]
    with ThreadPoolExecutor(40) as threads:
        waiting = [threads.submit(library.similar, each) for each in others]
        wrong = [threads.submit(library.similar, 1, weights={"none": 1}) for _ in range(40)]
        asked = [threads.submit(library.similar, number % 6 + 1) for number in range(40)]
        assert all(each.result(60).matches for each in asked)
        assert {type(each.exception(60)) for each in wrong} == {InvalidArgument}
        assert not any(each.done() for each in waiting)
        is_heard.set()
        assert all(each.result(60).matches for each in waiting)
    assert 1 < most <= max(2, os.cpu_count() or 1)


def test_similar_leaves_out_what_cannot_be_played(library: Library, music: Path) -> None:
    (music / "a/01.wav").unlink()
    write_track(music / "a/02.wav", "silent")
    library.scan([music])
    found = {match.track.path for match in library.similar("toto", k=100).matches}
    assert found.isdisjoint({music / "a/01.wav", music / "a/02.wav"})
    assert len(found) == 4


def test_similar_with_few_of_each_artist(library: Library) -> None:
    result = library.similar("toto", k=100, max_per_artist=1)
    artists = [match.track.artist for match in result.matches]
    assert sorted(artists, key=str) == ["Nirvana", "Nobody", "Sigur Rós", "c"]


@pytest.mark.parametrize("options", [{"k": 0}, {"max_per_artist": 0}, {"min_percentile": 101}])
def test_similar_refuses_values_out_of_range(library: Library, options: dict[str, int]) -> None:
    with pytest.raises(InvalidArgument):
        library.similar("toto", **options)  # type: ignore[arg-type]


def test_a_library_remembers_its_index_no_longer_than_it_is_true(
    library: Library, music: Path, tmp_path: Path
) -> None:
    assert library.similar("toto", k=100).searched == 6
    write_track(music / "new.wav", "new")
    with open_library(tmp_path) as other:
        other.scan([music])
    assert library.similar("toto", k=100).searched == 7


def test_an_empty_library_finds_nothing(tmp_path: Path) -> None:
    query = write_track(tmp_path / "query.wav", "query")
    with open_library(tmp_path) as library:
        assert library.similar(query).matches == ()
        comparison = library.compare(query, query)
        assert comparison.similarity == pytest.approx(1)
        assert comparison.percentile is None


def test_percentiles(library: Library, tmp_path: Path) -> None:
    for number in range(20):
        write_track(tmp_path / f"more/{number}.wav", f"more {number}")
    library.scan([tmp_path / "more"])
    track_list = library.tracks("analysed")
    embeddings = np.stack([library.analysis(t.track_id).embedding for t in track_list])
    pairs = (embeddings @ embeddings.T)[np.triu_indices(len(embeddings), 1)]
    for match in library.similar("toto", k=100).matches:
        assert match.percentile == pytest.approx(
            100 * np.mean(pairs < match.similarity - 1e-6), abs=0.5
        )
    everything = library.similar("toto", k=100)
    assert (everything.min_percentile, everything.cut, everything.best_cut) == (None, 0, None)
    cut = library.similar("toto", k=100, min_percentile=80)
    best = cut.matches
    assert best
    assert best == everything.matches[: len(best)]
    assert (cut.cut, cut.min_percentile) == (len(everything.matches) - len(best), 80)
    assert cut.best_cut == everything.matches[len(best)]
    few = library.similar("toto", k=len(best), min_percentile=80)
    assert (few.matches, few.cut, few.best_cut) == (best, 0, None)
    nothing = library.similar("toto", k=3, min_percentile=100)
    assert (nothing.matches, nothing.cut) == ((), 3)
    assert nothing.best_cut == everything.matches[0]
    assert all(match.percentile >= 80 for match in best if match.percentile is not None)
    comparison = library.compare("toto", best[0].track.track_id)
    assert comparison.similarity == pytest.approx(best[0].similarity, abs=1e-5)
    assert comparison.percentile == pytest.approx(best[0].percentile, abs=0.5)


def test_compare(library: Library, music: Path, tmp_path: Path) -> None:
    stranger = write_track(tmp_path / "stranger.wav", "a stranger")
    comparison = library.compare("toto", stranger)
    expected = expected_similarities(music, "a stranger")[music / "b/99.wav"]
    assert comparison.similarity == pytest.approx(expected, abs=1e-3)
    assert (comparison.a, comparison.b) == ("Toto - 99", "stranger.wav")
    assert (comparison.a_path, comparison.b_path) == (music / "b/99.wav", stranger)
    assert comparison.excerpt_similarity.shape == (3, 3)


def test_info(library: Library, music: Path) -> None:
    write_track(music / "bad.wav", "silent")
    (music / "a/01.wav").unlink()
    library.scan([music])
    info = library.info()
    assert (info.tracks, info.analysed, info.failed, info.pending, info.missing) == (7, 6, 1, 0, 1)
    assert info.duration_s == 6 * 25.0
    assert info.model == "fake@1"
    assert [(each.model, each.tracks) for each in info.models] == [("fake@1", 6)]
    assert info.location == library.location
    assert info.size_bytes is not None
    assert info.size_bytes > 10_000


def test_tracks_by_status(library: Library, music: Path) -> None:
    bad = write_track(music / "bad.wav", "silent")
    library.scan([music])
    assert [track.path for track in library.tracks("failed")] == [bad]
    assert len(library.tracks("analysed")) == len(MUSIC)
    assert library.tracks("missing") == []


def test_an_analysis_that_is_not_there(library: Library, music: Path) -> None:
    bad = write_track(music / "bad.wav", "silent")
    library.scan([music])
    with pytest.raises(LibraryError, match=r"music/bad is not analysed"):
        library.analysis(library.track(bad).track_id)
    with pytest.raises(TrackNotFound, match="no track #12345"):
        library.analysis(12345)


def test_ids_are_never_given_out_twice(library: Library, tmp_path: Path) -> None:
    path = write_track(tmp_path / "more/x.wav", "vanish")
    library.scan([tmp_path / "more"])
    (first,) = [t.track_id for t in library.tracks() if t.path == path]
    write_track(tmp_path / "more/y.wav", "y")
    library.scan([tmp_path / "more"])  # forgets x, which was never read through
    library.scan([tmp_path / "more"])
    write_track(tmp_path / "more/z.wav", "z")
    library.scan([tmp_path / "more"])
    assert library.track("z").track_id > first


def test_what_is_stored_of_an_analysis() -> None:
    """float16 for the embedding, 8 bits for the excerpts', and all else as it was."""
    model = fake_model()
    before = fake_analysis("anything", model)
    after = decode(encode(before), model=model.id, labels=model.labels)
    assert (after.model, after.labels, after.duration_s) == (model.id, model.labels, 25.0)
    assert (after.genre_set, after.notes) == (before.genre_set, before.notes)
    np.testing.assert_array_equal(after.probabilities, before.probabilities)
    np.testing.assert_array_equal(after.excerpt_starts_s, before.excerpt_starts_s)
    np.testing.assert_allclose(after.embedding, before.embedding, atol=5e-4)
    np.testing.assert_allclose(after.excerpt_embeddings, before.excerpt_embeddings, atol=5e-3)
    np.testing.assert_allclose(after.excerpt_probabilities, before.excerpt_probabilities, atol=1e-3)
    for unit in (after.embedding[None], after.excerpt_embeddings):
        np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(after.excerpt_probabilities.sum(axis=1), 1, atol=1e-6)


def test_the_stored_precision_keeps_cosines() -> None:
    """Of 256 dimensions: 16 bits within 0.0001, 8 bits within 0.003."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(200, 256)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    stored, whole = decode_embeddings(
        [row.astype("<f2").tobytes() for row in rows], Facets.one(256)
    )
    assert whole.all()
    assert np.abs(stored @ stored.T - rows @ rows.T).max() < 1e-4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Björk", "bjork"),
        ("BJÖRK", "bjork"),
        ("Bjo\u0308rk", "bjork"),
        ("Æther Ørsted Łódź", "aether orsted lodz"),
        ("AC/DC", "ac dc"),
        ("  a__b--c  ", "a b c"),
        ("Straße", "strasse"),
        ("Кино — Группа крови", "кино группа крови"),
        ("東京事変", "東京事変"),
        ("!!!", ""),
        ("", ""),
    ],
)
def test_plain_words(text: str, expected: str) -> None:
    assert plain(text) == expected
    assert plain(expected) == expected


@given(st.text(st.characters(max_codepoint=127)))
def test_plain_words_of_ascii_take_no_other_way(text: str) -> None:
    assert plain(text) == plain(text + "\u0301")


def test_a_search_of_ten_thousand_is_exact(tmp_path: Path) -> None:
    """Rows of known embeddings: an angle grid on a circle, so that the order is known."""
    n = 10_000
    model = fake_model()
    with open_library(tmp_path) as library:
        angles = np.random.default_rng(0).permutation(n) * (math.pi / n)
        embeddings = np.zeros((n, model.embedding_dim), np.float32)
        embeddings[:, 0], embeddings[:, 1] = np.cos(angles), np.sin(angles)
        insert_synthetic(library, embeddings)
        query = int(np.argmin(angles)) + 1
        found = [match.track.track_id for match in library.similar(query, k=20).matches]
        # float16 cannot tell angles apart that differ by less than about 0.001.
        assert np.abs(np.sort(angles)[1:21] - angles[np.array(found) - 1]).max() < 0.03
        assert library.info().analysed == n


def insert_synthetic(library: Library, embeddings: np.ndarray) -> None:
    ids = range(1, len(embeddings) + 1)
    model = library.model
    with library._database.write() as connection:
        connection.execute(
            insert(models).values(
                id=1,
                name=model.name,
                version=model.version,
                embedding_dim=model.embedding_dim,
                labels=list(model.labels),
            )
        )
        connection.execute(insert(contents), [{"id": i, "digest": b"%d" % i} for i in ids])
        connection.execute(
            insert(tracks),
            [
                {
                    "id": i,
                    "path": b"/music/%d.wav" % i,
                    "path_text": f"/music/{i}.wav",
                    "content_id": i,
                    "words": f"{i}",
                    "added_at": 0.0,
                }
                for i in ids
            ],
        )
        connection.execute(
            insert(analyses),
            [
                {
                    "id": i,
                    "content_id": i,
                    "model_id": 1,
                    "duration_s": 200.0,
                    "embedding": row.astype("<f2").tobytes(),
                    "probabilities": b"",
                    "genre_set": [],
                    "notes": [],
                    "analysed_at": 0.0,
                }
                for i, row in zip(ids, embeddings, strict=True)
            ],
        )
        nothing = {"starts_s": b"", "embeddings": b"", "scales": b"", "probabilities": b""}
        connection.execute(insert(excerpts), [{"analysis_id": i, **nothing} for i in ids])


WORDS = st.text("abcdü1", min_size=1, max_size=5)


@pytest.fixture(scope="module")
def in_memory() -> Iterator[Library]:
    with Library("sqlite://", model=fake_model()) as library:
        yield library


@settings(max_examples=60)
@given(names=st.lists(st.lists(WORDS, min_size=1, max_size=3), max_size=8), query=st.lists(WORDS))
def test_words_are_found_as_a_look_at_every_row_would(
    in_memory: Library, names: list[list[str]], query: list[str]
) -> None:
    with in_memory._database.write() as writing:
        writing.execute(delete(tracks))
        for number, words in enumerate(names):
            row = {"path": b"%d" % number, "path_text": "", "words": plain(" ".join(words))}
            writing.execute(insert(tracks), {**row, "added_at": 0.0})
        words = plain(" ".join(query)).split()
        if not words:
            return
        starting = set(writing.scalars(select(tracks.c.words).where(word_starts(writing, words))))
        holding = set(writing.scalars(select(tracks.c.words).where(word_parts(writing, words))))
    rows = {plain(" ".join(each)) for each in names}
    assert holding == {row for row in rows if all(word in row for word in words)}

    def starts(row: str, word: str) -> bool:
        own = row.split()
        return word in own if len(word) == 1 else any(each.startswith(word) for each in own)

    assert starting == {row for row in rows if all(starts(row, word) for word in words)}


def test_words_follow_renames_and_tags(library: Library, tmp_path: Path, music: Path) -> None:
    old = library.track(1)
    moved = old.path.with_name("completely different.wav")
    old.path.rename(moved)
    library.scan([music])
    assert library.track("completely differ").track_id == old.track_id
    with pytest.raises(TrackNotFound):
        library.track(old.path.name + " zzz")
    moved.unlink()
    write_track(music / "brand new.wav", "text brand new")
    library.scan([music])
    assert library.track("brand new").path.name == "brand new.wav"


def test_copies_of_a_result_are_one_row(library: Library, music: Path) -> None:
    """With the same bytes, and with the same audio and other tags."""
    for name in ("copy 1.wav", "copy 2.wav"):
        shutil.copy(music / "b/come.wav", music / name)
    library.scan([music])
    before = library.similar("toto", k=100)
    assert len(before.matches) == 6
    (match,) = [match for match in before.matches if match.copies]
    names = {match.track.path.name, *(copy.track.path.name for copy in match.copies)}
    assert names == {"come.wav", "copy 1.wav", "copy 2.wav"}
    assert {copy.kind for copy in match.copies} == {"copy"}
    assert len({match.similarity for match in before.matches}) == 6
    assert library.similar("toto", k=3).matches == before.matches[:3]
    assert library.index().distribution.n_tracks == len(MUSIC)


def test_the_same_audio_with_other_tags_is_one_row(library: Library, music: Path) -> None:
    shutil.copy(music / "b/come.wav", music / "tagged.wav")
    file = mutagen.wave.WAVE(music / "tagged.wav")
    file.tags.add(TIT2(text="Another Title"))
    file.save()
    library.scan([music])
    tagged, come = library.track("another title"), library.track("come as you are")
    assert tagged.content_hash != come.content_hash
    with library._database.write() as connection:
        contents_of = [tagged.content_hash, come.content_hash]
        digests = [bytes.fromhex(each or "") for each in contents_of]
        connection.execute(
            contents.update().where(contents.c.digest.in_(digests)).values(audio_digest=b"same")
        )
        log_changes(connection, [tagged.track_id, come.track_id])
    assert library.track(tagged.track_id).audio_hash == b"same".hex()
    (copy,) = library.similar("another title", k=100).copies
    assert (copy.track.track_id, copy.kind) == (come.track_id, "audio")
    (group,) = library.duplicates()
    assert group.best.track_id == come.track_id  # the shorter path, all else equal
    assert [(each.track.track_id, each.kind) for each in group.others] == [
        (tagged.track_id, "audio")
    ]
    assert group.size_bytes == tagged.size_bytes


def test_duplicates_by_hand(library: Library, music: Path) -> None:
    assert library.duplicates() == ()
    shutil.copy(music / "b/99.wav", music / "b/9.wav")
    shutil.copy(music / "a/01.wav", music / "a/a longer name.wav")
    library.scan([music])
    found = [
        (each.best.path.name, [(other.track.path.name, other.kind) for other in each.others])
        for each in library.duplicates()
    ]
    assert found == [
        ("01.wav", [("a longer name.wav", "copy")]),
        ("9.wav", [("99.wav", "copy")]),
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 2.5}, "k is 2.5: it must be a whole number"),
        ({"k": True}, "k is True"),
        ({"k": "3"}, "k is '3'"),
        ({"k": 0}, "k is 0: it must be at least 1"),
        ({"min_percentile": float("nan")}, "min_percentile is nan"),
        ({"min_percentile": "90"}, "min_percentile is '90'"),
        ({"min_percentile": 100.5}, "at most 100"),
        ({"max_per_artist": 1.0}, "max_per_artist is 1.0"),
        ({"start_s": "1:10"}, "start_s is '1:10'"),
        ({"start_s": -1}, "start_s is -1"),
        ({"end_s": float("inf")}, "end_s is inf"),
        ({"start_s": 5, "end_s": 5}, "end_s is 5: the passage must end after it starts"),
    ],
)
def test_similar_names_a_value_that_it_cannot_use(
    library: Library, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        library.similar("toto", **options)  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_other_methods_name_them_too(library: Library, music: Path) -> None:
    for call in (
        lambda: library.analysis("1"),  # type: ignore[arg-type]
        lambda: library.tracks("lost"),  # type: ignore[arg-type]
        lambda: list(library.each_track(3)),  # type: ignore[arg-type]
        lambda: library.compare(1.5, 2),  # type: ignore[arg-type]
        lambda: library.scan(str(music)),
        lambda: library.scan([music], jobs=0),
        lambda: library.scan([music], jobs=True),
        lambda: library.file(None),  # type: ignore[arg-type]
    ):
        with pytest.raises(InvalidArgument):
            call()


def test_each_track_by_words_and_folder(library: Library, music: Path) -> None:
    def names(**options: object) -> list[str]:
        return [track.path.name for track in library.each_track(**options)]  # type: ignore[arg-type]

    assert len(names()) == len(MUSIC)
    assert names(words="sigur") == ["01.wav", "02.wav"]
    assert names(words="hydra", folder=music / "b") == ["100.wav", "99.wav"]
    assert names(folder=music / "a") == ["01.wav", "02.wav"]
    assert names(folder=music / "nowhere") == []
    assert names(status="missing") == []
    with pytest.raises(TrackNotFound, match="Did you mean"):
        names(words="sigor")


def test_an_index_keeps_up_with_folders(library: Library, music: Path, tmp_path: Path) -> None:
    """What stands in for tags follows the folder that was scanned, and so do codes and words."""
    untagged = library.track("tape 03")
    assert untagged.artist == "c"
    before = library.index()
    with library._database.write() as connection:
        store = Store(connection, 1, 0.0)
        connection.execute(delete(folders))
        connection.execute(
            insert(folders).values(
                path=os.fsencode(tmp_path),
                excludes=[],
                pattern="{artist}/{any}/{title}",
                scanned_at=0,
            )
        )
        store.names_changed(str(tmp_path))
        store.log_changes()
    after = library.index()
    assert same_index(after, fresh_index(library))
    row = after.row_of(untagged.track_id)
    assert row is not None
    assert after.artist_codes[row] != before.artist_codes[row]
    assert library.track("untitled tape 03").artist == "music"
    assert library.track("untitled tape 03").name == "music - Untitled Tape_03"
    assert library.track("music untitled").stand_ins == ("title", "artist")


def test_a_track_that_moves_takes_the_names_of_its_new_folder(
    library: Library, music: Path
) -> None:
    old = library.track("tape 03")
    (music / "Attic").mkdir()
    old.path.rename(music / "Attic" / "tape.wav")
    library.scan([music])
    assert library.track("attic").track_id == old.track_id
    assert library.track("attic").artist == "Attic"
    assert same_index(library.index(), fresh_index(library))
    with pytest.raises(TrackNotFound):
        library.track("untitled")
