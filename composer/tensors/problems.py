"""Values that a tensor can't hold: found while it is made, and named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from composer.errors import BuildError
from composer.tensors.expression import Cast, TensorExpr, lineage

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ValueRangeError(BuildError):
    """A value of a tensor is beyond its dtype, or none.

    Attributes:
        tensor: its path in the result.
        dtype: that it was to have, or was computed in.
        value: one that does not fit; of what was computed, the infinity or NaN that came out.
        sources: paths of the stored tensors that it was made from.
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
    if np.can_cast(before.dtype, after.dtype):
        return
    lost = ~np.isfinite(after)
    if lost.any():
        lost &= np.isfinite(before)
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
