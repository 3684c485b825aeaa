"""Normalisation, which has weights along some axes (``keras/src/layers/normalization``)."""

from __future__ import annotations

from composer.graphs.static_shapes.called import (
    Called,
    KerasRefusesError,
    Shape,
    UnknownError,
    is_number,
    shown,
)


def normalization(called: Called) -> Shape:
    """Return what a normalisation puts out: what came in."""
    shape = called.shape(alone=False)
    given = called.argument("axis", -1)
    axes = list(given) if isinstance(given, list | tuple) else [given]
    several = called.class_name not in ("BatchNormalization", "GroupNormalization")
    if not axes or not all(map(is_number, axes)) or (not several and axes != [given]):
        raise UnknownError
    for axis in axes:
        if not -len(shape) <= axis < len(shape):
            raise KerasRefusesError(f"uses axis {axis}, which {shown(shape)} does not have", "axis")
    resolved = {axis % len(shape) for axis in axes}
    if len(resolved) != len(axes) or 0 in resolved:
        raise UnknownError
    if called.class_name == "UnitNormalization":
        return shape
    if any(shape[axis] is None for axis in resolved):
        raise UnknownError
    if called.class_name == "GroupNormalization":
        _check_groups(called, shape, next(iter(resolved)))
    return shape


def _check_groups(called: Called, shape: Shape, axis: int) -> None:
    groups, channels = called.number("groups", 32, least=-1), shape[axis] or 0
    if groups == 0:
        raise UnknownError
    if groups > 0 and channels % groups:
        raise KerasRefusesError(
            f"can't split the {channels} channels of {shown(shape)} into {groups} groups", "groups"
        )
