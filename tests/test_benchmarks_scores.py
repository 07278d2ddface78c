"""Scores become MIDI, five times each; reading them needs music21, which the tests do without."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.scores import INSTRUMENTATIONS, TEMPI, WORKS, Note, main, renderings, to_midi


def events(midi: bytes) -> list[tuple[int, bytes]]:
    """Ticks and messages of the one track."""
    assert midi[:14] == b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x01\xe0"
    assert midi[14:18] == b"MTrk"
    track = midi[22:]
    assert int.from_bytes(midi[18:22], "big") == len(track)
    found, at, now = [], 0, 0
    while at < len(track):
        delta = 0
        while True:
            byte, at = track[at], at + 1
            delta = delta << 7 | byte & 0x7F
            if byte < 0x80:
                break
        now += delta
        length = 2 if track[at] >> 4 == 0xC else 3
        found.append((now, track[at : at + length]))
        at += length
    return found


def test_a_score_becomes_midi() -> None:
    notes = [Note(0.0, 1.0, 72, 0), Note(0.0, 4.0, 48, 1), Note(3.0, 1.0, 74, 0)]
    found = events(to_midi(notes, quarter_s=1.0, programs=(40, 41, 42), shift=-2))
    assert found == [
        (0, b"\xc0\x28"),
        (0, b"\xc1\x2a"),  # the lowest part gets the last instrument
        (0, b"\x90\x46\x54"),
        (0, b"\x91\x2e\x54"),
        (956, b"\x80\x46\x00"),  # a quarter of one second is 960 ticks; it ends a little early
        (2880, b"\x90\x48\x54"),
        (3836, b"\x80\x48\x00"),
        (3836, b"\x81\x2e\x00"),
        (3836, b"\xff\x2f\x00"),
    ]


def test_a_note_ends_before_it_is_struck_again() -> None:
    notes = [Note(number / 4, 0.25, 60, 0) for number in range(40)]
    kinds = [m[0] for _, m in events(to_midi(notes, 0.5, (0,), 0)) if m[0] in (0x90, 0x80)]
    assert all(one != other for one, other in pairwise(kinds))


def test_channels_leave_out_that_of_the_drums() -> None:
    notes = [Note(0.0, 1.0, 60, part) for part in range(12)]
    channels = [m[0] & 15 for _, m in events(to_midi(notes, 0.5, (0,), 0)) if m[0] >> 4 == 9]
    assert sorted(channels) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12]


def test_the_five_of_a_work_have_nothing_else_in_common() -> None:
    made = list(renderings())
    assert len(made) == len({one.path for one in made}) == 5 * len(WORKS)
    for work in WORKS:
        mine = [one for one in made if one.work == work]
        for name in ("instrumentation", "key_shift", "tempo"):
            assert len({getattr(one, name) for one in mine}) == len(TEMPI)
    played = Counter(one.instrumentation for one in made)
    assert set(played) == set(INSTRUMENTATIONS)
    assert max(played.values()) < 2 * min(played.values())
    assert made == list(renderings())


def test_what_is_missing_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([str(tmp_path)]) == 1
    assert "apt-get install fluidsynth" in capsys.readouterr().err
    program = tmp_path / "fluidsynth"
    program.touch(mode=0o755)
    assert main([str(tmp_path), "--sound-font", str(tmp_path / "none.sf2")]) == 1
    assert "apt-get install fluid-soundfont-gm" in capsys.readouterr().err
