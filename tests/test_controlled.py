"""The pieces of known rhythm, harmony and instrumentation are what they say they are."""

from __future__ import annotations

import json
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundalike.audio import load_audio
from soundalike.models import DEFAULT_MODEL

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

from controlled import FACTORS, SETS, TEMPI, compose, compose_piece, main, pieces
from demo_music.arrangement import arrange
from demo_music.harmonies import HARMONIES, parse_chord
from demo_music.instrumentations import INSTRUMENTATIONS
from demo_music.rhythms import RHYTHMS, STROKES
from demo_music.synthesis import SAMPLE_RATE
from known_answers import factor_answers, key_answers, table, tempo_answers
from known_answers import main as ask_main

LEVELS = {"rhythm": RHYTHMS, "harmony": HARMONIES, "instrumentation": INSTRUMENTATIONS}


def one_hot(factors, name: str, rng: np.random.Generator, noise: float = 0.01) -> np.ndarray:
    """What a facet says that hears one factor and nothing else."""
    levels = sorted({getattr(piece, name) for piece in factors})
    exact = np.array([[getattr(piece, name) == level for level in levels] for piece in factors])
    return (exact + noise * rng.standard_normal(exact.shape)).astype(np.float32)


def test_the_sets_are_as_large_as_they_say() -> None:
    sizes = {name: len(pieces(name)) for name in SETS}
    assert sizes == {
        "combined": 128,
        "transposed": 12 * len(HARMONIES),
        "tempo": len(TEMPI) * len(RHYTHMS),
        "small": 64,
    }
    names = [name for name, _ in pieces(*SETS)]
    assert len(set(names)) == sum(sizes.values())
    assert [name for name, _ in pieces()] == [name for name in names if "small" not in name]
    with pytest.raises(ValueError, match="'large' is none of the sets"):
        pieces("large")


@pytest.mark.parametrize(("name", "times"), [("combined", 2), ("small", 4)])
def test_factors_tell_nothing_about_each_other(name: str, times: int) -> None:
    factors = [piece for _, piece in pieces(name)]
    for one, other in combinations(FACTORS, 2):
        pairs = [(getattr(piece, one), getattr(piece, other)) for piece in factors]
        assert {pairs.count(pair) for pair in pairs} == {times}
        n_levels = len({first for first, _ in pairs})
        assert len(set(pairs)) == n_levels**2
    assert len({(p.rhythm, p.harmony, p.instrumentation) for p in factors}) == len(factors)


@pytest.mark.parametrize("name", ["combined", "small"])
def test_keys_and_tempi_are_spread_over_all_levels(name: str) -> None:
    factors = [piece for _, piece in pieces(name)]
    keys = [piece.key for piece in factors]
    assert max(map(keys.count, range(12))) - min(map(keys.count, range(12))) <= 1
    for factor in FACTORS:
        for level in {getattr(piece, factor) for piece in factors}:
            mine = [piece for piece in factors if getattr(piece, factor) == level]
            assert len({piece.key for piece in mine}) >= 6
            assert max(piece.tempo for piece in mine) > 1.15 * min(piece.tempo for piece in mine)


def test_the_same_arguments_give_the_same_samples() -> None:
    first, rate = compose("waltz", "jazz", "strings", 3, 1.1, seed=5, duration_s=6.0)
    again, _ = compose("waltz", "jazz", "strings", 3, 1.1, seed=5, duration_s=6.0)
    assert rate == SAMPLE_RATE
    assert first.dtype == np.float32
    assert first.ndim == 1
    np.testing.assert_array_equal(first, again)
    other, _ = compose("waltz", "jazz", "strings", 3, 1.1, seed=6, duration_s=6.0)
    assert not np.array_equal(first, other)
    with pytest.raises(ValueError, match="'tango' is none of: rock, waltz"):
        compose("tango", "jazz", "strings")


@pytest.mark.parametrize("name", LEVELS)
def test_levels_are_not_told_by_their_loudness(name: str) -> None:
    plain = {"rhythm": "rock", "harmony": "four chords", "instrumentation": "piano trio"}
    levels_db = []
    for level in LEVELS[name]:
        waveform, _ = compose(**(plain | {name: level.name}), duration_s=10.0)
        assert np.isfinite(waveform).all()
        assert 0.5 < np.abs(waveform).max() < 1.0
        blocks = waveform[: 8 * SAMPLE_RATE].reshape(8, -1).std(axis=1)
        assert blocks.min() > 0.3 * blocks.max()  # no silence
        levels_db.append(20 * np.log10(waveform.std()))
    assert max(levels_db) - min(levels_db) < 3.0


def test_every_instrumentation_has_a_sound_for_every_stroke() -> None:
    assert {stroke for rhythm in RHYTHMS for stroke in rhythm.strokes} == set(STROKES)
    for instrumentation in INSTRUMENTATIONS:
        assert {*instrumentation.drums, *instrumentation.pitched} == set(STROKES)
        assert (instrumentation.kit is None) == (not instrumentation.drums)
    assert sum(instrumentation.kit is None for instrumentation in INSTRUMENTATIONS) >= 2


def onsets(rhythm, instrumentation) -> Counter[float]:
    """How often anything but the melody begins on each beat of a bar."""
    arranged = arrange(
        rhythm, HARMONIES[0], instrumentation, key=0, tempo=1.0, seed=1, duration_s=20.0
    )
    lead = instrumentation.lead
    beats = [
        note.start_beats
        for performance in arranged.performances
        if performance.part is not lead
        for note in performance.notes
    ]
    beats += [hit.start_beats for hit in arranged.hits]
    return Counter(round(beat % rhythm.beats, 3) for beat in beats)


def test_rhythms_differ_and_are_the_same_whoever_plays_them() -> None:
    found = [onsets(rhythm, INSTRUMENTATIONS[0]) for rhythm in RHYTHMS]
    for one, other in combinations(found, 2):
        assert one != other
    for rhythm, expected in zip(RHYTHMS, found, strict=True):
        for instrumentation in INSTRUMENTATIONS[1:]:
            assert set(onsets(rhythm, instrumentation)) == set(expected)
        for pattern in (*rhythm.strokes.values(), rhythm.bass, rhythm.chords, *rhythm.lead):
            assert len(pattern) % rhythm.beats == 0


@pytest.mark.parametrize(
    ("symbol", "root", "tones"),
    [
        ("C", 0, {0, 4, 7}),
        ("Am", 9, {9, 0, 4}),
        ("Bb", 10, {10, 2, 5}),
        ("G7", 7, {7, 11, 2, 5}),
        ("Dm9", 2, {2, 5, 9, 0, 4}),
        ("Caug", 0, {0, 4, 8}),
        ("F#dim7", 6, {6, 9, 0, 3}),
    ],
)
def test_chord_symbols(symbol: str, root: int, tones: set[int]) -> None:
    chord = parse_chord(symbol)
    assert chord.root == root
    assert chord.pitch_classes == tones


def test_all_parts_follow_the_chords() -> None:
    for harmony in HARMONIES:
        arranged = arrange(
            RHYTHMS[0], harmony, INSTRUMENTATIONS[0], key=0, tempo=1.0, seed=1, duration_s=24.0
        )
        bass, chords, lead = (performance.notes for performance in arranged.performances)
        for note in (*bass, *chords):
            chord = harmony.chord(int(note.start_beats // 4))
            assert note.midi % 12 in chord.pitch_classes
        for bar in range(arranged.n_beats // 4):
            played = {note.midi % 12 for note in chords if note.start_beats // 4 == bar}
            assert played == harmony.chord(bar).pitch_classes
        for note in lead:
            chord = harmony.chord(int(note.start_beats // 4))
            assert note.midi % 12 in chord.pitch_classes | set(harmony.scale)
        assert len({note.midi for note in lead}) >= 4


def test_keys_move_every_note_and_nothing_else() -> None:
    def notes(key: int) -> list[list[tuple[float, int]]]:
        arranged = arrange(
            RHYTHMS[2],
            HARMONIES[4],
            INSTRUMENTATIONS[4],
            key=key,
            tempo=1.0,
            seed=3,
            duration_s=20.0,
        )
        return [[(n.start_beats, n.midi) for n in p.notes] for p in arranged.performances]

    home = notes(0)
    for key, moved in ((1, 1), (6, 6), (7, -5), (11, -1)):
        assert notes(key) == [[(beat, midi + moved) for beat, midi in part] for part in home]


@pytest.mark.parametrize("tempo", [TEMPI[0], TEMPI[-1]])
def test_a_tempo_is_a_factor_on_time(tempo: float) -> None:
    for rhythm in RHYTHMS:
        arranged = arrange(
            rhythm, HARMONIES[0], INSTRUMENTATIONS[0], key=0, tempo=tempo, seed=0, duration_s=24.0
        )
        assert arranged.beat_s == pytest.approx(60 / (rhythm.tempo_bpm * tempo))
        assert arranged.n_beats % rhythm.beats == 0
        assert 20.0 < arranged.music_s < 28.0


def test_a_bass_note_sounds_at_its_pitch() -> None:
    for key, hz in ((0, 65.41), (9, 55.0)):
        waveform, rate = compose("half time", "drone", "strings", key, duration_s=6.0)
        spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
        low = spectrum[: round(75 * len(waveform) / rate)]
        assert low.argmax() * rate / len(waveform) == pytest.approx(hz, rel=0.02)


def test_the_command_writes_pieces_and_a_manifest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controlled.TEMPI", (0.9,))
    assert main([str(tmp_path), "--set", "tempo"]) == 0
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert "8 pieces" in capsys.readouterr().out
    assert [entry["rhythm"] for entry in manifest] == [rhythm.name for rhythm in RHYTHMS]
    first = manifest[0]
    assert first["set"] == "tempo"
    assert first["tempo_bpm"] == pytest.approx(0.9 * 118)
    audio = load_audio(tmp_path / first["path"])
    assert audio.sample_rate == SAMPLE_RATE
    _, factors = next((n, f) for n, f in pieces("tempo") if n == first["name"])
    waveform, _ = compose_piece(factors)
    np.testing.assert_allclose(audio.samples, waveform, atol=1e-4)


@pytest.mark.parametrize("name", ["combined", "small"])
def test_a_facet_that_hears_one_factor_is_told_from_one_that_does_not(name: str) -> None:
    factors = [piece for _, piece in pieces(name)]
    rng = np.random.default_rng(0)
    embeddings = {factor: one_hot(factors, factor, rng) for factor in FACTORS}
    answers = {(one.facet, one.sought): one for one in factor_answers(embeddings, factors)}
    n_levels = len({piece.rhythm for piece in factors})
    for facet in FACTORS:
        for sought in FACTORS:
            one = answers[facet, sought]
            assert one.n_queries == len(factors)
            assert one.chance == pytest.approx(1 / n_levels, abs=0.02)
            if facet == sought:
                assert one.precision == 1.0
            else:
                assert one.precision < 2.2 * one.chance


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_facet_that_hears_nothing_is_right_as_often_as_chance(seed: int) -> None:
    factors = [piece for _, piece in pieces("combined")]
    noise = np.random.default_rng(seed).standard_normal((len(factors), 8)).astype(np.float32)
    for one in factor_answers({"noise": noise}, factors):
        # Five standard errors of 128 draws.
        assert abs(one.precision - one.chance) < 5 * np.sqrt(0.133 * 0.867 / 128)


def test_tempo_and_key_are_asked_for_one_change_at_a_time() -> None:
    rng = np.random.default_rng(0)
    tempi = [piece for _, piece in pieces("tempo")]
    found = tempo_answers(one_hot(tempi, "rhythm", rng), tempi)
    assert [one.changed for one in found] == [tempo for tempo in TEMPI if tempo != 1.0]
    assert {(one.facet, one.precision, one.chance) for one in found} == {("rhythm", 1.0, 1 / 8)}
    keys = [piece for _, piece in pieces("transposed")]
    found = key_answers(one_hot(keys, "harmony", rng), keys)
    assert [one.changed for one in found] == list(range(1, 12))
    assert {one.precision for one in found} == {1.0}
    # What hears the key instead finds the piece in the same key with another harmony.
    key_alone = np.eye(12, dtype=np.float32)[[piece.key for piece in keys]]
    assert {one.precision for one in key_answers(key_alone, keys)} == {0.0}
    assert table(found).splitlines()[2] == "| harmony | key +1 | 100 % | 12.5 % | 8 |"


@pytest.mark.slow
def test_the_default_model_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask_main(["--set", "small"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"{DEFAULT_MODEL}@")
    assert "| sound | instrumentation | " in shown
