"""``linear``: the weighted sum, or with ``normalize`` the weighted mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from composer.tensors.merge_method import Elements, MergeMethod, Parameter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def _apply(elements: Elements, parameters: Mapping[str, Any], _: None) -> NDArray[np.float64]:
    first, *others = zip(elements.arrays, parameters["weight"], strict=True)
    total: NDArray[np.float64] = first[0] * first[1]
    for array, weight in others:
        total += array * weight
    if parameters["normalize"]:
        # After the sum, so that equal tensors give themselves.
        total /= sum(parameters["weight"])
    return total


def _check(parameters: Mapping[str, Any]) -> None:
    if parameters["normalize"] and not sum(parameters["weight"]):
        raise ValueError("the weights sum to 0 and can't be normalised")


METHOD = MergeMethod(
    name="linear",
    version=1,
    apply=_apply,
    parameters=(
        Parameter(name="weight", default=1.0, each=True),
        Parameter(name="normalize", default=True),
    ),
    check=_check,
)
