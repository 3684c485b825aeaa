"""Shapes and dtypes as a screen shows them."""

from __future__ import annotations

from typing import Literal

from composer.graphs.graph import TensorSpec

_USUAL = "float32"


def shape_text(spec: TensorSpec | None, *, dtype: Literal["unusual", "always"] = "unusual") -> str:
    """Return a shape such as ``(None, 8)``, with its dtype where asked for or unusual.

    Args:
        spec: None for a tensor that nothing is known of, which gives ``?``.
        dtype: whether to leave the dtype out where it is float32.
    """
    if spec is None:
        return "?"
    if dtype == "unusual" and spec.dtype == _USUAL:
        return str(TensorSpec(spec.shape, None))
    return str(spec)
