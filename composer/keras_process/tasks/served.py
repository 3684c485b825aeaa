"""A loaded model as a function of plain tensors that puts out a dictionary by final names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow

_HALF = frozenset({"float16", "bfloat16"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A model as those see it who run it where there is no Keras.

    Attributes:
        model: a Functional one.
        inputs: names, one a flattened input.
        outputs: names, one a flattened output; each once.
    """

    model: Any
    inputs: list[str]
    outputs: list[str]

    def __call__(self, *tensors: Any) -> dict[str, Any]:
        """Return what the model computes at inference, by name."""
        packed = keras.tree.pack_sequence_as(self.model.input, list(tensors))
        found = keras.tree.flatten(self.model(packed, training=False))
        return dict(zip(self.outputs, found, strict=True))

    def as_graph(self) -> Any:
        """Return the same as a function that TensorFlow traces, which is how ``predict`` runs."""
        return tensorflow.function(self.__call__, autograph=False)

    @property
    def half(self) -> bool:
        """Whether a layer computes in less than single precision."""
        return any(layer.compute_dtype in _HALF for layer in self.model._flatten_layers())

    def signature(self) -> list[Any]:
        """Return the TensorFlow specs of the inputs, their batch sizes as the model has them.

        (What Keras itself exports takes any batch size, also where the model does not.)
        """
        return [
            tensorflow.TensorSpec(tensor.shape, tensor.dtype, name=name)
            for tensor, name in zip(self.model.inputs, self.inputs, strict=True)
        ]

    def layer_of(self, scope: str) -> str | None:
        """Return the layer that an operation of the graph was made for; None if it is unknown.

        Args:
            scope: name of the operation, such as ``model_1/dense_1/MatMul``. TensorFlow makes the
                names of scopes unique by the same number at the ends of all of them.
        """
        first, *rest = scope.split("/")
        if not first.startswith(self.model.name):
            return None
        number = first.removeprefix(self.model.name)
        names = {layer.name for layer in self.model.layers}
        return next((name for part in rest if (name := part.removesuffix(number)) in names), None)
