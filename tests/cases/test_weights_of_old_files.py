"""Weights alone, saved by tf-keras as ``.h5``: linked into an architecture of today's Keras."""

from __future__ import annotations

import pytest

from tests.cases.case_tools import saved_by

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return saved_by("save_keras2_weights.py", tmp_path_factory.mktemp("weights"))


def reader():
    import keras
    from keras import layers

    x = keras.Input((5, 3), name="words")
    y = layers.Bidirectional(layers.LSTM(4, return_sequences=True), name="both")(x)
    y = layers.MultiHeadAttention(2, 4, name="attention")(y, y)
    y = layers.BatchNormalization(name="norm")(layers.GlobalAveragePooling1D(name="mean")(y))
    y = layers.Dense(8, name="dense")(y)
    return keras.Model(x, layers.Dense(8, name="scores")(y), name="reader")


def bits(model):
    import numpy as np

    return [np.asarray(weight).tobytes() for weight in model.get_weights()]


def spec(case, weights):
    return f"sources: {{it: {{from: {case.folder}/reader.keras, weights: {weights}}}}}"


@pytest.mark.parametrize("name", ["reader.h5", "whole.h5"])
def test_every_weight_lands_where_keras_loads_it(case, saved, name):
    model = case.save("reader", reader, seed=1)
    before = bits(model)
    built = case.build(spec(case, saved / name), deep=True)
    model.load_weights(saved / name)
    assert bits(built) == bits(model) != before


def test_a_weights_file_of_the_last_keras_2_is_linked_without_keras(case, saved):
    import keras
    from keras import layers

    def mlp():
        stack = [keras.Input((4,)), layers.Dense(3), layers.BatchNormalization(), layers.Dense(2)]
        return keras.Sequential(stack)

    model = case.save("reader", mlp, seed=1)
    built = case.build(spec(case, saved / "mlp.weights.h5"))
    model.load_weights(saved / "mlp.weights.h5")
    assert bits(built) == bits(model)


def test_exchanged_layers_of_equal_shapes_load_wrong_in_keras_and_are_refused_here(case, saved):
    model = case.save("reader", reader, seed=1)
    model.load_weights(saved / "exchanged.h5")  # says nothing
    (error,) = case._prepare(spec(case, saved / "exchanged.h5"), deep=True).errors
    assert error.code == "CMP523"
    assert error.fields["crossed"] == ("'scores' into 'dense'", "'dense' into 'scores'")
    by_names = f"{{file: {saved}/exchanged.h5, by: names}}"
    built = case.build(spec(case, by_names), deep=True)
    model.load_weights(saved / "exchanged.h5", by_name=True)
    assert bits(built) == bits(model)


def test_another_name_is_a_warning_and_the_order_decides(case, saved):
    model = case.save("reader", reader, seed=1)
    (warning,) = case._prepare(spec(case, saved / "renamed.h5"), deep=True).diagnostics
    assert (warning.code, warning.severity) == ("CMP524", "warning")
    assert warning.message.endswith("hidden into dense")
    model.load_weights(saved / "renamed.h5")
    assert bits(case.build(spec(case, saved / "renamed.h5"), deep=True)) == bits(model)


def test_layers_that_the_file_lacks_are_named_without_starting_keras(case, saved):
    import keras

    def longer():
        model = reader()
        return keras.Model(model.input, keras.layers.Dense(3, name="more")(model.output))

    case.save("reader", longer)
    (error,) = case._prepare(spec(case, saved / "reader.h5"), deep=False).errors
    assert error.code == "CMP523"
    assert "it has weights for 5 layers, and 6 layers have any" in error.message
    assert "it names none for 'more'" in error.message


@pytest.mark.slow
def test_published_weights_of_resnet50_without_its_head(case, saved):
    import keras

    weights = saved / "resnet50_notop.h5"
    built = case.build(
        "sources: {backbone: {from: app:ResNet50, args: {weights: null, include_top: false}, "
        f"weights: {weights}}}}}",
        deep=True,
    )
    model = keras.applications.ResNet50(weights=None, include_top=False)
    model.load_weights(weights)
    assert bits(built) == bits(model)
