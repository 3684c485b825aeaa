"""An ``.h5`` file is read as data, and what it is not is said by name."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from composer.errors import FormatError
from composer.legacy.h5.file import read_file
from tests.legacy.h5.handmade import two_dense, two_dense_weights, write_h5


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_h5(tmp_path / "a.h5", two_dense(), two_dense_weights())


def refused(path: Path) -> FormatError:
    with pytest.raises(FormatError) as caught:
        read_file(path)
    return caught.value


def test_the_weights_of_each_layer_come_in_the_order_of_the_file(path: Path) -> None:
    file = read_file(path)
    assert {name: [t.name for t in tensors] for name, tensors in file.layers.items()} == {
        "first": ["first/kernel", "first/bias"],
        "second": ["second/kernel", "second/bias"],
    }
    assert (file.keras_version, file.major, file.backend) == ("2.2.4", 2, "tensorflow")
    assert file.layers["first"][0].stored.shape == (3, 3)


def test_a_list_of_names_that_was_cut_into_several_attributes_is_put_together(
    tmp_path: Path,
) -> None:
    path = write_h5(tmp_path / "a.h5", two_dense(), two_dense_weights(), split_names=2)
    assert list(read_file(path).layers) == ["first", "second"]


def test_a_file_without_a_version_is_one_of_keras_1(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "a.h5", two_dense(), two_dense_weights(), version=None)
    assert read_file(path).major == 1


def test_a_file_of_weights_is_said_to_hold_weights_only(path: Path) -> None:
    with h5py.File(path, "a") as file:
        del file.attrs["model_config"]
        file.attrs["layer_names"] = [b"first"]
    error = refused(path)
    assert error.key == "CMP520.weights-only"
    assert error.help


def test_an_hdf5_file_of_something_else_is_said_to_hold_no_model(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["measurements"] = np.zeros(3)
        file.create_group("cells")
    error = refused(tmp_path / "a.h5")
    assert error.key == "CMP520.no-model"


@pytest.mark.parametrize(
    ("content", "case"),
    [(b"PK\x03\x04rest", "zip-not-hdf5"), (b"version https", "not-hdf5")],
)
def test_what_is_no_hdf5_is_refused_as_what_it_is(
    tmp_path: Path, content: bytes, case: str
) -> None:
    (tmp_path / "a.h5").write_bytes(content)
    error = refused(tmp_path / "a.h5")
    assert error.case == case


def test_a_truncated_file_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-700])
    assert refused(path).case in ("hdf5", "shape-bomb")


@pytest.mark.parametrize(
    ("link", "kind"),
    [
        (h5py.ExternalLink("other.h5", "/x"), "a link to another file"),
        (h5py.SoftLink("/model_weights/first"), "a soft link"),
    ],
)
def test_links_are_refused_by_name(path: Path, link: object, kind: str) -> None:
    with h5py.File(path, "a") as file:
        file["model_weights/second/link"] = link
    error = refused(path)
    assert error.case == "object-elsewhere"
    assert error.fields == {"path": path, "what": "model_weights/second/link", "kind": kind}


def test_a_virtual_dataset_is_refused_by_name(path: Path) -> None:
    layout = h5py.VirtualLayout(shape=(3,), dtype="float32")
    layout[:] = h5py.VirtualSource("other.h5", "x", shape=(3,))
    with h5py.File(path, "a") as file:
        del file["model_weights/second/second/bias:0"]
        file.create_virtual_dataset("model_weights/second/second/bias:0", layout)
    assert refused(path).case == "virtual-dataset"


def test_a_weight_that_is_listed_and_not_there_is_refused(path: Path) -> None:
    with h5py.File(path, "a") as file:
        del file["model_weights/second/second/bias:0"]
    error = refused(path)
    assert error.case == "listed-missing"
    assert error.fields["name"] == "second/bias:0"


def test_a_tensor_that_no_layer_lists_is_refused(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file["model_weights/second/second/extra:0"] = np.zeros(3, "float32")
    assert refused(path).case == "unlisted"


def test_the_state_of_an_optimizer_is_no_layers(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file["optimizer_weights/training/Adam/iterations:0"] = np.int64(3)
    assert set(read_file(path).layers) == {"first", "second"}


def test_weights_of_the_model_itself_are_refused(path: Path) -> None:
    with h5py.File(path, "a") as file:
        group = file.create_group("model_weights/top_level_model_weights")
        group.attrs["weight_names"] = [b"scale:0"]
        group["scale:0"] = np.zeros(3, "float32")
    error = refused(path)
    assert (error.case, error.fields["weight"]) == ("model-weights", "scale")
