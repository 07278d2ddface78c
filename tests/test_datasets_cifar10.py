"""CIFAR-10 in every form that circulates, small ones made here."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from soundalike.errors import DataError
from soundalike.research.datasets import catalog, cifar10
from soundalike.research.datasets.cifar10 import CLASSES, Cifar10

BATCHES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
N_EACH = 20


def batch(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (n, 3, 32, 32) and labels."""
    rng = np.random.default_rng(number)
    return rng.integers(0, 256, (N_EACH, 3, 32, 32), np.uint8), np.arange(N_EACH) % 10


def binary(number: int) -> bytes:
    images, labels = batch(number)
    rows = np.concatenate([labels[:, None].astype(np.uint8), images.reshape(N_EACH, -1)], axis=1)
    return rows.tobytes()


def pickled(number: int) -> bytes:
    images, labels = batch(number)
    content = {
        b"batch_label": b"a part",
        b"data": images.reshape(N_EACH, -1),
        b"labels": labels.tolist(),
        b"filenames": [b"x.png"] * N_EACH,
    }
    return pickle.dumps(content, protocol=2)


def as_python_2_wrote_it(number: int) -> bytes:
    """The same in the opcodes of the published files: byte strings, and names of old NumPy."""
    images, labels = batch(number)
    raw = images.tobytes()

    def text(value: bytes) -> bytes:
        return b"U" + bytes([len(value)]) + value

    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
        b"(K\x01M" + N_EACH.to_bytes(2, "little") + b"M\x00\x0c\x86"
        b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R(K\x03" + text(b"|") + b"NNN"
        b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T" + len(raw).to_bytes(4, "little") + raw
    ) + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels.tolist()) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(b"labels") + numbers + b"u."


def tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def check_images(data: Cifar10) -> None:
    expected = np.concatenate([batch(number)[0] for number in range(5)])
    assert np.array_equal(data.train_images, expected)
    assert data.train_labels.tolist() == batch(0)[1].tolist() * 5
    assert np.array_equal(data.test_images, batch(5)[0])
    assert data.label_names[data.test_labels[9]] == "truck"


@pytest.mark.parametrize("make", [binary, pickled, as_python_2_wrote_it])
@pytest.mark.parametrize("packed", [True, False])
def test_both_archives_give_the_same_images(tmp_path: Path, make: object, packed: bool) -> None:
    end = ".bin" if make is binary else ""
    files = {name + end: make(number) for number, name in enumerate(BATCHES)}  # type: ignore[operator]
    if packed:
        other = {"cifar-10/readme.html": b"hello", "cifar-10/batches.meta": b"\x80\x02}."}
        inside = other | {f"cifar-10/{name}": content for name, content in files.items()}
        path = tar(tmp_path / "cifar-10.tar.gz", inside)
    else:
        path = tmp_path / "cifar-10-batches"
        path.mkdir()
        for name, content in files.items():
            (path / name).write_bytes(content)
    with pytest.raises(DataError, match=r"100 of 50000 training.*train/airplane 10 of 5000"):
        cifar10.load(path)
    check_images(cifar10.load(path, allow_partial=True))


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    trace = tmp_path / "trace"

    class Harm:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(trace),)

    files = {name: pickled(number) for number, name in enumerate(BATCHES)}
    files["data_batch_2"] = pickle.dumps({b"data": Harm()})
    path = tar(tmp_path / "cifar-10-python.tar.gz", files)
    with pytest.raises(DataError, match=r"data_batch_2: the pickle asks for .*mkdir.*refused"):
        cifar10.load(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged"),
        (b"\x80\x02}(U\x04data", "damaged"),
        (pickle.dumps([1]), "does not hold a dictionary"),
        (pickle.dumps({b"data": [1], b"labels": [1]}), "'data' is not a uint8 array"),
        (
            pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [1]}, protocol=2),
            "'labels' is not a list of 2",
        ),
        (
            pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [10]}, protocol=2),
            "label 10 is not one of the 10",
        ),
        # An array of 2**40 bytes, asked for in a few.
        (b"\x80\x02cnumpy\nndarray\n\x8a\x06\x00\x00\x00\x00\x00\x01\x85R.", "damaged"),
        (
            b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00hex\x86R.",
            "a codec 'hex'",
        ),
    ],
)
def test_damaged_pickles_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    files = {name: pickled(number) for number, name in enumerate(BATCHES)}
    path = tar(tmp_path / "cifar.tar.gz", files | {"data_batch_3": content})
    with pytest.raises(DataError, match=f"data_batch_3: .*{message}"):
        cifar10.load(path)


def test_damaged_archives_are_named(tmp_path: Path) -> None:
    files = {f"{name}.bin": binary(number) for number, name in enumerate(BATCHES)}
    path = tar(tmp_path / "a.tar.gz", {k: v for k, v in files.items() if "4" not in k})
    with pytest.raises(DataError, match=r"a\.tar\.gz: lacks data_batch_4"):
        cifar10.load(path)
    path = tar(tmp_path / "b.tar.gz", files | {"data_batch_1.bin": binary(0)[:-1]})
    with pytest.raises(DataError, match=r"data_batch_1\.bin: 61459 bytes is not a whole number"):
        cifar10.load(path)
    path = tar(tmp_path / "c.tar.gz", {"readme": b"hello"})
    with pytest.raises(DataError, match="no batch of CIFAR-10"):
        cifar10.load(path)
    whole = tar(tmp_path / "d.tar.gz", files).read_bytes()
    (tmp_path / "d.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"d\.tar\.gz: (damaged|lacks)"):
        cifar10.load(tmp_path / "d.tar.gz")


def test_an_archive_writes_nothing(tmp_path: Path) -> None:
    files = {f"../../{name}.bin": binary(number) for number, name in enumerate(BATCHES)}
    folder = tmp_path / "deep" / "deeper"
    folder.mkdir(parents=True)
    path = tar(folder / "cifar.tar.gz", files)
    check_images(cifar10.load(path, allow_partial=True))
    assert [found for found in tmp_path.rglob("*") if found.is_file()] == [path]


def jpeg(colour: tuple[int, int, int], size: int = 32) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(file, "JPEG", quality=95)
    return file.getvalue()


def jpegs() -> dict[str, bytes]:
    """Two training pictures and a test picture of each class, the class in the red channel."""
    return {
        f"{side}/{name}/{number:04d}.jpg": jpeg((20 * label, 100, 50))
        for label, name in enumerate(CLASSES)
        for side, numbers in (("train", (0, 1)), ("test", (0,)))
        for number in numbers
    }


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("packed", [True, False])
def test_jpegs_are_decoded_once(tmp_path: Path, packed: bool) -> None:
    if packed:
        path = write_zip(tmp_path / "jpegs.zip", jpegs() | {"train/frog/.DS_Store": b"x"})
    else:
        path = tmp_path / "jpegs"
        for name, content in jpegs().items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
    cache = tmp_path / "cache"
    data = cifar10.load(path, allow_partial=True, cache=cache)
    assert data.train_images.shape == (20, 3, 32, 32)
    assert data.test_labels.tolist() == list(range(10))
    assert np.abs(data.test_images[:, 0, 16, 16] - 20.0 * np.arange(10)).max() <= 2
    (cached,) = cache.iterdir()
    # What is cached is what is read, and only for these pictures.
    with np.load(cached) as stored:
        arrays = {key: stored[key] for key in stored.files}
    np.savez(cached, **arrays | {"test_images": 255 - arrays["test_images"]})
    again = cifar10.load(path, allow_partial=True, cache=cache)
    assert np.array_equal(again.test_images, 255 - data.test_images)
    other = write_zip(tmp_path / "other.zip", jpegs() | {"test/cat/0000.jpg": jpeg((255, 0, 0))})
    fresh = cifar10.load(other, allow_partial=True, cache=cache)
    assert fresh.test_images[3, 0, 0, 0] > 250


def test_broken_pictures_are_named(tmp_path: Path) -> None:
    files = jpegs() | {
        "train/cat/0000.jpg": b"no picture",
        "test/dog/0000.jpg": jpeg((0, 0, 0), 16),
    }
    path = write_zip(tmp_path / "a.zip", files)
    with pytest.raises(DataError, match=r"2 pictures are broken.*test/dog/0000\.jpg \(16 by 16"):
        cifar10.load(path)
    data = cifar10.load(path, allow_partial=True, skip_broken=True, cache=tmp_path / "cache")
    assert (len(data.train_labels), len(data.test_labels)) == (19, 9)
    assert "train/cat/0000.jpg" in data.notes[0]
    assert not (tmp_path / "cache").exists()


def test_arrays_are_checked(tmp_path: Path) -> None:
    images, labels = batch(0)
    path = tmp_path / "part.npz"
    cifar10.write_npz(path, Cifar10(images, labels, images, labels, path))
    data = cifar10.load(tmp_path)
    assert np.array_equal(data.train_images, images)
    assert data.notes == ("a part of the set: 20 of 50000 training and 20 of 10000 test images",)
    np.savez(path, train_images=images, train_labels=labels, test_images=images, test_labels=[1])
    with pytest.raises(
        DataError, match=r"test_images is uint8 \(20, 3, 32, 32\), expected uint8 \(1"
    ):
        cifar10.load(path)


def test_another_layout_is_refused_with_what_was_found(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"It is empty\. Accepted: cifar-10-binary\.tar\.gz"):
        cifar10.load(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match=r"It holds: notes\.txt"):
        cifar10.load(tmp_path)
    with pytest.raises(DataError, match="neither a tar, a zip nor an npz"):
        cifar10.load(tmp_path / "notes.txt")
    with pytest.raises(DataError, match="no such file"):
        cifar10.load(tmp_path / "nothing.zip")


def test_the_check_of_a_published_archive_looks_at_its_contents(tmp_path: Path) -> None:
    files = {f"{name}.bin": binary(number) for number, name in enumerate(BATCHES)}
    tar(tmp_path / "cifar-10-binary.tar.gz", files)
    result = catalog.check("cifar10", tmp_path)
    assert result.found == ("cifar-10-binary.tar.gz: 100 training, 20 test images",)
    assert "100 of 50000" in result.problems[0]
