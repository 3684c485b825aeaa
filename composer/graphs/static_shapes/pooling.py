"""Pooling, in windows and over all (``keras/src/layers/pooling``)."""

from __future__ import annotations

from collections.abc import Callable

from composer.graphs.static_shapes.called import Called, Shape, several
from composer.graphs.static_shapes.windows import slid


def pooling(dimensions: int, size: int | None) -> Callable[[Called], Shape]:
    """Return the rule of pooling in windows.

    Args:
        dimensions: 1 to 3.
        size: of the window where it is left out; None where it can't be.
    """

    def rule(called: Called) -> Shape:
        shape = called.shape()
        called.channels_last()
        windows = called.numbers("pool_size", dimensions, size)
        strides = called.argument("strides")
        steps = windows if strides is None else several(strides, dimensions)
        padding = called.word("padding", "valid", ("valid", "same"))
        called.needs_rank(shape, dimensions + 2)
        between = slid(shape, windows, steps, padding=padding, argument="pool_size")
        return (shape[0], *between, shape[-1])

    return rule


def global_pooling(dimensions: int) -> Callable[[Called], Shape]:
    """Return the rule of pooling over all that lies between batch and channels."""

    def rule(called: Called) -> Shape:
        shape = called.shape()
        called.channels_last()
        keep = called.flag("keepdims")
        called.needs_rank(shape, dimensions + 2)
        return (shape[0], *([1] * dimensions if keep else []), shape[-1])

    return rule
