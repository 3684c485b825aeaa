"""Cases about names in configs: what Keras would not find again is reported before a build."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.cases.case_tools import rewritten
from tests.legacy.h5.handmade import dense, write_h5

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]

FUNCTION = {"class_name": "function", "registered_name": "function"}
UNKNOWN = {**FUNCTION, "module": "builtins", "config": "foo"}


@pytest.mark.parametrize("version", ["2.2.4", "2.15.0", "3.15.1"])
@pytest.mark.parametrize("activation", ["<lambda>", {"value": ["4wEAAAA=\n", None, None]}])
def test_case_48_a_lambda_as_activation_in_an_h5_file(case, version, activation):
    layer = dense("a", 3, activation=activation, batch_input_shape=[None, 4])
    config = {"class_name": "Sequential", "config": {"name": "net", "layers": [layer]}}
    weights = {"a": {"a/kernel:0": np.ones((4, 3)), "a/bias:0": np.ones(3)}}
    write_h5(case.folder / "net.hdf5", config, weights, version=version)
    (refusal,) = case.refused("sources: {net: {from: net.hdf5}}")
    assert refusal.code == "CMP520"
    assert refusal.path == ("sources", "net", "from")
    assert "'a' (Dense)" in refusal.message


@pytest.fixture
def named(case):
    """Save a model whose layer 'a' has other words in its config than Keras wrote there."""
    import keras

    def net():
        x = keras.Input((4,), name="x")
        y = keras.layers.Dense(3, activation="relu", name="a")(x)
        return keras.Model(x, keras.layers.Dense(2, name="b")(y), name="net")

    def save(key, value):
        case.save("net", net)

        def change(text):
            config = json.loads(text)
            config["config"]["layers"][1]["config"][key] = value
            return json.dumps(config)

        rewritten(case.folder / "net.keras", "config.json", change)
        return case

    return save


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("activation", UNKNOWN, "CMP533"),
        ("activation", {**UNKNOWN, "module": "keras.activations"}, "CMP533"),
        ("activation", "foo", "CMP509"),
        ("kernel_initializer", "foo", "CMP533"),
        ("kernel_regularizer", "foo", "CMP509"),
        ("bias_constraint", "foo", "CMP509"),
    ],
)
def test_case_311_what_keras_does_not_find_is_refused(named, key, value, code):
    case = named(key, value)
    (refusal,) = case.refused("sources: {net: {from: net.keras}}")
    assert refusal.code == code
    assert "'a' (Dense)" in refusal.message
    # Nothing of a layer counts that stays behind.
    spec = (
        "inputs: {h: {shape: [3]}}\nsources: {net: {from: net.keras, exclude: [a], inputs: {a: h}}}"
    )
    assert case.artifact(spec).is_file()


def test_case_311_what_keras_finds_or_the_spec_names_is_linked(named):
    for key, value in (
        ("activation", {**UNKNOWN, "config": "tanh"}),
        ("activation", {**UNKNOWN, "module": "keras.ops", "config": "relu"}),
        ("kernel_initializer", "he_normal"),
        ("kernel_regularizer", "l2"),
        ("bias_constraint", "non_neg"),
    ):
        assert named(key, value).build("sources: {net: {from: net.keras}}").name == "result"
    case = named("activation", {**UNKNOWN, "config": "shop>foo"})
    code = "def foo(x):\n    return x\n\n\ndef bar(x):\n    return x\n"
    (case.folder / "shop_layers.py").write_text(code, encoding="utf-8")
    objects = "sources: {net: {from: net.keras, objects: ['shop_layers:foo']}}"
    assert case.artifact(objects).is_file()
    assert case.refused(objects.replace(":foo", ":bar"))[0].code == "CMP533"
