"""Bytes from sources into the file in the making, never a whole tensor at once.

Memory stays the same whatever the size of the model: one buffer, and a few open sources.
"""

from __future__ import annotations

import errno
import os
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from composer.container.stored import FileStamp
from composer.errors import BuildError

if TYPE_CHECKING:
    from composer.container.archive import Archive
    from composer.container.hdf5_read import WeightsFile

CHUNK = 8 << 20
MAX_OPEN = 4
NOT_HERE = {errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM, errno.EBADF}
"""Answers of ``copy_file_range`` that mean: not between these two files, copy by hand."""


@dataclass(slots=True)
class _Source:
    descriptor: int
    stamp: FileStamp
    stack: ExitStack
    weights: WeightsFile | None = None
    archive: Archive | None = None


class Sources:
    """The files that are copied from, opened when needed and closed again; a context manager.

    At most ``MAX_OPEN`` are open at a time. Each is held against the stamp it had when it was
    listed, when it is opened and again before it is closed.
    """

    def __init__(self) -> None:
        self._open: OrderedDict[Path, _Source] = OrderedDict()

    def descriptor(self, path: Path, stamp: FileStamp) -> int:
        """Return an open descriptor of the file.

        Raises:
            BuildError: the file is gone or has changed.
        """
        return self._get(path, stamp).descriptor

    def weights(self, path: Path, stamp: FileStamp) -> WeightsFile:
        """Return the file's weights.

        Raises:
            BuildError: the file is gone or has changed.
            FormatError: it is not sound.
        """
        source = self._get(path, stamp)
        if source.weights is None:
            from composer.container.archive import opened_weights

            source.weights = source.stack.enter_context(opened_weights(path))
            check_stamp(path, source.weights.stamp, stamp)
        return source.weights

    def archive(self, path: Path, stamp: FileStamp) -> Archive:
        """Return the file as an archive, for its assets.

        Raises:
            BuildError: the file is gone or has changed.
            FormatError: it is not sound.
        """
        source = self._get(path, stamp)
        if source.archive is None:
            from composer.container.archive import open_archive

            source.archive = source.stack.enter_context(open_archive(path))
            check_stamp(path, source.archive.stamp, stamp)
        return source.archive

    def check(self) -> None:
        """Hold the files that are open against their stamps.

        Raises:
            BuildError: one was changed while it was copied.
        """
        for path, source in self._open.items():
            check_stamp(path, FileStamp.of(source.descriptor), source.stamp)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        while self._open:
            _close(self._open.popitem()[1])

    def _get(self, path: Path, stamp: FileStamp) -> _Source:
        source = self._open.get(path)
        if source is not None:
            check_stamp(path, source.stamp, stamp)
            self._open.move_to_end(path)
            return source
        if len(self._open) >= MAX_OPEN:
            self.check()
            _close(self._open.popitem(last=False)[1])
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise BuildError("CMP713.unopenable", path=path, reason=error.strerror) from error
        source = _Source(descriptor, stamp, ExitStack())
        self._open[path] = source
        check_stamp(path, FileStamp.of(descriptor), stamp)
        return source


def _close(source: _Source) -> None:
    try:
        source.stack.close()
    finally:
        os.close(source.descriptor)


def check_stamp(path: Path, found: FileStamp, expected: FileStamp) -> None:
    """Refuse a file that is not what it was.

    Raises:
        BuildError: the stamps differ.
    """
    if found != expected:
        raise BuildError(
            "CMP545.source-changed",
            path=path,
            expected=expected.size,
            found=found.size,
        )


class Follower(Protocol):
    """Who wants to know how far the file is written."""

    def advance(self, position: int) -> None:
        """Take note that nothing before ``position`` will change any more."""


class Copier:
    """Writes tensors into one file, in ascending order of their offsets."""

    def __init__(self, descriptor: int, follower: Follower) -> None:
        """Take the file to write, open for writing, and who is told of the progress."""
        self._descriptor = descriptor
        self._follower = follower
        self._buffer: memoryview | None = None
        self._by_kernel = hasattr(os, "copy_file_range")

    def copy(self, source: int, source_offset: int, offset: int, nbytes: int, name: str) -> None:
        """Copy an extent of another file, by the kernel where it can.

        Args:
            source: descriptor of the other file.
            source_offset: where the extent begins there.
            offset: where it goes.
            nbytes: its length.
            name: of the tensor, for messages.

        Raises:
            BuildError: the source ends early.
            OSError: the target can't be written.
        """
        done = 0
        while done < nbytes:
            wanted = min(CHUNK, nbytes - done)
            done += self._kernel_copy(source, source_offset + done, offset + done, wanted) or (
                self._copy_by_hand(source, source_offset + done, offset + done, wanted, name)
            )
            self._follower.advance(offset + done)

    def write(
        self, chunks: Iterable[bytes | memoryview], offset: int, nbytes: int, name: str
    ) -> None:
        """Write bytes that Python holds.

        Raises:
            BuildError: the chunks are not ``nbytes`` in all.
            OSError: the target can't be written.
        """
        done = 0
        for chunk in chunks:
            if done + len(chunk) > nbytes:
                done += len(chunk)
                break
            write_all(self._descriptor, memoryview(chunk), offset + done)
            done += len(chunk)
            self._follower.advance(offset + done)
        if done != nbytes:
            raise BuildError(
                "CMP710.tensor-bytes",
                tensor=name,
                expected=nbytes,
                found=done,
            )

    def _kernel_copy(self, source: int, source_offset: int, offset: int, count: int) -> int:
        """Return how much was copied; 0 where the kernel can't, or the source has ended."""
        if not self._by_kernel:
            return 0
        try:
            return os.copy_file_range(source, self._descriptor, count, source_offset, offset)
        except OSError as error:
            if error.errno not in NOT_HERE:
                raise
            self._by_kernel = False
            return 0

    def _copy_by_hand(
        self, source: int, source_offset: int, offset: int, count: int, name: str
    ) -> int:
        if self._buffer is None:
            self._buffer = memoryview(bytearray(CHUNK))
        done = os.preadv(source, [self._buffer[:count]], source_offset)
        if not done:
            raise BuildError("CMP710.tensor-short", tensor=name)
        write_all(self._descriptor, self._buffer[:done], offset)
        return done


def write_all(descriptor: int, data: memoryview, offset: int) -> None:
    """Write all of ``data`` at ``offset``."""
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written
