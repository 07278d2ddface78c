"""From the notes of a piece to stereo samples."""

from __future__ import annotations

import numpy as np

from demo_music.drums import Kit
from demo_music.effects import mix_down
from demo_music.score import MAX_DURATION_S, Performance, Score
from demo_music.synthesis import SAMPLE_RATE, Samples, db, midi_to_hz, n_samples


def _at(time_s: float) -> int:
    return max(0, round(time_s * SAMPLE_RATE))


def _add(track: Samples, start: int, sound: Samples, gain: float) -> None:
    sound = sound[: max(0, len(track) - start)]
    track[start : start + len(sound)] += np.float32(gain) * sound


def _pan(position: float) -> Samples:
    """Constant-power gains of left and right, (2, 1)."""
    angle = (position + 1.0) * np.pi / 4.0
    return np.array([[np.cos(angle)], [np.sin(angle)]], dtype=np.float32)


def _play(performance: Performance, score: Score, n: int, rng: np.random.Generator) -> Samples:
    """One player's take, (n,)."""
    part, beat_s = performance.part, score.beat_s
    track = np.zeros(n, dtype=np.float32)
    made: dict[tuple[int, int], Samples] = {}
    start_before, nth = -1.0, 0
    for note in performance.notes:
        nth = nth + 1 if note.start_beats == start_before else 0
        start_before = note.start_beats
        held_s = max(0.03, part.tight * note.length_beats * beat_s)
        # One take of each pitch and length is enough: it comes back with another loudness.
        name = (note.midi, round(100 * held_s))
        if name not in made:
            made[name] = performance.instrument(midi_to_hz(note.midi), held_s, rng)
        start_s = note.start_beats * beat_s + nth * part.strum_s
        if score.band.jitter_s:
            start_s += float(rng.normal(0.0, score.band.jitter_s))
        loudness = note.velocity * float(rng.uniform(0.9, 1.0))
        _add(track, _at(start_s), made[name], loudness)
    return track


def _drum(score: Score, kit: Kit, n: int, rng: np.random.Generator) -> Samples:
    """The drums as heard from the front, (2, n)."""
    places = {"h": 0.3, "o": 0.3, "d": -0.35, "c": -0.2, "t": 0.25, "T": -0.25, "z": 0.4, "b": 0.15}
    quieter = {"h": 0.5, "o": 0.4, "d": 0.42, "c": 0.6, "z": 0.8, "b": 0.5, "r": 0.7, "p": 0.9}
    sides: dict[float, Samples] = {}
    for hit in score.hits:
        place = places.get(hit.drum, 0.0)
        track = sides.setdefault(place, np.zeros(n, dtype=np.float32))
        start_s = hit.start_beats * score.beat_s
        if score.band.jitter_s:
            start_s += float(rng.normal(0.0, 0.5 * score.band.jitter_s))
        gain = hit.velocity * quieter.get(hit.drum, 1.0) * float(rng.uniform(0.92, 1.0))
        _add(track, _at(start_s), kit[hit.drum], gain)
    stereo = np.zeros((2, n), dtype=np.float32)
    for place, track in sides.items():
        stereo += _pan(place) * track
    return stereo


def _level(stereo: Samples) -> float:
    """RMS over the loud half of the tenths of a second: a part's loudness while it plays."""
    block = SAMPLE_RATE // 10
    power = (stereo[:, : stereo.shape[1] // block * block].reshape(2, -1, block) ** 2).mean((0, 2))
    loud = power[power > 0.1 * power.max()]
    return float(np.sqrt(loud.mean())) + 1e-9


def render(score: Score) -> Samples:
    """Play a piece.

    Returns
    -------
    (2, n_samples) float32 at `SAMPLE_RATE`, peak below 1; between 22 and 30 seconds. The same
    score gives the same samples.
    """
    rng = np.random.default_rng([*score.seed, 1])
    # The last notes ring on in the room, but not into a silence that nobody wants to hear.
    tail_s = 0.4 + 0.4 * score.band.room.decay_s
    n = n_samples(min(MAX_DURATION_S, score.music_s + tail_s))
    dry = np.zeros((2, n), dtype=np.float32)
    send = np.zeros(n, dtype=np.float32)

    def add(stereo: Samples, level_db: float, to_room: float) -> None:
        stereo *= np.float32(db(level_db) / _level(stereo))
        np.add(dry, stereo, out=dry)
        np.add(send, np.float32(to_room) * stereo.sum(axis=0), out=send)

    for performance in score.performances:
        part = performance.part
        if part.doubled:
            stereo = np.stack([_play(performance, score, n, rng) for _ in range(2)])
        else:
            stereo = _pan(part.pan) * _play(performance, score, n, rng)
        for effect in part.effects:
            stereo = effect(stereo, score.beat_s)
        add(stereo, performance.level_db, part.send)
    drums = score.band.drums
    if drums and score.hits:
        # The kit is the band's, not the piece's: the same drums on the whole album.
        kit = drums.kit.build(np.random.default_rng([*score.seed[:2], 0]))
        add(_drum(score, kit, n, rng), drums.level_db, drums.send)
    mix = mix_down(dry, send, score.band.room, score.wet, score.tilt_db)
    n_fade = n_samples(tail_s)
    mix[:, -n_fade:] *= np.linspace(1.0, 0.0, n_fade, dtype=np.float32) ** 2
    return mix
