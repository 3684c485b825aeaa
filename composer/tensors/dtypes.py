"""Keras's names of dtypes, and how a tensor of each is stored."""

from __future__ import annotations

FLOATS = {"float16": "<f2", "bfloat16": "|V2", "float32": "<f4", "float64": "<f8"}
"""Floating-point dtypes that arithmetic reads and a cast writes; numpy's spelling of the stored
bytes. Keras stores bfloat16 as bytes that HDF5 has no type for (``H5IOStore.__setitem__`` in
``keras/src/saving/saving_lib.py``)."""

COMPUTED = "float64"
"""Dtype of every result of arithmetic, until a cast rounds it."""

OTHERS = {
    "bool": "|b1",
    **{f"{kind}{8 * size}": f"{'|' if size == 1 else '<'}{letter}{size}"
       for kind, letter in (("int", "i"), ("uint", "u")) for size in (1, 2, 4, 8)},
}  # fmt: skip


def storage_of(dtype: str) -> str:
    """Return numpy's spelling of the bytes that a tensor of ``dtype`` is stored as.

    Raises:
        ValueError: no tensor of this dtype can be made, only copied.
    """
    found = FLOATS.get(dtype) or OTHERS.get(dtype)
    if found is None:
        raise ValueError(f"no tensor of dtype {dtype!r} can be made")
    return found
