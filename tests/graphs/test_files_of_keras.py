"""Archives as Keras itself saves and loads them."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import pytest

from composer.container.archive import open_archive
from composer.container.digests import digest_tensors
from composer.graphs.content_digest import content_digest
from composer.model_files.canonical_file import canonicalise

pytestmark = pytest.mark.keras
NAMES = [
    "attention", "compiled", "float8", "half", "infinite", "int4", "int8", "nested", "odd", "text",
]  # fmt: skip


def run(*arguments):
    environment = {
        **os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
    }  # fmt: skip
    script = Path(__file__).with_name("saved_by_keras.py")
    result = subprocess.run(
        [sys.executable, script, *map(str, arguments)], env=environment, capture_output=True,
        text=True, timeout=300,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    run("save", folder)
    return folder


def test_every_file_is_listed_with_the_bytes_that_h5py_reads(saved):
    assert sorted(path.stem for path in saved.glob("*.keras")) == NAMES
    for path in saved.glob("*.keras"):
        raw = path.read_bytes()
        with zipfile.ZipFile(path) as archive:
            file = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
        groups, datasets = {""}, set()
        file.visititems(lambda name, item, g=groups, d=datasets: (
            d if isinstance(item, h5py.Dataset) else g).add(name))  # fmt: skip
        with file, open_archive(path) as archive:
            archive.check_crc()
            weights = archive.weights
            assert {group.path for group in weights.groups} == groups
            assert {tensor.path for tensor in weights.tensors} == datasets
            for group in weights.groups:
                assert dict(group.attributes) == dict(file[group.path or "/"].attrs)
            for tensor in weights.tensors:
                expected = file[tensor.path][()].tobytes()
                assert weights.read(tensor) == expected
                if tensor.nbytes:
                    assert raw[tensor.offset : tensor.offset + tensor.nbytes] == expected


def test_every_dtype_has_the_name_that_keras_gives_it(saved):
    def dtypes(name):
        return {digest.dtype for digest in digest_tensors(saved / f"{name}.keras").values()}

    assert dtypes("half") == {"float16", "bfloat16"}
    assert dtypes("int8") == {"int8", "float32"}
    assert dtypes("odd") == {"float32", "bool", "uint8", "int16", "int64"}


def test_canonical_files_load_in_keras_with_equal_weights_and_outputs(saved, tmp_path):
    for name in NAMES:
        canonicalise(saved / f"{name}.keras", tmp_path / f"{name}.keras")
    loaded = run("compare", saved, tmp_path).split()
    assert [Path(name).stem for name in loaded] == NAMES


def test_only_optimiser_state_is_lost_on_the_way_to_canonical_form(saved, tmp_path):
    for path in saved.glob("*.keras"):
        canonicalise(path, tmp_path / path.name)
        before, after = digest_tensors(path), digest_tensors(tmp_path / path.name)
        kept = {key: value for key, value in before.items() if "optimizer" not in key}
        assert kept == after
        with open_archive(path) as source, open_archive(tmp_path / path.name) as target:
            assert source.assets == target.assets
            assert content_digest(source.config, kept) == content_digest(target.config, after)
            for name in source.assets:
                assert source.read_asset(name) == target.read_asset(name)
    assert any("optimizer" in key for key in digest_tensors(saved / "nested.keras"))
