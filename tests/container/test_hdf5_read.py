"""Reading weights files: every form in which Keras and its users store a variable."""

from __future__ import annotations

import subprocess
import sys

import h5py
import ml_dtypes
import numpy as np
import pytest

from composer.container import hdf5_read
from composer.container.archive import open_archive
from composer.container.hdf5_read import open_weights
from composer.container.stored import StoredGroup, StoredTensor
from composer.errors import FormatError
from tests.container.minimal import dense_model

ARRAYS = {
    "float32": np.linspace(0, 1, 7, dtype="f4").reshape(1, 7),
    "float64": np.arange(3.0),
    "float16": np.arange(3, dtype="f2"),
    "bool": np.array([True, False, True]),
    "int8": np.arange(-2, 2, dtype="i1"),
    "int16": np.arange(2, dtype="i2"),
    "int32": np.arange(4, dtype="i4").reshape(2, 2),
    "int64": np.array(7, dtype="i8"),
    "uint8": np.arange(4, dtype="u1"),
    "uint32": np.arange(4, dtype="u4"),
    "uint64": np.arange(4, dtype="u8"),
    "complex64": np.array([1 + 2j], dtype="c8"),
    "scalar": np.array(1.5, dtype="f4"),
    "empty": np.zeros((0, 3), dtype="f4"),
    "opaque": np.arange(4, dtype="u1").view("V1"),
    "bytes": np.array([b"ab", b"c"]),
}


def listed(path):
    with open_weights(path) as weights:
        return {tensor.path: (tensor, weights.read(tensor)) for tensor in weights.tensors}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "m.weights.h5"


def test_every_type_is_read_with_its_bytes_shape_and_name(path):
    with h5py.File(path, "w") as file:
        for name, array in ARRAYS.items():
            file[name] = array
    found = listed(path)
    raw = path.read_bytes()
    for name, array in ARRAYS.items():
        tensor, data = found[name]
        assert data == array.tobytes(), name
        assert (tensor.shape, tensor.nbytes) == (array.shape, array.nbytes), name
        if array.nbytes:
            assert raw[tensor.offset : tensor.offset + tensor.nbytes] == data
            assert np.dtype(tensor.dtype) == array.dtype
        else:
            assert tensor.offset is None
    for name in ("float16", "bool", "int8", "uint32", "complex64"):
        assert found[name][0].logical_dtype == name
    assert found["opaque"][0].logical_dtype == "opaque1"


def test_bfloat16_goes_by_its_attribute(path):
    array = np.arange(5).astype(ml_dtypes.bfloat16)
    with h5py.File(path, "w") as file:
        file.create_dataset("vars/0", data=array).attrs["dtype"] = "bfloat16"
    tensor, data = listed(path)["vars/0"]
    assert (tensor.dtype, tensor.logical_dtype) == ("|V2", "bfloat16")
    assert data == array.tobytes()
    assert tensor.attributes == (("dtype", "bfloat16"),)


def test_an_attribute_does_not_rename_an_ordinary_type(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=np.zeros(2, "f4")).attrs["dtype"] = "bfloat16"
    assert listed(path)["x"][0].logical_dtype == "float32"


@pytest.mark.parametrize("chunk", [64, 1000, 8 << 20])
@pytest.mark.parametrize(
    "options",
    [
        {"dtype": ">f4"},
        {"chunks": (3, 5, 2)},
        {"chunks": (3, 5, 2), "compression": "gzip", "shuffle": True, "fletcher32": True},
        {"dtype": ">f4", "chunks": True, "compression": 9},
    ],
)
def test_other_layouts_are_read_as_little_endian_rows(path, options, chunk, monkeypatch):
    monkeypatch.setattr(hdf5_read, "CHUNK", chunk)
    array = np.random.default_rng(0).standard_normal((7, 11, 5)).astype("f4")
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=array, **options)
        file.create_dataset("scalar", data=array[0, 0, 0], dtype=">f4")
    found = listed(path)
    assert found["x"][0].dtype == "<f4"
    assert found["x"][0].offset is None
    assert found["x"][1] == array.tobytes()
    assert found["scalar"][1] == array[0, 0, 0].tobytes()
    with open_weights(path) as weights:
        sizes = [len(part) for part in weights.chunks(weights.find("x"))]
    assert max(sizes) <= max(chunk, 4)


def test_small_tensors_inside_an_object_header_are_read(path):
    with h5py.File(path, "w") as file:
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((3,))
        dataset = h5py.h5d.create(file.id, b"x", h5py.h5t.IEEE_F32LE, space, plan)
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(3, dtype="f4"))
    assert listed(path)["x"][1] == np.arange(3, dtype="f4").tobytes()


def test_texts_of_varying_length_are_read(path):
    texts = ["", "one", "größe", "x" * 10_000]
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=np.array(texts, dtype=object).reshape(2, 2),
                            dtype=h5py.string_dtype())  # fmt: skip
        file.create_dataset("none", (0,), dtype=h5py.string_dtype())
    with open_weights(path) as weights:
        tensor = weights.find("x")
        assert (tensor.shape, tensor.logical_dtype) == ((2, 2), "string")
        assert [text.decode() for text in weights.texts(tensor)] == texts
        assert weights.texts(weights.find("none")) == ()
        with pytest.raises(ValueError, match="text"):
            weights.read(tensor)


ATTRIBUTES = {
    "text": "größe", "empty": "", "list": ("a", "bcd"), "number": 3, "real": 1.5, "flag": True,
    "numbers": (1, 2, 3), "matrix": ((1.0, 2.0), (3.0, 4.0)), "nothing": None, "void": (),
    "long": "x" * 100_000,
}  # fmt: skip


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_attributes_are_read_as_plain_values(path, libver):
    with h5py.File(path, "w", libver=libver) as file:
        group = file.create_group("vars")
        for name, value in ATTRIBUTES.items():
            if name == "list":
                group.attrs.create(name, value, dtype=h5py.string_dtype())
            elif len(group.attrs) < 8:  # beyond that, HDF5 keeps attributes elsewhere
                group.attrs[name] = h5py.Empty("f4") if value is None else value
        file.attrs["fixed"] = np.bytes_("fixed")
        file.attrs["void"] = np.zeros(0)
        file.attrs["long"] = ATTRIBUTES["long"]
        expected = {name: ATTRIBUTES[name] for name in group.attrs}
    with open_weights(path) as weights:
        root, group = weights.groups
        assert dict(group.attributes) == expected
        assert dict(root.attributes) == {"fixed": "fixed", "void": (), "long": "x" * 100_000}
        assert list(group.attributes) == sorted(group.attributes)


@pytest.mark.parametrize("libver", ["earliest", "v108", "latest"])
@pytest.mark.parametrize("order", [False, True])
def test_entries_list_parents_first_and_siblings_by_name(path, libver, order):
    with h5py.File(path, "w", libver=libver, track_order=order) as file:
        for name in ("dense_2", "dense", "dense_10"):
            file[f"layers/{name}/vars/0"] = np.zeros(1)
            file.create_group(f"layers/{name}/empty")
    with open_weights(path) as weights:
        paths = [entry.path for entry in weights.entries]
        assert paths[:4] == ["", "layers", "layers/dense", "layers/dense/empty"]
        assert [p for p in paths if p.count("/") == 1] == [
            "layers/dense", "layers/dense_10", "layers/dense_2",
        ]  # fmt: skip
        below = [entry.path for entry in weights.subtree("layers/dense")]
        assert below == ["layers/dense", "layers/dense/empty", "layers/dense/vars",
                         "layers/dense/vars/0"]  # fmt: skip
        assert weights.subtree("") == weights.entries
        assert weights.subtree("layers/den") == ()
        assert isinstance(weights.find("layers/dense/vars"), StoredGroup)
        assert isinstance(weights.find("layers/dense/vars/0"), StoredTensor)
        assert weights.find("layers/dense/vars/1") is None


def test_offsets_inside_an_archive_are_those_of_the_archive(tmp_path):
    path = dense_model(tmp_path / "m.keras")
    raw = path.read_bytes()
    with open_archive(path) as archive:
        for tensor in archive.weights.tensors:
            assert raw[tensor.offset :][: tensor.nbytes] == archive.weights.read(tensor)


def test_a_file_with_a_user_block_is_read(path):
    with h5py.File(path, "w", userblock_size=1024) as file:
        file["vars/0"] = np.arange(3, dtype="f4")
        file["vars"].attrs["name"] = "x"
    raw = path.read_bytes()
    with open_weights(path) as weights:
        tensor = weights.find("vars/0")
        assert raw[tensor.offset :][: tensor.nbytes] == np.arange(3, dtype="f4").tobytes()
        assert weights.find("vars").attribute("name") == "x"


def test_many_layers_need_a_bounded_number_of_open_objects(path):
    with h5py.File(path, "w", libver="latest") as file:
        for number in range(500):
            file[f"layers/dense_{number}/vars/0"] = np.zeros(2, "f4")
    with open_weights(path) as weights:
        assert len(weights.tensors) == 500
        assert weights._file is not None
        assert h5py.h5f.get_obj_count(weights._file, h5py.h5f.OBJ_ALL) == 1


def test_an_archive_left_open_does_not_crash_the_interpreter_when_it_is_closed_last(tmp_path):
    path = dense_model(tmp_path / "m.keras")
    code = (
        "import sys\n"
        "from composer.container.archive import open_archive\n"
        f"with open_archive({str(path)!r}) as archive:\n"
        "    archive.weights.tensors\n"
        "    sys.exit(7)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 7


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_weights_with_flipped_bits_are_read_or_refused_and_never_crash_or_hang(tmp_path, libver):
    # A fixed sequence, not a random one: HDF5 is the library that could crash here.
    path = tmp_path / "m.weights.h5"
    with h5py.File(path, "w", libver=libver) as file:
        for number in range(3):
            file[f"layers/dense_{number}/vars/0"] = np.arange(12.0)
            file[f"layers/dense_{number}/vars"].attrs["name"] = f"layer {number}"
    sound = path.read_bytes()
    random = np.random.default_rng(0)
    outcomes = set()
    for _ in range(300):
        data = bytearray(sound)
        for place in random.integers(0, len(data), random.integers(1, 4)):
            data[place] ^= 1 << random.integers(0, 8)
        path.write_bytes(data)
        try:
            listed(path)
            outcomes.add("read")
        except FormatError as error:
            outcomes.add(error.case)
    assert {"read", "hdf5"} <= outcomes
