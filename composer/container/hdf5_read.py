"""A weights file, read in place: inside a ``.keras`` archive or on its own."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from h5py import h5d, h5f, h5fd, h5g, h5p, h5s

from composer.container.global_heap import GlobalHeap
from composer.container.hdf5_chunks import ChunkReader, chunked, fill_of
from composer.container.hdf5_listing import list_objects
from composer.container.hdf5_types import datatype_of, stored_type
from composer.container.stored import TEXT, FileStamp, Listing, StoredGroup, StoredTensor
from composer.container.window import FileWindow
from composer.errors import FormatError

CHUNK = 8 << 20
METADATA_CACHE = 4 << 20
HDF5_FAILURES = (
    OSError, RuntimeError, ValueError, TypeError, LookupError, ArithmeticError, MemoryError,
    NotImplementedError, SystemError,
)  # fmt: skip
"""What h5py raises for a damaged file, depending on where HDF5 stumbles."""


class WeightsFile:
    """An open HDF5 file; a context manager.

    It must be closed before the interpreter ends (the archive that handed it out does): HDF5 calls
    back into Python when it closes a file.

    Attributes:
        path: of the file on disk: the ``.keras`` archive or the ``.h5`` file.
        stamp: state of that file when it was opened.
    """

    path: Path
    stamp: FileStamp

    def __init__(
        self,
        path: Path,
        descriptor: int,
        start: int,
        length: int,
        *,
        stamp: FileStamp,
        in_file: bool = True,
        owned: bool = False,
    ) -> None:
        """Use ``Archive.weights`` or :func:`open_weights`.

        Args:
            path: of the file on disk.
            descriptor: of an open file that holds the HDF5 file.
            start: where the HDF5 file begins in it.
            length: its bytes.
            stamp: of the file at ``path``.
            in_file: whether ``descriptor`` is the file at ``path``.
            owned: whether to close the descriptor.
        """
        self.path = path
        self.stamp = stamp
        self._descriptor = descriptor
        self._start = start
        self._length = length
        self._in_file = in_file
        self._owned = owned
        self._listing: Listing | None = None
        self._base = 0
        self._file: Any = None
        try:
            self._file = self._open(FileWindow(descriptor, start, length))
            self._heap = GlobalHeap(self._at_address, length)
        except BaseException:
            self.close()
            raise

    @property
    def listing(self) -> Listing:
        """All groups and tensors.

        Raises:
            FormatError: an object is one that no Keras weights file has, or is damaged.
        """
        if self._listing is None:
            with self._guarded():
                entries = list_objects(
                    h5g.open(self._file, b"/"),
                    length=self._length,
                    shift=self._start if self._in_file else None,
                    read=self._at_address,
                    heap=self._heap,
                )
            self._listing = Listing(self.path, self.stamp, entries)
        return self._listing

    @property
    def entries(self) -> tuple[StoredGroup | StoredTensor, ...]:
        """See :class:`Listing`."""
        return self.listing.entries

    @property
    def groups(self) -> tuple[StoredGroup, ...]:
        """See :class:`Listing`."""
        return self.listing.groups

    @property
    def tensors(self) -> tuple[StoredTensor, ...]:
        """See :class:`Listing`."""
        return self.listing.tensors

    def find(self, path: str) -> StoredGroup | StoredTensor | None:
        """See :class:`Listing`."""
        return self.listing.find(path)

    def subtree(self, path: str) -> tuple[StoredGroup | StoredTensor, ...]:
        """See :class:`Listing`."""
        return self.listing.subtree(path)

    def chunks(self, tensor: StoredTensor) -> Iterator[bytes]:
        """Yield the tensor's little-endian bytes, row-major, about 8 MiB at a time.

        Args:
            tensor: one of :attr:`tensors`, not of dtype ``|O`` (see :meth:`texts`).

        Raises:
            FormatError: the bytes can't be read.
        """
        if tensor.dtype == TEXT:
            raise ValueError(f"{tensor.path} holds text of varying length")
        if tensor.offset is not None:
            return self._contiguous(tensor)
        return self._converted(tensor)

    def read(self, tensor: StoredTensor) -> bytes:
        """Return the tensor's little-endian bytes, row-major."""
        return b"".join(self.chunks(tensor))

    def texts(self, tensor: StoredTensor) -> tuple[bytes, ...]:
        """Return the elements of a tensor of dtype ``|O``, row-major."""
        with self._guarded():
            offset = h5d.open(self._file, tensor.path.encode()).get_offset()
            references = b"" if offset is None else self._peek(offset, tensor.nbytes)
            return tuple(self._heap.texts(references, math.prod(tensor.shape)))

    def close(self) -> None:
        """Close the HDF5 file, and the descriptor if it is this object's own; twice is once."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._owned and self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self, window: FileWindow) -> Any:
        with self._guarded():
            access = h5p.create(h5p.FILE_ACCESS)
            # Closing the file closes every object that a caller or an exception still holds.
            access.set_fclose_degree(h5f.CLOSE_STRONG)
            access.set_fileobj_driver(h5fd.fileobj_driver, window)
            # Each object is looked at once; HDF5's own 32 MiB of cache become 300 MB of memory.
            cache = access.get_mdc_config()
            cache.max_size = METADATA_CACHE
            access.set_mdc_config(cache)
            # HDF5 tells open files apart by name for this driver; h5py uses repr alike.
            file = h5f.open(repr(window).encode(), h5f.ACC_RDONLY, access)
            if file.get_create_plist().get_sizes() != (8, 8):
                file.close()
                raise FormatError("CMP502.offset-size", path=self.path)
            self._base = file.get_create_plist().get_userblock()
            return file

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except FormatError as error:
            raise error.about(path=self.path) from error
        except HDF5_FAILURES as error:
            raise FormatError(
                "CMP502.hdf5",
                path=self.path,
                reason=" ".join(str(error).split()) or type(error).__name__,
            ) from error

    def _peek(self, offset: int, length: int) -> bytes:
        room = max(0, min(length, self._length - offset))
        return os.pread(self._descriptor, room, self._start + offset)

    def _at_address(self, address: int, length: int) -> bytes:
        """Read at an address as HDF5 counts them: from the end of the user block."""
        return self._peek(self._base + address, length)

    def _contiguous(self, tensor: StoredTensor) -> Iterator[bytes]:
        assert tensor.offset is not None
        position = tensor.offset
        end = position + tensor.nbytes
        while position < end:
            chunk = os.pread(self._descriptor, min(CHUNK, end - position), position)
            if not chunk:
                raise FormatError("CMP502.tensor-beyond", path=self.path, what=tensor.path)
            position += len(chunk)
            yield chunk

    def _converted(self, tensor: StoredTensor) -> Iterator[bytes]:
        """Read slab by slab, inflated and with bytes turned around."""
        if not tensor.nbytes:
            return
        with self._guarded():
            dataset = h5d.open(self._file, tensor.path.encode())
            slabs = _slabs(tensor.shape, tensor.nbytes // math.prod(tensor.shape))
            if dataset.get_create_plist().get_layout() == h5d.CHUNKED:
                reader = self._chunk_reader(dataset, tensor.path)
                for start, count in slabs:
                    found = reader.slab(start, count)
                    yield found.astype(tensor.dtype, copy=False).tobytes()
                return
            memory_type = datatype_of(tensor.dtype)
            if tensor.dtype.startswith(("|S", "|V")):
                memory_type = dataset.get_type()
            if not tensor.shape:
                scalar = np.empty((), dtype=tensor.dtype)
                space = h5s.create(h5s.SCALAR)
                dataset.read(space, space, scalar, mtype=memory_type)
                yield scalar.tobytes()
                return
            for start, count in slabs:
                array = np.empty(count, dtype=tensor.dtype)
                file_space = dataset.get_space()
                file_space.select_hyperslab(start, count)
                dataset.read(h5s.create_simple(count), file_space, array, mtype=memory_type)
                yield array.tobytes()

    def _chunk_reader(self, dataset: Any, what: str) -> ChunkReader:
        plan, type_ = dataset.get_create_plist(), stored_type(dataset.get_type())
        about = chunked(dataset, plan, type_, self._length, what)
        return ChunkReader(about, dataset, self._peek, fill_of(plan, type_))


def _slabs(
    shape: tuple[int, ...], itemsize: int
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Cut an array into row-major runs of at most ``CHUNK`` bytes (or one element)."""
    axis = len(shape) - 1
    inner = itemsize
    while axis > 0 and inner * shape[axis] <= CHUNK:
        inner *= shape[axis]
        axis -= 1
    step = max(1, CHUNK // inner)
    for outer in np.ndindex(*shape[:axis]):
        for first in range(0, shape[axis], step):
            length = min(step, shape[axis] - first)
            yield (
                (*outer, first, *(0,) * (len(shape) - axis - 1)),
                (*(1,) * axis, length, *shape[axis + 1 :]),
            )


def open_weights(path: str | os.PathLike[str]) -> WeightsFile:
    """Open a ``.h5``, ``.hdf5`` or ``.weights.h5`` file with the same checks.

    Args:
        path: of the file.

    Returns:
        The open file; close it, or use it as a context manager.

    Raises:
        FormatError: it is no sound HDF5 file.
        OSError: it can't be opened.
    """
    path = Path(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        stamp = FileStamp.of(descriptor)
    except OSError:
        os.close(descriptor)
        raise
    return WeightsFile(path, descriptor, 0, stamp.size, stamp=stamp, owned=True)
