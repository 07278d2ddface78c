"""The published archives of CIFAR-10: batches of 10,000 images, binary or pickled.

They are read in place; nothing is extracted to a path that an archive names. A pickled batch is
read by an unpickler that can only make NumPy arrays and plain containers: otherwise, a pickle can
run any code when it is loaded.
"""

from __future__ import annotations

import io
import pickle
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from soundalike.errors import DataError, printable

__all__ = ["CLASSES", "IMAGE_SHAPE", "Batches", "has_batches", "read_folder", "read_tar"]

CLASSES: Final = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
IMAGE_SHAPE: Final = (3, 32, 32)
"""Channels red, green, blue; rows from the top; columns from the left."""

_RECORD_BYTES: Final = 1 + 3 * 32 * 32  # the label, then the red, green and blue plane
_BATCHES: Final = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
_BATCH_LIMIT_BYTES: Final = 64 << 20  # twice the size of the published batches

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batches:
    """What the batches hold, in their order.

    Attributes
    ----------
    train_images, test_images : uint8 (n, 3, 32, 32).
    train_labels, test_labels : int64 (n,), index into :data:`CLASSES`.
    """

    train_images: Images
    train_labels: Labels
    test_images: Images
    test_labels: Labels


def has_batches(folder: Path) -> bool:
    """Whether a folder has unpacked batches."""
    return any((folder / f"{batch}{end}").is_file() for batch in _BATCHES for end in ("", ".bin"))


def read_folder(folder: Path) -> Batches:
    """Read unpacked batches.

    Raises
    ------
    DataError : a batch is missing or damaged.
    OSError : a file cannot be read.
    """
    return _collect(folder, _files_in(folder))


def read_tar(archive: Path) -> Batches:
    """Read a published archive, or one that is made like it.

    Raises
    ------
    DataError : a batch is missing or damaged.
    OSError, EOFError, tarfile.TarError, zlib.error : the archive is damaged.
    """
    return _collect(archive, _files_in_tar(archive))


def _files_in(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name.removesuffix(".bin") in _BATCHES:
            if path.stat().st_size > _BATCH_LIMIT_BYTES:
                raise DataError(f"{printable(path)}: {path.stat().st_size} bytes is not a batch")
            yield path.name, path.read_bytes()


def _files_in_tar(archive: Path) -> Iterator[tuple[str, bytes]]:
    """The batches by their names; their folder in the archive does not matter."""
    with tarfile.open(archive) as tar:
        for member in tar:
            name = PurePosixPath(member.name).name
            if member.isfile() and name.removesuffix(".bin") in _BATCHES:
                if member.size > _BATCH_LIMIT_BYTES:
                    raise DataError(
                        f"{printable(archive)}: {name}: {member.size} bytes is not a batch"
                    )
                file = tar.extractfile(member)
                assert file is not None  # isfile
                yield name, file.read()


def _collect(source: Path, files: Iterator[tuple[str, bytes]]) -> Batches:
    images: dict[str, Images] = {}
    labels: dict[str, Labels] = {}
    for name, content in files:
        where = f"{printable(source)}: {name}"
        batch = name.removesuffix(".bin")
        parse = _parse_binary if name.endswith(".bin") else _parse_python
        images[batch], labels[batch] = parse(content, where)
        wrong = labels[batch][(labels[batch] < 0) | (labels[batch] >= len(CLASSES))]
        if wrong.size:
            raise DataError(f"{where}: label {wrong[0]} is not one of the {len(CLASSES)} classes")
    if not images:
        raise DataError(f"{printable(source)}: no batch of CIFAR-10 in it")
    missing = [batch for batch in _BATCHES if batch not in images]
    if missing:
        raise DataError(f"{printable(source)}: lacks {', '.join(missing)}")
    train = _BATCHES[:-1]
    return Batches(
        np.concatenate([images[batch] for batch in train]),
        np.concatenate([labels[batch] for batch in train]),
        images["test_batch"],
        labels["test_batch"],
    )


def _parse_binary(content: bytes, where: str) -> tuple[Images, Labels]:
    if not content or len(content) % _RECORD_BYTES:
        raise DataError(
            f"{where}: {len(content)} bytes is not a whole number of {_RECORD_BYTES}-byte images"
        )
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, _RECORD_BYTES)
    return records[:, 1:].reshape(-1, *IMAGE_SHAPE).copy(), records[:, 0].astype(np.int64)


def _parse_python(content: bytes, where: str) -> tuple[Images, Labels]:
    try:
        batch = _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    # A pickle that is damaged, or made to do harm, can fail in any of these ways.
    except (
        pickle.UnpicklingError,
        ArithmeticError,
        AttributeError,
        EOFError,
        ImportError,
        LookupError,
        MemoryError,
        TypeError,
        ValueError,
    ) as error:
        raise DataError(f"{where}: damaged ({error})") from error
    if not isinstance(batch, dict):
        raise DataError(f"{where}: does not hold a dictionary")
    fields = {key.decode() if isinstance(key, bytes) else key: batch[key] for key in batch}
    data, labels = fields.get("data"), fields.get("labels")
    if (
        not isinstance(data, np.ndarray)
        or data.dtype != np.uint8
        or data.ndim != 2
        or data.shape[1] != _RECORD_BYTES - 1
    ):
        raise DataError(f"{where}: 'data' is not a uint8 array (n, {_RECORD_BYTES - 1})")
    if (
        not isinstance(labels, list)
        or len(labels) != len(data)
        or not all(type(label) is int for label in labels)
    ):
        raise DataError(f"{where}: 'labels' is not a list of {len(data)} whole numbers")
    return data.reshape(-1, *IMAGE_SHAPE).copy(), np.array(labels, dtype=np.int64)


def _latin1(text: str, encoding: str) -> bytes:
    """What pickles of Python 3 write bytes as; other codecs are not for them."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"a codec {encoding!r} has no place in a batch")
    return text.encode("latin1")


_RECONSTRUCT: Final = np.empty(0).__reduce__()[0]
_ALLOWED: Final[dict[tuple[str, str], Any]] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("_codecs", "encode"): _latin1,
}


class _ArrayUnpickler(pickle.Unpickler):
    """Makes arrays of NumPy and plain containers; refuses every other name."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        try:
            return _ALLOWED[module_name, global_name]
        except KeyError:
            raise DataError(
                f"the pickle asks for {module_name}.{global_name}, which no batch of CIFAR-10 "
                "needs: "
                f"refused, the file may be made to do harm"
            ) from None
