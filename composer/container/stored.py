"""What a weights file holds, as immutable values: groups, tensors, and where their bytes lie."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from composer.errors import FormatError

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
        modified: time of the last change, in nanoseconds, which any program can set.
        inode: number of the file in its file system.
        device: number of that file system.
        changed: time of the last change of the inode (``ctime``), in nanoseconds, which no
            program can set.
    """

    size: int
    modified: int
    inode: int
    device: int
    changed: int

    @classmethod
    def of(cls, descriptor: int) -> FileStamp:
        """Return the stamp of an open file."""
        return cls.of_status(os.fstat(descriptor))

    @classmethod
    def of_status(cls, status: os.stat_result) -> FileStamp:
        """Return the stamp of a file of which the system was asked."""
        return cls(
            size=status.st_size,
            modified=status.st_mtime_ns,
            inode=status.st_ino,
            device=status.st_dev,
            changed=status.st_ctime_ns,
        )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInFile:
    """A tensor, and the file that holds it.

    Attributes:
        path: of a ``.keras`` archive or an HDF5 file.
        tensor: as that file lists it.
        stamp: of the file when it was listed; a file that changed since is refused.
    """

    path: Path
    tensor: StoredTensor
    stamp: FileStamp


@dataclass(frozen=True, slots=True)
class Listing:
    """All that a weights file holds, without its bytes; usable after the file is closed.

    Attributes:
        path: of the ``.keras`` archive or HDF5 file.
        stamp: of that file when it was listed.
        entries: parents first, siblings as HDF5 lists them (by name); the root's path is empty.
    """

    path: Path
    stamp: FileStamp
    entries: tuple[StoredGroup | StoredTensor, ...]
    _positions: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        positions = {entry.path: index for index, entry in enumerate(self.entries)}
        if len(positions) != len(self.entries):
            raise FormatError("CMP502.same-path", path=self.path)
        object.__setattr__(self, "_positions", positions)

    @property
    def groups(self) -> tuple[StoredGroup, ...]:
        """The groups among :attr:`entries`, the root first."""
        return tuple(entry for entry in self.entries if isinstance(entry, StoredGroup))

    @property
    def tensors(self) -> tuple[StoredTensor, ...]:
        """The tensors among :attr:`entries`."""
        return tuple(entry for entry in self.entries if isinstance(entry, StoredTensor))

    def find(self, path: str) -> StoredGroup | StoredTensor | None:
        """Return what lies at ``path``, such as ``layers/dense/vars/0``; None if nothing."""
        position = self._positions.get(path)
        return None if position is None else self.entries[position]

    def tensor(self, path: str) -> TensorInFile:
        """Return the tensor at ``path``, with this file.

        Raises:
            KeyError: there is none.
        """
        found = self.find(path)
        if not isinstance(found, StoredTensor):
            raise KeyError(path)
        return TensorInFile(path=self.path, tensor=found, stamp=self.stamp)

    def subtree(self, path: str) -> tuple[StoredGroup | StoredTensor, ...]:
        """Return the group at ``path`` and all that lies below it; empty if there is none."""
        first = self._positions.get(path)
        if first is None:
            return ()
        last = first + 1
        prefix = f"{path}/" if path else ""
        while last < len(self.entries) and self.entries[last].path.startswith(prefix):
            last += 1
        return self.entries[first:last]


def bytes_of(shape: Iterable[int], dtype: str) -> int:
    """Return how many bytes the elements of a tensor take.

    Args:
        shape: empty for a scalar.
        dtype: numpy's spelling, as in :class:`StoredTensor`.
    """
    return math.prod(shape) * (TEXT_ITEM_BYTES if dtype == TEXT else int(dtype[2:]))


def is_below(path: str, groups: Iterable[str]) -> bool:
    """Tell whether a path is one of ``groups`` or lies below one."""
    return any(path == group or path.startswith(f"{group}/") for group in groups)
