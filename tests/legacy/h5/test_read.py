"""Models of old files in today's form: repaired, or refused with the layer's full name."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from composer.errors import FormatError
from composer.graphs.graph import TensorRef
from composer.legacy.h5.keras3 import KnownClasses
from composer.legacy.h5.read import LegacyModel, read_legacy_model
from tests.legacy.h5.handmade import (
    dense,
    two_dense,
    two_dense_weights,
    write_h5,
)

KNOWN = KnownClasses(
    layers={name: name for name in ("Add", "Dense", "InputLayer", "Lambda")},
    operations={"Add": "keras.src.ops.numpy"},
)


def read(folder: Path, config: Any, weights: Any = None, **more: Any) -> LegacyModel:
    path = write_h5(folder / "a.h5", config, {} if weights is None else weights, **more)
    return read_legacy_model(path, KNOWN)


def refused(folder: Path, config: Any, weights: Any = None, **more: Any) -> FormatError:
    with pytest.raises(FormatError) as caught:
        read(folder, config, weights, **more)
    assert caught.value.code in ("CMP520", "CMP502")
    return caught.value


def entry(class_name: str, name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": name, "trainable": True, **config}}


def sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    layers = copy.deepcopy(layers)
    layers[0]["config"]["batch_input_shape"] = [None, 8, 8, 3]
    return {"class_name": "Sequential", "config": {"name": "model", "layers": list(layers)}}


def test_a_sequential_of_keras_2_2_gets_an_input_layer_and_plain_initializers(
    tmp_path: Path,
) -> None:
    model = read(tmp_path, two_dense(), two_dense_weights())
    assert [op.name for op in model.graph.operations] == ["first_input", "first", "second"]
    assert model.config["config"]["layers"][1]["config"]["kernel_initializer"]["config"] == {}
    assert [t.name for t in model.weights["second"]] == ["second/kernel", "second/bias"]
    assert model.graph.repairs == ()


def test_a_sequential_that_is_a_bare_list_is_read_alike(tmp_path: Path) -> None:
    config = two_dense()
    bare = {"class_name": "Sequential", "config": config["config"]["layers"]}
    model = read(tmp_path, bare, two_dense_weights(), version="2.1.6")
    assert [op.name for op in model.graph.operations] == ["first_input", "first", "second"]


def test_a_sequential_that_begins_with_a_model_takes_that_models_input(tmp_path: Path) -> None:
    config = {
        "class_name": "Sequential",
        "config": {"name": "outer", "layers": [two_dense(), dense("head", 2)]},
    }
    model = read(tmp_path, config)
    first = model.graph.operations[0]
    assert (first.name, first.config["batch_shape"]) == ("two_input", [None, 3])


def test_a_sequential_without_a_shape_is_refused(tmp_path: Path) -> None:
    config = {"class_name": "Sequential", "config": {"name": "bare", "layers": [dense("d", 2)]}}
    error = refused(tmp_path, config)
    assert error.case == "no-shape"
    assert error.help


def test_a_gru_from_before_reset_after_computes_as_it_did(tmp_path: Path) -> None:
    gru = entry("GRU", "gru", units=3, batch_input_shape=[None, 5, 2])
    config = {"class_name": "Sequential", "config": {"name": "m", "layers": [gru]}}
    graph = read(tmp_path, config).graph
    assert graph.operations[1].config["reset_after"] is False
    assert [str(repair) for repair in graph.repairs] == ["gru: reset_after=False written down"]


def test_slashes_in_names_are_replaced_everywhere_and_weights_follow(tmp_path: Path) -> None:
    layers = [
        {**entry("InputLayer", "in/put", batch_input_shape=[None, 3]), "name": "in/put",
         "inbound_nodes": []},
        {**dense("a/b", 3), "name": "a/b", "inbound_nodes": [[["in/put", 0, 0, {}]]]},
        {**dense("a_b", 3), "name": "a_b", "inbound_nodes": [[["a/b", 0, 0, {}]]]},
    ]  # fmt: skip
    config = {
        "name": "m/n",
        "layers": layers,
        "input_layers": [["in/put", 0, 0]],
        "output_layers": [["a_b", 0, 0]],
    }
    weights = {"a/b": {"a/b/kernel:0": np.eye(3)}}
    model = read(tmp_path, {"class_name": "Model", "config": config}, weights)
    assert [op.name for op in model.graph.operations] == ["in_put", "a_b_", "a_b"]
    assert model.graph.inputs == TensorRef("in_put")
    (call,) = model.graph.operations[2].calls
    assert [tensor.ref.operation for tensor in call.tensors()] == ["a_b_"]
    assert list(model.weights) == ["a_b_"]
    assert {repair.layer for repair in model.graph.repairs} == {"in/put", "a/b"}


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (entry("Lambda", "odd", function=["4wEAAA==", None, None]), "'odd' is a Lambda"),
        (entry("Scale", "odd"), "layer 'odd' (Scale)"),
        (entry("mine>Scale", "odd"), "mine>Scale"),
        (entry("Dense", "odd", units=3, activation="hard_sigmoid"), "'odd' (Dense)"),
        (entry("CuDNNLSTM", "odd", units=3), "'odd' (CuDNNLSTM)"),
        (entry("LSTM", "odd", units=3, time_major=True), "time_major=True"),
        (entry("Dense", "odd", units=3, lora_rank=2), "'odd' (Dense)"),
        (entry("StringLookup", "odd", vocabulary=None), "'odd' (StringLookup)"),
        (entry("StringLookup", "odd", vocabulary="/etc/passwd"), "names '/etc/passwd'"),
        (
            entry("TimeDistributed", "odd", layer=entry("Lambda", "inside", function="f")),
            "'odd/inside' is a Lambda",
        ),
    ],
)
def test_what_can_not_be_carried_over_is_refused_with_its_layer(
    tmp_path: Path, layer: dict[str, Any], words: str
) -> None:
    model = read(tmp_path, sequential(entry("Flatten", "flat"), layer))
    (aside,) = model.aside
    assert aside.path == "odd"
    assert words in aside.refusal.why
    assert aside.refusal.help
    found = {op.name: (op.class_name, op.refused) for op in model.graph.operations}
    assert found["odd"] == (layer["class_name"].rpartition(">")[2], aside.refusal)
    assert found["flat"][1] is None


def test_a_class_of_another_package_behind_a_layer_of_keras_is_refused(tmp_path: Path) -> None:
    bomb = {"module": "os", "class_name": "system", "config": {}, "registered_name": "system"}
    model = read(tmp_path, sequential(entry("Dense", "d", units=2, kernel_initializer=bomb)))
    (aside,) = model.aside
    assert "layer 'd'" in aside.refusal.why
    assert not aside.made
    assert '"os"' not in json.dumps(model.config)


def test_tools_of_keras_that_fetch_files_are_no_parts_of_a_model(tmp_path: Path) -> None:
    bomb = {"module": "keras.utils", "class_name": "get_file", "config": {"origin": "x"}}
    model = read(tmp_path, sequential(entry("Dense", "d", units=2, kernel_initializer=bomb)))
    (aside,) = model.aside
    assert "get_file" in aside.refusal.why
    assert "get_file" not in json.dumps(model.config)


def test_convolutions_of_theano_are_refused_and_other_layers_are_not(tmp_path: Path) -> None:
    read(tmp_path, two_dense(), two_dense_weights(), backend="theano")
    config = sequential(entry("Conv2D", "conv", filters=2, kernel_size=[3, 3]))
    weights = {"conv": {"conv/kernel:0": np.zeros((3, 3, 3, 2))}}
    (aside,) = read(tmp_path, config, weights, backend="theano").aside
    assert (aside.path, aside.made) == ("conv", True)
    assert "layer 'conv' (Conv2D)" in aside.refusal.why


def test_weights_of_a_layer_that_the_config_does_not_have_are_refused(tmp_path: Path) -> None:
    weights = {**two_dense_weights(), "third": {"third/kernel:0": np.zeros((2, 2))}}
    assert "'third'" in refused(tmp_path, two_dense(), weights).message


def test_the_state_of_a_random_generator_is_left_out_and_said_to_be(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "a.h5", sequential(entry("RandomFlip", "flip")), {"flip": {}})
    import h5py

    with h5py.File(path, "a") as file:
        group = file["model_weights/flip"]
        group.attrs["weight_names"] = [b"StateVar:0"]
        group["StateVar:0"] = np.zeros(3, "int64")
    model = read_legacy_model(path, KNOWN)
    assert model.weights == {}
    assert [r.layer for r in model.graph.repairs] == ["flip"]


def functional_of_keras_3(*layers: dict[str, Any]) -> dict[str, Any]:
    inputs = entry("InputLayer", "x", batch_shape=[None, 3])
    entries = [{**inputs, "name": "x", "inbound_nodes": []}]
    for layer in layers:
        before = entries[-1]["name"]
        tensor = {
            "class_name": "__keras_tensor__",
            "config": {"shape": [None, 3], "dtype": "float32", "keras_history": [before, 0, 0]},
        }
        call = {"args": [tensor, 2.0][: 1 + (layer["class_name"] == "Add")], "kwargs": {}}
        entries.append({**layer, "name": layer["config"]["name"], "inbound_nodes": [call]})
    config = {
        "name": "m",
        "trainable": True,
        "layers": entries,
        "input_layers": [["x", 0, 0]],
        "output_layers": [[entries[-1]["name"], 0, 0]],
    }
    return {"class_name": "Functional", "config": config}


def test_an_operation_of_keras_3_is_told_from_the_layer_of_its_name(tmp_path: Path) -> None:
    operation = {"class_name": "Add", "config": {"name": "plus"}}
    config = functional_of_keras_3(operation, entry("Dense", "d", units=3))
    model = read(tmp_path, config, version="3.15.1")
    assert [op.kind for op in model.graph.operations] == ["input", "operator", "layer"]
    assert model.graph.operations[1].module == "keras.src.ops.numpy"


@pytest.mark.parametrize("class_name", ["Lambda", "Scale", "mine>Scale"])
def test_files_of_keras_3_may_not_carry_code_either(tmp_path: Path, class_name: str) -> None:
    error = refused(tmp_path, functional_of_keras_3(entry(class_name, "odd")), version="3.15.1")
    assert "layer 'odd'" in error.message


def test_a_class_of_a_program_that_is_called_like_one_of_keras_is_not_taken_for_it(
    tmp_path: Path,
) -> None:
    ours = entry("AddLoss", "loss", unconditional=False)
    theirs = entry("AddLoss", "loss", unconditional=False, scale=2.0)
    model = read(tmp_path, sequential(entry("Flatten", "flat"), ours))
    assert model.aside == ()
    assert model.graph.operations[-1].class_name == "Identity"
    (aside,) = read(tmp_path, sequential(entry("Flatten", "flat"), theirs)).aside
    assert aside.path == "loss"


def test_a_sequential_that_would_keep_a_guessed_shape_is_refused(tmp_path: Path) -> None:
    inner = {
        "class_name": "Sequential",
        "config": {"name": "inner", "layers": [entry("Flatten", "inside")]},
    }
    config = sequential(entry("Flatten", "flat"), entry("Scale", "odd"), inner)
    error = refused(tmp_path, config)
    assert "'inner'" in error.message
    config["config"]["layers"].pop()
    assert read(tmp_path, config).aside
