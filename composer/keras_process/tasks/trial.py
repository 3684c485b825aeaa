"""Runs a layer once on small data, to see whether it computes anything from what it is given.

Keras infers shapes without running most layers: a ``Reshape`` of the wrong size, two lengths that
don't fit in the layer's own code, or a ``call`` that raises come to light only here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy
import tensorflow

from composer.keras_process.tasks.random_inputs import BATCH, SIZES

Arguments = tuple[list[Any], dict[str, Any]]
"""Positional and keyword arguments of one call, with ``KerasTensor`` leaves."""

Fill = Callable[[tuple[int, ...], bool], Any]
"""Makes an array of a shape; of whole numbers or not."""

_MOST_NUMBERS = 2**22
_MOST_PRODUCTS = 2**30
"""Above these a layer is traced and not run: about 16 MB of data, or half a second."""

_MOST_STEPS = 100

_NOT_THE_LAYER = (
    MemoryError,
    tensorflow.errors.InternalError,
    tensorflow.errors.NotFoundError,
    tensorflow.errors.ResourceExhaustedError,
    tensorflow.errors.UnimplementedError,
)
"""What this machine can't do, and another one may: no memory, no such operation for its CPU."""
_ONLY_HERE = ("on CPU", "on the CPU", "type CPU", "NHWC")
_WORDS = ("a", "b")


def failure_when_run(layer: Any, calls: Sequence[Arguments]) -> tuple[Exception, str] | None:
    """Call a layer on data of the shapes that it was called with, as in the graph.

    What a layer takes may be narrower than its shapes and dtypes say: indices up to a size,
    matrices that have an inverse, sequences of one length. So it fails only if it fails on all of
    several data, and again where TensorFlow follows shapes alone through its code.

    Args:
        layer: built, and called symbolically.
        calls: in their order.

    Returns:
        None where it ran, could not be tried here, or may need other data; else what was raised
        at first, and the shapes that it was raised for.
    """
    if callable(getattr(layer, "adapt", None)):
        return None  # it may have to see the user's data before it can run
    first: tuple[Exception, str] | None = None
    for size in SIZES if _is_open(calls) else SIZES[:1]:
        for fill in (_random, _zeros, _ones, _eye):
            try:
                _run(layer, calls, size, fill)
            except _FailedError as failed:
                if _is_local(failed.problem):
                    return None
                first = first or (failed.problem, failed.shapes)
            else:
                return None
    return first if _fails_for_all_data(layer, calls) else None


def _fails_for_all_data(layer: Any, calls: Sequence[Arguments]) -> bool:
    try:
        for args, kwargs in calls:
            _trace(layer, args, kwargs, None)
    except Exception as problem:
        # As above.
        return not _is_local(problem)
    return False


class _FailedError(Exception):
    def __init__(self, problem: Exception, shapes: str) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.shapes = shapes


def _run(layer: Any, calls: Sequence[Arguments], size: int, fill: Fill) -> None:
    for args, kwargs in calls:
        tensors = [leaf for leaf in keras.tree.flatten((args, kwargs)) if _is_tensor(leaf)]
        shapes = [_closed(tensor.shape, size) for tensor in tensors]
        shown = ", ".join(f"({', '.join(map(str, shape))})" for shape in shapes)
        try:
            if _is_large(layer, shapes):
                _trace(layer, args, kwargs, size)
            else:
                layer(*_with_data(args, size, fill), **_with_data(kwargs, size, fill))
        except Exception as problem:
            # Layers raise what they like; whatever it is, it is the answer.
            raise _FailedError(problem, shown) from problem


def _trace(layer: Any, args: Any, kwargs: Any, size: int | None) -> None:
    """Let TensorFlow infer the shapes of a call through the layer's own code.

    ``size`` is that of open dimensions behind the batch; None leaves them open.
    """
    specs = keras.tree.map_structure(
        lambda leaf: (
            tensorflow.TensorSpec(_closed(leaf.shape, size), leaf.dtype)
            if _is_tensor(leaf)
            else leaf
        ),
        (args, kwargs),
    )
    flat = keras.tree.flatten(specs)
    places = [n for n, leaf in enumerate(flat) if isinstance(leaf, tensorflow.TensorSpec)]

    def call(*tensors: Any) -> Any:
        filled = list(flat)
        for place, tensor in zip(places, tensors, strict=True):
            filled[place] = tensor
        inner_args, inner_kwargs = keras.tree.pack_sequence_as(specs, filled)
        return layer(*inner_args, **inner_kwargs)

    tensorflow.function(call).get_concrete_function(*(flat[place] for place in places))


# ---------------------------------------------------------------- data


def _random(shape: tuple[int, ...], whole: bool) -> Any:  # noqa: FBT001
    generator = numpy.random.default_rng(0)
    return generator.integers(0, 2, shape) if whole else generator.uniform(-1.0, 1.0, shape)


def _zeros(shape: tuple[int, ...], whole: bool) -> Any:  # noqa: ARG001, FBT001
    return numpy.zeros(shape)


def _ones(shape: tuple[int, ...], whole: bool) -> Any:  # noqa: ARG001, FBT001
    return numpy.ones(shape)


def _eye(shape: tuple[int, ...], whole: bool) -> Any:  # noqa: ARG001, FBT001
    """Return matrices that have an inverse, a root and what else operations on matrices need."""
    if len(shape) < 2:  # noqa: PLR2004
        return numpy.ones(shape)
    return numpy.broadcast_to(numpy.eye(shape[-2], shape[-1]), shape)


def _with_data(tree: Any, size: int, fill: Fill) -> Any:
    def data(leaf: Any) -> Any:
        if not _is_tensor(leaf):
            return leaf
        shape = _closed(leaf.shape, size)
        dtype = keras.backend.standardize_dtype(leaf.dtype)
        if dtype == "string":
            return tensorflow.constant(numpy.resize(numpy.array(_WORDS), shape))
        whole = dtype == "bool" or "int" in dtype
        return keras.ops.cast(keras.ops.convert_to_tensor(fill(shape, whole)), dtype)

    return keras.tree.map_structure(data, tree)


# ---------------------------------------------------------------- how much


def _is_tensor(leaf: Any) -> bool:
    return isinstance(leaf, keras.KerasTensor)


def _is_open(calls: Sequence[Arguments]) -> bool:
    return any(None in leaf.shape[1:] for leaf in keras.tree.flatten(calls) if _is_tensor(leaf))


def _closed(shape: Sequence[int | None], size: int | None) -> tuple[Any, ...]:
    return tuple(
        length if length is not None else (size if axis else BATCH)
        for axis, length in enumerate(shape)
    )


def _is_large(layer: Any, shapes: Sequence[tuple[int, ...]]) -> bool:
    """Tell whether running a layer would take more than a moment."""
    if isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional):
        steps = max((shape[1] for shape in shapes if len(shape) > 1), default=0)
        if steps > _MOST_STEPS:  # one after the other
            return True
    numbers = sum(int(numpy.prod(shape, dtype=numpy.int64)) for shape in shapes)
    weights = max(map(_size, getattr(layer, "weights", ())), default=0)
    places = sum(int(numpy.prod(shape[:-1], dtype=numpy.int64)) for shape in shapes)
    return numbers > _MOST_NUMBERS or weights * places > _MOST_PRODUCTS


def _size(variable: Any) -> int:
    return int(numpy.prod(variable.shape, dtype=numpy.int64))


def _is_local(problem: Exception) -> bool:
    """Tell whether it is this machine that can't do something, such as one without a GPU."""
    return isinstance(problem, _NOT_THE_LAYER) or any(words in str(problem) for words in _ONLY_HERE)
