"""From the notes of a piece to stereo samples."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from demo_music.drums import Kit
from demo_music.effects import Room, mix_down
from demo_music.score import MAX_DURATION_S, DrumPart, Performance
from demo_music.synthesis import SAMPLE_RATE, Samples, db, midi_to_hz, n_samples
from demo_music.theory import Hit


class Playable(Protocol):
    """What is known of a piece when it is played.

    Attributes
    ----------
    beat_s, music_s : length of a beat and of all bars, in seconds.
    jitter_s : by how much players miss the beat.
    wet, tilt_db : see `effects.mix_down`.
    seed : the first two numbers draw the kit, all of them how the piece is played.
    """

    @property
    def performances(self) -> tuple[Performance, ...]: ...

    @property
    def hits(self) -> tuple[Hit, ...]: ...

    @property
    def drums(self) -> DrumPart | None: ...

    @property
    def room(self) -> Room: ...

    @property
    def beat_s(self) -> float: ...

    @property
    def music_s(self) -> float: ...

    @property
    def jitter_s(self) -> float: ...

    @property
    def wet(self) -> float: ...

    @property
    def tilt_db(self) -> float: ...

    @property
    def seed(self) -> tuple[int, int, int]: ...


def _at(time_s: float) -> int:
    return max(0, round(time_s * SAMPLE_RATE))


def _add(track: Samples, start: int, sound: Samples, gain: float) -> None:
    sound = sound[: max(0, len(track) - start)]
    track[start : start + len(sound)] += np.float32(gain) * sound


def _pan(position: float, n_channels: int) -> Samples:
    """Constant-power gains of left and right, (2, 1); one channel has no place: (1, 1)."""
    if n_channels == 1:
        return np.ones((1, 1), dtype=np.float32)
    angle = (position + 1.0) * np.pi / 4.0
    return np.array([[np.cos(angle)], [np.sin(angle)]], dtype=np.float32)


def _play(performance: Performance, score: Playable, n: int, rng: np.random.Generator) -> Samples:
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
        if score.jitter_s:
            start_s += float(rng.normal(0.0, score.jitter_s))
        loudness = note.velocity * float(rng.uniform(0.9, 1.0))
        _add(track, _at(start_s), made[name], loudness)
    return track


def _drum(score: Playable, kit: Kit, n: int, n_channels: int, rng: np.random.Generator) -> Samples:
    """The drums as heard from the front, (n_channels, n)."""
    places = {"h": 0.3, "o": 0.3, "d": -0.35, "c": -0.2, "t": 0.25, "T": -0.25, "z": 0.4, "b": 0.15}
    quieter = {"h": 0.5, "o": 0.4, "d": 0.42, "c": 0.6, "z": 0.8, "b": 0.5, "r": 0.7, "p": 0.9}
    sides: dict[float, Samples] = {}
    for hit in score.hits:
        place = places.get(hit.drum, 0.0)
        track = sides.setdefault(place, np.zeros(n, dtype=np.float32))
        start_s = hit.start_beats * score.beat_s
        if score.jitter_s:
            start_s += float(rng.normal(0.0, 0.5 * score.jitter_s))
        gain = hit.velocity * quieter.get(hit.drum, 1.0) * float(rng.uniform(0.92, 1.0))
        _add(track, _at(start_s), kit[hit.drum], gain)
    stereo = np.zeros((n_channels, n), dtype=np.float32)
    for place, track in sides.items():
        stereo += _pan(place, n_channels) * track
    return stereo


def _level(stereo: Samples) -> float:
    """RMS over the loud half of the tenths of a second: a part's loudness while it plays."""
    block = SAMPLE_RATE // 10
    power = (
        stereo[:, : stereo.shape[1] // block * block].reshape(len(stereo), -1, block) ** 2
    ).mean((0, 2))
    loud = power[power > 0.1 * power.max()]
    return float(np.sqrt(loud.mean())) + 1e-9


def render(score: Playable, n_channels: int = 2) -> Samples:
    """Play a piece.

    Parameters
    ----------
    n_channels : 2, or 1 for pieces without the effects that need two sides.

    Returns
    -------
    (n_channels, n_samples) float32 at `SAMPLE_RATE`, peak below 1, at most 30 seconds. The same
    score gives the same samples.
    """
    rng = np.random.default_rng([*score.seed, 1])
    # The last notes ring on in the room, but not into a silence that nobody wants to hear.
    tail_s = 0.4 + 0.4 * score.room.decay_s
    n = n_samples(min(MAX_DURATION_S, score.music_s + tail_s))
    dry = np.zeros((n_channels, n), dtype=np.float32)
    send = np.zeros(n, dtype=np.float32)

    def add(stereo: Samples, level_db: float, to_room: float) -> None:
        stereo *= np.float32(db(level_db) / _level(stereo))
        np.add(dry, stereo, out=dry)
        np.add(send, np.float32(to_room) * stereo.sum(axis=0), out=send)

    for performance in score.performances:
        part = performance.part
        if part.doubled:
            stereo = np.stack([_play(performance, score, n, rng) for _ in range(n_channels)])
        else:
            stereo = _pan(part.pan, n_channels) * _play(performance, score, n, rng)
        for effect in part.effects:
            stereo = effect(stereo, score.beat_s)
        add(stereo, performance.level_db, part.send)
    drums = score.drums
    if drums and score.hits:
        # The kit is the band's, not the piece's: the same drums on the whole album.
        kit = drums.kit.build(np.random.default_rng([*score.seed[:2], 0]))
        add(_drum(score, kit, n, n_channels, rng), drums.level_db, drums.send)
    mix = mix_down(dry, send, score.room, score.wet, score.tilt_db)
    n_fade = n_samples(tail_s)
    mix[:, -n_fade:] *= np.linspace(1.0, 0.0, n_fade, dtype=np.float32) ** 2
    return mix
