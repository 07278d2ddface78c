"""Teachers that speak of whole tracks: values, times, and files that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from audio_files import chord
from tflite_files import like_yamnet

from soundalike.errors import DataError, InvalidArgument
from soundalike.models.pull import pull
from soundalike.models.yamnet import class_names, read_weights, to_onnx
from soundalike.research.distill.teachers import TEACHERS, TrackTeacher, find_teachers


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, musicnn_wheel: Path) -> dict[str, Path]:
    """musicnn as published, YAMNet with weights at random: what it says does not matter here."""
    folder = tmp_path_factory.mktemp("teachers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOUNDALIKE_MODELS", str(folder))
        musicnn = pull("musicnn", wheel=musicnn_wheel).model.path
    yamnet = folder / "yamnet.onnx"
    yamnet.write_bytes(to_onnx(read_weights(like_yamnet())))
    return {"musicnn": musicnn, "yamnet": yamnet}


@pytest.mark.parametrize(("name", "patch_s"), [("musicnn", 2.992), ("yamnet", 0.96)])
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_values_of_every_patch(
    files: dict[str, Path], name: str, patch_s: float, rate: int
) -> None:
    teacher = TrackTeacher(name, files[name])
    loud = chord(rate, 12.0)
    found = teacher.track_values(loud, rate)
    n_patches = int(12.0 / patch_s)
    assert teacher.patch_s == found.patch_s == pytest.approx(patch_s)
    np.testing.assert_allclose(found.starts_s, np.arange(n_patches) * patch_s)
    assert set(found.arrays) == set(TEACHERS[name].outputs)
    for output, size in TEACHERS[name].outputs.items():
        assert found.arrays[output].shape == (n_patches, size)
        assert found.arrays[output].dtype == np.float32

    # A value hangs on its patch alone, not on what follows the patch's last frame.
    first = round((patch_s + 0.1) * rate)
    alone = teacher.track_values(loud[:first], rate)
    assert len(alone.starts_s) == 1
    for output, values in alone.arrays.items():
        np.testing.assert_allclose(values[0], found.arrays[output][0], rtol=1e-2, atol=1e-2)
    assert len(teacher.track_values(loud[: rate // 2], rate).starts_s) == 1


def test_labels_are_the_models(files: dict[str, Path]) -> None:
    assert TrackTeacher("yamnet", files["yamnet"]).labels == class_names()
    assert TrackTeacher("musicnn", files["musicnn"]).labels[0] == "rock"


def test_where_teachers_are(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUNDALIKE_MODELS", str(files["musicnn"].parent))
    assert find_teachers() == ("musicnn", "yamnet")
    assert TrackTeacher("musicnn").sha256 == TrackTeacher("musicnn", files["musicnn"]).sha256
    monkeypatch.setenv("SOUNDALIKE_MODELS", str(tmp_path))
    assert find_teachers() == ()
    with pytest.raises(DataError, match="`soundalike models pull yamnet` gets the teacher"):
        TrackTeacher("yamnet")
    with pytest.raises(InvalidArgument, match="no teacher is called 'clap'; available: musicnn"):
        TrackTeacher("clap")
    with pytest.raises(DataError, match=r"not the teacher yamnet: it is 'musicnn', and has 200"):
        TrackTeacher("yamnet", files["musicnn"])
    (tmp_path / "x.onnx").write_bytes(b"no model")
    with pytest.raises(DataError, match="not a soundalike model"):
        TrackTeacher("yamnet", tmp_path / "x.onnx")


def test_what_is_no_waveform(files: dict[str, Path]) -> None:
    teacher = TrackTeacher("musicnn", files["musicnn"])
    for samples, reason in (
        (np.zeros((2, 10)), r"\(n_samples,\)"),
        (np.array([np.nan, 0]), "NaN"),
        (np.empty(0), "there are no samples"),
    ):
        with pytest.raises(InvalidArgument, match=reason):
            teacher.track_values(samples, 16_000)
