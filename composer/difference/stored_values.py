"""The values of a file's tensors: compared by digest, read to say how far apart they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from composer.container.stored import TEXT, Listing, StoredTensor

if TYPE_CHECKING:
    from composer.container.digests import TensorDigest


class StoredValues:
    """The tensors of one model file.

    Args:
        listing: of its weights.
    """

    def __init__(self, listing: Listing) -> None:
        self.listing = listing

    @cached_property
    def _digests(self) -> Mapping[str, TensorDigest]:
        from composer.container.digests import digest_listing

        return digest_listing(self.listing)

    def digest(self, path: str) -> TensorDigest:
        """Return what a tensor is: dtype, shape and SHA-256 of its bytes."""
        return self._digests[path]

    def equal(self, path: str, other: StoredValues, other_path: str) -> bool:
        """Tell whether a tensor of this file has the form and bytes of one of another."""
        same_file = self.listing.path == other.listing.path
        if same_file and self.listing.stamp == other.listing.stamp and path == other_path:
            return True
        return bool(self._digests[path] == other._digests[other_path])


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
    values: StoredValues, path: str, other: StoredValues, other_path: str
) -> Distance | None:
    """Measure two tensors of equal shape and dtype; None for text.

    Both are held in memory, in double precision a piece at a time.

    Raises:
        FormatError: a file can't be read.
    """
    first, second = _array(values, path), _array(other, other_path)
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


def _array(values: StoredValues, path: str) -> Any:
    import numpy as np

    from composer.container.archive import opened_weights

    stored = values.listing.find(path)
    assert isinstance(stored, StoredTensor)
    if stored.dtype == TEXT or stored.dtype.startswith("|S"):
        return None
    with opened_weights(values.listing.path) as weights:
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
