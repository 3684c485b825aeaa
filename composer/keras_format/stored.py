"""What a weights file holds, as immutable values: groups, tensors, and where their bytes lie."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

Attribute = str | int | float | bool | tuple["Attribute", ...] | None
"""Value of an HDF5 attribute; an array becomes a tuple, an empty dataspace None."""

Attributes = tuple[tuple[str, Attribute], ...]

TEXT = "|O"
"""Spelling of text of varying length, which HDF5 keeps outside the dataset's own bytes."""
TEXT_ITEM_BYTES = 16
"""What an element of such a dataset takes inside it: a length and a place."""


@dataclass(frozen=True, slots=True)
class FileStamp:
    """Enough of a file's state to notice that it was changed or replaced.

    Attributes:
        size: in bytes.
        modified: time of the last change, in nanoseconds.
        inode: number of the file in its file system.
    """

    size: int
    modified: int
    inode: int

    @classmethod
    def of(cls, descriptor: int) -> FileStamp:
        """Return the stamp of an open file."""
        status = os.fstat(descriptor)
        return cls(status.st_size, status.st_mtime_ns, status.st_ino)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredGroup:
    """An HDF5 group. The root's path is the empty string."""

    path: str
    attributes: Attributes = ()

    def attribute(self, name: str) -> Attribute:
        """Return the attribute's value, or None where there is none of that name."""
        return dict(self.attributes).get(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTensor:
    """An HDF5 dataset.

    Attributes:
        path: from the root, such as ``layers/dense/vars/0``.
        shape: empty for a scalar.
        dtype: numpy's spelling, little-endian: ``<f4``, ``|b1``, ``|S5``; ``|V2`` for bytes that
            HDF5 has no type for, ``|O`` for text of varying length.
        logical_dtype: Keras's name: ``float32``, ``bfloat16`` (stored as ``|V2`` with an
            attribute ``dtype``, see ``H5IOStore.__setitem__`` in ``keras/src/saving``).
        nbytes: size of the little-endian array; of text, 16 bytes an element.
        offset: where the array begins in the file that :attr:`WeightsFile.path` names; None where
            its bytes can't be copied as they lie (compressed, chunked, big-endian, text, empty).
        attributes: all of the dataset's attributes.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str
    logical_dtype: str
    nbytes: int
    offset: int | None = field(default=None, compare=False)
    attributes: Attributes = ()
