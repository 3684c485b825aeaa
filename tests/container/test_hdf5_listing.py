"""Weights files that point out of themselves, or declare more than they hold."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest
from h5py import h5t

from composer.container.hdf5_read import open_weights
from composer.errors import FormatError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "m.weights.h5"


def reason_of(path) -> str:
    with pytest.raises(FormatError) as caught, open_weights(path) as weights:
        for tensor in weights.tensors:
            weights.texts(tensor) if tensor.dtype == "|O" else weights.read(tensor)
    assert str(path) in caught.value.message
    return caught.value.case


def soft_link(file):
    file["layers/a"] = h5py.SoftLink("/vars")


def external_link(file):
    file["layers/a"] = h5py.ExternalLink("/etc/passwd", "/x")


def external_storage(file):
    file.create_dataset("vars/0", (4,), "f4", external=[("/etc/passwd", 0, 16)])


def virtual_dataset(file):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (4,))
    file.create_virtual_dataset("vars/0", layout)


def two_names(file):
    file["vars/0"] = np.zeros(3)
    file["vars/1"] = file["vars/0"]


def cycle(file):
    inner = file.create_group("layers/a")
    inner["b"] = file["layers"]


def link_to_the_root(file):
    file.create_group("layers")["b"] = file["/"]


def chunked_bomb(file):
    file.create_dataset("vars/0", (2**40,), "f4", chunks=(2**20,), compression="gzip")


def unwritten_bomb(file):
    file.create_dataset("vars/0", (2**40,), "f4")


def huge_chunk(file):
    file.create_dataset("vars/0", (1,), "f4", chunks=(2**28,), maxshape=(None,))


def references(file):
    file.create_dataset("vars/0", (1,), h5py.ref_dtype)


def reference_attribute(file):
    file.attrs["x"] = file.ref


def lzf(file):
    file.create_dataset("vars/0", data=np.zeros(100), compression="lzf")


def compound(file):
    file["vars/0"] = np.zeros(2, dtype=[("a", "f4"), ("b", "i4")])


def enumeration(file):
    file.create_dataset("vars/0", (2,), h5py.enum_dtype({"a": 1, "b": 2}, "i1"))


def list_elements(file):
    file.create_dataset("vars/0", (2,), h5py.vlen_dtype("f4"))


def array_elements(file):
    file.create_dataset("vars/0", (2,), np.dtype(("f4", (3,))))


def odd_float(file):
    kind = h5t.IEEE_F32LE.copy()
    kind.set_fields(31, 20, 11, 0, 20)
    h5py.h5d.create(file.id, b"x", kind, h5py.h5s.create_simple((2,)))


def no_space(file):
    file["vars/0"] = h5py.Empty("f4")


def named_type(file):
    file["kind"] = np.dtype("f4")


def deep(file):
    file.create_group("/".join(["a"] * 200))


def chunked_text(file):
    file.create_dataset("vars/0", (2,), h5py.string_dtype(), chunks=(1,))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (soft_link, "object-elsewhere"),
        (external_link, "object-elsewhere"),
        (external_storage, "external-storage"),
        (virtual_dataset, "virtual-dataset"),
        (two_names, "hard-link"),
        (cycle, "hard-link"),
        (link_to_the_root, "hard-link"),
        (chunked_bomb, "shape-bomb"),
        (unwritten_bomb, "shape-bomb"),
        (huge_chunk, "shape-bomb"),
        (references, "reference"),
        (reference_attribute, "reference"),
        (lzf, "filter-unknown"),
        (compound, "element-type"),
        (enumeration, "element-type"),
        (list_elements, "element-type"),
        (array_elements, "element-type"),
        (odd_float, "element-type"),
        (no_space, "no-shape"),
        (chunked_text, "text-in-pieces"),
        (named_type, "object-kind"),
        (deep, "group-depth"),
    ],
)
def test_what_no_keras_file_holds_is_refused_by_name(path, make, reason):
    with h5py.File(path, "w") as file:
        make(file)
    tracemalloc.start()
    assert reason_of(path) == reason
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_a_tensor_beyond_the_end_of_the_file_is_refused(path):
    with h5py.File(path, "w") as file:
        offset = file.create_dataset("vars/0", data=np.arange(1000.0)).id.get_offset()
    data = path.read_bytes()
    address = struct.pack("<QQ", offset, 8000)
    assert data.count(address) == 1
    path.write_bytes(data.replace(address, struct.pack("<QQ", offset + 10**9, 8000)))
    assert reason_of(path) in {"shape-bomb", "hdf5"}


def test_tensors_that_share_bytes_are_refused(path):
    with h5py.File(path, "w") as file:
        first = file.create_dataset("vars/0", data=np.arange(10.0)).id.get_offset()
        second = file.create_dataset("vars/1", data=np.arange(10.0)).id.get_offset()
    data = path.read_bytes()
    moved = data.replace(struct.pack("<QQ", second, 80), struct.pack("<QQ", first + 8, 80))
    assert moved != data
    path.write_bytes(moved)
    assert reason_of(path) == "overlapping-tensors"


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_a_text_that_says_to_have_four_gigabytes_is_refused_without_clearing_them(path, libver):
    # The checksum of a newer header would refuse the change first; a dataset's bytes have none.
    with h5py.File(path, "w", libver=libver) as file:
        file.create_dataset("vars/0", data=["text"], dtype=h5py.string_dtype())
        offset = file["vars/0"].id.get_offset()
    data = bytearray(path.read_bytes())
    assert struct.unpack_from("<L", data, offset) == (4,)
    struct.pack_into("<L", data, offset, 0xFFFFFFF0)
    path.write_bytes(data)
    assert reason_of(path) == "hdf5"


def test_an_attribute_whose_text_lies_about_its_length_is_refused(path):
    with h5py.File(path, "w") as file:
        file.create_group("vars").attrs["name"] = "functional"
    data = path.read_bytes()
    start = data.index(struct.pack("<L", len("functional")), data.index(b"name\0"))
    path.write_bytes(data[:start] + struct.pack("<L", 0xFFFFFFF0) + data[start + 4 :])
    assert reason_of(path) == "hdf5"


@pytest.mark.parametrize("place", [8, 16, 10**6, 2**64 - 8], ids=["itself", "in use", "out", "far"])
def test_a_heap_of_names_that_hdf5_would_not_come_to_an_end_with_is_refused(
    tmp_path: Path, place: int
) -> None:
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["vars/0"] = np.zeros(2, "f4")
    data = bytearray(path.read_bytes())
    heap = data.index(b"HEAP")
    size, free, names = struct.unpack_from("<3Q", data, heap + 8)
    assert free < size
    struct.pack_into("<Q", data, names + free, free if place == 8 else place)
    path.write_bytes(data)
    with pytest.raises(FormatError) as caught, open_weights(path) as weights:
        _ = weights.listing
    assert caught.value.case == "hdf5"
