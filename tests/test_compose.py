"""The composed demo music: playable, repeatable, and bands that can be told apart."""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path

import av
import mutagen
import numpy as np
import pytest

from soundalike.analyzer import Analyzer
from soundalike.audio import load_audio
from soundalike.frontends.log_mel import log_mel

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

from compose import main, scores
from demo_music.bands import BANDS
from demo_music.files import FORMATS, write_audio
from demo_music.render import render
from demo_music.score import MAX_DURATION_S, MIN_DURATION_S
from demo_music.synthesis import (
    SAMPLE_RATE,
    Envelope,
    n_harmonics,
    partials,
    plucked_string,
    read_table,
    wavetables,
)
from demo_music.theory import Key, chord, play, split, swung


@dataclass(frozen=True)
class Written:
    """What one run of the command left behind."""

    folder: Path
    output: str
    paths: tuple[Path, ...]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("music")
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        assert main([str(folder)]) == 0
    paths = tuple(sorted(path for path in folder.rglob("*") if path.is_file()))
    return Written(folder, output.getvalue(), paths)


def peak_hz(samples: np.ndarray) -> float:
    """Frequency of the strongest partial, interpolated between bins."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 1 << 17))
    top = int(spectrum.argmax())
    left, middle, right = np.log(spectrum[top - 1 : top + 2])
    shift = 0.5 * (left - right) / (left - 2 * middle + right)
    return float((top + shift) * SAMPLE_RATE / (1 << 17))


def neighbours_of_the_same_band(embeddings: np.ndarray, bands: np.ndarray, *, k: int) -> float:
    """Share of the k nearest neighbours (cosine) that are of the same band."""
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, -np.inf)
    nearest = np.argsort(-similarity, axis=1)[:, :k]
    return float((bands[nearest] == bands[:, None]).mean())


@pytest.mark.slow
def test_forty_pieces_by_eight_bands_in_five_formats(written: Written) -> None:
    assert len(written.paths) == 40
    places = [path.relative_to(written.folder).parts for path in written.paths]
    assert {(band, album) for band, album, _ in places} == {(b.name, b.album) for b in BANDS}
    # Every band in every format, so that a codec cannot give a band away.
    for band in BANDS:
        suffixes = {Path(file).suffix for name, _, file in places if name == band.name}
        assert suffixes == {audio_format.suffix for audio_format in FORMATS}
    assert "40 pieces" in written.output
    for path in written.paths:
        assert path.name in written.output


@pytest.mark.slow
def test_the_files_are_tagged(written: Written) -> None:
    for path in written.paths:
        tags = mutagen.File(path, easy=True)
        assert tags["artist"] == [path.parts[-3]]
        assert tags["album"] == [path.parts[-2]]
        number, title = path.stem.split(" ", 1)
        assert tags["title"] == [title]
        assert tags["tracknumber"] == [str(int(number))]
        assert tags["genre"][0] in {band.genre for band in BANDS}


@pytest.mark.slow
def test_the_files_last_as_long_as_they_say(written: Written) -> None:
    for path in written.paths:
        with av.open(str(path)) as container:
            said_s = container.duration / av.time_base
        audio = load_audio(path, mono=False)
        assert audio.samples.shape[0] == 2
        duration_s = audio.samples.shape[1] / audio.sample_rate
        assert said_s == pytest.approx(duration_s, abs=0.1)
        # Encoders pad to whole frames.
        assert MIN_DURATION_S <= duration_s <= MAX_DURATION_S + 0.1


@pytest.mark.slow
def test_neighbours_are_of_the_same_band(written: Written) -> None:
    bands = np.array([path.parts[-3] for path in written.paths])
    statistics = []
    for path in written.paths:
        audio = load_audio(path)
        spectrogram = log_mel(audio.samples, audio.sample_rate, n_mels=32)
        spectrogram = (spectrogram - spectrogram.mean()) / spectrogram.std()
        motion = np.abs(np.diff(spectrogram, axis=1)).mean(axis=1)
        statistics.append(np.r_[spectrogram.mean(axis=1), spectrogram.std(axis=1), motion])
    table = np.array(statistics)
    table = (table - table.mean(axis=0)) / table.std(axis=0)
    assert neighbours_of_the_same_band(table, bands, k=1) >= 0.95
    assert neighbours_of_the_same_band(table, bands, k=4) >= 0.9


@pytest.mark.slow
def test_the_shipped_model_finds_them_too(written: Written) -> None:
    bands = np.array([path.parts[-3] for path in written.paths])
    analyzer = Analyzer()
    embeddings = np.array([analyzer.from_file(path).embedding for path in written.paths])
    assert neighbours_of_the_same_band(embeddings, bands, k=1) >= 0.95
    assert neighbours_of_the_same_band(embeddings, bands, k=4) >= 0.9


@pytest.mark.parametrize("index", [0, 17, 26])
def test_a_seed_gives_the_same_samples(index: int) -> None:
    first, again = render(scores(seed=3)[index]), render(scores(seed=3)[index])
    assert first.dtype == np.float32
    assert first.shape[0] == 2
    np.testing.assert_array_equal(first, again)
    assert np.isfinite(first).all()
    assert 0.5 < np.abs(first).max() < 1.0
    other = render(scores(seed=4)[index])
    n = min(first.shape[1], other.shape[1])
    assert abs(np.corrcoef(first[0, :n], other[0, :n])[0, 1]) < 0.3


@pytest.mark.parametrize("seed", [0, 1, 99])
def test_the_pieces_of_a_band_are_no_copies(seed: int) -> None:
    pieces = scores(seed)
    for number in range(len(BANDS)):
        album = pieces[5 * number : 5 * number + 5]
        low, high = album[0].band.tempo_bpm
        tempos = sorted(piece.tempo_bpm for piece in album)
        assert low <= tempos[0]
        assert tempos[-1] <= high
        assert len({round(tempo, 3) for tempo in tempos}) == 5
        assert len({piece.key.tonic for piece in album}) == 5
        melodies = {piece.performances[-1].notes for piece in album}
        assert len(melodies) == 5


@pytest.mark.parametrize("audio_format", FORMATS, ids=lambda audio_format: audio_format.suffix)
def test_a_tone_survives_every_format(audio_format, tmp_path: Path) -> None:
    time_s = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    left = 0.5 * np.sin(2 * np.pi * 440 * time_s)
    right = 0.5 * np.sin(2 * np.pi * 1000 * time_s)
    path = tmp_path / f"tone{audio_format.suffix}"
    write_audio(path, np.stack([left, right]).astype(np.float32), audio_format)
    audio = load_audio(path, sample_rate=SAMPLE_RATE, mono=False)
    for channel, hz in zip(audio.samples, (440, 1000), strict=True):
        middle = channel[SAMPLE_RATE // 2 : -SAMPLE_RATE // 2]  # encoders pad the ends
        # FFmpeg's Vorbis encoder smears a lone tone by a per cent; LAME lowers all by 0.4 dB.
        assert peak_hz(middle) == pytest.approx(hz, rel=2e-2 if path.suffix == ".ogg" else 1e-3)
        assert middle.std() == pytest.approx(0.5 / np.sqrt(2), rel=0.06)


@pytest.mark.parametrize("frequency_hz", [82.4, 110.0, 329.6, 659.3])
def test_strings_are_in_tune(frequency_hz: float) -> None:
    string = plucked_string(
        np.random.default_rng(0),
        frequency_hz,
        2.0,
        decay_s=4.0,
        brightness_hz=200.0,
        pluck_position=0.4,
    )
    # The strongest partial is one of the first few, whichever the pluck happened to excite.
    ratio = peak_hz(string) / frequency_hz
    assert 1 <= round(ratio) <= 4
    assert ratio == pytest.approx(round(ratio), rel=3e-3)


def test_a_string_decays_by_60_db_in_its_decay_time() -> None:
    string = plucked_string(
        np.random.default_rng(0), 220.0, 1.2, decay_s=1.0, brightness_hz=150.0, pluck_position=0.5
    )
    start = string[2205:4410].std()
    end = string[2205 + 11025 : 4410 + 11025].std()
    assert 20 * np.log10(start / end) == pytest.approx(30.0, abs=3.0)


def test_oscillators_do_not_alias() -> None:
    frequency_hz = 1500.0
    amplitudes = partials("saw", n_harmonics(frequency_hz))
    time_s = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    tone = read_table(wavetables(amplitudes[None]), 0 * time_s, frequency_hz * time_s)
    power = np.abs(np.fft.rfft(tone)) ** 2
    harmonic = np.zeros(len(power), dtype=bool)
    harmonic[1500::1500] = True
    assert power[~harmonic].sum() < 1e-4 * power[harmonic].sum()


def test_an_envelope_rises_holds_and_ends_at_zero() -> None:
    curve = Envelope(0.1, 0.05, 0.5, 0.2).curve(1.0)
    assert len(curve) == round(1.2 * SAMPLE_RATE)
    assert curve[0] == 0.0
    assert curve.max() == pytest.approx(1.0, abs=1e-3)
    assert curve[SAMPLE_RATE - 10] == pytest.approx(0.5, abs=1e-3)
    assert curve[-1] == 0.0


def test_chords_are_thirds_of_the_scale() -> None:
    assert chord(Key(0, "major"), 0, 60, 3) == [60, 64, 67]
    assert chord(Key(9, "minor"), 0, 57, 3) == [57, 60, 64]
    # G7 in C, voiced within the octave above middle C: D F G B.
    assert chord(Key(0, "major"), 4, 60, 4) == [62, 65, 67, 71]


def test_patterns_hold_rest_and_count_scale_steps() -> None:
    assert split("1-.3..c-") == [(0, 2, "1"), (3, 1, "3"), (6, 2, "c")]
    notes = play("1-5.", Key(0, "major"), 1, bar=2, beats=4, register=36, n_tones=3, swing=0.5)
    assert [(note.midi, note.start_beats, note.length_beats) for note in notes] == [
        (38, 8.0, 2.0),
        (45, 10.0, 1.0),
    ]


@pytest.mark.parametrize(
    ("beat", "swing", "moved"), [(1.5, 0.5, 1.5), (1.5, 0.66, 1.66), (1.0, 0.66, 1.0)]
)
def test_swing_moves_the_second_half_of_a_beat(beat: float, swing: float, moved: float) -> None:
    assert swung(beat, swing) == pytest.approx(moved)
