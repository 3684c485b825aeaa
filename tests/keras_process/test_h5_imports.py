"""Imports of ``.h5`` files by a real Keras process, and what is held against the file after it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from composer.errors import BuildError, SourceError
from composer.keras_process.imports import import_model
from composer.keras_process.keras_classes import known_classes
from composer.legacy.h5.read import read_legacy_model
from composer.model_files.read_model import read_model
from composer.sources.kinds.h5_file import legacy_recipe
from composer.store import Store
from tests.legacy.h5.handmade import two_dense, two_dense_weights, write_h5
from tests.legacy.h5.test_keras1 import WEIGHTS, small


def imported(path: Path, store: Store) -> Path:
    model = read_legacy_model(path, known_classes())
    digest = import_model(legacy_recipe(model, "0" * 64, "two.h5"), store)
    found = store.object_path(digest)
    assert found is not None
    return found


def tensors(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    with (
        zipfile.ZipFile(path) as archive,
        h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file,
    ):
        file.visititems(
            lambda name, item: (
                found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("two")
    path = write_h5(folder / "two.h5", two_dense(), two_dense_weights())
    return path, imported(path, Store(folder / "store"))


@pytest.mark.keras
def test_a_file_of_keras_2_2_is_imported_bit_for_bit(two: tuple[Path, Path]) -> None:
    _, made = two
    assert read_model(made).graph.sequential
    found = tensors(made)
    for layer, group in (("first", "dense"), ("second", "dense_1")):
        for number, name in enumerate(("kernel", "bias")):
            wanted = two_dense_weights()[layer][f"{layer}/{name}:0"].astype("float32")
            assert found[f"layers/{group}/vars/{number}"].tobytes() == wanted.tobytes()


@pytest.mark.keras
def test_a_file_of_keras_1_computes_what_its_numbers_say(tmp_path: Path) -> None:
    made = imported(small(tmp_path / "a.h5"), Store(tmp_path / "store"))
    found = tensors(made)
    kernel = WEIGHTS["convolution2d_1"]["convolution2d_1_W:0"]
    assert np.array_equal(found["layers/conv2d/vars/0"], kernel.astype("float32"))
    (layers,) = [
        json.loads(zipfile.ZipFile(made).read("config.json"))["config"]["layers"],
    ]
    assert [layer["class_name"] for layer in layers] == [
        "InputLayer", "Conv2D", "Dropout", "Flatten", "Dense",
    ]  # fmt: skip


@pytest.mark.keras
def test_weights_that_name_another_layer_are_not_loaded(tmp_path: Path) -> None:
    inner = two_dense()
    config = {"class_name": "Sequential", "config": {"name": "outer", "layers": [inner]}}
    mixed = two_dense_weights()
    swapped = {"two": {**mixed["second"], **mixed["first"]}}
    path = write_h5(tmp_path / "a.h5", config, swapped)
    with pytest.raises(SourceError, check=lambda error: error.key == "CMP520.layer") as caught:
        imported(path, Store(tmp_path / "store"))
    assert "second/kernel stands in the place of two/first/kernel" in caught.value.message
    assert caught.value.code == "CMP520"


@pytest.mark.keras
def test_a_layer_that_keras_refuses_is_named(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "a.h5", two_dense(strange=3), two_dense_weights())
    with pytest.raises(SourceError, check=lambda error: error.key == "CMP520.layer-refused"):
        imported(path, Store(tmp_path / "store"))


def changed(source: Path, target: Path, change: Callable[[h5py.File], None]) -> Path:
    """Copy an archive with its weights changed."""
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    weights = io.BytesIO(members["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        change(file)
    members["model.weights.h5"] = weights.getvalue()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target


def _exchange(file: h5py.File) -> None:
    file.move("layers/dense/vars/0", "kept")
    file.move("layers/dense_1/vars/0", "layers/dense/vars/0")
    file.move("kept", "layers/dense_1/vars/0")


def _flip(file: h5py.File) -> None:
    file["layers/dense_1/vars/1"][0] = np.nextafter(file["layers/dense_1/vars/1"][0], np.float32(2))


def _widen(file: h5py.File) -> None:
    value = file["layers/dense/vars/1"][()].astype("float64")
    del file["layers/dense/vars/1"]
    file["layers/dense/vars/1"] = value


def _add(file: h5py.File) -> None:
    file["layers/dense/vars/2"] = np.zeros(3, "float32")


@pytest.mark.keras
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_exchange, "layer 'first' .* lacks or changed first/kernel"),
        (_flip, "layer 'second' .* lacks or changed second/bias"),
        (_widen, "the bias of layer 'first' is float64"),
        (_add, "layer 'first' has 2 variables, and the file holds vars/2"),
    ],
)
def test_an_import_that_is_not_the_file_is_not_kept(
    two: tuple[Path, Path], tmp_path: Path, change: Callable[[h5py.File], None], words: str
) -> None:
    path, made = two
    check = legacy_recipe(read_legacy_model(path, known_classes()), "0" * 64, "two.h5").check
    assert check is not None
    check(made)
    with pytest.raises(BuildError, match=words):
        check(changed(made, tmp_path / "b.keras", change))


@pytest.mark.keras
def test_a_file_that_changes_while_it_is_imported_is_not_kept(
    two: tuple[Path, Path], tmp_path: Path
) -> None:
    path = tmp_path / "a.h5"
    path.write_bytes(two[0].read_bytes())
    check = legacy_recipe(read_legacy_model(path, known_classes()), "0" * 64, "two.h5").check
    assert check is not None
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(BuildError, check=lambda error: error.key == "CMP710.changed-import"):
        check(two[1])


def test_the_bytes_and_the_repairs_decide_an_import_and_the_place_does_not(
    tmp_path: Path,
) -> None:
    keys = set()
    for name in ("a.h5", "b.h5"):
        path = write_h5(tmp_path / name, two_dense(), two_dense_weights())
        keys.add(legacy_recipe(read_legacy_model(path, known_classes()), "1" * 64, "two.h5").key)
    assert len(keys) == 1
    assert (
        legacy_recipe(read_legacy_model(path, known_classes()), "2" * 64, "two.h5").key not in keys
    )


def test_the_layers_and_operations_of_the_installed_keras_are_known_without_it() -> None:
    known = known_classes()
    assert {"Dense", "Add", "MultiHeadAttention", "InputLayer"} <= set(known.layers)
    assert known.layers["GroupedQueryAttention"] == "GroupQueryAttention"
    assert known.operations["Add"] == "keras.src.ops.numpy"
    assert known.operations["Cast"] == "keras.src.ops.core"
    assert "Dense" not in known.operations
