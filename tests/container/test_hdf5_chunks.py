"""Chunked datasets: read as h5py reads them, and never where the index or a chunk is unsound."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from composer.container.hdf5_chunks import fletcher32
from composer.container.hdf5_read import open_weights
from composer.errors import FormatError

SHAPE, SIDES = (6, 4), (3, 4)
VALUES = np.arange(24, dtype="<f4").reshape(SHAPE) % 5


def deflated(path: Path, **options: object) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=VALUES, chunks=SIDES, compression="gzip", **options)
    return path


def entry(path: Path, number: int) -> int:
    """Return where the index (a B-tree of version 1) keeps the entry of a chunk: size, mask, …"""
    data = path.read_bytes()
    node = data.index(b"TREE\x01")
    return node + 24 + number * (8 + 8 * 3 + 8)


def patched(path: Path, place: int, form: str, value: int) -> Path:
    data = bytearray(path.read_bytes())
    struct.pack_into(form, data, place, value)
    path.write_bytes(data)
    return path


ADDRESS = 8 + 8 * 3
"""Where an entry has the address of its chunk: behind size, mask and three offsets."""


@pytest.mark.parametrize(
    ("place", "form", "value", "reason"),
    [
        (0, "<L", 0, "chunk"),
        (0, "<L", 2**32 - 1, "chunk"),
        (4, "<L", 2, "chunk"),  # a second filter, which there is not
        (4, "<L", 1, "chunk"),  # not deflated, so that it would be as long as a chunk
        (8, "<Q", 1, "hdf5"),  # not the begin of a chunk: HDF5 itself says so
        (8, "<Q", 3, "chunk"),  # listed twice
        (8, "<Q", 6000, "chunk"),
        (ADDRESS, "<Q", 10**6, "chunk"),
        (ADDRESS, "<Q", 2**63, "chunk"),
    ],
)
def test_an_unsound_entry_of_the_index_is_refused_before_it_is_read(
    tmp_path: Path, place: int, form: str, value: int, reason: str
) -> None:
    path = deflated(tmp_path / "x.h5")
    patched(path, entry(path, 0) + place, form, value)
    with pytest.raises(FormatError) as caught, open_weights(path) as weights:
        _ = weights.listing
    assert caught.value.case == reason


def test_chunks_that_share_bytes_are_refused(tmp_path: Path) -> None:
    path = deflated(tmp_path / "x.h5")
    with h5py.File(path) as file:
        first = file["x"].id.get_chunk_info(0).byte_offset
    patched(path, entry(path, 1) + ADDRESS, "<Q", first)
    with pytest.raises(FormatError) as caught, open_weights(path) as weights:
        _ = weights.listing
    assert caught.value.case == "overlapping-tensors"


def test_an_index_outside_of_the_file_is_refused(tmp_path: Path) -> None:
    path = deflated(tmp_path / "x.h5")
    data = path.read_bytes()
    pointer = data.index(struct.pack("<Q", data.index(b"TREE\x01")))
    patched(path, pointer, "<Q", len(data) + 4096)
    with pytest.raises(FormatError) as caught, open_weights(path) as weights:
        _ = weights.listing
    assert caught.value.case == "hdf5"


def test_a_chunk_that_is_listed_and_not_found_by_searching_is_refused(tmp_path: Path) -> None:
    path = deflated(tmp_path / "x.h5")
    # The keys in falling order: HDF5 lists both, and a search goes the wrong way.
    patched(path, entry(path, 0) + 8, "<Q", 3)
    patched(path, entry(path, 1) + 8, "<Q", 0)
    with open_weights(path) as weights:
        (tensor,) = weights.tensors
        with pytest.raises(FormatError) as caught:
            weights.read(tensor)
    assert caught.value.case == "chunk"


@pytest.mark.parametrize(
    "content",
    [
        zlib.compress(bytes(4)),
        zlib.compress(bytes(3 * 4 * 4 + 1)),
        zlib.compress(bytes(10**6)),
        zlib.compress(bytes(3 * 4 * 4))[:-6],
        b"no stream",
    ],
    ids=["short", "long", "bomb", "cut", "other"],
)
def test_a_chunk_that_holds_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = deflated(tmp_path / "x.h5")
    with h5py.File(path, "r+") as file:
        file["x"].id.write_direct_chunk((3, 0), content)
    with open_weights(path) as weights:
        (tensor,) = weights.tensors
        with pytest.raises(FormatError) as caught:
            weights.read(tensor)
    assert caught.value.case == "chunk"


def test_a_flipped_bit_under_a_checksum_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("x", data=VALUES, chunks=SIDES, fletcher32=True)
        place = dataset.id.get_chunk_info(1).byte_offset
    patched(path, place, "<B", 77)
    with open_weights(path) as weights:
        (tensor,) = weights.tensors
        with pytest.raises(FormatError) as caught:
            weights.read(tensor)
    assert caught.value.case == "chunk"


@st.composite
def stored(draw: st.DrawFn) -> tuple[np.ndarray, dict[str, object], str, bool]:
    """Draw an array, how it is stored, the form of the file, and whether a part is unwritten."""
    shape = tuple(draw(st.lists(st.integers(1, 9), min_size=1, max_size=4)))
    sides = tuple(draw(st.integers(1, size)) for size in shape)
    dtype = draw(st.sampled_from(["<f4", ">f8", "<f2", "|u1", "|b1", "<c8", ">i2", "|S5"]))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    array = random.integers(0, 2 if dtype == "|b1" else 99, shape).astype(dtype)
    options: dict[str, object] = {
        "chunks": sides,
        "compression": draw(st.sampled_from([None, "gzip"])),
        "shuffle": draw(st.booleans()),
        "fletcher32": draw(st.booleans()),
    }
    if array.dtype.kind in "fiu" and draw(st.booleans()):
        options["fillvalue"] = 7
    return array, options, draw(st.sampled_from(["earliest", "latest"])), draw(st.booleans())


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(stored())
def test_every_way_to_store_chunks_is_read_as_h5py_reads_it(tmp_path: Path, drawn: tuple) -> None:
    array, options, library, partly = drawn
    path = tmp_path / "x.h5"
    with h5py.File(path, "w", libver=(library, "latest")) as file:
        dataset = file.create_dataset("x", array.shape, array.dtype, **options)
        if partly:
            dataset[0] = array[0]
        else:
            dataset[...] = array
    with open_weights(path) as weights, h5py.File(path) as file:
        expected = file["x"][()]
        found = weights.read(weights.find("x"))
    assert found == expected.astype(expected.dtype.newbyteorder("<")).tobytes()


def test_the_checksum_of_many_words_is_that_of_hdf5(tmp_path: Path) -> None:
    path, data = tmp_path / "x.h5", np.random.default_rng(0).bytes(300_001)
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset(
            "x", data=np.frombuffer(data, "u1"), chunks=(len(data),), fletcher32=True
        )
        _, raw = dataset.id.read_direct_chunk((0,))
    assert int.from_bytes(raw[-4:], "little") == fletcher32(data)
