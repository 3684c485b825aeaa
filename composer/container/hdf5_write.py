"""The structure of a new weights file: all groups and datasets, placed but not yet filled.

The same contents give the same bytes on every run: objects are made in the given order, no times
are kept, and the format's bounds are named here instead of left to the library's defaults.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from h5py import h5d, h5f, h5g, h5p, h5s

from composer.container.contents import Content, GroupToWrite, TensorToWrite
from composer.container.hdf5_types import (
    datatype_of,
    memory_type_of,
    write_attribute,
)
from composer.container.stored import TEXT, bytes_of
from composer.errors import BuildError

Texts = Callable[[TensorToWrite], tuple[bytes, ...]]
_NUMBER = re.compile(r"errno = ([0-9]+)")
"""Of a system call, in what HDF5 says of it."""


def create_structure(
    path: Path, contents: Iterable[Content], *, user_block: int, texts: Texts
) -> dict[str, int]:
    """Create an HDF5 file in which every dataset has its place.

    Datasets are contiguous and allocated at once; their bytes are the caller's to write, at the
    returned offsets, when this function has returned. Text of varying length is written here.

    Args:
        path: of the file, which is replaced if it exists.
        contents: groups and tensors; a parent that is not listed before its children is made
            without attributes.
        user_block: bytes that HDF5 leaves alone at the begin of the file: 0 or a power of two from
            512 on.
        texts: gives the elements of a tensor of dtype ``|O``.

    Returns:
        For each tensor that has bytes to write, by its path, its offset in the file.

    Raises:
        BuildError: two entries have one path, a path is malformed, or HDF5 refused.
    """
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    # Groups of HDF5 1.8 take a third of the space of the older ones, and checksum what they hold.
    access.set_libver_bounds(h5f.LIBVER_V18, h5f.LIBVER_V110)
    creation = h5p.create(h5p.FILE_CREATE)
    creation.set_userblock(user_block)
    creation.set_obj_track_times(False)
    try:
        file = h5f.create(os.fsencode(path), h5f.ACC_TRUNC, creation, access)
        try:
            return _Structure(file, texts).create(contents)
        finally:
            file.close()
    except BuildError:
        raise
    except (OSError, RuntimeError, ValueError, TypeError, LookupError) as error:
        raise BuildError("CMP710.layout", reason=_words(error)) from error


def _words(error: Exception) -> str:
    """Return what an exception of HDF5 says, without the lines of its log of system calls."""
    number = _NUMBER.search(str(error))
    return os.strerror(int(number[1])).lower() if number is not None else str(error)


class _Structure:
    def __init__(self, file: Any, texts: Texts) -> None:
        self._texts = texts
        self._group_plan = h5p.create(h5p.GROUP_CREATE)
        self._group_plan.set_obj_track_times(False)
        self._dataset_plan = h5p.create(h5p.DATASET_CREATE)
        self._dataset_plan.set_obj_track_times(False)
        self._dataset_plan.set_layout(h5d.CONTIGUOUS)
        self._dataset_plan.set_alloc_time(h5d.ALLOC_TIME_EARLY)
        self._dataset_plan.set_fill_time(h5d.FILL_TIME_NEVER)
        # HDF5 insists on clearing the references to texts first.
        self._text_plan = self._dataset_plan.copy()
        self._text_plan.set_fill_time(h5d.FILL_TIME_IFSET)
        self._root = h5g.open(file, b"/")
        self._open: list[tuple[str, Any]] = []
        self._groups: set[str] = {""}
        self._described: set[str] = set()
        self._tensors: set[str] = set()
        self._offsets: dict[str, int] = {}

    def create(self, contents: Iterable[Content]) -> dict[str, int]:
        for entry in contents:
            if isinstance(entry, GroupToWrite):
                self._create_group(entry)
            else:
                self._create_tensor(entry)
        return self._offsets

    def _create_group(self, entry: GroupToWrite) -> None:
        if entry.path in self._described:
            raise BuildError("CMP710.group-twice", tensor=entry.path)
        self._described.add(entry.path)
        group = self._group(entry.path)
        for name, value in entry.attributes:
            write_attribute(group, name, value)

    def _create_tensor(self, entry: TensorToWrite) -> None:
        parent, _, name = entry.path.rpartition("/")
        self._check_name(name, entry.path)
        if entry.path in self._tensors or entry.path in self._groups:
            raise BuildError("CMP710.object-twice", tensor=entry.path)
        space = h5s.create_simple(entry.shape) if entry.shape else h5s.create(h5s.SCALAR)
        plan = self._text_plan if entry.dtype == TEXT else self._dataset_plan
        dataset = h5d.create(
            self._group(parent), name.encode(), datatype_of(entry.dtype), space, plan
        )
        self._tensors.add(entry.path)
        for attribute, value in entry.attributes:
            write_attribute(dataset, attribute, value)
        if entry.dtype == TEXT:
            values = np.empty(entry.shape, dtype=object)
            values.reshape(-1)[:] = self._texts(entry)
            dataset.write(h5s.ALL, h5s.ALL, values, mtype=memory_type_of(TEXT))
            return
        if bytes_of(entry.shape, entry.dtype):
            self._offsets[entry.path] = dataset.get_offset()

    def _group(self, path: str) -> Any:
        """Return the open group at ``path``, made with its parents where there is none yet."""
        if not path:
            return self._root
        # Contents come depth first: the ancestors of the last group are nearly always wanted.
        while self._open and not f"{path}/".startswith(f"{self._open[-1][0]}/"):
            self._open.pop()
        if self._open and self._open[-1][0] == path:
            return self._open[-1][1]
        parent, _, name = path.rpartition("/")
        holder = self._group(parent)
        if path in self._groups:
            group = h5g.open(holder, name.encode())
        else:
            self._check_name(name, path)
            if path in self._tensors:
                raise BuildError("CMP710.object-twice", tensor=path)
            group = h5g.create(holder, name.encode(), gcpl=self._group_plan)
            self._groups.add(path)
        self._open.append((path, group))
        return group

    def _check_name(self, name: str, path: str) -> None:
        if name in ("", ".", "..") or "\0" in name:
            raise BuildError("CMP710.object-path", tensor=path)
