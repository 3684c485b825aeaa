"""Case 43: an export is compared with what ``predict`` computes, where a direct call differs."""

from __future__ import annotations

import pytest

from composer.workflows.building import build_spec
from tests.cases.case_tools import bits

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]


@pytest.mark.slow
def test_case_43_bytes_into_a_resizing_in_front(case):
    import keras
    import numpy as np
    import tensorflow as tf

    def net():
        x = keras.Input((8, 8, 3), name="x")
        return keras.Model(x, keras.layers.Conv2D(2, 3, name="conv")(x), name="net")

    case.save("net", net)
    spec = """
inputs: {image: {shape: [10, 10, 3], dtype: uint8}}
layers: {size: {class: Resizing, args: {height: 8, width: 8}, inputs: image}}
sources: {net: {from: net.keras, inputs: size}}
output: {path: build/result, format: [keras, saved_model, h5]}
"""
    prepared = case._prepare(spec, deep=True)
    assert prepared.errors == ()
    files = {file.format: file for file in build_spec(prepared).files}
    for name in ("saved_model", "h5"):
        assert "direct call" in files[name].comparison.otherwise
    image = np.random.default_rng(3).integers(0, 256, (2, 10, 10, 3), dtype="uint8")
    linked = keras.saving.load_model(files["keras"].path)
    with pytest.raises(Exception, match="uint8"):
        linked(image)
    loaded = tf.saved_model.load(str(files["saved_model"].path))
    served = loaded.signatures["serving_default"](image=tf.constant(image))
    assert np.allclose(next(iter(served.values())), linked.predict(image, verbose=0), atol=1e-3)
    assert bits(keras.saving.load_model(files["h5"].path).predict(image, verbose=0)) == bits(
        linked.predict(image, verbose=0)
    )
