"""A library to recommend from: tracks with artists and lengths of their own, and a fake model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from fakes import (
    FACETED,
    FakeAnalyzer,
    fake_analysis,
    open_library,
    tag_track,
    text_of,
    write_track,
)

from soundalike.analysis import Analysis
from soundalike.library import Library, Track

ARTISTS = ("Ada", "Bo", "Cy", "Di", "Ed", "Flo", "Ada feat. Bo")


class Lengths(FakeAnalyzer):
    """As :class:`.FakeAnalyzer`, but a text such as "200 s, piece 7" lasts 200 seconds."""

    def from_file(
        self, path: str | os.PathLike[str], *, start_s: float = 0.0, end_s: float | None = None
    ) -> Analysis:
        found = super().from_file(path, start_s=start_s, end_s=end_s)
        seconds, _, text = text_of(path).partition(" s, ")
        if not text or start_s or end_s is not None:
            return found
        return fake_analysis(text_of(path), self.model, float(seconds))


def open_listening(folder: Path) -> Library:
    return open_library(folder, name=FACETED, analyzer="listening:Lengths")


def add_track(folder: Path, number: int, *, seconds: int | None = None, text: str = "") -> Path:
    """``music/NUMBER.wav``, by one of seven artists, of two to five minutes."""
    length = 120 + (number * 37) % 180 if seconds is None else seconds
    path = folder / "music" / f"{number:03d}.wav"
    write_track(path, text or f"{length} s, piece {number}")
    return tag_track(path, artist=ARTISTS[number % len(ARTISTS)], title=f"Piece {number}")


def make_listening(folder: Path, n: int) -> Path:
    """A folder with a library of so many tracks."""
    for number in range(n):
        add_track(folder, number)
    with open_listening(folder) as library:
        assert library.scan([folder / "music"]).analysed == n
    return folder


def artists_of(tracks: Sequence[Track]) -> list[set[str]]:
    """The artists of each, two for a collaboration."""
    return [set((track.artist or "").split(" feat. ")) for track in tracks]
