"""HDF5 datatypes and numpy's, in both directions, and which of them a weights file may hold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import h5py
import numpy as np
from h5py import h5a, h5s, h5t

from composer.container.stored import TEXT, TEXT_ITEM_BYTES, Attribute
from composer.errors import FormatError

MAX_ATTRIBUTE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class ElementType:
    """How one element is stored.

    Attributes:
        dtype: numpy's spelling, little-endian.
        itemsize: bytes of an element.
        verbatim: whether the stored bytes are those of ``dtype``.
    """

    dtype: str
    itemsize: int
    verbatim: bool


def element_type(datatype: Any, what: str) -> ElementType:
    """Return what a stored datatype is in numpy's terms.

    Args:
        datatype: an ``h5py.h5t.TypeID``.
        what: names the object in messages.

    Raises:
        FormatError: ``reference`` or ``unsupported_type``.
    """
    kind = datatype.get_class()
    size = datatype.get_size()
    if kind == h5t.REFERENCE:
        raise FormatError("CMP502.reference", what=what)
    if kind == h5t.STRING:
        if datatype.is_variable_str():
            return ElementType(TEXT, TEXT_ITEM_BYTES, verbatim=False)
        return ElementType(f"|S{size}", size, verbatim=True)
    if kind == h5t.OPAQUE:
        return ElementType(f"|V{size}", size, verbatim=True)
    if kind in (h5t.INTEGER, h5t.FLOAT, h5t.ENUM, h5t.COMPOUND):
        dtype = datatype.dtype
        known = dtype.kind in "biufc" and dtype.itemsize == size
        # HDF5 can describe numbers that numpy has no name for (bits to spare, other exponents);
        # h5py then names the next larger type. What it would write for that name must be the same.
        if known and h5t.py_create(dtype).equal(datatype):
            little = dtype.newbyteorder("<")
            return ElementType(little.str, size, verbatim=dtype.str == little.str)
    raise FormatError("CMP502.element-type", what=what, kind=kind, size=size)


def stored_type(datatype: Any) -> np.dtype[Any]:
    """Return numpy's type of an element as it is stored, in its own byte order.

    Args:
        datatype: one that :func:`element_type` lets in, not text of varying length.
    """
    size = datatype.get_size()
    if datatype.get_class() == h5t.STRING:
        return np.dtype(f"|S{size}")
    if datatype.get_class() == h5t.OPAQUE:
        return np.dtype(f"|V{size}")
    dtype: np.dtype[Any] = datatype.dtype
    return dtype


@cache
def datatype_of(dtype: str) -> Any:
    """Return the HDF5 datatype that is written for ``dtype`` (an ``h5py.h5t.TypeID``)."""
    if dtype == TEXT:
        return h5t.py_create(h5py.string_dtype(), logical=True)
    if dtype.startswith("|V"):
        return h5t.create(h5t.OPAQUE, int(dtype[2:]))
    return h5t.py_create(np.dtype(dtype), logical=True)


@cache
def memory_type_of(dtype: str) -> Any:
    """Return the type to hand to h5py with a numpy array of ``dtype``.

    It differs from :func:`datatype_of` for text only: there an array holds Python objects, and
    naming HDF5's own type would make it read pointers.
    """
    return h5t.py_create(h5py.string_dtype()) if dtype == TEXT else datatype_of(dtype)


class Texts(Protocol):
    """Reads what HDF5 is not asked for."""

    def attribute(self, address: int, name: bytes, count: int) -> list[bytes]:
        """Return the ``count`` texts of an attribute of the object at ``address``."""


def read_attributes(
    holder: Any, address: int, texts: Texts, what: str
) -> tuple[tuple[str, Attribute], ...]:
    """Return all attributes of a group or dataset, sorted by name.

    Args:
        holder: the open object.
        address: of its header.
        texts: reads text of varying length.
        what: names the object in messages.

    Raises:
        FormatError: ``attribute_size``, ``reference``, ``unsupported_type``.
    """
    found: list[tuple[str, Attribute]] = []
    for index in range(h5a.get_num_attrs(holder)):
        attribute = h5a.open(holder, index=index)
        name = attribute.name.decode("utf-8")
        label = f"attribute {name!r} of {what}"
        element = element_type(attribute.get_type(), label)
        space = attribute.get_space()
        if space.get_simple_extent_type() == h5s.NULL:
            found.append((name, None))
            continue
        shape = space.get_simple_extent_dims()
        size = math.prod(shape) * element.itemsize
        if size > MAX_ATTRIBUTE_BYTES:
            raise FormatError(
                "CMP502.attribute-size", what=label, size=size, limit=MAX_ATTRIBUTE_BYTES
            )
        if element.dtype == TEXT:
            array = np.empty(shape, dtype=object)
            array.reshape(-1)[:] = texts.attribute(address, attribute.name, math.prod(shape))
        else:
            array = np.empty(shape, dtype=element.dtype)
            fixed = element.dtype.startswith("|S")
            attribute.read(array, attribute.get_type() if fixed else datatype_of(element.dtype))
        found.append((name, _plain(array.tolist(), label)))
    return tuple(sorted(found)) if len(found) > 1 else tuple(found)


def _plain(value: Any, what: str) -> Attribute:
    if isinstance(value, list):
        return tuple(_plain(item, what) for item in value)
    if isinstance(value, bytes):
        return value.rstrip(b"\0").decode("utf-8")
    if isinstance(value, str):
        value.encode("utf-8")
        return value
    if isinstance(value, bool | int | float):
        return value
    raise FormatError("CMP502.attribute-type", what=what, found=type(value).__name__)


def write_attribute(holder: Any, name: str, value: Attribute) -> None:
    """Write one attribute as h5py's high level would: text as UTF-8 of varying length.

    Raises:
        TypeError: the value is nested or of mixed types.
    """
    if value is None:
        space = h5s.create(h5s.NULL)
        h5a.create(holder, name.encode(), datatype_of("<f4"), space)
        return
    flat = value if isinstance(value, tuple) else (value,)
    text = any(isinstance(item, str) for item in flat)
    array = np.array(value, dtype=object if text else None)
    if not text and array.dtype.kind not in "biuf":
        raise TypeError(f"attribute {name!r}: {value!r} is neither text nor numbers")
    dtype = TEXT if text else array.dtype.newbyteorder("<").str
    space = h5s.create_simple(array.shape) if array.shape else h5s.create(h5s.SCALAR)
    attribute = h5a.create(holder, name.encode(), datatype_of(dtype), space)
    attribute.write(array, mtype=memory_type_of(dtype))
