"""Changes along one axis, lowered to expressions: pad, repeat, reduce, interpolate.

What only moves values keeps the operand's dtype. What computes has float64 until the caller casts
it, so that a value is rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from composer.tensors.expression import Combine, Join, TensorExpr, Terms, Zeros, take


def pad(
    operand: TensorExpr, axis: int, length: int, *, fresh: TensorExpr | None = None
) -> TensorExpr:
    """Return ``operand`` with slices behind it until the axis has ``length``.

    Args:
        operand: of any dtype that can be made.
        axis: counted from 0.
        length: not less than the axis has now.
        fresh: a tensor of the final shape and the operand's dtype, such as one that the layer's
            initializer made; its last slices are used. Without it, zeros are.

    Raises:
        ValueError: the axis is longer already, or ``fresh`` doesn't fit.
    """
    missing = length - operand.shape[axis]
    if missing < 0:
        raise ValueError(f"an axis of {operand.shape[axis]} can't be padded to {length}")
    if not missing:
        return operand
    if fresh is not None:
        rest = take(fresh, axis, range(length - missing, length))
    else:
        shape = (*operand.shape[:axis], missing, *operand.shape[axis + 1 :])
        rest = Zeros(shape=shape, dtype=operand.dtype)
    return Join((operand, rest), axis)


def repeat(operand: TensorExpr, axis: int, length: int, *, scale: bool = False) -> TensorExpr:
    """Return the slices of ``operand`` in turn until the axis has ``length``.

    Args:
        operand: of any dtype; with ``scale`` of floating point.
        axis: counted from 0.
        length: longer or shorter than the axis is now.
        scale: whether each slice is divided by how often it is there, so that the sum along the
            axis stays, whatever the values: a layer that gets the same input repeated computes the
            same.

    Raises:
        ValueError: ``scale`` with fewer slices than there are, of which the sum can't stay.
    """
    now = operand.shape[axis]
    indices = [index % now for index in range(length)]
    if not scale:
        return take(operand, axis, indices)
    if length < now:
        raise ValueError(f"{length} of {now} slices can't have the sum of all")
    if length == now:
        return operand
    return Combine(operand, axis, tuple(((i, 1 / indices.count(i)),) for i in indices))


def reduce(operand: TensorExpr, axis: int, length: int, how: Literal["sum", "mean"]) -> TensorExpr:
    """Return sums or means of groups of neighbouring slices.

    Args:
        operand: of floating point.
        axis: counted from 0.
        length: number of groups, all of one size.
        how: what becomes of a group.

    Raises:
        ValueError: the slices can't be put into ``length`` groups of one size.
    """
    now = operand.shape[axis]
    if length < 1 or now % length:
        raise ValueError(f"{now} slices can't be put into {length} groups of one size")
    size = now // length
    if size == 1:
        return operand
    # The mean as a sum by weights: its size is a small number, and float64 has bits to spare.
    weight = 1.0 if how == "sum" else 1 / size
    terms = tuple(
        tuple((group * size + index, weight) for index in range(size)) for group in range(length)
    )
    return Combine(operand, axis, terms)


def interpolate(
    operand: TensorExpr,
    axis: int,
    grid: Sequence[int],
    to: Sequence[int],
    *,
    keep: int = 0,
) -> TensorExpr:
    """Return an axis that stands for positions on a line or a grid, for another size of it.

    Linear or bilinear with half-pixel centres, clamped at the edges, without antialiasing: the
    convention of ``tf.image.resize(…, "bilinear")`` and of ``keras.ops.image.resize``.

    Args:
        operand: of floating point.
        axis: counted from 0.
        grid: what the axis stands for: ``(length,)`` or ``(height, width)``, row-major.
        to: the same for the result.
        keep: slices at the begin of the axis that stand for no position, such as that of a class
            token; they stay.

    Raises:
        ValueError: the axis has not as many slices as the grid, or the two grids differ in kind.
    """
    now = operand.shape[axis]
    if len(grid) != len(to) or len(grid) not in (1, 2) or min(*grid, *to) < 1:
        raise ValueError(f"no interpolation from {tuple(grid)} to {tuple(to)}")
    if keep + math.prod(grid) != now:
        raise ValueError(f"{now} slices are not {keep} and a grid of {tuple(grid)}")
    if tuple(grid) == tuple(to):
        return operand
    kept: list[Terms] = [((index, 1.0),) for index in range(keep)]
    lines = [_line(old, new) for old, new in zip(grid, to, strict=True)]
    if len(lines) == 1:
        lines.insert(0, [((0, 1.0),)])
    positions = [
        tuple(
            (keep + row * grid[-1] + column, high * wide)
            for row, high in rows
            for column, wide in columns
        )
        for rows in lines[0]
        for columns in lines[1]
    ]
    return Combine(operand, axis, (*kept, *positions))


def _line(old: int, new: int) -> list[Terms]:
    """Return for each of ``new`` positions its neighbours among ``old``, and their weights."""
    found: list[Terms] = []
    for position in range(new):
        # Exact before the division, so that symmetric positions get symmetric weights.
        at = ((2 * position + 1) * old - new) / (2 * new)
        below = math.floor(at)
        above = at - below
        if below < 0 or below >= old - 1 or not above:
            found.append(((min(max(below, 0), old - 1), 1.0),))
        else:
            found.append(((below, 1 - above), (below + 1, above)))
    return found
