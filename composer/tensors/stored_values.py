"""Values of stored tensors, read where they lie and only as far as they are wanted."""

from __future__ import annotations

import os
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from composer.container.copying import check_stamp
from composer.container.stored import TEXT, FileStamp, TensorInFile
from composer.errors import BuildError, FormatError
from composer.tensors.regions import Region, runs, shape_of
from composer.tensors.rounding import array_dtype

if TYPE_CHECKING:
    from composer.container.hdf5_read import WeightsFile

Array = NDArray[np.generic]

SPAN = 1 << 20
"""Bytes that are read at once for runs that lie near each other."""
GAP = 1 << 15
"""Bytes between two runs that are rather read than skipped."""
_RAW = {size: f"u{size}" for size in (1, 2, 4, 8)}
"""Elements while they are moved: numpy copies integers faster than bytes without a meaning."""


class StoredValues:
    """The files that values are read from; a context manager, for any number of threads.

    A tensor that can't be read where it lies (compressed, chunked, big-endian) is first unpacked
    to a temporary file: so any part of it can be read, and memory stays the same. Each file is
    checked against its stamp when it is opened and by :meth:`check`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._descriptors: dict[Path, tuple[int, FileStamp]] = {}
        self._weights: dict[Path, WeightsFile] = {}
        self._unpacked: dict[tuple[Path, str], int] = {}

    def read(self, stored: TensorInFile, region: Region) -> Array:
        """Return a part of a tensor.

        Raises:
            BuildError: the file is gone, has changed, or ends inside the tensor.
            FormatError: it is not sound.
        """
        tensor = stored.tensor
        if tensor.dtype == TEXT:
            raise ValueError(f"{tensor.path} holds text, which is only copied")
        dtype = array_dtype(tensor.dtype, tensor.logical_dtype)
        descriptor, offset = self._place(stored)
        starts, length = runs(tensor.shape, region)
        raw = np.empty((len(starts), length), _RAW.get(dtype.itemsize, f"|V{dtype.itemsize}"))
        if raw.size and not _gather(descriptor, offset, starts, raw):
            raise FormatError("CMP502.tensor-beyond", path=stored.path, what=tensor.path)
        return raw.view(dtype).reshape(shape_of(region))

    def release(self) -> None:
        """Remove what was unpacked."""
        with self._lock:
            while self._unpacked:
                os.close(self._unpacked.popitem()[1])

    def check(self) -> None:
        """Hold the files against their stamps.

        Raises:
            BuildError: one has changed.
        """
        for path, (descriptor, stamp) in self._descriptors.items():
            check_stamp(path, FileStamp.of(descriptor), stamp)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()
        self._stack.close()

    def _place(self, stored: TensorInFile) -> tuple[int, int]:
        """Return an open descriptor and where the tensor begins in it."""
        with self._lock:
            descriptor = self._descriptor(stored)
            if stored.tensor.offset is not None:
                return descriptor, stored.tensor.offset
            at = (stored.path, stored.tensor.path)
            if at not in self._unpacked:
                self._unpacked[at] = self._unpack(stored)
            return self._unpacked[at], 0

    def _descriptor(self, stored: TensorInFile) -> int:
        if stored.path not in self._descriptors:
            try:
                descriptor = os.open(stored.path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                raise BuildError(
                    "CMP713.unopenable", path=stored.path, reason=error.strerror
                ) from error
            self._stack.callback(os.close, descriptor)
            self._descriptors[stored.path] = (descriptor, FileStamp.of(descriptor))
        descriptor, stamp = self._descriptors[stored.path]
        check_stamp(stored.path, stamp, stored.stamp)
        return descriptor

    def _unpack(self, stored: TensorInFile) -> int:
        if stored.path not in self._weights:
            from composer.container.archive import opened_weights

            self._weights[stored.path] = self._stack.enter_context(opened_weights(stored.path))
        weights = self._weights[stored.path]
        with tempfile.TemporaryFile() as file:
            for chunk in weights.chunks(stored.tensor):
                file.write(chunk)
            file.flush()
            return os.dup(file.fileno())


def _gather(descriptor: int, offset: int, starts: NDArray[np.int64], into: Array) -> bool:
    """Read runs of elements, several at once where they lie near each other.

    Args:
        descriptor: of the file.
        offset: of the tensor's first byte.
        starts: first element of each run.
        into: a row a run, its elements as bytes.

    Returns:
        False where the file ends too early.
    """
    size, length = into.dtype.itemsize, into.shape[1]
    if len(starts) == 1:
        return _read(descriptor, into, offset + int(starts[0]) * size)
    order = np.argsort(starts, kind="stable")
    ascending = starts[order]
    far = np.flatnonzero(np.diff(ascending) > length + GAP // size) + 1
    for first, last in zip([0, *far.tolist()], [*far.tolist(), len(starts)], strict=True):
        begin = first
        while begin < last:
            origin = int(ascending[begin])
            reach = origin + max(0, SPAN // size - length)
            end = min(last, int(np.searchsorted(ascending, reach, side="right")))
            near = np.empty(int(ascending[end - 1]) - origin + length, dtype=into.dtype)
            if not _read(descriptor, near, offset + origin * size):
                return False
            windows = np.lib.stride_tricks.sliding_window_view(near, length)
            into[order[begin:end]] = windows[ascending[begin:end] - origin]
            begin = end
    return True


def _read(descriptor: int, into: Array, offset: int) -> bool:
    room = memoryview(into.reshape(-1).view(np.uint8).data)
    done = 0
    while done < len(room):
        count = os.preadv(descriptor, [room[done:]], offset + done)
        if not count:
            return False
        done += count
    return True
