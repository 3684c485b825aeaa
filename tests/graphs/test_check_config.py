"""What Keras never writes is refused at the door, with the layer and the key."""

from __future__ import annotations

from typing import Any

import pytest

from composer.errors import FormatError
from composer.graphs.check_config import check_config
from composer.graphs.reader import read_graph


def model(**changes: Any) -> dict[str, Any]:
    tensor = {
        "class_name": "__keras_tensor__",
        "config": {"shape": [None, 3], "dtype": "float32", "keras_history": ["x", 0, 0]},
    }
    layers = [
        {"class_name": "InputLayer", "module": "keras.layers", "name": "x",
         "config": {"name": "x", "batch_shape": [None, 3]}, "inbound_nodes": []},
        {"class_name": "Dense", "module": "keras.layers", "name": "d",
         "config": {"name": "d", "units": 2}, "inbound_nodes": [{"args": [tensor], "kwargs": {}}]},
    ]  # fmt: skip
    layers[1] |= changes
    config = {"name": "m", "layers": layers, "input_layers": [["x", 0, 0]],
              "output_layers": [["d", 0, 0]]}  # fmt: skip
    return {"module": "keras", "class_name": "Functional", "config": config}


def refused(document: dict[str, Any]) -> FormatError:
    with pytest.raises(FormatError) as caught:
        read_graph(document)
    assert caught.value.code == "CMP502"
    return caught.value


def test_a_sound_config_passes() -> None:
    check_config(model())
    read_graph(model())


@pytest.mark.parametrize(
    ("changes", "key", "found"),
    [
        ({"class_name": ["Dense"]}, "class_name", "['Dense']"),
        ({"module": [1]}, "module", "[1]"),
        ({"name": {"a": 1}}, "name", "{'a': 1}"),
        ({"registered_name": 7}, "registered_name", "7"),
        ({"inbound_nodes": True}, "inbound_nodes", "True"),
        ({"build_config": ["x"]}, "build_config", "['x']"),
        ({"config": {"name": "d", "dtype": 0.5}}, "dtype", "0.5"),
        ({"config": {"name": "d", "dtype": {"class_name": "DTypePolicy", "config": 0.5}}}, "config", "0.5"),
        ({"config": {"name": "d", "deep": [[{"class_name": None}]]}}, "class_name", "None"),
    ],
)  # fmt: skip
def test_what_keras_never_writes_is_refused_with_its_layer(changes, key, found) -> None:
    fields = refused(model(**changes)).fields
    assert (fields["name"], fields["found"]) == (key, found)
    assert "'d'" in str(fields["where"]) or "config" in changes


def test_a_config_without_a_class_is_refused() -> None:
    assert refused({"config": {"layers": []}}).fields["name"] == "class_name"


def test_what_a_compile_config_holds_is_no_matter() -> None:
    read_graph(model(compile_config={"class_name": [1]}))


@pytest.mark.parametrize("shape", [["a"], [True], [[1]], [{}]])
def test_a_shape_that_is_none_is_refused(shape) -> None:
    document = model()
    call = document["config"]["layers"][1]["inbound_nodes"][0]
    call["args"][0]["config"]["shape"] = shape
    assert refused(document).case == "call-tensor"


def test_a_dtype_that_is_no_text_is_refused() -> None:
    document = model()
    call = document["config"]["layers"][1]["inbound_nodes"][0]
    call["args"][0]["config"]["dtype"] = ["float32"]
    assert refused(document).case == "call-tensor"


def test_an_output_that_no_layer_has_so_many_of_is_refused_and_not_counted_up_to() -> None:
    document = model()
    document["config"]["output_layers"] = [["d", 0, 10**30]]
    assert refused(document).fields["limit"] == 4095


def test_a_tensor_of_a_layer_that_is_never_called_is_refused() -> None:
    assert refused(model(inbound_nodes=[])).case == "missing-call"
