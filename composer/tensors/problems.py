"""Errors of values: too large for their dtype, infinity and NaN."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from composer.errors import BuildError
from composer.tensors.expression import Cast, TensorExpr, lineage

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _made_from(expression: TensorExpr) -> tuple[str, ...]:
    """Return paths of the stored tensors that a tensor is made from."""
    paths = dict.fromkeys(stored.tensor.path for stored in lineage(expression))
    return tuple(paths) or ("constants",)


def check_cast(
    before: NDArray[np.generic], after: NDArray[np.generic], expression: Cast, tensor: str
) -> None:
    """Refuse finite values that a cast made infinite; NaN and infinity of a source stay.

    Raises:
        BuildError: there is one (``CMP546``).
    """
    lost = np.isfinite(before) & ~np.isfinite(after)
    if lost.any():
        raise BuildError(
            "CMP546.cast",
            tensor=tensor,
            dtype=expression.dtype,
            value=float(before[lost].flat[0]),
            made_from=_made_from(expression),
        )


def check_computed(array: NDArray[np.generic], expression: TensorExpr, tensor: str) -> None:
    """Refuse infinity and NaN as results of arithmetic.

    Raises:
        BuildError: there is one (``CMP546``).
    """
    finite = np.isfinite(array)
    if not finite.all():
        raise BuildError(
            "CMP546.computed",
            tensor=tensor,
            dtype=expression.dtype,
            value=float(array[~finite].flat[0]),
            made_from=_made_from(expression),
        )
