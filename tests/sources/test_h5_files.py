"""``.h5`` sources: what can be told without Keras is told at once, the rest waits for it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from composer.authoring.inspection import inspect_model
from composer.diagnostics.diagnostic import Diagnostic
from composer.errors import BuildError
from composer.store import Store
from composer.workflows.building import build_spec
from composer.workflows.pipeline import Prepared, prepare
from tests.legacy.h5.handmade import dense, two_dense, two_dense_weights, write_h5


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_h5(tmp_path / "two.h5", two_dense(), two_dense_weights())


def prepared(folder: Path, source: str) -> Prepared:
    spec = folder / "spec.yaml"
    spec.write_text(f"version: 1\nname: model\nsources:\n  two: {{{source}}}\n")
    return prepare(spec, store=Store(folder / "store"))


def only_error(folder: Path, source: str) -> Diagnostic:
    (error,) = prepared(folder, source).errors
    return error


def test_without_keras_the_import_is_deferred(model: Path) -> None:
    found = prepared(model.parent, "from: two.h5")
    assert found.diagnostics == ()
    assert found.plan is None
    assert any("must first be imported by Keras" in text for text in found.deferred)


def test_a_missing_file_is_told_at_once_with_the_nearest(model: Path) -> None:
    error = only_error(model.parent, "from: tow.h5")
    assert error.code == "CMP501"
    assert "did you mean 'two.h5'?" in error.help


def test_a_file_of_weights_is_told_at_once(model: Path) -> None:
    with h5py.File(model, "a") as file:
        del file.attrs["model_config"]
        file.attrs["layer_names"] = [b"first"]
    error = only_error(model.parent, "from: two.h5")
    assert (error.code, error.path) == ("CMP520", ("sources", "two", "from"))
    assert error.case == "weights-only"
    assert error.fields == {"source": "two", "path": "two.h5"}


def test_a_layer_that_is_refused_is_told_at_once_and_by_name(tmp_path: Path) -> None:
    config = two_dense()
    config["config"]["layers"].append(
        {"class_name": "Lambda", "config": {"name": "odd", "function": ["4wEA", None, None]}}
    )
    write_h5(tmp_path / "two.hdf5", config, two_dense_weights())
    error = only_error(tmp_path, "from: two.hdf5")
    assert error.code == "CMP520"
    assert "'odd'" in error.message


def test_what_is_no_hdf5_is_told_as_a_file_that_is_not_sound(tmp_path: Path) -> None:
    (tmp_path / "two.h5").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    error = only_error(tmp_path, "from: two.h5")
    assert error.code == "CMP502"
    assert (error.case, error.fields["path"]) == ("not-hdf5", "two.h5")
    assert str(tmp_path) not in error.message


def test_sha256_is_that_of_the_h5_file(model: Path) -> None:
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    assert prepared(model.parent, f"from: two.h5, sha256: {digest}").errors == ()
    error = only_error(model.parent, f"from: two.h5, sha256: {'0' * 64}")
    assert error.code == "CMP503"


def test_args_have_no_meaning(model: Path) -> None:
    assert only_error(model.parent, "from: two.h5, args: {a: 1}").code == "CMP505"


def test_repairs_are_one_warning_that_names_the_layers(tmp_path: Path) -> None:
    layers = two_dense()["config"]["layers"]
    layers.insert(1, {"class_name": "LeakyReLU", "config": {"name": "leak", "alpha": 0.5}})
    layers.append(dense("a/b", 3))
    config = {"class_name": "Sequential", "config": {"name": "two", "layers": layers}}
    mine = {"a/b/kernel:0": np.ones((3, 3)), "a/b/bias:0": np.ones(3)}
    weights = {**two_dense_weights(), "a/b": mine}
    write_h5(tmp_path / "two.h5", config, weights)
    (warning,) = prepared(tmp_path, "from: two.h5").diagnostics
    assert (warning.code, warning.severity) == ("CMP521", "warning")
    assert "two.h5 was saved by Keras 2.2.4" in warning.message
    assert [note.message for note in warning.notes] == [
        "alpha=0.5 renamed to negative_slope (leak)",
        "renamed to 'a_b': today's Keras has no / in names (a/b)",
    ]


def test_inspect_shows_layers_shapes_and_sizes_without_keras(model: Path) -> None:
    found = inspect_model(model)
    assert (found.name, found.keras_version, found.sequential) == ("two", "2.2.4", True)
    assert [(layer.name, layer.class_name, layer.parameters) for layer in found.layers] == [
        ("first_input", "InputLayer", 0),
        ("first", "Dense", 12),
        ("second", "Dense", 12),
    ]
    assert found.nbytes == 96
    assert str(found.layers[-1].outputs[0]) == "(None, 3) float32"
    assert found.warnings == ()


def test_inspect_tells_the_layers_of_a_nested_model_apart(tmp_path: Path) -> None:
    config = {"class_name": "Sequential", "config": {"name": "outer", "layers": [two_dense()]}}
    weights = two_dense_weights()
    write_h5(tmp_path / "a.h5", config, {"two": {**weights["first"], **weights["second"]}})
    nested = inspect_model(tmp_path / "a.h5").layers[-1]
    assert nested.parameters == 24
    assert [layer.parameters for layer in nested.inner] == [0, 12, 12]


def test_inspect_shows_what_can_not_be_imported_and_says_why(tmp_path: Path) -> None:
    config = two_dense()
    config["config"]["layers"].append({"class_name": "Lambda", "config": {"name": "odd"}})
    write_h5(tmp_path / "a.h5", config, two_dense_weights())
    found = inspect_model(tmp_path / "a.h5")
    assert [layer.name for layer in found.layers] == ["first_input", "first", "second", "odd"]
    assert found.parameters == 24
    (warning,) = found.warnings
    assert "it can't be linked: layer 'odd' is a Lambda" in warning


def test_a_layer_that_is_refused_and_left_behind_waits_for_keras_like_any_other(
    tmp_path: Path,
) -> None:
    config = two_dense()
    config["config"]["layers"].append({"class_name": "Lambda", "config": {"name": "odd"}})
    write_h5(tmp_path / "two.h5", config, two_dense_weights())
    found = prepared(tmp_path, "from: two.h5, exclude: [odd]")
    assert found.diagnostics == ()
    assert found.unchecked.imports == ("two",)
    assert only_error(tmp_path, "from: two.h5, nested: whole").code == "CMP520"
    assert only_error(tmp_path, "from: two.h5, trust: true").code == "CMP520"


def test_what_an_output_does_not_depend_on_is_not_refused(tmp_path: Path) -> None:
    config = two_dense()
    config["config"]["layers"].append({"class_name": "Lambda", "config": {"name": "odd"}})
    write_h5(tmp_path / "two.h5", config, two_dense_weights())
    spec = tmp_path / "spec.yaml"
    sources = "version: 1\nname: model\nsources:\n  two: {from: two.h5}\n"
    spec.write_text(f"{sources}outputs: 'two:second'\n")
    assert prepare(spec, store=Store(tmp_path / "store")).diagnostics == ()
    spec.write_text(f"{sources}outputs: 'two:odd'\n")
    (error,) = prepare(spec, store=Store(tmp_path / "store")).errors
    assert (error.code, error.path) == ("CMP520", ("sources", "two", "from"))


@pytest.mark.keras
def test_a_target_never_replaces_the_h5_file_it_comes_from(model: Path) -> None:
    before = model.read_bytes()
    prepared(model.parent, "from: two.h5")
    found = prepare(model.parent / "spec.yaml", deep=True, store=Store(model.parent / "store"))
    with pytest.raises(BuildError, check=lambda error: error.key == "CMP709.own-source"):
        build_spec(found, output=model)
    assert model.read_bytes() == before
