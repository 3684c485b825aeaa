"""Which layers take ``training``: the table against Keras."""

from __future__ import annotations

import inspect

import pytest

from composer.graphs.training import TAKES_TRAINING


@pytest.mark.keras
def test_the_table_names_the_layers_of_keras_whose_call_has_the_argument():
    import keras

    layers = {
        found
        for found in vars(keras.layers).values()
        if inspect.isclass(found) and issubclass(found, keras.layers.Layer)
    }
    taking = {
        layer.__name__ for layer in layers if "training" in inspect.signature(layer.call).parameters
    }
    assert taking == TAKES_TRAINING
