"""Errors of values: too large for their dtype, infinity and NaN."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from composer.errors import BuildError
from composer.tensors.expression import Cast, TensorExpr, lineage

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ValueRangeError(BuildError):
    """A value does not fit the dtype of its tensor, or a computation gives infinity or NaN.

    Attributes:
        tensor: path of the tensor in the result.
        dtype: of the cast, or that the computation uses.
        value: the first that does not fit; of a computation, the infinity or NaN.
        sources: paths of the stored tensors that the tensor is made from.
    """

    usual_code = "CMP546"

    def __init__(self, expression: TensorExpr, tensor: str, value: float) -> None:
        self.tensor = tensor
        self.dtype = expression.dtype
        self.value = value
        self.sources = tuple(stored.tensor.path for stored in lineage(expression))
        made_from = ", ".join(dict.fromkeys(self.sources)) or "constants"
        what = (
            f"the value {value:.6g} is too large for {self.dtype}"
            if isinstance(expression, Cast)
            else f"the computation gives {value}"
        )
        super().__init__(f"{tensor}: {what} (made from {made_from})")


def check_cast(
    before: NDArray[np.generic], after: NDArray[np.generic], expression: Cast, tensor: str
) -> None:
    """Refuse finite values that a cast made infinite; NaN and infinity of a source stay.

    Raises:
        ValueRangeError: there is one.
    """
    lost = np.isfinite(before) & ~np.isfinite(after)
    if lost.any():
        raise ValueRangeError(expression, tensor, float(before[lost].flat[0]))


def check_computed(array: NDArray[np.generic], expression: TensorExpr, tensor: str) -> None:
    """Refuse infinity and NaN as results of arithmetic.

    Raises:
        ValueRangeError: there is one.
    """
    finite = np.isfinite(array)
    if not finite.all():
        raise ValueRangeError(expression, tensor, float(array[~finite].flat[0]))
