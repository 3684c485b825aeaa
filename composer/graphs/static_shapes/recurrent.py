"""Recurrent layers (``keras/src/layers/rnn``)."""

from __future__ import annotations

from collections.abc import Callable

from composer.graphs.static_shapes.activations import check_activation
from composer.graphs.static_shapes.called import (
    Called,
    KerasRefusesError,
    Shape,
    UnknownError,
    shown,
)


def recurrent(states: int) -> Callable[[Called], list[Shape]]:
    """Return the rule of a recurrent layer.

    Args:
        states: how many states its cell has.
    """

    def rule(called: Called) -> list[Shape]:
        shape = called.shape("sequences")
        units = called.number("units")
        check_activation(called, "activation", "tanh")
        check_activation(called, "recurrent_activation", "sigmoid")
        called.needs_rank(shape, 3)
        batch, length, features = shape
        if features is None:
            raise KerasRefusesError(f"needs to know the number of features and gets {shown(shape)}")
        if called.flag("stateful") and batch is None:
            raise KerasRefusesError(
                f"keeps its state, for which it needs to know the batch size, and gets "
                f"{shown(shape)}",
                "stateful",
            )
        if called.flag("unroll") and length is None:
            raise UnknownError
        out: Shape = (batch, length, units) if called.flag("return_sequences") else (batch, units)
        state: Shape = (batch, units)
        return [out] + ([state] * states if called.flag("return_state") else [])

    return rule
