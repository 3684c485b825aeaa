"""Layers that add, remove or repeat rows: padding, cropping, upsampling."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from composer.graphs.graph import Json
from composer.graphs.static_shapes.called import (
    Called,
    KerasRefusesError,
    Shape,
    UnknownError,
    is_number,
    several,
    shown,
)

_PAIR = 2


def zero_padding(dimensions: int) -> Callable[[Called], Shape]:
    """Return the rule of ``ZeroPadding1D`` to ``3D``."""

    def rule(called: Called) -> Shape:
        shape = called.shape()
        called.channels_last()
        pairs = _pairs(called.argument("padding", 1), dimensions)
        called.needs_rank(shape, dimensions + 2)
        return _inner(
            shape, [_plus(n, sum(pair)) for n, pair in zip(shape[1:-1], pairs, strict=True)]
        )

    return rule


def cropping(dimensions: int) -> Callable[[Called], Shape]:
    """Return the rule of ``Cropping1D`` to ``3D``."""
    default: Json = 1 if dimensions in (1, 3) else 0

    def rule(called: Called) -> Shape:
        shape = called.shape()
        called.channels_last()
        pairs = _pairs(called.argument("cropping", default), dimensions)
        called.needs_rank(shape, dimensions + 2)
        for axis, pair in enumerate(pairs, start=1):
            length = shape[axis]
            if length is not None and sum(pair) >= length:
                raise KerasRefusesError(
                    f"would cut off {sum(pair)} of {length} along axis {axis} of {shown(shape)}",
                    "cropping",
                )
        return _inner(
            shape, [_plus(n, -sum(pair)) for n, pair in zip(shape[1:-1], pairs, strict=True)]
        )

    return rule


def up_sampling(dimensions: int) -> Callable[[Called], Shape]:
    """Return the rule of ``UpSampling1D`` to ``3D``."""

    def rule(called: Called) -> Shape:
        shape = called.shape()
        called.channels_last()
        size = called.argument("size", 2)
        if dimensions == 1 and not is_number(size):
            raise UnknownError
        factors = several(size, dimensions)
        called.needs_rank(shape, dimensions + 2)
        return _inner(
            shape, [None if n is None else n * f for n, f in zip(shape[1:-1], factors, strict=True)]
        )

    return rule


def _pairs(value: Json, dimensions: int) -> list[tuple[int, ...]]:
    """Return how many rows at the beginning and the end of each axis."""
    if is_number(value):
        return [several(value, _PAIR, least=0)] * dimensions
    if not isinstance(value, list | tuple):
        raise UnknownError
    if dimensions == 1:
        return [several(value, _PAIR, least=0)]
    if len(value) != dimensions:
        raise UnknownError
    return [several(item, _PAIR, least=0) for item in value]


def _plus(length: int | None, more: int) -> int | None:
    return None if length is None else length + more


def _inner(shape: Shape, lengths: Sequence[int | None]) -> Shape:
    return (shape[0], *lengths, shape[-1])
