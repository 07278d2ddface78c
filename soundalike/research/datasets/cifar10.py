"""CIFAR-10 (Krizhevsky 2009): 60,000 colour images of 32 by 32 pixels in ten classes.

Read from any of these: the published binary archive; the published Python archive (its pickles are
read by an unpickler that can only make arrays and plain containers); both also unpacked; a zip or
folder of JPEGs (``train/<class>/NNNN.jpg``), and an npz with
the arrays. Archives are read in place; nothing is ever extracted to a path that an archive names.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from soundalike.errors import DataError, MissingExtra, printable
from soundalike.files import replaced_at_once
from soundalike.models.download import Remote
from soundalike.research.datasets.cifar10_batches import (
    CLASSES,
    IMAGE_SHAPE,
    Batches,
    Images,
    Labels,
    has_batches,
    read_folder,
    read_tar,
)
from soundalike.research.datasets.frames import some

__all__ = [
    "BINARY",
    "CITATION",
    "CLASSES",
    "LICENCE",
    "PYTHON",
    "Cifar10",
    "find",
    "lacking",
    "load",
    "write_npz",
]

CITATION: Final = (
    "A. Krizhevsky, Learning multiple layers of features from tiny images, technical report, "
    "University of Toronto, 2009"
)
LICENCE: Final = (
    "none published; the images were collected from the web. Its author asks to be cited"
)
BINARY: Final = Remote(
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "cifar-10-binary.tar.gz",
    size_bytes=170_052_171,
    md5="c32a1d4ab5d03f1284b67883e8d87530",
    sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)
PYTHON: Final = Remote(
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    "cifar-10-python.tar.gz",
    size_bytes=170_498_071,
    md5="c58f30108f718f92721af3b95e74349a",
    sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
)

_N_TRAIN: Final = 50_000
_N_TEST: Final = 10_000
_JPEG_NAME = re.compile(rf"(?:.*/)?(train|test)/({'|'.join(CLASSES)})/[^/]+\.jpe?g", re.IGNORECASE)


@dataclass(frozen=True)
class Cifar10:
    """The images and their classes.

    Attributes
    ----------
    train_images, test_images : uint8 (n, 3, 32, 32), channels red, green, blue.
    train_labels, test_labels : int64 (n,), index into :data:`CLASSES`.
    source : the file or folder they were read from.
    notes : what was odd, such as missing images.
    """

    train_images: Images
    train_labels: Labels
    test_images: Images
    test_labels: Labels
    source: Path
    notes: tuple[str, ...] = ()

    @property
    def label_names(self) -> tuple[str, ...]:
        return CLASSES


def find(folder: Path) -> Path:
    """The best form of CIFAR-10 in a folder (or in its ``cifar10``): published before JPEG.

    Raises
    ------
    DataError : there is none; the message says what is there.
    """
    if not folder.is_dir():
        raise DataError(f"{printable(folder)}: no such folder. {_accepted()}")
    for root in (folder, folder / "cifar10"):
        for name in (
            "cifar-10-binary.tar.gz",
            "cifar-10-python.tar.gz",
            "cifar-10-batches-bin",
            "cifar-10-batches-py",
        ):
            if (root / name).exists():
                return root / name
        for pattern, is_right in (
            ("*.npz", _is_whole_npz),
            ("*.zip", _is_jpeg_zip),
            ("*.npz", _is_npz),
        ):
            found = [path for path in sorted(root.glob(pattern)) if is_right(path)]
            if found:
                return found[0]
        if has_batches(root) or (root / "train").is_dir():
            return root
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    there = f"It holds: {some(names)}." if names else "It is empty."
    raise DataError(f"{printable(folder)}: no CIFAR-10 here. {there} {_accepted()}")


def load(
    path: Path,
    *,
    allow_partial: bool = False,
    cache: Path | None = None,
    skip_broken: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
) -> Cifar10:
    """Read CIFAR-10 from one of its forms, or from a folder that holds one.

    Parameters
    ----------
    path : an archive, a zip, an npz, or a folder.
    allow_partial : accept a set with missing images. An npz may always be partial.
    cache : folder for the decoded JPEGs, so that the next call need not decode them.
    skip_broken : skip JPEGs that cannot be decoded.
    progress : called with the JPEGs decoded, all of them, and a name.

    Raises
    ------
    DataError : another layout, a damaged file, or missing images; the message names them.
    MissingExtra : JPEGs need Pillow.
    """
    if path.is_dir() and not (has_batches(path) or (path / "train").is_dir()):
        path = find(path)
    try:
        if path.is_dir():
            if has_batches(path):
                data = _from_batches(path, read_folder(path))
            else:
                data = _from_jpegs(path, _jpegs_in_folder(path), skip_broken, cache, progress)
        elif path.suffix == ".npz":
            return _from_npz(path)
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                data = _from_jpegs(path, _jpegs_in_zip(archive), skip_broken, cache, progress)
        elif path.is_file() and tarfile.is_tarfile(path):
            data = _from_batches(path, read_tar(path))
        else:
            what = "neither a tar, a zip nor an npz" if path.exists() else "no such file"
            raise DataError(f"{printable(path)}: {what}. {_accepted()}")
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{printable(path)}: damaged ({error}); get it again") from error
    problem = lacking(data)
    if problem and not allow_partial:
        raise DataError(f"{printable(path)}: {problem}")
    return data


def _from_batches(source: Path, batches: Batches) -> Cifar10:
    return Cifar10(
        batches.train_images,
        batches.train_labels,
        batches.test_images,
        batches.test_labels,
        source,
    )


def _accepted() -> str:
    return (
        "Accepted: cifar-10-binary.tar.gz or cifar-10-python.tar.gz as published, or unpacked; a "
        "zip or "
        "folder with train/<class>/NNNN.jpg and test/<class>/NNNN.jpg; an npz with train_images, "
        "train_labels, test_images and test_labels"
    )


def lacking(data: Cifar10) -> str:
    """What a copy has less than the published set, by class; "" for a whole one."""
    n_train, n_test = len(data.train_labels), len(data.test_labels)
    if (n_train, n_test) == (_N_TRAIN, _N_TEST):
        return ""
    counts = []
    for side, labels, each in (
        ("train", data.train_labels, 5000),
        ("test", data.test_labels, 1000),
    ):
        have = np.bincount(labels, minlength=len(CLASSES))
        counts += [
            f"{side}/{name} {n} of {each}"
            for name, n in zip(CLASSES, have.tolist(), strict=True)
            if n != each
        ]
    return (
        f"{n_train} of {_N_TRAIN} training and {n_test} of {_N_TEST} test images "
        f"({some(counts, 20)}); allow a partial set to go on with it"
    )


# --- JPEGs ------------------------------------------------------------------------------------

JpegFiles = dict[str, Callable[[], bytes]]


def _jpegs_in_zip(archive: zipfile.ZipFile) -> tuple[JpegFiles, str]:
    """The pictures by path, and a fingerprint of the zip's list of contents."""
    digest = hashlib.sha256()
    files: JpegFiles = {}
    for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
        if _JPEG_NAME.fullmatch(entry.filename) and entry.file_size < 1 << 20:
            digest.update(f"{entry.filename}\0{entry.CRC}\0{entry.file_size}\n".encode())
            files[entry.filename] = lambda entry=entry: archive.read(entry)  # type: ignore[misc]
    return files, digest.hexdigest()


def _jpegs_in_folder(folder: Path) -> tuple[JpegFiles, str]:
    digest = hashlib.sha256()
    files: JpegFiles = {}
    for path in sorted(folder.glob("t*/*/*.*")):
        name = path.relative_to(folder).as_posix()
        if _JPEG_NAME.fullmatch(name):
            stat = path.stat()
            digest.update(f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
            files[name] = path.read_bytes
    return files, digest.hexdigest()


def _from_jpegs(
    source: Path,
    found: tuple[JpegFiles, str],
    skip_broken: bool,
    cache: Path | None,
    progress: Callable[[int, int, str], None] | None,
) -> Cifar10:
    files, fingerprint = found
    if not files:
        raise DataError(f"{printable(source)}: no CIFAR-10 pictures in it. {_accepted()}")
    cached = cache / f"cifar10-{fingerprint[:16]}.npz" if cache else None
    if cached and cached.is_file():
        return _from_npz(cached, source)
    images = np.empty((len(files), *IMAGE_SHAPE), dtype=np.uint8)
    sides = np.empty(len(files), dtype="<U5")
    labels = np.empty(len(files), dtype=np.int64)
    is_good = np.ones(len(files), dtype=np.bool_)
    broken: list[str] = []
    for i, (name, read) in enumerate(files.items()):
        match = _JPEG_NAME.fullmatch(name)
        assert match is not None
        sides[i], labels[i] = match[1].lower(), CLASSES.index(match[2].lower())
        try:
            images[i] = _decode_jpeg(read())
        except (OSError, ValueError, SyntaxError, zipfile.BadZipFile, zlib.error) as error:
            is_good[i] = False
            broken.append(f"{name} ({error})")
        if progress and (i + 1) % 1000 == 0:
            progress(i + 1, len(files), name)
    if broken and not skip_broken:
        raise DataError(
            f"{printable(source)}: {len(broken)} pictures are broken; --skip-broken skips "
            f"them: {some(broken, 20)}"
        )
    train, test = is_good & (sides == "train"), is_good & (sides == "test")
    notes = (f"{len(broken)} broken pictures were left out: {some(broken)}",) if broken else ()
    data = Cifar10(images[train], labels[train], images[test], labels[test], source, notes)
    if cached and not broken:
        write_npz(cached, data)
    return data


def _decode_jpeg(content: bytes) -> Images:
    """uint8 (3, 32, 32)."""
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtra("reading JPEG pictures", "research") from error
    with Image.open(io.BytesIO(content), formats=["JPEG"]) as picture:
        if picture.size != (32, 32):
            raise ValueError(f"{picture.width} by {picture.height} pixels instead of 32 by 32")
        return np.asarray(picture.convert("RGB")).transpose(2, 0, 1)


# --- arrays -----------------------------------------------------------------------------------


def _npz_lengths(path: Path) -> tuple[int, int] | None:
    """How many training and test labels an npz holds; None when it is not of this kind."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            if not {"train_images", "test_images"} <= set(stored.files):
                return None
            return len(stored["train_labels"]), len(stored["test_labels"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None


def _is_npz(path: Path) -> bool:
    return _npz_lengths(path) is not None


def _is_whole_npz(path: Path) -> bool:
    return _npz_lengths(path) == (_N_TRAIN, _N_TEST)


def _is_jpeg_zip(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(_JPEG_NAME.fullmatch(name) for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _from_npz(path: Path, source: Path | None = None) -> Cifar10:
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {
                f"{side}_{kind}": stored[f"{side}_{kind}"]
                for side in ("train", "test")
                for kind in ("images", "labels")
            }
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{printable(path)}: damaged or not CIFAR-10 ({error})") from error
    for side in ("train", "test"):
        images, labels = arrays[f"{side}_images"], arrays[f"{side}_labels"]
        if images.dtype != np.uint8 or images.shape != (len(labels), *IMAGE_SHAPE):
            raise DataError(
                f"{printable(path)}: {side}_images is {images.dtype} {images.shape}, expected "
                "uint8 "
                f"({len(labels)}, 3, 32, 32)"
            )
        if labels.size and not 0 <= labels.min() <= labels.max() < len(CLASSES):
            raise DataError(
                f"{printable(path)}: {side}_labels holds {labels.min()} to {labels.max()}"
            )
        arrays[f"{side}_labels"] = labels.astype(np.int64)
    data = Cifar10(**arrays, source=source or path)
    problem = lacking(data)
    if not problem:
        return data
    return replace(data, notes=(f"a part of the set: {problem.partition(' (')[0]}",))


def write_npz(path: Path, data: Cifar10) -> None:
    """Write the arrays, replacing the file at once or not at all.

    Raises
    ------
    OutputError : it cannot be written.
    """
    with replaced_at_once(path, parents=True) as file:
        np.savez(
            file,
            train_images=data.train_images,
            train_labels=data.train_labels,
            test_images=data.test_images,
            test_labels=data.test_labels,
        )
