"""The three ways around overlapping names, from a Sequential in ``.h5`` as Keras 2 saved it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.specs.test_shipped_specs import compose

pytestmark = [pytest.mark.keras, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    script = Path(__file__).with_name("save_sequential_h5.py")
    done = subprocess.run(
        [sys.executable, str(script), str(folder)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def numbers(saved):
    import numpy as np

    return np.load(saved / "mlp.npz")


def built(saved, name, *sources):
    """Build a recipe with the ``.h5`` file in the place of its own, and load the result."""
    import keras

    target = saved / f"{name}.keras"
    instead = [f"sources.{source}.from={saved / 'mlp.h5'}" for source in sources]
    done = compose(
        "build", f"specs/{name}.yaml", *instead, "-o", str(target), "--verify",
        COMPOSE_HOME=str(saved / "store"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "failed" not in done.stdout
    return keras.saving.load_model(target)


def names(model):
    return [layer.name for layer in model.layers if type(layer).__name__ == "Dense"]


def same(found, wanted):
    import numpy as np

    return np.array_equal(np.asarray(found), wanted)


def test_first_way_new_layers_are_named_by_the_spec(saved, numbers):
    import keras

    model = built(saved, "named_layers", "mlp")
    assert names(model) == ["dense_input", "dense_hidden_1", "new_hidden", "new_output"]
    hidden = keras.Model(model.input, model.get_layer("dense_hidden_1").output)
    assert same(hidden(numbers["input"], training=False), numbers["dense_hidden_1"])


def test_second_way_a_copy_whose_layers_end_in_a_suffix(saved, numbers):
    model = built(saved, "suffix_clone", "original", "clone")
    assert sorted(names(model)) == sorted(
        name + end
        for name in ("dense_input", "dense_hidden_1", "dense_output")
        for end in ("", "_cloned")
    )
    for output in model(numbers["input"], training=False):
        assert same(output, numbers["dense_output"])
    assert not model.get_layer("dense_input_cloned").trainable
    assert model.get_layer("dense_input").trainable


def test_third_way_layers_that_are_selected_by_name(saved, numbers):
    model = built(saved, "selected_layers", "mlp")
    assert names(model) == [
        "selected_dense_input",
        "selected_dense_hidden_1",
        "selected_dense_output",
    ]
    assert same(model(numbers["input"], training=False), numbers["dense_output"])
