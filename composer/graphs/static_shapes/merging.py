"""Layers that merge several tensors into one (``keras/src/layers/merging``)."""

from __future__ import annotations

from collections.abc import Sequence

from composer.graphs.static_shapes.called import (
    Called,
    KerasRefusesError,
    Shape,
    UnknownError,
    is_number,
    known,
    several,
    shown,
)

_PAIR = 2


def elementwise(called: Called) -> Shape:
    """Return what ``Add`` and its kin put out; lengths of 1 are stretched."""
    shapes = [known(spec) for spec in called.tensors()]
    if called.class_name == "Subtract" and len(shapes) != _PAIR:
        raise KerasRefusesError(f"takes two tensors and is called with {len(shapes)}")
    batches = {shape[0] for shape in shapes} - {None}
    if len(batches) > 1:
        first, second = _first_two(shapes, 0)
        raise KerasRefusesError(
            f"needs inputs of one batch size; {shown(first)} and {shown(second)} differ at axis 0"
        )
    merged, sources = shapes[0][1:], [shapes[0]] * (len(shapes[0]) - 1)
    for shape in shapes[1:]:
        merged, sources = _stretched(merged, sources, shape)
    return (next(iter(batches), None), *merged)


def _stretched(merged: Shape, sources: list[Shape], shape: Shape) -> tuple[Shape, list[Shape]]:
    """Merge one more shape; ``sources`` has for each axis the shape that its length is from."""
    one = [*zip(merged, sources, strict=True)]
    other = [(length, shape) for length in shape[1:]]
    if len(one) < len(other):
        one, other = other, one
    result = one[: len(one) - len(other)]
    for (a, from_a), (b, from_b) in zip(one[len(one) - len(other) :], other, strict=True):
        if a is None or b is None:
            result.append((None, from_a if a is None else from_b))
        elif a == 1:
            result.append((b, from_b))
        elif b in (1, a):
            result.append((a, from_a))
        else:
            first, second = (from_b, from_a) if from_a is shape else (from_a, from_b)
            same_rank = len(first) == len(second)
            axis = len(result) + 1 if same_rank else len(result) - len(one)
            raise KerasRefusesError(
                f"needs inputs of one shape; {shown(first)} and {shown(second)} differ at axis "
                f"{axis}"
            )
    return tuple(length for length, _ in result), [source for _, source in result]


def _first_two(shapes: Sequence[Shape], axis: int) -> tuple[Shape, Shape]:
    """Return two shapes that differ at an axis."""
    known_there = [shape for shape in shapes if shape[axis] is not None]
    first = known_there[0]
    return first, next(shape for shape in known_there if shape[axis] != first[axis])


def concatenate(called: Called) -> Shape:
    """Return what ``Concatenate`` puts out."""
    shapes = [known(spec) for spec in called.tensors()]
    axis = called.argument("axis", -1)
    if len(shapes) < _PAIR or not is_number(axis):
        raise UnknownError
    rank = len(shapes[0])
    for shape in shapes[1:]:
        if len(shape) != rank:
            raise KerasRefusesError(
                f"needs inputs with one number of dimensions; {shown(shapes[0])} and "
                f"{shown(shape)} differ"
            )
    if not -rank <= axis < rank:
        raise KerasRefusesError(
            f"joins along axis {axis}, which {shown(shapes[0])} does not have", "axis"
        )
    axis %= rank
    for other in range(rank):
        if other != axis and len({shape[other] for shape in shapes} - {None}) > 1:
            first, second = _first_two(shapes, other)
            raise KerasRefusesError(
                f"needs inputs that differ along axis {axis} alone; {shown(first)} and "
                f"{shown(second)} differ at axis {other}"
            )
    lengths = [shape[axis] for shape in shapes]
    joined = None if None in lengths else sum(length or 0 for length in lengths)
    return (*shapes[0][:axis], joined, *shapes[0][axis + 1 :])


def dot(called: Called) -> Shape:
    """Return what ``Dot`` puts out."""
    shapes = [known(spec) for spec in called.tensors()]
    if len(shapes) != _PAIR:
        raise KerasRefusesError(f"takes two tensors and is called with {len(shapes)}")
    axes = several(called.argument("axes"), _PAIR, least=-len(shapes[0]) - len(shapes[1]))
    resolved = []
    for shape, axis in zip(shapes, axes, strict=True):
        if len(shape) < _PAIR:
            raise UnknownError
        if not -len(shape) <= axis < len(shape):
            raise KerasRefusesError(f"uses axis {axis}, which {shown(shape)} does not have", "axes")
        if axis % len(shape) == 0:
            raise UnknownError
        resolved.append(axis % len(shape))
    (one, other), (a, b) = shapes, resolved
    if one[a] != other[b]:
        raise KerasRefusesError(
            f"needs inputs of one length along its axes; axis {a} of {shown(one)} and axis {b} of "
            f"{shown(other)} differ"
        )
    if one[0] != other[0] and None not in (one[0], other[0]):
        raise UnknownError
    left = (*one[:a], *one[a + 1 :], *other[1:b], *other[b + 1 :])
    return left if len(left) > 1 else (*left, 1)
