"""Activations that leave shape and dtype as they are (``keras/src/activations``)."""

from __future__ import annotations

from composer.graphs.static_shapes.called import Called, Shape, UnknownError

SAME_SHAPE = frozenset(
    {
        "celu",
        "elu",
        "exponential",
        "gelu",
        "hard_shrink",
        "hard_sigmoid",
        "hard_silu",
        "hard_swish",
        "hard_tanh",
        "leaky_relu",
        "linear",
        "log_sigmoid",
        "log_softmax",
        "mish",
        "relu",
        "relu6",
        "selu",
        "sigmoid",
        "silu",
        "soft_shrink",
        "softmax",
        "softplus",
        "softsign",
        "sparse_plus",
        "sparse_sigmoid",
        "squareplus",
        "swish",
        "tanh",
        "tanh_shrink",
    }
)
"""By name. ``glu``, which halves an axis, ``sparsemax`` and ``threshold`` are missing."""


def check_activation(called: Called, name: str, default: str | None = None) -> None:
    """Give up where an activation is not one of those that leave shapes alone."""
    value = called.argument(name, default)
    if value is not None and not (isinstance(value, str) and value in SAME_SHAPE):
        raise UnknownError


def activation(called: Called) -> Shape:
    """Return what ``Activation`` puts out."""
    shape = called.shape(alone=False)
    if "activation" not in called.arguments:
        raise UnknownError
    check_activation(called, "activation")
    return shape


def softmax(called: Called) -> Shape:
    """Return what ``Softmax`` puts out."""
    shape = called.shape(alone=False)
    axis = called.argument("axis", -1)
    axes = axis if isinstance(axis, list | tuple) else [axis]
    if not all(isinstance(item, int) and -len(shape) <= item < len(shape) for item in axes):
        raise UnknownError
    return shape


def prelu(called: Called) -> Shape:
    """Return what ``PReLU`` puts out; it has a weight for each number of a sample."""
    shape = called.shape(alone=False)
    if None in shape[1:] or called.argument("shared_axes") is not None:
        raise UnknownError
    return shape
