"""TensorFlow's checkpoints, read without it: known answers, and what damage does."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundalike.errors import ModelError
from soundalike.models.tensorflow import crc32c, masked_crc32c, read_bundle

TENSORS = {
    "conv/bias": np.arange(3, dtype=np.float32),
    "conv/kernel": np.linspace(-1, 1, 24, dtype=np.float32).reshape(2, 3, 1, 4),
    "conv_1/bias": np.array([np.pi], np.float32),
    "step": np.float32(7).reshape(()),
}


def varint(number: int) -> bytes:
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def block(records: Sequence[tuple[bytes, bytes]], every: int = 2) -> bytes:
    """Records of a table; each ``every``-th key stands whole, the others without their prefix."""
    content, restarts, before = b"", [], b""
    for number, (key, value) in enumerate(records):
        shared = 0
        if number % every == 0:
            restarts.append(len(content))
        else:
            while shared < min(len(key), len(before)) and key[shared] == before[shared]:
                shared += 1
        rest = key[shared:]
        content += varint(shared) + varint(len(rest)) + varint(len(value)) + rest + value
        before = key
    restarts = restarts or [0]
    return content + struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))


def checkpoint(
    tensors: Mapping[str, np.ndarray], *, compression: int = 0, shards: int = 1, dtype: int = 1
) -> tuple[bytes, bytes]:
    """An ``.index`` with two blocks, and its ``.data``."""
    data, records = b"", [(b"", field(1, shards) + field(3, field(1, 1)))]
    for name, values in sorted(tensors.items()):
        content = values.astype("<f4").tobytes()
        shape = b"".join(field(2, field(1, size)) for size in values.shape)
        entry = field(1, dtype) + field(2, shape)
        if data:  # a zero is not stored
            entry += field(4, len(data))
        crc = varint(6 << 3 | 5) + struct.pack("<I", masked_crc32c(content))
        records.append((name.encode(), entry + field(5, len(content)) + crc))
        data += content
    index = b""

    def add(content: bytes) -> bytes:
        nonlocal index
        handle = varint(len(index)) + varint(len(content))
        stored = content + bytes([compression])
        index += stored + struct.pack("<I", masked_crc32c(stored))
        return handle

    half = len(records) // 2
    parts = (records[:half], records[half:])
    handles = [(part[-1][0] + b"~", add(block(part))) for part in parts]
    properties, root = add(block([])), add(block(handles))
    footer = (properties + root).ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    return index + footer, data


def test_the_checksum_is_that_of_the_standard() -> None:
    """RFC 3720, B.4, and the check value of the polynomial's catalogues."""
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E


def test_tensors_come_back() -> None:
    found = read_bundle(*checkpoint(TENSORS), TENSORS)
    assert found.keys() == TENSORS.keys()
    for name, values in TENSORS.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], values)


@given(
    st.dictionaries(
        st.text("abc/_", min_size=1, max_size=12),
        st.lists(st.floats(width=32, allow_nan=False), max_size=5),
        min_size=1,
        max_size=12,
    )
)
def test_any_names_and_values_come_back(values: dict[str, list[float]]) -> None:
    tensors = {name: np.array(numbers, np.float32) for name, numbers in values.items()}
    found = read_bundle(*checkpoint(tensors), tensors)
    for name in tensors:
        np.testing.assert_array_equal(found[name], tensors[name])


def test_only_what_is_wanted_is_read() -> None:
    index, data = checkpoint(TENSORS)
    broken = bytearray(data)
    broken[-1] ^= 1  # of "step"
    found = read_bundle(index, bytes(broken), ["conv/bias"])
    assert list(found) == ["conv/bias"]
    with pytest.raises(ModelError, match="the checksum of 'step' is wrong"):
        read_bundle(index, bytes(broken), ["step"])
    with pytest.raises(ModelError, match="it has no tensor 'dense/bias'"):
        read_bundle(index, data, ["dense/bias"])


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"compression": 1}, "its index is compressed"),
        ({"shards": 2}, "several data files"),
        ({"dtype": 2}, "not of float32"),
    ],
)
def test_what_is_not_understood_is_refused(settings: dict[str, int], reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        read_bundle(*checkpoint(TENSORS, **settings), TENSORS)


def test_files_that_are_cut_short() -> None:
    index, data = checkpoint(TENSORS)
    for length in range(len(index)):
        with pytest.raises(ModelError, match="the checkpoint cannot be used: "):
            read_bundle(index[:length], data, TENSORS)
    for length in range(len(data)):
        with pytest.raises(ModelError, match=f"its data end at {length} bytes, within"):
            read_bundle(index, data[:length], TENSORS)


def test_a_flipped_bit_is_an_error_or_does_no_harm() -> None:
    """Whatever bit it is: never another value, never another kind of error."""
    index, data = checkpoint(TENSORS)
    harmless = 0
    for at in range(len(index)):
        for bit in range(8):
            broken = bytearray(index)
            broken[at] ^= 1 << bit
            try:
                found = read_bundle(bytes(broken), data, TENSORS)
            except ModelError:
                continue
            harmless += 1
            for name, values in TENSORS.items():
                np.testing.assert_array_equal(found[name], values)
    # What nobody reads: the block of properties, its handle, and the padding of the footer.
    assert harmless < 8 * 60
    for at in range(len(data)):
        broken = bytearray(data)
        broken[at] ^= 1 << at % 8
        with pytest.raises(ModelError, match=r"the checksum of '.*' is wrong"):
            read_bundle(index, bytes(broken), TENSORS)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_table(content: bytes) -> None:
    with pytest.raises(ModelError, match="the checkpoint cannot be used"):
        read_bundle(content, b"", ["step"])
    with pytest.raises(ModelError, match="the checkpoint cannot be used"):
        read_bundle(content + struct.pack("<Q", 0xDB4775248B80FB57), b"", ["step"])
