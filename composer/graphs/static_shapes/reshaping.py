"""Layers that arrange what comes in anew (``keras/src/layers/reshaping``)."""

from __future__ import annotations

from math import prod

from composer.graphs.graph import TensorSpec
from composer.graphs.static_shapes.called import (
    Called,
    KerasRefusesError,
    Shape,
    UnknownError,
    is_number,
    known,
    shown,
)

_OPEN = -1


def reshape(called: Called) -> TensorSpec:
    """Return what ``Reshape`` puts out; any dtype."""
    spec = called.tensor()
    shape = known(spec)
    target = called.argument("target_shape")
    if not isinstance(target, list | tuple) or not all(map(is_number, target)):
        raise UnknownError
    if any(length < _OPEN or length == 0 for length in target) or target.count(_OPEN) > 1:
        raise UnknownError
    return TensorSpec((shape[0], *_filled(shape, target)), spec.dtype)


def _filled(shape: Shape, target: list[int] | tuple[int, ...]) -> Shape:
    sizes = [length for length in shape[1:] if length is not None]
    if len(sizes) < len(shape) - 1:
        return tuple(None if length == _OPEN else length for length in target)
    size, wanted = prod(sizes), prod(length for length in target if length != _OPEN)
    if size % wanted if _OPEN in target else size != wanted:
        many = "a multiple of " if _OPEN in target else ""
        raise KerasRefusesError(
            f"can't make {list(target)} of {shown(shape)}: a sample has {size} numbers, and that "
            f"takes {many}{wanted}",
            "target_shape",
        )
    return tuple(size // wanted if length == _OPEN else length for length in target)


def flatten(called: Called) -> TensorSpec:
    """Return what ``Flatten`` puts out; any dtype."""
    spec = called.tensor()
    called.channels_last()
    shape = known(spec)
    sizes = [length for length in shape[1:] if length is not None]
    size = prod(sizes) if len(sizes) == len(shape) - 1 else None
    return TensorSpec((shape[0], size), spec.dtype)


def permute(called: Called) -> TensorSpec:
    """Return what ``Permute`` puts out; any dtype."""
    spec = called.tensor()
    shape = known(spec)
    dims = called.argument("dims")
    if not isinstance(dims, list | tuple) or not all(map(is_number, dims)):
        raise UnknownError
    if sorted(dims) != list(range(1, len(dims) + 1)):
        raise UnknownError
    if len(dims) != len(shape) - 1:
        raise KerasRefusesError(
            f"puts {len(dims)} axes in order and gets {len(shape) - 1} behind the batch "
            f"({shown(shape)})",
            "dims",
        )
    return TensorSpec((shape[0], *(shape[axis] for axis in dims)), spec.dtype)


def repeat_vector(called: Called) -> Shape:
    """Return what ``RepeatVector`` puts out."""
    shape = called.shape()
    called.needs_rank(shape, 2)
    return (shape[0], called.number("n"), shape[1])


def identity(called: Called) -> TensorSpec:
    """Return what ``Identity`` puts out; any dtype."""
    return called.tensor(alone=False)
