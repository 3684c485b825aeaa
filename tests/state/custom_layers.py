"""Layers of a user's own, registered with Keras; whoever loads a model that uses them imports it."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("tests")
class LayerBox(layers.Layer):
    """Keeps layers in a list, a dict and a list of lists."""

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.units = units
        self.chain = [layers.Dense(units, name="same"), layers.Dense(units, name="same")]
        self.named = {"b": layers.Dense(units), "a": layers.BatchNormalization()}
        self.pairs = [[layers.Dense(units)], [layers.LayerNormalization()]]

    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(shape=(self.units,), name="scale")
        inside = (*shape[:-1], self.units)
        self.chain[0].build(shape)
        for layer in (self.chain[1], *self.named.values(), self.pairs[0][0], self.pairs[1][0]):
            layer.build(inside)

    def call(self, x: Any, training: bool | None = None) -> Any:
        x = self.chain[1](self.chain[0](x))
        x = self.named["a"](self.named["b"](x), training=training)
        return self.pairs[1][0](self.pairs[0][0](x)) * self.scale

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("tests")
class SharingLayer(layers.Layer):
    """Holds one layer under two attributes."""

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.units = units
        self.first = layers.Dense(units)
        self.again = self.first

    def build(self, shape: Any) -> None:
        self.first.build(shape)

    def call(self, x: Any) -> Any:
        return self.again(self.first(x))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("tests")
class TiedHead(layers.Layer):
    """Multiplies by the weights of an embedding that is a layer of the model as well."""

    def __init__(self, embedding: Any, **options: Any) -> None:
        super().__init__(**options)
        self.embedding = embedding

    def build(self, shape: Any) -> None:
        self.bias = self.add_weight(shape=(self.embedding.input_dim,), name="bias")

    def call(self, x: Any) -> Any:
        return ops.matmul(x, ops.transpose(self.embedding.embeddings)) + self.bias

    def get_config(self) -> dict[str, Any]:
        embedding = keras.saving.serialize_keras_object(self.embedding)
        return {**super().get_config(), "embedding": embedding}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TiedHead:
        embedding = keras.saving.deserialize_keras_object(config.pop("embedding"))
        return cls(embedding, **config)


@keras.saving.register_keras_serializable("tests")
class TwoHeads(keras.Model):
    """A subclassed model: a file of it holds its arguments, and no graph."""

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.units = units
        self.trunk = layers.Dense(units, name="trunk")
        self.heads = [layers.Dense(2, name="left"), layers.Dense(3, name="right")]

    def call(self, x: Any, training: bool | None = None) -> Any:
        x = self.trunk(x)
        return [head(x) for head in self.heads]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("tests")
class AddIfGiven(layers.Layer):
    """Takes an input that may be left out."""

    def call(self, x: Any, extra: Any = None) -> Any:
        return x if extra is None else x + extra

    def compute_output_shape(self, x_shape: Any, extra_shape: Any = None) -> Any:
        return x_shape
