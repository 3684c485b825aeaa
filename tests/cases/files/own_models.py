"""Classes of models and layers that are none of Keras's, for the tests of cases."""

from __future__ import annotations

import keras


@keras.saving.register_keras_serializable("own_models")
class Doubled(keras.Sequential):
    """Computes something else than its layers."""

    def call(self, inputs, training=None, mask=None):
        return 2 * super().call(inputs, training=training, mask=mask)


@keras.saving.register_keras_serializable("own_models")
class Nameless(keras.layers.Layer):
    """Keeps no name in its config."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), name="scale")

    def call(self, inputs):
        return inputs * self.scale

    def get_config(self):
        return {}
