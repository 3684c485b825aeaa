"""Writing archives: their bytes, their digests, and what is left when something fails."""

from __future__ import annotations

import io
import json
import os
import stat
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest

from composer.container import archive_write, copying, zip_write
from composer.container.archive import open_archive, opened_weights
from composer.container.archive_write import write_archive
from composer.container.contents import (
    AssetToWrite,
    GroupToWrite,
    TensorToWrite,
    assets_below,
    subtree,
)
from composer.container.digests import digest_tensors
from composer.errors import BuildError
from tests.container.minimal import dense_model, write_keras_file
from tests.container.test_hdf5_read import ARRAYS


def literal(path, array, attributes=()):
    array = np.asarray(array)
    return TensorToWrite(
        path=path, shape=array.shape, dtype=array.dtype.newbyteorder("<").str,
        logical_dtype=array.dtype.name, attributes=attributes, origin=array.tobytes(),
    )  # fmt: skip


def write(path, contents, **options):
    return write_archive(path, metadata={"keras_version": "3.15.1"}, config={"class_name": "X"},
                         contents=contents, **options)  # fmt: skip


def whole(path):
    with opened_weights(path) as weights:
        return subtree(weights, "", "")


SMALL = (
    GroupToWrite(path="vars", attributes=(("name", "größe"),)),
    literal("layers/dense/vars/0", np.arange(6, dtype="f4").reshape(2, 3)),
)


def test_the_file_is_a_sound_zip_with_members_in_the_order_of_keras(tmp_path):
    path = tmp_path / "m.keras"
    written = write(path, SMALL, assets=[AssetToWrite(name="assets/größe.txt", origin=b"abc")])
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            "metadata.json", "config.json", "model.weights.h5", "assets/größe.txt",
        ]  # fmt: skip
        assert json.loads(archive.read("config.json")) == {"class_name": "X"}
        for info in archive.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert info.compress_type == zipfile.ZIP_STORED
        with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
            assert file["vars"].attrs["name"] == "größe"
            assert file["layers/dense/vars/0"][()].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert written.size == path.stat().st_size
    with h5py.File(path) as file:
        assert list(file) == ["layers", "vars"], "HDF5 finds the weights behind its user block"


def test_what_was_written_passes_the_reader_and_its_checksums(tmp_path):
    written = write(tmp_path / "m.keras", SMALL)
    with open_archive(tmp_path / "m.keras") as archive:
        archive.check_crc()
        assert archive.member("model.weights.h5").data_offset == 512
    assert digest_tensors(tmp_path / "m.keras") == written.tensors


def test_the_same_contents_give_the_same_bytes(tmp_path, monkeypatch):
    source = dense_model(tmp_path / "s.keras", (30, 40, 50))
    first, second, third = (tmp_path / f"{name}.keras" for name in "abc")
    write(first, whole(source))
    monkeypatch.chdir(tmp_path)
    write(second, whole(source))
    monkeypatch.delattr(os, "copy_file_range", raising=False)
    monkeypatch.setattr(copying, "CHUNK", 999)
    write(third, whole(source))
    assert first.read_bytes() == second.read_bytes() == third.read_bytes()


def test_every_type_and_layout_of_a_source_arrives_contiguous_and_little_endian(tmp_path):
    source = tmp_path / "s.weights.h5"
    with h5py.File(source, "w") as file:
        for name, array in ARRAYS.items():
            file[f"plain/{name}"] = array
        big = np.random.default_rng(0).standard_normal((50, 60)).astype("f4")
        file.create_dataset("big/endian", data=big, dtype=">f4")
        file.create_dataset("chunked/x", data=big, chunks=(7, 9), compression="gzip")
        file.create_dataset("text/x", data=["a", "größe", ""], dtype=h5py.string_dtype())
        file.create_dataset("half/x", data=np.zeros(3, "V2")).attrs["dtype"] = "bfloat16"
    written = write(tmp_path / "m.keras", whole(source))
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        copy = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
    with copy, h5py.File(source) as file:
        for path in written.tensors:
            assert copy[path].chunks is None
            if path == "text/x":
                continue
            assert copy[path][()].tobytes() == file[path][()].astype(copy[path].dtype).tobytes()
            assert copy[path].dtype == file[path].dtype.newbyteorder("<")
        assert [item.decode() for item in copy["text/x"]] == ["a", "größe", ""]
        assert copy["half/x"].attrs["dtype"] == "bfloat16"
    assert digest_tensors(source) == digest_tensors(tmp_path / "m.keras") == written.tensors


def test_a_subtree_moves_under_a_new_path_and_name(tmp_path):
    source = dense_model(tmp_path / "s.keras", prefix="old_")
    with open_archive(source) as archive:
        orders = subtree(archive.weights, "layers/dense_1", "layers/dense", names={"vars": "new"})
        with pytest.raises(KeyError, match="layers/none"):
            subtree(archive.weights, "layers/dense_1", "x", names={"layers/none": "new"})
        expected = archive.weights.read(archive.weights.find("layers/dense_1/vars/0"))
        assert subtree(archive.weights, "layers/none", "x") == ()
    write(tmp_path / "m.keras", orders)
    with open_archive(tmp_path / "m.keras") as archive:
        weights = archive.weights
        assert weights.find("layers/dense/vars").attribute("name") == "new"
        assert weights.read(weights.find("layers/dense/vars/0")) == expected


def test_assets_move_with_their_group(tmp_path):
    source = write_keras_file(
        tmp_path / "s.keras", assets={"layers/lookup/v.txt": b"abc", "layers/lookup_1/v.txt": b"de"}
    )
    with open_archive(source) as archive:
        orders = assets_below(archive, "layers/lookup", "layers/lookup_7")
        assert len(assets_below(archive, "", "")) == 2
    write(tmp_path / "m.keras", SMALL, assets=orders)
    with open_archive(tmp_path / "m.keras") as archive:
        assert archive.assets == ("assets/layers/lookup_7/v.txt",)
        assert archive.read_asset(archive.assets[0]) == b"abc"


def test_many_sources_are_copied_with_few_of_them_open(tmp_path, monkeypatch):
    orders = []
    for number in range(3 * copying.MAX_OPEN):
        path = dense_model(tmp_path / f"{number}.keras", (3, 2), seed=number)
        with opened_weights(path) as weights:
            orders += subtree(weights, "layers/dense", f"layers/dense_{number}")
    most = 0
    get = copying.Sources._get

    def counted(self, path, stamp):
        nonlocal most
        found = get(self, path, stamp)
        most = max(most, len(self._open))
        return found

    monkeypatch.setattr(copying.Sources, "_get", counted)
    written = write(tmp_path / "m.keras", orders)
    assert most == copying.MAX_OPEN
    for number in (0, 7):
        source = digest_tensors(tmp_path / f"{number}.keras")
        assert written.tensors[f"layers/dense_{number}/vars/0"] == source["layers/dense/vars/0"]


def test_memory_does_not_grow_with_the_tensors(tmp_path):
    source = tmp_path / "s.weights.h5"
    with h5py.File(source, "w") as file:
        file.create_dataset("plain", data=np.zeros(10 << 20, "f4"))
        file.create_dataset("packed", data=np.zeros((4096, 2560), "f4"), chunks=(64, 64),
                            compression=1)  # fmt: skip
    orders = whole(source)
    tracemalloc.start()
    write(tmp_path / "m.keras", orders)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 << 20, "the tensors have 40 MiB each"


def debris(folder):
    return [path.name for path in folder.iterdir() if ".tmp-" in path.name]


def test_an_interrupt_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    target = tmp_path / "m.keras"
    target.write_bytes(b"old")

    def interrupt(*_):
        assert debris(tmp_path)
        raise KeyboardInterrupt

    monkeypatch.setattr(archive_write, "directory", interrupt)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(KeyboardInterrupt):
        write(target, SMALL)
    assert target.read_bytes() == b"old"
    assert debris(tmp_path) == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_source_that_changed_since_it_was_listed_is_refused(tmp_path):
    source = dense_model(tmp_path / "s.keras")
    orders = whole(source)
    with source.open("ab") as file:
        file.write(b"x")
    with pytest.raises(BuildError, check=lambda error: error.key == "CMP545.source-changed"):
        write(tmp_path / "m.keras", orders)
    source.unlink()
    with pytest.raises(BuildError, check=lambda error: error.key == "CMP713.unopenable"):
        write(tmp_path / "m.keras", orders)
    assert os.listdir(tmp_path) == []


def test_a_source_that_changes_while_it_is_copied_is_refused(tmp_path, monkeypatch):
    source = dense_model(tmp_path / "s.keras")
    orders = whole(source)
    copy = copying.Copier.copy

    def change_after(self, *arguments):
        copy(self, *arguments)
        with source.open("ab") as file:
            file.write(b"x")

    monkeypatch.setattr(copying.Copier, "copy", change_after)
    with pytest.raises(BuildError, check=lambda error: error.key == "CMP545.source-changed"):
        write(tmp_path / "m.keras", orders)
    assert os.listdir(tmp_path) == ["s.keras"]


def test_a_full_disk_is_a_build_error_without_debris(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(BuildError, match="No space left"):
        write(tmp_path / "m.keras", SMALL)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_does_not_exist_is_a_build_error(tmp_path):
    with pytest.raises(BuildError, match="No such file"):
        write(tmp_path / "none" / "m.keras", SMALL)


@pytest.mark.parametrize(
    "contents",
    [
        (SMALL[1], SMALL[1]),
        (SMALL[0], SMALL[0]),
        (literal("a", 1.0), literal("a/b", 1.0)),
        (literal("a/b", 1.0), literal("a", 1.0)),
        (literal("a//b", 1.0),),
        (GroupToWrite(path="../a"),),
        (TensorToWrite(path="a", shape=(3,), dtype="<f4", logical_dtype="float32",
                       origin=b"short"),),
    ],
)  # fmt: skip
def test_contradicting_contents_are_refused(tmp_path, contents):
    with pytest.raises(BuildError):
        write(tmp_path / "m.keras", contents)
    assert os.listdir(tmp_path) == []


def test_an_order_that_differs_from_its_source_is_refused(tmp_path):
    from dataclasses import replace

    source = dense_model(tmp_path / "s.keras")
    (order,) = [entry for entry in whole(source) if entry.path == "layers/dense/vars/0"]
    with pytest.raises(BuildError, check=lambda error: error.key == "CMP710.other-tensor"):
        write(tmp_path / "m.keras", [replace(order, shape=(8, 4))])


def test_the_mode_follows_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        write(tmp_path / "m.keras", SMALL)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "m.keras").stat().st_mode) == 0o640


def test_large_sizes_and_offsets_go_into_zip64_fields(tmp_path, monkeypatch):
    monkeypatch.setattr(zip_write, "ZIP64_FROM", 1000)
    path = tmp_path / "m.keras"
    array = np.arange(2000, dtype="f4")
    write(path, [literal("vars/0", array)],
          assets=[AssetToWrite(name="assets/a", origin=b"x" * 2000)])  # fmt: skip
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.getinfo("model.weights.h5").file_size > 8000
        assert archive.read("assets/a") == b"x" * 2000
    with open_archive(path) as archive:
        archive.check_crc()
        assert archive.weights.read(archive.weights.tensors[0]) == array.tobytes()


def test_more_members_than_16_bits_count_are_written_and_listed(tmp_path):
    assets = [AssetToWrite(name=f"assets/{number}", origin=b"") for number in range(66_000)]
    write(tmp_path / "m.keras", SMALL, assets=assets)
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert len(archive.namelist()) == 66_003
