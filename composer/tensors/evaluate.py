"""The bytes of an expression, made piece by piece.

Every element follows from its operands' elements alone, in a fixed order of operations: sums run
over the terms as they are listed, never through BLAS. So the bytes are the same for any size of
pieces and any number of threads. A merge method that must know something of whole tensors reads
them first, in pieces that depend on the shape alone.

Memory: at most ``threads + 1`` pieces exist at a time. A piece takes its elements in float64 once
for each operand and each level of its expression, and 1 MiB for reading. So memory does not grow
with the tensors, except for merge methods that need whole ones.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from composer.tensors.expression import (
    Cast,
    Combine,
    Join,
    Merge,
    Product,
    Stored,
    Take,
    TensorExpr,
    Zeros,
    walk,
)
from composer.tensors.problems import check_cast, check_computed
from composer.tensors.regions import (
    Region,
    looked_up,
    pieces,
    positions,
    shape_of,
    whole,
    with_axis,
)
from composer.tensors.rounding import array_dtype, as_bytes, rounded, widened
from composer.tensors.stored_values import StoredValues

Array = NDArray[np.generic]
Wide = NDArray[np.float64]

ELEMENTS = 1 << 16
"""Elements of a piece. Pieces twice as large were four times as slow: their arrays are so large
that each is returned to the system and requested again."""
PASS_ELEMENTS = 1 << 16
"""The same for merge methods that read first. It must not change: other pieces give other sums."""
THREADS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class EvaluatedPiece:
    """Elements that a merge method gets; see :class:`composer.tensors.merge_method.Elements`."""

    arrays: tuple[Wide, ...]
    shape: tuple[int, ...]
    region: Region

    def places(self) -> NDArray[np.int64]:
        """Return the row-major position of each element in its tensor."""
        return positions(self.shape, self.region)


class Evaluator:
    """Evaluates expressions, with the files that they are made from open; a context manager."""

    def __init__(self, *, threads: int = THREADS, elements: int = ELEMENTS) -> None:
        """Take how many threads compute, and how many elements a piece has at most."""
        self._values = StoredValues()
        self._threads = threads
        self._elements = elements
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="tensors")

    def chunks(self, expression: TensorExpr, name: str) -> Iterator[memoryview]:
        """Yield the little-endian bytes of a tensor, row-major.

        Args:
            expression: anything but a stored text.
            name: of the tensor in the result, for errors.

        Raises:
            ValueRangeError: a value does not fit its dtype, or a computation gives infinity or NaN.
            BuildError: a file is gone, has changed or ends early.
            FormatError: a file is not sound.
        """
        try:
            evaluation = _Evaluation(self._values, expression, name)
            for array in self._in_order(
                evaluation.part, pieces(expression.shape, self._elements), expression
            ):
                yield as_bytes(array)
            self._values.check()
        finally:
            self._values.release()

    def _in_order(
        self,
        part: Callable[[TensorExpr, Region], Array],
        regions: Iterable[Region],
        expression: TensorExpr,
    ) -> Iterator[Array]:
        """Compute some pieces ahead of the one that is asked for."""
        if self._threads == 1 or expression.size <= self._elements:
            yield from (part(expression, region) for region in regions)
            return
        ahead: deque[Future[Array]] = deque()
        try:
            for region in regions:
                ahead.append(self._pool.submit(part, expression, region))
                if len(ahead) > self._threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
            for future in ahead:
                if not future.cancelled():
                    future.exception()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown()
        self._values.__exit__(kind, error, traceback)


class _Evaluation:
    """One tensor of the result in the making."""

    def __init__(self, values: StoredValues, expression: TensorExpr, name: str) -> None:
        self._values = values
        self._name = name
        # What merges below others found is there when these read their operands.
        self._found: dict[int, Any] = {}
        self._taken: dict[int, NDArray[np.int64]] = {}
        self._tables: dict[int, _Table] = {}
        for node in walk(expression):
            if isinstance(node, Merge) and node.method.prepare is not None:
                passes = _Passes(self, node)
                self._found[id(node)] = node.method.prepare(passes, dict(node.parameters))
            elif isinstance(node, Combine):
                self._tables[id(node)] = _Table(node)
            elif isinstance(node, Take):
                self._taken[id(node)] = np.array(node.indices, dtype=np.int64)

    def part(self, node: TensorExpr, region: Region) -> Array:
        """Return a region of what an expression gives."""
        array = self._unchecked(node, region)
        if isinstance(node, Combine | Product | Merge):
            check_computed(array, node, self._name)
        return array

    def _unchecked(self, node: TensorExpr, region: Region) -> Array:
        match node:
            case Stored():
                return self._values.read(node.source, region)
            case Zeros():
                return np.zeros(shape_of(region), array_dtype(node.storage, node.dtype))
            case Take():
                indices = looked_up(self._taken[id(node)], region[node.axis])
                return self.part(node.operand, with_axis(region, node.axis, indices))
            case Join():
                return self._join(node, region)
            case Cast():
                return self._cast(node, region)
            case Combine():
                return self._combine(node, region)
            case Product():
                return self._product(node, region)
            case Merge():
                found = self._found.get(id(node))
                return node.method.apply(self.piece(node, region), dict(node.parameters), found)

    def piece(self, node: Merge, region: Region) -> EvaluatedPiece:
        """Return the same region of all that is merged."""
        # In one layout, so that numpy sums them up in one order.
        arrays = tuple(np.ascontiguousarray(self._wide(model, region)) for model in node.models)
        return EvaluatedPiece(arrays, node.shape, region)

    def _wide(self, node: TensorExpr, region: Region) -> Wide:
        return widened(self.part(node, region))

    def _cast(self, node: Cast, region: Region) -> Array:
        before = self._unchecked(node.operand, region)
        after = rounded(before, array_dtype(node.storage, node.dtype))
        # What is finite now was finite before, so that one look is enough nearly always.
        if not np.isfinite(after).all():
            if isinstance(node.operand, Combine | Product | Merge):
                check_computed(before, node.operand, self._name)
            check_cast(before, after, node, self._name)
        return after

    def _join(self, node: Join, region: Region) -> Array:
        result = np.empty(shape_of(region), array_dtype(node.storage, node.dtype))
        wanted = np.asarray(region[node.axis], dtype=np.int64)
        before: tuple[Any, ...] = (slice(None),) * node.axis
        begin = 0
        for part in node.parts:
            end = begin + part.shape[node.axis]
            here = np.flatnonzero((wanted >= begin) & (wanted < end))
            if len(here):
                indices = looked_up(wanted - begin, here)
                result[(*before, here)] = self.part(part, with_axis(region, node.axis, indices))
            begin = end
        return result

    def _combine(self, node: Combine, region: Region) -> Wide:
        """Add up term by term, so that memory does not depend on how many there are."""
        table = self._tables[id(node)]
        wanted = np.asarray(region[node.axis], dtype=np.int64)
        result = np.empty(shape_of(region), np.float64)
        before: tuple[Any, ...] = (slice(None),) * node.axis
        beside = (-1,) + (1,) * (len(region) - node.axis - 1)
        first, counts = table.first[wanted], table.counts[wanted]
        for term in range(int(counts.max(initial=0))):
            here = np.flatnonzero(counts > term)
            places = first[here] + term
            indices = looked_up(table.indices, places)
            values = self._wide(node.operand, with_axis(region, node.axis, indices))
            values = values * table.weights[places].reshape(beside)
            if term:
                result[(*before, here)] += values
            else:
                result[(*before, here)] = values
        return result

    def _product(self, node: Product, region: Region) -> Wide:
        result = np.zeros(shape_of(region), np.float64)
        rows = math.prod(result.shape[:-1])
        rank = node.right.shape[0]
        step = max(1, result.size // max(1, rows, result.shape[-1]))
        for begin in range(0, rank, step):
            some = range(begin, min(begin + step, rank))
            left = self._wide(node.left, (*region[:-1], some))
            right = self._wide(node.right, (some, region[-1]))
            for index in range(len(some)):
                result += left[..., index, None] * right[index]
        return result


class _Table:
    """The terms of a :class:`Combine`, one behind the other."""

    def __init__(self, node: Combine) -> None:
        self.counts = np.array([len(terms) for terms in node.terms], dtype=np.int64)
        self.first = np.cumsum(self.counts) - self.counts
        flat = [term for terms in node.terms for term in terms]
        self.indices = np.array([index for index, _ in flat], dtype=np.int64)
        self.weights = np.array([weight for _, weight in flat], dtype=np.float64)


class _Passes:
    """What a merge method reads first; see :class:`composer.tensors.merge_method.Passes`."""

    def __init__(self, evaluation: _Evaluation, node: Merge) -> None:
        self._evaluation = evaluation
        self._node = node
        self.shape = node.shape

    def elements(self) -> Iterator[EvaluatedPiece]:
        for region in pieces(self.shape, PASS_ELEMENTS):
            yield self._evaluation.piece(self._node, region)

    def tensor(self, index: int) -> Wide:
        if self._node.method.needs != "tensors":
            raise ValueError(f"{self._node.method.name} does not say that it needs whole tensors")
        model = self._node.models[index]
        return widened(self._evaluation.part(model, whole(self.shape)))
