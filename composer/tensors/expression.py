"""``TensorExpr``: what a tensor of the result is made of.

A tensor is a copy of one in a file (:class:`Stored`), or is made: of moved values (:class:`Take`,
:class:`Join`, :class:`Zeros`), which keep their dtype and are never computed with, or of computed
ones (:class:`Combine`, :class:`Product`, :class:`Merge`). Whatever computes, computes in float64
and has that dtype; :class:`Cast` rounds once, at the end. Shape and dtype follow from an expression
alone, and a wrong one can't be made.

:mod:`composer.tensors.axes` has the words of the language that lower to these: pad, repeat,
reduce, interpolate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from composer.container.stored import TensorInFile, bytes_of
from composer.tensors.dtypes import COMPUTED, FLOATS, storage_of
from composer.tensors.merge_method import MergeMethod, Value

Shape: TypeAlias = tuple[int, ...]
Terms: TypeAlias = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Typed:
    """What is known of every expression without reading a byte.

    Attributes:
        shape: empty for a scalar.
        dtype: Keras's name, such as ``float32`` or ``bfloat16``.
        storage: numpy's spelling of the stored bytes, such as ``<f4``, or ``|V2`` for bfloat16.
    """

    shape: Shape = field(init=False, repr=False, compare=False)
    dtype: str = field(init=False, repr=False, compare=False)
    storage: str = field(init=False, repr=False, compare=False)

    @property
    def operands(self) -> tuple[TensorExpr, ...]:
        """The expressions that this one is made from, in order."""
        return ()

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that the elements take."""
        return bytes_of(self.shape, self.storage)

    def _is(self, shape: Sequence[int], dtype: str, storage: str | None = None) -> None:
        object.__setattr__(self, "shape", tuple(shape))
        object.__setattr__(self, "dtype", dtype)
        object.__setattr__(self, "storage", storage or storage_of(dtype))


@dataclass(frozen=True, slots=True)
class Stored(_Typed):
    """A tensor of a file, copied as it is."""

    source: TensorInFile

    def __post_init__(self) -> None:
        tensor = self.source.tensor
        self._is(tensor.shape, tensor.logical_dtype, tensor.dtype)


@dataclass(frozen=True, slots=True)
class Zeros(_Typed):
    """Zeros of a shape and a dtype, such as those of a padding."""

    shape: Shape
    dtype: str

    def __post_init__(self) -> None:
        self._is(self.shape, self.dtype)


@dataclass(frozen=True, slots=True)
class Cast(_Typed):
    """Another floating-point dtype, rounded to nearest, ties to even.

    A finite value that becomes infinite is an error of the evaluation.
    """

    operand: TensorExpr
    to: str

    def __post_init__(self) -> None:
        _floats("cast", self.operand)
        if self.to not in FLOATS:
            raise ValueError(f"no cast to {self.to!r}; expected {', '.join(FLOATS)}")
        self._is(self.operand.shape, self.to)

    @property
    def operands(self) -> tuple[TensorExpr, ...]:
        """See the class above."""
        return (self.operand,)


@dataclass(frozen=True, slots=True)
class Take(_Typed):
    """Slices along an axis, in any order and as often as named."""

    operand: TensorExpr
    axis: int
    indices: tuple[int, ...]

    def __post_init__(self) -> None:
        length = _length(self.operand, self.axis)
        wrong = [index for index in self.indices if not 0 <= index < length]
        if wrong:
            raise ValueError(f"no index {wrong[0]} along an axis of {length}")
        shape = _replaced(self.operand.shape, self.axis, len(self.indices))
        self._is(shape, self.operand.dtype, self.operand.storage)

    @property
    def operands(self) -> tuple[TensorExpr, ...]:
        """See the class above."""
        return (self.operand,)


@dataclass(frozen=True, slots=True)
class Join(_Typed):
    """Tensors of one dtype, one behind the other along an axis."""

    parts: tuple[TensorExpr, ...]
    axis: int

    def __post_init__(self) -> None:
        first = self.parts[0]
        total = sum(_length(part, self.axis) for part in self.parts)
        shape = _replaced(first.shape, self.axis, total)
        for part in self.parts:
            if (part.dtype, part.storage) != (first.dtype, first.storage):
                raise ValueError(f"{part.dtype} can't be joined to {first.dtype}")
            if _replaced(part.shape, self.axis, total) != shape:
                raise ValueError(f"{part.shape} can't be joined to {first.shape}")
        self._is(shape, first.dtype, first.storage)

    @property
    def operands(self) -> tuple[TensorExpr, ...]:
        """See the class above."""
        return self.parts


@dataclass(frozen=True, slots=True)
class Combine(_Typed):
    """Weighted sums of slices along an axis: ``result[j] = Σ weight · operand[index]``.

    Attributes:
        terms: for each index of the result, the indices of the operand and their weights. They are
            added in this order.
    """

    operand: TensorExpr
    axis: int
    terms: tuple[Terms, ...]

    def __post_init__(self) -> None:
        _floats("combination", self.operand)
        length = _length(self.operand, self.axis)
        for terms in self.terms:
            if not terms:
                raise ValueError("a sum of no terms has no value")
            for index, weight in terms:
                if not 0 <= index < length or not math.isfinite(weight):
                    raise ValueError(f"no term {weight} · [{index}] along an axis of {length}")
        self._is(_replaced(self.operand.shape, self.axis, len(self.terms)), COMPUTED)

    @property
    def operands(self) -> tuple[TensorExpr, ...]:
        """See the class above."""
        return (self.operand,)


@dataclass(frozen=True, slots=True)
class Product(_Typed):
    """``left · right`` over the last axis of ``left``: (…, rank) by (rank, n) is (…, n).

    As Keras multiplies the factors of an adapter (``lora_kernel_a``, ``lora_kernel_b``). The sums
    run over the rank in ascending order, and not through BLAS.
    """

    left: TensorExpr
    right: TensorExpr

    def __post_init__(self) -> None:
        _floats("product", self.left, self.right)
        match self.left.shape, self.right.shape:
            case (*rows, rank), (other, columns) if rank == other > 0:
                self._is((*rows, columns), COMPUTED)
            case left, right:
                raise ValueError(f"no product of {left} and {right}")

    @property
    def operands(self) -> tuple[TensorExpr, ...]:
        """See the class above."""
        return (self.left, self.right)


@dataclass(frozen=True, slots=True)
class Merge(_Typed):
    """Tensors of one shape made into one by a merge method.

    Attributes:
        method: see :class:`composer.tensors.merge_method.MergeMethod`.
        models: the tensors, in the order that the method goes by.
        parameters: all of the method's, by name in its order; :func:`merge` fills in defaults.
    """

    method: MergeMethod
    models: tuple[TensorExpr, ...]
    parameters: tuple[tuple[str, Value], ...]

    def __post_init__(self) -> None:
        _floats(f"merge by {self.method.name}", *self.models)
        if not self.models:
            raise ValueError(f"a merge by {self.method.name} of no tensors")
        shape = self.models[0].shape
        for model in self.models:
            if model.shape != shape:
                raise ValueError(f"{model.shape} can't be merged with {shape}")
        if self.method.complete(dict(self.parameters), len(self.models)) != dict(self.parameters):
            raise ValueError(f"the parameters of {self.method.name} are not complete")
        self._is(shape, COMPUTED)

    @property
    def operands(self) -> tuple[TensorExpr, ...]:
        """See the class above."""
        return self.models


TensorExpr: TypeAlias = Stored | Zeros | Cast | Take | Join | Combine | Product | Merge


def cast(operand: TensorExpr, dtype: str) -> TensorExpr:
    """Return ``operand`` in another dtype, or itself where it has that dtype."""
    return operand if operand.dtype == dtype else Cast(operand, dtype)


def take(operand: TensorExpr, axis: int, indices: Sequence[int]) -> TensorExpr:
    """Return slices of ``operand`` along an axis, or itself where that is all of them in order."""
    if tuple(indices) == tuple(range(_length(operand, axis))):
        return operand
    return Take(operand, axis, tuple(indices))


def merge(
    method: MergeMethod, models: Sequence[TensorExpr], parameters: Mapping[str, Value]
) -> Merge:
    """Return a merge with the method's defaults for the parameters that are not given.

    Raises:
        ValueError: see :meth:`MergeMethod.complete`; or the tensors differ in shape, or are not
            of floating point.
    """
    complete = method.complete(parameters, len(models))
    return Merge(method, tuple(models), tuple(complete.items()))


def walk(expression: TensorExpr) -> Iterator[TensorExpr]:
    """Yield an expression and all below it, operands before what is made of them, each once."""
    seen: set[int] = set()
    waiting: list[tuple[TensorExpr, bool]] = [(expression, False)]
    while waiting:
        node, ready = waiting.pop()
        if ready:
            yield node
        elif id(node) not in seen:
            seen.add(id(node))
            waiting.append((node, True))
            waiting.extend((operand, False) for operand in reversed(node.operands))


def lineage(expression: TensorExpr) -> tuple[TensorInFile, ...]:
    """Return the stored tensors that an expression is made from, each once, in its order."""
    if isinstance(expression, Stored):
        return (expression.source,)
    found = (node.source for node in walk(expression) if isinstance(node, Stored))
    return tuple(dict.fromkeys(found))


def attributes(expression: TensorExpr) -> tuple[tuple[str, Any], ...]:
    """Return the attributes of the dataset that an expression becomes."""
    if isinstance(expression, Stored):
        return expression.source.tensor.attributes
    return (("dtype", expression.dtype),) if expression.storage.startswith("|V") else ()


def _floats(what: str, *operands: TensorExpr) -> None:
    for operand in operands:
        if operand.dtype not in FLOATS:
            raise ValueError(f"no {what} of {operand.dtype}; expected {', '.join(FLOATS)}")


def _length(operand: TensorExpr, axis: int) -> int:
    if not 0 <= axis < len(operand.shape):
        raise ValueError(f"no axis {axis} in {operand.shape}")
    return operand.shape[axis]


def _replaced(shape: Shape, axis: int, length: int) -> Shape:
    return (*shape[:axis], length, *shape[axis + 1 :])
