"""``Dense`` and ``Embedding`` (``keras/src/layers/core``)."""

from __future__ import annotations

from composer.graphs.graph import TensorSpec
from composer.graphs.static_shapes.activations import check_activation
from composer.graphs.static_shapes.called import (
    Called,
    KerasRefusesError,
    Shape,
    UnknownError,
    known,
    shown,
)

_LEAST_RANK = 2


def dense(called: Called) -> Shape:
    """Return what ``Dense`` puts out."""
    shape = called.shape()
    if len(shape) < _LEAST_RANK:
        raise KerasRefusesError(
            f"needs an axis of features behind the batch and gets {shown(shape)}"
        )
    if shape[-1] is None:
        raise KerasRefusesError(
            f"needs to know the length of the last axis and gets {shown(shape)}"
        )
    units = called.number("units")
    check_activation(called, "activation")
    return (*shape[:-1], units)


def embedding(called: Called) -> TensorSpec:
    """Return what ``Embedding`` puts out, for whole numbers as for floats."""
    spec = called.tensor()
    called.number("input_dim")
    width = called.number("output_dim")
    if spec.dtype in ("string", "bool") or called.argument("weights") is not None:
        raise UnknownError
    return TensorSpec((*known(spec), width), called.dtype)
