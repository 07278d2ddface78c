"""Changes of sound that do what they say, and figures of models whose answers are known."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs soundalike[research]")
pytest.importorskip("matplotlib", reason="needs soundalike[research]")

from soundalike.audio import effects as changes
from soundalike.audio.writing import encode
from soundalike.errors import DataError, InvalidArgument, ModelError
from soundalike.models import ModelInfo, builtin_models, installed_models
from soundalike.research import reproduce
from soundalike.research.datasets.gtzan import GENRES
from soundalike.research.reproduce import perturbations, stress
from soundalike.research.reproduce.classifiers import Prediction, find_classifiers
from soundalike.research.reproduce.clips import find_clips
from soundalike.research.reproduce.perturbations import PERTURBATIONS, Perturbation
from soundalike.research.reproduce.phrase import pluck
from soundalike.research.reproduce.sampling import loudest_hz
from soundalike.research.reproduce.stress_results import StressResult

RATE = 22_050


def tone(hz: float, duration_s: float = 4.0) -> np.ndarray:
    times_s = np.arange(round(duration_s * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * hz * times_s)).astype(np.float32)


def level_db(waveform: np.ndarray) -> float:
    quarter = len(waveform) // 4
    return 10 * float(np.log10(np.mean(waveform[quarter:-quarter] ** 2) + 1e-20))


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def test_gain_changes_the_level_and_clips() -> None:
    assert level_db(changes.change_gain(tone(440), -20)) == pytest.approx(
        level_db(tone(440)) - 20, abs=1e-4
    )
    assert np.abs(changes.change_gain(tone(440), 20)).max() == 1.0


@pytest.mark.parametrize("slope", [3, -6])
def test_tilt_is_so_many_decibels_an_octave(slope: int) -> None:
    both = tone(500) + tone(4_000)
    tilted = perturbations.tilt(both, RATE, slope)
    spectrum = np.abs(np.fft.rfft(tilted))  # four seconds: bin 4 i is i Hz
    ratio_db = 20 * np.log10(spectrum[4 * 4_000] / spectrum[4 * 500])
    assert ratio_db == pytest.approx(3 * slope, abs=0.2)  # three octaves
    assert level_db(tilted) == pytest.approx(level_db(both), abs=0.1)


def test_low_pass_keeps_what_is_below_and_nothing_above() -> None:
    assert level_db(perturbations.low_pass(tone(3_700), RATE, 4_000)) == pytest.approx(
        level_db(tone(3_700)), abs=0.05
    )
    assert level_db(perturbations.low_pass(tone(4_300), RATE, 4_000)) < -70


@pytest.mark.parametrize("snr_db", [30, 10])
def test_noise_lies_so_far_under_the_music(snr_db: int) -> None:
    noise = perturbations.add_noise(tone(440), snr_db, generator()) - tone(440)
    assert level_db(tone(440)) - level_db(noise) == pytest.approx(snr_db, abs=0.2)


@pytest.mark.parametrize("percent", [3, -6])
def test_tempo_changes_the_length_alone(percent: int) -> None:
    changed = changes.change_tempo(tone(440), RATE, percent)
    assert len(changed) == pytest.approx(4 * RATE / (1 + percent / 100), rel=0.01)
    assert loudest_hz(changed, RATE) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("percent", [1, -3, 6])
def test_pitch_changes_the_frequency_alone(percent: int) -> None:
    changed = changes.change_pitch(tone(1_000), RATE, percent)
    assert loudest_hz(changed, RATE) == pytest.approx(1_000 + 10 * percent, abs=1.5)
    assert len(changed) == pytest.approx(4 * RATE, rel=0.01)


def test_mp3_keeps_the_tone_and_its_level() -> None:
    changed = changes.through_mp3(tone(1_000), RATE, 64_000)
    assert loudest_hz(changed, RATE) == pytest.approx(1_000, abs=1)
    assert level_db(changed) == pytest.approx(level_db(tone(1_000)), abs=0.6)
    assert len(changed) == pytest.approx(4 * RATE, rel=0.02)


def test_mp3_refuses_a_rate_that_it_does_not_know() -> None:
    with pytest.raises(InvalidArgument, match="MP3 cannot hold 12345 Hz"):
        changes.through_mp3(tone(440), 12_345, 64_000)


@pytest.mark.parametrize("each", PERTURBATIONS, ids=lambda each: each.name)
def test_every_change_is_finite_audible_and_the_same_again(each: Perturbation) -> None:
    string = pluck(220, 1.5, RATE)
    before = string.copy()
    first, second = (each.change(string, RATE, generator()) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(string, before)  # what it was made of is left alone
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert not np.array_equal(first, string)


def make_data(root: Path, tracks: dict[str, str]) -> Path:
    """Strings, each genre a pitch of its own, as clips in a GTZAN folder, and their split."""
    clips, splits = root / "gtzan" / "clips" / "long", root / "gtzan" / "splits"
    clips.mkdir(parents=True)
    splits.mkdir()
    for number, track in enumerate(tracks):
        pitch_hz = 110 * 2 ** (GENRES.index(track.split(".")[0]) / 5)
        string = np.concatenate([pluck(pitch_hz * (1 + number / 500), 0.5, RATE)] * 3)
        (clips / f"{track}.wav").write_bytes(encode(0.5 * string, RATE, "wav"))
    for side in ("train", "valid", "test"):
        mine = [f"{t.split('.')[0]}/{t}.wav" for t, of in tracks.items() if of == side]
        (splits / f"{side}_filtered.txt").write_text("\n".join(mine))
    return root


TRACKS = {
    "blues.00000": "train",
    "blues.00001": "valid",
    "jazz.00000": "valid",
    "metal.00000": "test",
    "metal.00001": "none",
}


def test_clips_know_their_genre_and_side(tmp_path: Path) -> None:
    root = make_data(tmp_path, TRACKS)
    (root / "gtzan/clips/full").mkdir()
    full = root / "gtzan/clips/full/jazz.00000.wav"
    full.write_bytes((root / "gtzan/clips/long/jazz.00000.wav").read_bytes())
    (root / "gtzan/clips/long/readme.txt").write_text("not a clip")
    for folder in (root, root / "gtzan"):
        clips = find_clips(folder)
        assert {clip.track: clip.side for clip in clips} == TRACKS
        assert [clip.genre for clip in clips] == ["blues", "blues", "jazz", "metal", "metal"]
        assert clips[2].path == full  # there twice: the longer one, once


def test_missing_data_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"no GTZAN clips there.*--data or SOUNDALIKE_DATA"):
        find_clips(tmp_path)
    monkeypatch.setenv("SOUNDALIKE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="nowhere: no GTZAN clips"):
        find_clips()
    (tmp_path / "gtzan/clips/long").mkdir(parents=True)
    with pytest.raises(DataError, match="no recordings named like"):
        find_clips(tmp_path)
    (tmp_path / "gtzan/clips/long/pop.00000.wav").write_bytes(b"")
    with pytest.raises(DataError, match=r"train_filtered\.txt.*the split is needed"):
        find_clips(tmp_path)


class LoudnessClassifier:
    """Says blues, surely, to what is loud, and metal to what is soft; embeds the mean spectrum."""

    name = "loudness"
    labels = GENRES
    is_centred = True

    def predict(self, log_mel_db: np.ndarray) -> Prediction:
        # All spectrograms have their maximum at 0 dB: what tells is how far the rest lies under it.
        probabilities = np.full(len(GENRES), 0.01, np.float32)
        is_full = float(log_mel_db.mean()) > -65
        probabilities[GENRES.index("blues" if is_full else "metal")] = 0.91
        return Prediction(probabilities, (log_mel_db.mean(axis=1) + 80).astype(np.float32))


def silence_above(waveform: np.ndarray, rate: int, _: np.random.Generator) -> np.ndarray:
    return perturbations.low_pass(waveform, rate, 300)


SAME = Perturbation("same", "none at all", lambda x, rate, rng: x)
DULL = Perturbation("dull", "low-pass", silence_above)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> StressResult:
    clips = find_clips(make_data(tmp_path_factory.mktemp("stress"), TRACKS))
    return stress.measure(clips, [LoudnessClassifier()], [SAME, DULL], threads=2)


def test_figures_of_a_classifier_that_is_understood(result: stress.StressResult) -> None:
    rows = {(row.group, row.perturbation): row for row in result.rows}
    # As they are, all sound full: blues. Dull, all sound thin: metal.
    assert rows["all", "none"].accuracy.value == pytest.approx(2 / 5)
    assert rows["all", "dull"].accuracy.value == pytest.approx(2 / 5)
    assert rows["held out", "none"].n_clips == 3
    assert rows["held out", "none"].accuracy.value == pytest.approx(1 / 3)
    # Blues is lost and metal won: no drop in the mean, and an interval that says how unsure.
    drop = rows["held out", "dull"].drop
    assert drop.value == pytest.approx(0)
    assert drop.low < 0 < drop.high


def test_what_changes_nothing_costs_nothing(result: StressResult) -> None:
    for row in result.rows:
        if row.perturbation in ("none", "same"):
            assert (row.drop.value, row.drop.low, row.drop.high) == (0, 0, 0)
            assert row.cosine == pytest.approx(1)
            assert row.finds_itself == 1
        else:
            assert row.cosine < 0.999


def test_the_result_depends_neither_on_threads_nor_on_company(tmp_path: Path) -> None:
    clips = find_clips(make_data(tmp_path, TRACKS))
    noise = next(each for each in PERTURBATIONS if each.name == "noise 10 dB under")
    one = stress.measure(clips, [LoudnessClassifier()], [noise], threads=1)
    other = stress.measure(clips, [LoudnessClassifier()], [DULL, noise], threads=4)
    np.testing.assert_array_equal(one.measured[0].cosines[1], other.measured[0].cosines[2])
    reseeded = stress.measure(clips, [LoudnessClassifier()], [noise], seed=1)
    assert not np.array_equal(one.measured[0].cosines[1], reseeded.measured[0].cosines[1])


def test_clips_that_cannot_be_read_are_listed(tmp_path: Path) -> None:
    root = make_data(tmp_path, TRACKS)
    (root / "gtzan/clips/long/blues.00000.wav").write_bytes(b"RIFFbroken")
    found = stress.measure(find_clips(root), [LoudnessClassifier()], [SAME])
    assert len(found.clips) == 4
    assert len(found.left_out) == 1
    assert "blues.00000.wav" in found.left_out[0]
    with pytest.raises(DataError, match="only 1 clips can be read"):
        stress.measure(find_clips(root)[:2], [LoudnessClassifier()], [SAME])


def test_nothing_was_held_out(tmp_path: Path) -> None:
    tracks = dict.fromkeys(("blues.00000", "jazz.00001"), "train")
    found = stress.measure(
        find_clips(make_data(tmp_path, tracks)), [LoudnessClassifier()], [SAME, DULL]
    )
    assert {row.group for row in found.rows} == {"all"}
    assert "group 'all'" in stress.in_short(found)[0]


def test_embeddings_of_a_run_are_centred(tmp_path: Path) -> None:
    class Offset(LoudnessClassifier):
        is_centred = False

        def predict(self, log_mel_db: np.ndarray) -> Prediction:
            prediction = super().predict(log_mel_db)
            return Prediction(prediction.probabilities, prediction.embedding + 1e4)

    clips = find_clips(make_data(tmp_path, TRACKS))
    found = stress.measure(clips, [Offset()], [DULL])
    # With the offset left in, every cosine would be 1.
    assert found.measured[0].cosines[1].mean() < 0.9


def test_the_report_of_a_quick_run_of_the_built_in_model(tmp_path: Path) -> None:
    root = make_data(tmp_path / "data", {**TRACKS, "blues.00002": "train"})
    calls: list[tuple[int, int]] = []
    outcome = reproduce.run(
        "stress",
        tmp_path / "out",
        data=root,
        quick=True,
        command="soundalike reproduce stress --quick",
        progress=lambda done, total: calls.append((done, total)),
    )
    html = outcome.report.read_text(encoding="utf-8")
    assert "A quick run" in html
    assert "soundalike reproduce stress --quick" in html
    assert "none of" not in html
    assert "http" not in html
    values = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert values["quick"] is True
    # Two clips a genre, those that were held out before those that were trained on.
    assert set(values["clips"]) == {*TRACKS}
    assert calls[-1] == (5, 5)
    with open(tmp_path / "out" / "clips.csv", encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    changed = 1 + len(perturbations.QUICK_PERTURBATIONS)
    assert len(lines) == 5 * changed * len(builtin_models())
    assert {line["rank"] for line in lines if line["perturbation"] == "none"} == {"1"}


def test_a_model_of_tags_is_no_classifier_unless_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tags = ModelInfo("tagger", "1", Path("tagger.onnx"), "", 0, 8, ("loud",), "", kind="tags")
    everything = (*builtin_models(), tags)
    monkeypatch.setattr("soundalike.models.registry.pulled_models", lambda: (tags,))
    assert installed_models() == everything
    assert [classifier.name for classifier in find_classifiers()] == [
        model.id for model in builtin_models()
    ]


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ModelError, match="unknown model 'nope'"):
        find_classifiers(("nope",))


def test_a_run_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no checkpoint\.pt"):
        find_classifiers(runs=(tmp_path,))


@pytest.mark.gtzan
def test_the_real_clips_stand_where_the_split_says(gtzan: Path) -> None:
    clips = find_clips(gtzan)
    assert len(clips) == 100
    assert {clip.genre for clip in clips} == set(GENRES)
    sides = [clip.side for clip in clips]
    assert [sides.count(side) for side in ("train", "valid", "test", "none")] == [38, 51, 4, 7]
