"""Layers of a user's own, as random models use them: dictionaries in and out, layers inside."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="properties")
class Blend(keras.layers.Layer):
    """Takes ``{"right": tensor, "left": tensor}`` and weighs the left one."""

    def build(self, input_shape: dict[str, Any]) -> None:
        self.gain = self.add_weight(shape=(input_shape["left"][-1],), name="gain")
        self.built = True

    def call(self, inputs: dict[str, Any]) -> Any:
        return inputs["left"] * self.gain + inputs["right"]

    def compute_output_shape(self, input_shape: dict[str, Any]) -> Any:
        return input_shape["left"]


@keras.saving.register_keras_serializable(package="properties")
class Fork(keras.layers.Layer):
    """Takes two tensors and puts out a dictionary; owns two layers in a list."""

    def __init__(self, units: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.stack = [keras.layers.Dense(units), keras.layers.Dense(units)]

    def build(self, first_shape: Any, second_shape: Any) -> None:
        self.stack[0].build(first_shape)
        self.stack[1].build(second_shape)
        self.built = True

    def call(self, first: Any, second: Any, gain: float = 1.0) -> dict[str, Any]:
        one, other = self.stack[0](first), self.stack[1](second)
        return {"sum": one + other * gain, "difference": one - other}

    def compute_output_shape(self, first_shape: Any, second_shape: Any) -> dict[str, Any]:
        shape = (*first_shape[:-1], self.units)
        return {"sum": shape, "difference": shape}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}
