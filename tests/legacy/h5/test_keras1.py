"""Classes and arguments of Keras 1 in today's words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from composer.errors import FormatError
from composer.legacy.h5.keras1 import second_spelling
from composer.legacy.h5.read import read_legacy_model
from tests.legacy.h5.handmade import write_h5
from tests.legacy.h5.test_read import KNOWN

CONVOLUTION = {
    "name": "convolution2d_1", "trainable": True, "batch_input_shape": [None, 8, 8, 3],
    "input_dtype": "float32", "nb_filter": 4, "nb_row": 3, "nb_col": 2, "init": "glorot_uniform",
    "activation": "relu", "border_mode": "same", "subsample": [2, 1], "dim_ordering": "tf",
    "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.5}, "b_regularizer": None,
    "activity_regularizer": None, "W_constraint": None, "b_constraint": None, "bias": True,
}  # fmt: skip
DENSE = {
    "name": "dense_1", "trainable": True, "output_dim": 2, "init": "uniform", "input_dim": None,
    "activation": "softmax", "W_regularizer": None, "b_regularizer": None, "bias": True,
    "activity_regularizer": None, "W_constraint": None, "b_constraint": None,
}  # fmt: skip
LAYERS = [
    {"class_name": "Convolution2D", "config": CONVOLUTION},
    {"class_name": "Dropout", "config": {"name": "dropout_1", "trainable": True, "p": 0.25}},
    {"class_name": "Flatten", "config": {"name": "flatten_1", "trainable": True}},
    {"class_name": "Dense", "config": DENSE},
]
WEIGHTS = {
    "convolution2d_1": {
        "convolution2d_1_W:0": np.linspace(-1, 1, 72).reshape(3, 2, 3, 4),
        "convolution2d_1_b:0": np.arange(4.0),
    },
    "dropout_1": {},
    "flatten_1": {},
    "dense_1": {
        "dense_1_W:0": np.linspace(-1, 1, 256).reshape(128, 2),
        "dense_1_b:0": np.arange(2.0),
    },
}


def small(path: Path) -> Path:
    config = {"class_name": "Sequential", "config": LAYERS}
    return write_h5(path, config, WEIGHTS, version="1.2.2")


def test_a_sequential_of_keras_1_is_read_in_todays_words(tmp_path: Path) -> None:
    model = read_legacy_model(small(tmp_path / "a.h5"), KNOWN)
    input_, convolution, dropout, _, dense = model.graph.operations
    assert (input_.class_name, input_.config["batch_shape"]) == ("InputLayer", [None, 8, 8, 3])
    assert convolution.class_name == "Conv2D"
    expected = {
        "filters": 4, "kernel_size": [3, 2], "padding": "same", "strides": [2, 1],
        "data_format": "channels_last", "use_bias": True,
    }  # fmt: skip
    assert expected.items() <= convolution.config.items()
    assert convolution.config["kernel_regularizer"]["config"] == {"l1": 0.0, "l2": 0.5}
    assert dropout.config["rate"] == 0.25
    assert (dense.config["units"], dense.config["kernel_initializer"]) == (2, "random_uniform")
    said = {repair.layer: repair.what for repair in model.graph.repairs}
    assert said["convolution2d_1"] == "Convolution2D of Keras 1 written as Conv2D"


def layer(class_name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": "odd", "trainable": True, **config}}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (layer("LSTM", output_dim=3), "'odd' (LSTM)"),
        (layer("MaxoutDense", output_dim=3), "'odd' (MaxoutDense)"),
        (layer("BatchNormalization", mode=2), "mode=2"),
        (layer("Merge", mode="dot", dot_axes=1), "it merges by 'dot'"),
        (layer("Convolution2D", **{**CONVOLUTION, "name": "odd", "dim_ordering": "th"}), "first"),
        (layer("Embedding", input_dim=3, output_dim=2, dropout=0.5), "dropout=0.5"),
        (
            layer("Dense", **{**DENSE, "name": "odd", "W_constraint": {"name": "MaxNorm"}}),
            "kernel_",
        ),
    ],
)
def test_what_keras_1_stored_or_computed_otherwise_is_refused(
    entry: dict[str, Any], words: str
) -> None:
    with pytest.raises(FormatError) as caught:
        second_spelling({"class_name": "Sequential", "config": [entry]})
    assert caught.value.code == "CMP520"
    fields = caught.value.fields
    assert fields["layer"] == "odd"
    assert words in f"'odd' ({fields['class_name']}) {fields['reason']}"


def test_a_merge_becomes_the_layer_of_its_mode() -> None:
    merges = [layer("Merge", mode="concat", concat_axis=1), layer("Merge", mode="sum")]
    changed, repairs = second_spelling({"class_name": "Sequential", "config": merges})
    assert [entry["class_name"] for entry in changed["config"]] == ["Concatenate", "Add"]
    assert changed["config"][0]["config"]["axis"] == 1
    assert len(repairs) == 2
