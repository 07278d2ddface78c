"""Playlists that are there already: gone on with, put in order, made again."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest
from fakes import write_track
from listening import add_track, artists_of, make_listening, open_listening

from soundalike.errors import InvalidArgument, PlaylistError, TrackNotFound
from soundalike.library import Library, Limits
from soundalike.playlists import Playlist, PlaylistEntry, read_playlist, write_playlist
from soundalike.recommend.playlist import make_playlist
from soundalike.recommend.playlist_files import (
    as_playlist,
    extend_playlist,
    extended,
    order_playlist,
    refresh_playlist,
)

N = 40


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_listening(tmp_path_factory.mktemp("files"), N)


@pytest.fixture(scope="module")
def library(place: Path) -> Iterator[Library]:
    with open_listening(place) as opened:
        yield opened


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Library]:
    """A library that may be changed."""
    make_listening(tmp_path, 25)
    with open_listening(tmp_path) as opened:
        yield opened


def titles(playlist: Playlist) -> list[str | None]:
    return [entry.title for entry in playlist.entries]


def mix(library: Library, path: Path, **extra: object) -> Path:
    made = make_playlist(library, "piece 3", tracks=8, **extra)  # type: ignore[arg-type]
    write_playlist(path, as_playlist(made, "My mix"))
    return path


def step(library: Library, a: int, b: int) -> float:
    index = library.index()
    rows = [index.row_of(each) for each in (a, b)]
    return 1 - float(index.embeddings[rows[0]] @ index.embeddings[rows[1]])  # type: ignore[index]


# Going on


def test_an_extension_goes_on_from_the_last_track(library: Library, tmp_path: Path) -> None:
    file = mix(library, tmp_path / "mix.m3u8")
    before = library.resolve_playlist(read_playlist(file)).tracks
    made = extend_playlist(library, file, tracks=6)
    assert (made.before, len(made.items), len(made.seeds)) == (8, 6, 8)
    assert [item.place for item in made.items] == list(range(9, 15))
    assert not {item.track.track_id for item in made.items} & {each.track_id for each in before}
    first = made.items[0]
    expected = 1 - step(library, before[-1].track_id, first.track.track_id)
    assert first.step == pytest.approx(expected, abs=1e-5)
    # None of the others is nearer to the last, or the whole would not be as smooth.
    after = extended(read_playlist(file), made)
    assert titles(after)[:8] == [track.title for track in before]
    assert after.name == "My mix"
    assert after.recipe is not None
    assert (after.recipe["make"], after.recipe["keep"]) == ("extension", 8)


@pytest.mark.parametrize("order", ["smooth", "similar"])
def test_what_stands_before_counts_for_the_limits(
    library: Library, tmp_path: Path, order: str
) -> None:
    file = mix(library, tmp_path / "mix.m3u8", limits=Limits(max_per_artist=2, artist_gap=2))
    limits = Limits(max_per_artist=3, artist_gap=2)
    made = extend_playlist(library, file, tracks=20, limits=limits, order=order)  # type: ignore[arg-type]
    before = library.resolve_playlist(read_playlist(file)).tracks
    names = artists_of([*before, *(item.track for item in made.items)])
    assert max(Counter(name for some in names for name in some).values()) == 3
    for place, some in enumerate(names):
        assert not some & set().union(*names[max(0, place - 2) : place])
    assert made.stopped_by == "limits"


def test_more_seeds_and_what_to_be_unlike(library: Library, tmp_path: Path) -> None:
    file = mix(library, tmp_path / "mix.m3u8")
    plain = extend_playlist(library, file, tracks=5, order="similar")
    unwanted = next(item.track.track_id for item in plain.items if item.track.title != "Piece 3")
    made = extend_playlist(library, file, tracks=5, also="piece 3", without=unwanted)
    assert (len(made.seeds), made.recipe["seeds"][0]["title"]) == (9, "Piece 3")
    assert unwanted not in [item.track.track_id for item in made.items]
    # One of its own may be what the rest is to be unlike.
    own = library.resolve_playlist(read_playlist(file)).tracks[2]
    made = extend_playlist(library, file, tracks=5, without=own.track_id)
    assert (len(made.seeds), made.without[0].track, made.before) == (7, own, 8)


def test_a_playlist_that_means_nothing_here(library: Library, tmp_path: Path) -> None:
    with pytest.raises(PlaylistError, match="cannot be read"):
        extend_playlist(library, tmp_path / "none.m3u8")
    for content, words in (("", "it has no tracks"), ("/nowhere/a.mp3\n", "its only track is not")):
        file = tmp_path / "empty.m3u8"
        file.write_text(content)
        for ask in (extend_playlist, order_playlist):
            with pytest.raises(TrackNotFound, match=words):
                ask(library, file)
    (tmp_path / "latin.m3u8").write_bytes("Café.mp3\n".encode("latin-1"))
    with pytest.raises(PlaylistError, match="UTF-8"):
        extend_playlist(library, tmp_path / "latin.m3u8")


# Order


def test_an_order_keeps_all_tracks_and_says_how_much_smoother(
    library: Library, tmp_path: Path
) -> None:
    by_number = tuple(PlaylistEntry(library.track(each).path) for each in range(1, 21))
    elsewhere = (PlaylistEntry(Path("/nowhere/a.mp3"), title="Gone"),)
    web = PlaylistEntry(location="https://radio.example/stream")
    file = tmp_path / "mix.m3u8"
    write_playlist(file, Playlist("Mix", (*by_number[:10], web, *by_number[10:], *elsewhere)))
    found = order_playlist(library, file)
    numbers = [track.track_id for track in found.tracks]
    assert sorted(numbers) == list(range(1, 21))
    assert [entry.title or entry.location for entry in found.not_placed] == [web.location, "Gone"]
    assert found.playlist.entries[-2:] == found.not_placed
    assert found.playlist.name == "Mix"
    for order, total, largest in (
        (numbers, found.total_step, found.largest_step),
        (range(1, 21), found.given_total_step, found.given_largest_step),
    ):
        steps = [step(library, a, b) for a, b in pairwise(order)]
        assert (sum(steps), max(steps)) == pytest.approx((total, largest), abs=1e-4)
    share = 1 - found.total_step / found.given_total_step
    assert found.smoother_percent == pytest.approx(100 * share)
    assert found.smoother_percent > 20
    assert not any(a & b for a, b in pairwise(artists_of(found.tracks)))
    write_playlist(file, found.playlist)
    assert order_playlist(library, file).smoother_percent == pytest.approx(0, abs=1)


# Again


@pytest.mark.parametrize("suffix", ["m3u8", "xspf", "jspf", "json"])
def test_a_playlist_stays_as_it_is_where_nothing_changed(
    library: Library, tmp_path: Path, suffix: str
) -> None:
    file = mix(library, tmp_path / f"mix.{suffix}", surprise=0.5, random_seed=4)
    before = file.read_bytes()
    found = refresh_playlist(library, file)
    assert (found.came, found.went, found.playlist.name) == ((), (), "My mix")
    assert file.read_bytes() == before


def test_a_playlist_is_made_again_in_place(own: Library, tmp_path: Path) -> None:
    made = make_playlist(own, "piece 3", tracks=8, without="piece 4")
    file = tmp_path / "mix.m3u8"
    write_playlist(file, as_playlist(made, "My mix"), relative=True)
    file.write_text(file.read_text().replace("#PLAYLIST", "#MY-OWN:kept\n#PLAYLIST"))
    file.chmod(0o640)
    before = read_playlist(file)
    first = made.items[0].track
    first.path.unlink()
    for number in range(60, 90):
        add_track(tmp_path, number)
    own.scan([tmp_path / "music"])
    dry = refresh_playlist(own, file, write=False)
    assert read_playlist(file) == before
    found = refresh_playlist(own, file)
    assert (dry.came, dry.went) == (found.came, found.went)
    assert first.title in [entry.title for entry in found.went]
    assert {track.title for track in found.came} & {f"Piece {each}" for each in range(60, 90)}
    assert len(found.came) == len(found.went)
    # As if it had been made now.
    now = make_playlist(own, "piece 3", tracks=8, without="piece 4")
    after = read_playlist(file)
    assert titles(after) == [item.track.title for item in now.items]
    assert (after.name, after.recipe) == ("My mix", before.recipe)
    assert os.stat(file).st_mode & 0o777 == 0o640
    text = file.read_text()
    assert "#MY-OWN:kept" in text
    assert all(line.startswith(("#", "music/")) for line in text.splitlines())


def test_seeds_that_moved_are_found_and_those_that_are_gone_are_named(
    own: Library, tmp_path: Path
) -> None:
    made = make_playlist(own, ["piece 3", "piece 9"], tracks=8)
    file = tmp_path / "mix.m3u8"
    write_playlist(file, as_playlist(made))
    seeds = [seed.path for seed in made.seeds]
    seeds[0].rename(tmp_path / "music" / "moved.wav")
    own.scan([tmp_path / "music"])
    found = refresh_playlist(own, file)
    assert (found.came, found.went, found.made.gone) == ((), (), ())
    seeds[1].unlink()
    own.scan([tmp_path / "music"])
    found = refresh_playlist(own, file)
    assert found.made.gone == (str(seeds[1]),)
    assert [seed.name for seed in found.made.seeds] == ["Di - Piece 3"]
    # It stays in the recipe, and counts again when it is back.
    assert [each["title"] for each in found.made.recipe["seeds"]] == ["Piece 3", "Piece 9"]
    assert found.made.recipe["seeds"][0]["path"] == str(tmp_path / "music" / "moved.wav")
    assert refresh_playlist(own, file).made.gone == (str(seeds[1]),)
    (tmp_path / "music" / "moved.wav").unlink()
    own.scan([tmp_path / "music"])
    with pytest.raises(InvalidArgument, match="none of its seeds is there any more"):
        refresh_playlist(own, file)


def test_a_folder_without_tags_that_is_renamed(tmp_path: Path) -> None:
    with open_listening(tmp_path) as library:
        old, new = tmp_path / "music" / "old", tmp_path / "music" / "new"
        for number in range(6):
            write_track(old / f"Band - Piece {number}.wav", f"sound {number}")
        library.scan([old])
        anything = Limits(min_length_s=0)
        file, of_folder = tmp_path / "mix.m3u8", tmp_path / "folder.m3u8"
        seed = old / "Band - Piece 3.wav"
        made = make_playlist(library, seed, tracks=4, limits=anything)
        write_playlist(file, as_playlist(made))
        extension = extend_playlist(library, file, tracks=1, also=old, limits=anything)
        write_playlist(of_folder, extended(read_playlist(file), extension))
        old.rename(new)
        library.scan([new])
        found = refresh_playlist(library, file)
        assert (found.came, found.went, found.made.gone) == ((), (), ())
        assert {entry.path.parent for entry in found.playlist.entries if entry.path} == {new}
        # Where a folder went, nobody knows.
        gone = refresh_playlist(library, of_folder).made.gone
        assert gone == (f"{old}: there is no such folder any more",)


def test_of_an_extension_what_was_there_before_stays(own: Library, tmp_path: Path) -> None:
    file = tmp_path / "mix.jspf"
    entries = tuple(PlaylistEntry(own.track(each).path, title=f"mine {each}") for each in (3, 4, 5))
    write_playlist(file, Playlist("Mine", entries))
    write_playlist(file, extended(read_playlist(file), extend_playlist(own, file, tracks=4)))
    for number in range(60, 90):
        add_track(tmp_path, number)
    own.scan([tmp_path / "music"])
    expected = extend_playlist(own, _only(file, tmp_path, 3), tracks=4)
    found = refresh_playlist(own, file)
    after = read_playlist(file)
    assert titles(after)[:3] == ["mine 3", "mine 4", "mine 5"]
    assert titles(after)[3:] == [item.track.title for item in expected.items]
    assert found.came
    # In another order, nobody knows any more what was there before.
    write_playlist(file, order_playlist(own, file).playlist)
    with pytest.raises(InvalidArgument, match="does not say how it was made"):
        refresh_playlist(own, file)


def _only(file: Path, folder: Path, n: int) -> Path:
    playlist = read_playlist(file)
    write_playlist(folder / "first.jspf", Playlist("", playlist.entries[:n]))
    return folder / "first.jspf"


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ({"version": 1, "make": "playlist", "seeds": []}, "names no seeds"),
        ({"version": 1, "make": "playlist", "seeds": 5}, "5 is no list of seeds"),
        ({"version": 1, "make": "playlist", "seeds": ["x"]}, "'x' is no seed of a recipe"),
        ({"version": 1, "make": "playlist", "seeds": [{"folder": 3}]}, "no seed of a recipe"),
        ({"version": 1, "make": "playlist", "seeds": [{"playlist": None}]}, "no seed of a recipe"),
        ({"version": 1, "make": "playlist", "without": {"path": "x"}}, "no list of seeds"),
        ({"version": 1, "make": "playlist", "tracks": -3}, "tracks is -3"),
        ({"version": 1, "make": "extension", "keep": -1}, "'extension'"),
        (None, "does not say how it was made"),
        ({"version": 99, "make": "playlist"}, "version 99"),
        ({"version": 1, "make": "symphony"}, "'symphony'"),
        ({"version": 1, "make": "playlist", "seeds": [{"title": "x"}]}, "no seed of a recipe"),
        ({"version": 1, "make": "playlist", "tempo": 3}, "tempo"),
        ({"version": 1, "make": "playlist", "limits": {"only": {"years": ["x"]}}}, "'x'"),
    ],
)
def test_what_is_no_recipe_is_refused(
    library: Library, tmp_path: Path, recipe: dict[str, object] | None, words: str
) -> None:
    file = tmp_path / "mix.m3u8"
    write_playlist(file, Playlist("x", (PlaylistEntry(library.track(1).path),), recipe))
    before = file.read_bytes()
    with pytest.raises(InvalidArgument, match=words) as caught:
        refresh_playlist(library, file)
    assert str(caught.value).startswith(f"{file}: ")
    assert file.read_bytes() == before


@pytest.mark.parametrize("suffix", ["m3u8", "xspf", "jspf", "json"])
@pytest.mark.parametrize("there", ["/mnt/music", "M:\\Music"])
def test_a_playlist_for_another_computer_stays_one(
    library: Library, tmp_path: Path, suffix: str, there: str
) -> None:
    file = mix(library, tmp_path / "mix.m3u8").with_suffix(f".{suffix}")
    here = Path(os.path.commonpath([track.path for track in library.tracks()]))
    write_playlist(file, read_playlist(tmp_path / "mix.m3u8"), base=(here, there))

    def locations() -> list[str]:
        return [unquote(str(entry.location)) for entry in read_playlist(file).entries]

    before = locations()
    assert all(there.replace("\\", "/") in each.replace("\\", "/") for each in before)
    assert not refresh_playlist(library, file).went
    assert locations() == before
    made = extend_playlist(library, file, tracks=3)
    write_playlist(file, extended(read_playlist(file), made))
    assert locations()[: len(before)] == before
    assert all(there.replace("\\", "/") in each.replace("\\", "/") for each in locations())
    refresh_playlist(library, file)
    assert read_playlist(file).base == (str(here), there)


def test_a_base_in_a_recipe_that_is_none_is_told(library: Library, tmp_path: Path) -> None:
    file = mix(library, tmp_path / "mix.json")
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"version"', '"base": ["/a", "b"], "version"'), encoding="utf-8")
    with pytest.raises(PlaylistError, match=r"mix\.json: in its recipe, base 'b': it must be an"):
        read_playlist(file)
