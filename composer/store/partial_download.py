"""A file that comes in pieces, hashed on the way, and kept when its process ends too early."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from composer.errors import BuildError
from composer.files.json_files import read_document, write_document
from composer.store.failures import writing

_WHAT = "take in a download"
_REMINDER = 64 << 20
"""Bytes after which the folder is marked as in use again, so that no pruning takes it away."""
_BLOCK = 1 << 20


class Unfinished:
    """The bytes that are here, and the validator of what they are the beginning of.

    A context manager that closes the file. Only one process at a time may write.

    Args:
        root: of the store.
        name: of the folder below ``scratch`` that holds the file.

    Attributes:
        validator: by which whoever gives the rest tells whether it is still the same file; None
            where nothing is here, or nothing that could be continued.
        size: how many bytes are here.
        whole: how many there will be; None where that is not known.
    """

    def __init__(self, root: Path, name: str) -> None:
        self._root = root
        self._folder = root / "scratch" / name
        self._file = self._folder / "part"
        self._about = self._folder / "about.json"
        self._stream: BinaryIO | None = None
        self._hash = hashlib.sha256()
        self._marked = 0
        about = read_document(self._about) or {}
        validator = about.get("validator")
        self.validator = validator if isinstance(validator, str) else None
        whole = about.get("size")
        self.whole = whole if isinstance(whole, int) else None
        self.size = 0
        with suppress(OSError):
            self.size = self._file.stat().st_size
        if self.validator is None:
            self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def begin(self, *, validator: str | None, offset: int, size: int | None) -> None:
        """Prepare for bytes from ``offset`` on; what lies behind it is cut off.

        Args:
            validator: of the file that the bytes belong to.
            offset: 0, or any number up to :attr:`size` where the validator is that of the part.
            size: of the whole file, where it is known.

        Raises:
            BuildError: the store can't be written, or has no room for the file.
        """
        with self._writing():
            self._folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self._folder).free
            if size is not None and size - offset > free:
                raise BuildError(
                    "CMP713.store-room",
                    path=self._root,
                    size=(size - offset) / 2**20,
                    free=free / 2**20,
                )
            if self._stream is None:
                # Unbuffered: what was written is there, whatever becomes of this process.
                self._stream = self._file.open("r+b" if offset else "w+b", buffering=0)
                self.size = 0
                self._hash = hashlib.sha256()
                self._read_up_to(offset)
            if offset != self.size:
                self._stream.seek(0)
                self.size, self._hash = 0, hashlib.sha256()
                self._read_up_to(offset)
            self._stream.truncate(offset)
            self._stream.seek(offset)
            if validator is None:
                self._about.unlink(missing_ok=True)
            else:
                write_document(self._about, {"validator": validator, "size": size})
        self.validator, self.whole = validator, size

    def append(self, chunk: bytes) -> None:
        """Write bytes behind those that are here.

        Raises:
            BuildError: the disk is full; what was here is given up, so that it is not.
        """
        assert self._stream is not None
        try:
            with self._writing():
                view = memoryview(chunk)
                while view:
                    view = view[self._stream.write(view) :]
        except BuildError:
            self.discard()
            raise
        self._hash.update(chunk)
        self.size += len(chunk)
        if self.size - self._marked > _REMINDER:
            self._marked = self.size
            with suppress(OSError):
                os.utime(self._folder)

    def finish(self) -> tuple[Path, str]:
        """Return the file and the SHA-256 of its bytes; the caller moves it and discards this."""
        self._close()
        return self._file, self._hash.hexdigest()

    def discard(self) -> None:
        """Remove all of it."""
        self._close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self.validator, self.whole, self.size = None, None, 0

    def _read_up_to(self, offset: int) -> None:
        """Take the bytes that are here into the digest, up to ``offset``."""
        assert self._stream is not None
        while self.size < offset:
            block = self._stream.read(min(_BLOCK, offset - self.size))
            if not block:
                raise BuildError("CMP713.store-part", path=self._root)
            self._hash.update(block)
            self.size += len(block)

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with writing(self._root, _WHAT):
            yield
