"""Bytes from sources into the file in the making: hashed on the way, never a whole tensor at once.

Memory stays the same whatever the size of the model: one buffer, and a few open sources.
"""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from composer.errors import BuildError
from composer.keras_format.stored import FileStamp

if TYPE_CHECKING:
    from composer.keras_format.archive import Archive
    from composer.keras_format.hdf5_read import WeightsFile

CHUNK = 8 << 20
CRC_CHUNK = 1 << 20
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
            from composer.keras_format.archive import opened_weights

            source.weights = source.stack.enter_context(opened_weights(path))
        return source.weights

    def archive(self, path: Path, stamp: FileStamp) -> Archive:
        """Return the file as an archive, for its assets.

        Raises:
            BuildError: the file is gone or has changed.
            FormatError: it is not sound.
        """
        source = self._get(path, stamp)
        if source.archive is None:
            from composer.keras_format.archive import open_archive

            source.archive = source.stack.enter_context(open_archive(path))
        return source.archive

    def check(self) -> None:
        """Hold the files that are open against their stamps.

        Raises:
            BuildError: one was changed while it was copied.
        """
        for path, source in self._open.items():
            _check_stamp(path, FileStamp.of(source.descriptor), source.stamp)

    def __enter__(self) -> Sources:
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
            self._open.move_to_end(path)
            return source
        if len(self._open) >= MAX_OPEN:
            self.check()
            _close(self._open.popitem(last=False)[1])
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise BuildError(f"the source {path} can't be opened: {error.strerror}") from error
        source = _Source(descriptor, stamp, ExitStack())
        self._open[path] = source
        _check_stamp(path, FileStamp.of(descriptor), stamp)
        return source


def _close(source: _Source) -> None:
    try:
        source.stack.close()
    finally:
        os.close(source.descriptor)


def _check_stamp(path: Path, found: FileStamp, expected: FileStamp) -> None:
    if found != expected:
        raise BuildError(
            f"the source {path} changed after it was read: it had {expected.size} bytes, now it "
            f"has {found.size}" + (", changed later" if found.size == expected.size else ""),
            help="build again when nothing writes to the source",
        )


class Copier:
    """Writes tensors into one file through one buffer."""

    def __init__(self, descriptor: int, progress: Callable[[int], None]) -> None:
        """Args:
        descriptor: of the file to write, open for reading and writing.
        progress: told after each piece up to where the file is final.
        """
        self._descriptor = descriptor
        self._progress = progress
        self._buffer = memoryview(bytearray(CHUNK))
        self._by_kernel = hasattr(os, "copy_file_range")

    def copy(self, source: int, source_offset: int, offset: int, nbytes: int, name: str) -> str:
        """Copy an extent of another file.

        The bytes are read once to be hashed; the kernel then copies the very pages.

        Args:
            source: descriptor of the other file.
            source_offset: where the extent begins there.
            offset: where it goes.
            nbytes: its length.
            name: of the tensor, for messages.

        Returns:
            SHA-256 of the bytes.

        Raises:
            BuildError: the source ends early.
            OSError: the target can't be written.
        """
        digest = hashlib.sha256()
        done = 0
        while done < nbytes:
            piece = self._buffer[: min(CHUNK, nbytes - done)]
            count = os.preadv(source, [piece], source_offset + done)
            if not count:
                raise BuildError(f"the source of {name} ends {nbytes - done} bytes early")
            digest.update(piece[:count])
            if not self._kernel_copy(source, source_offset + done, offset + done, count):
                write_all(self._descriptor, piece[:count], offset + done)
            done += count
            self._progress(offset + done)
        return digest.hexdigest()

    def write(self, chunks: Iterable[bytes], offset: int, nbytes: int, name: str) -> str:
        """Write bytes that Python holds; the same arguments and answer as :meth:`copy`.

        Raises:
            BuildError: the chunks are not ``nbytes`` in all.
            OSError: the target can't be written.
        """
        digest = hashlib.sha256()
        done = 0
        for chunk in chunks:
            digest.update(chunk)
            if done + len(chunk) > nbytes:
                break
            write_all(self._descriptor, memoryview(chunk), offset + done)
            done += len(chunk)
            self._progress(offset + done)
        else:
            if done == nbytes:
                return digest.hexdigest()
        raise BuildError(f"{name} should have {nbytes} bytes; its source gave another number")

    def _kernel_copy(self, source: int, source_offset: int, offset: int, count: int) -> bool:
        while self._by_kernel and count:
            try:
                copied = os.copy_file_range(source, self._descriptor, count, source_offset, offset)
            except OSError as error:
                if error.errno not in NOT_HERE:
                    raise
                copied = 0
            if not copied:
                self._by_kernel = False
            source_offset, offset, count = source_offset + copied, offset + copied, count - copied
        return not count


def write_all(descriptor: int, data: memoryview, offset: int) -> None:
    """Write all of ``data`` at ``offset``."""
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written


class TrailingCrc:
    """CRC-32 of a file that is still being written, computed behind the writer in a thread."""

    def __init__(self, descriptor: int, start: int) -> None:
        """Args:
        descriptor: of the file, open for reading.
        start: where the bytes to sum begin.
        """
        self._descriptor = descriptor
        self._position = start
        self._final = start
        self._end: int | None = None
        self._crc = 0
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="crc", daemon=True)
        self._thread.start()

    def advance(self, position: int) -> None:
        """Say that nothing before ``position`` will change any more."""
        with self._changed:
            self._final = max(self._final, position)
            self._changed.notify()

    def finish(self, end: int) -> int:
        """Return the CRC-32 of all bytes up to ``end``.

        Raises:
            OSError: the file could not be read.
        """
        with self._changed:
            self._final = self._end = end
            self._changed.notify()
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._crc

    def stop(self) -> None:
        """End the thread without a result; harmless after :meth:`finish`."""
        with self._changed:
            self._end = self._final = self._position
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        buffer = memoryview(bytearray(CRC_CHUNK))
        try:
            while True:
                with self._changed:
                    while self._position >= self._final and self._end is None:
                        self._changed.wait()
                    if self._position >= self._final:
                        return
                    count = min(CRC_CHUNK, self._final - self._position)
                done = os.preadv(self._descriptor, [buffer[:count]], self._position)
                if not done:
                    raise OSError(f"the new file ends at {self._position}")
                self._crc = zlib.crc32(buffer[:done], self._crc)
                self._position += done
        except OSError as error:
            self._error = error
