"""The library by artist and album."""

from __future__ import annotations

from pathlib import Path

from fakes import open_library, tag_track, write_track

from soundalike.library.catalogue import catalogue_of


def test_an_album_of_many_tracks_is_by_one_artist_or_by_several(tmp_path: Path) -> None:
    music = tmp_path / "music"
    for number in range(205):
        for album in ("Alone", "Together"):
            path = write_track(music / album / f"{number:03d}.wav", f"{album} {number}")
            artist = "Other" if (album, number) == ("Together", 204) else "One"
            tag_track(path, artist=artist, album=album, title=f"{number}")
    with open_library(tmp_path) as library:
        library.scan([music])
        with library.view() as view:
            found = catalogue_of(view)
    alone, together = found.albums.values()
    assert (alone.name, alone.artist, alone.n_tracks) == ("Alone", "One", 205)
    assert (together.name, together.artist) == ("Together", "Various Artists")
    assert together.artist_id is None
    assert [each.name for each in found.find_artists("o")] == ["One", "Other"]
    assert [each.album_id for each in found.albums_of(alone.artist_id or "")] == [
        alone.album_id,
        together.album_id,
    ]
