"""The values of a model's tensors: compared by digest, read to say how far apart they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composer.container.stored import TEXT, Listing, TensorInFile
from composer.tensors.expression import Stored, TensorExpr

if TYPE_CHECKING:
    from composer.container.digests import TensorDigest


class TensorValues:
    """The tensors of one model.

    Args:
        tensors: by path.
    """

    def __init__(self, tensors: Mapping[str, TensorExpr]) -> None:
        self._tensors = tensors
        self._digests: dict[str, TensorDigest] = {}

    @classmethod
    def of_file(cls, listing: Listing) -> TensorValues:
        """Return the tensors of a model file."""
        return cls({tensor.path: Stored(listing.tensor(tensor.path)) for tensor in listing.tensors})

    def __getitem__(self, path: str) -> TensorExpr:
        return self._tensors[path]

    def digest(self, path: str) -> TensorDigest:
        """Return what a tensor is: dtype, shape and SHA-256 of its bytes."""
        if path not in self._digests:
            from composer.tensors.value_digests import digest_values

            # All of a file at once: one that is asked for is seldom alone.
            beside = _file_of(self._tensors[path])
            some = {
                name: value
                for name, value in self._tensors.items()
                if name == path or (beside is not None and _file_of(value) == beside)
            }
            self._digests |= digest_values(some, _evaluated)
        return self._digests[path]

    def equal(self, path: str, other: TensorValues, other_path: str) -> bool:
        """Tell whether a tensor of this model has the form and bytes of one of another."""
        if self._tensors[path] == other[other_path]:
            return True
        return self.digest(path) == other.digest(other_path)


def _file_of(value: TensorExpr) -> Path | None:
    return value.source.path if isinstance(value, Stored) else None


def _evaluated(value: TensorExpr, name: str) -> Iterator[memoryview]:
    from composer.tensors.evaluate import Evaluator

    with Evaluator() as evaluator:
        yield from evaluator.chunks(value, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """How far the values of two tensors of one form are apart.

    Attributes:
        changed: how many elements differ.
        size: how many there are.
        largest: the largest absolute difference; None where an element is no number.
        relative: the length of the difference by the length of the first tensor (Euclidean);
            None where the first is zero or the largest is None.
    """

    changed: int
    size: int
    largest: float | None
    relative: float | None


def distance(
    values: TensorValues, path: str, other: TensorValues, other_path: str
) -> Distance | None:
    """Measure two tensors of equal shape and dtype; None for text.

    Both are held in memory, in double precision a piece at a time.

    Raises:
        FormatError: a file can't be read.
    """
    first, second = _array(values[path]), _array(other[other_path])
    if first is None or second is None:
        return None
    import numpy as np

    step = 1 << 20
    changed, largest, gap, length = 0, 0.0, 0.0, 0.0
    for start in range(0, first.size, step):
        a, b = first[start : start + step], second[start : start + step]
        changed += int(np.count_nonzero(_bits(a) != _bits(b)))
        wide = a.astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            apart = np.abs(b.astype(np.float64) - wide)
            largest = float(np.maximum(largest, apart.max(initial=0.0)))
            gap += float(np.square(apart).sum())
            length += float(np.square(wide).sum())
    countable = np.isfinite(largest)
    return Distance(
        changed=changed,
        size=int(first.size),
        largest=largest if countable else None,
        relative=float((gap / length) ** 0.5) if countable and length else None,
    )


def _bits(array: Any) -> Any:
    """View an array as bytes of its own width: two NaN of one spelling are no difference."""
    import numpy as np

    return array.view(np.dtype(f"V{array.dtype.itemsize}"))


def _array(value: TensorExpr) -> Any:
    if isinstance(value, Stored):
        return _stored_array(value.source)
    from composer.tensors.plain_evaluation import reference

    return reference(value).reshape(-1)


def _stored_array(source: TensorInFile) -> Any:
    import numpy as np

    from composer.container.archive import opened_weights

    stored = source.tensor
    if stored.dtype == TEXT or stored.dtype.startswith("|S"):
        return None
    with opened_weights(source.path) as weights:
        data = weights.read(stored)
    if stored.dtype.startswith("|V"):
        return _unnamed(data, stored.logical_dtype)
    return np.frombuffer(data, np.dtype(stored.dtype))


def _unnamed(data: bytes, logical_dtype: str) -> Any:
    """Read a type that numpy has no name for, as ml_dtypes, which Keras needs itself, names it."""
    import ml_dtypes
    import numpy as np

    kind = getattr(ml_dtypes, logical_dtype, None)
    return None if kind is None else np.frombuffer(data, kind)
