"""Convolutions: plain, depthwise, separable, transposed (``keras/src/layers/convolutional``)."""

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
from composer.graphs.static_shapes.windows import slid


def convolution(dimensions: int) -> Callable[[Called], Shape]:
    """Return the rule of ``Conv1D`` to ``Conv3D``."""

    def rule(called: Called) -> Shape:
        shape, channels = _input(called, dimensions)
        filters, groups = called.number("filters"), called.number("groups", 1)
        if filters % groups:
            raise UnknownError
        between = _between(called, shape, dimensions, causal=dimensions == 1)
        if channels % groups:
            raise KerasRefusesError(
                f"can't split the {channels} channels of {shown(shape)} into {groups} groups",
                "groups",
            )
        return (shape[0], *between, filters)

    return rule


def depthwise(dimensions: int) -> Callable[[Called], Shape]:
    """Return the rule of ``DepthwiseConv1D`` and ``DepthwiseConv2D``."""

    def rule(called: Called) -> Shape:
        shape, channels = _input(called, dimensions)
        multiplier = called.number("depth_multiplier", 1)
        return (shape[0], *_between(called, shape, dimensions), channels * multiplier)

    return rule


def separable(dimensions: int) -> Callable[[Called], Shape]:
    """Return the rule of ``SeparableConv1D`` and ``SeparableConv2D``."""

    def rule(called: Called) -> Shape:
        shape, _ = _input(called, dimensions)
        called.number("depth_multiplier", 1)
        filters = called.number("filters")
        return (shape[0], *_between(called, shape, dimensions), filters)

    return rule


def transposed(dimensions: int) -> Callable[[Called], Shape]:
    """Return the rule of ``Conv1DTranspose`` to ``Conv3DTranspose``."""

    def rule(called: Called) -> Shape:
        shape, _ = _input(called, dimensions)
        filters = called.number("filters")
        windows, strides = _window(called, dimensions)
        padding = called.word("padding", "valid", ("valid", "same"))
        if called.argument("output_padding") is not None:
            raise UnknownError
        between: list[int | None] = []
        for length, window, stride in zip(shape[1:-1], windows, strides, strict=True):
            if length is None:
                between.append(None)
            elif padding == "same":
                between.append(length * stride)
            else:
                between.append((length - 1) * stride + max(window, stride))
        return (shape[0], *between, filters)

    return rule


def _input(called: Called, dimensions: int) -> tuple[Shape, int]:
    """Return the shape that comes in, and its number of channels."""
    shape = called.shape()
    called.channels_last()
    check_activation(called, "activation")
    called.needs_rank(shape, dimensions + 2)
    channels = shape[-1]
    if channels is None:
        raise KerasRefusesError(f"needs to know the number of channels and gets {shown(shape)}")
    return shape, channels


def _window(called: Called, dimensions: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the lengths of the window, dilation counted, and its strides."""
    kernel = called.numbers("kernel_size", dimensions)
    strides = called.numbers("strides", dimensions, 1)
    dilation = called.numbers("dilation_rate", dimensions, 1)
    if max(strides) > 1 and max(dilation) > 1:
        raise UnknownError
    windows = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    return windows, strides


def _between(called: Called, shape: Shape, dimensions: int, *, causal: bool = False) -> Shape:
    windows, strides = _window(called, dimensions)
    words = ("valid", "same", "causal") if causal else ("valid", "same")
    padding = called.word("padding", "valid", words)
    return slid(shape, windows, strides, padding=padding, argument="kernel_size")
