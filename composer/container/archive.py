"""A ``.keras`` archive, opened as data: nothing is unpacked, deserialised or run."""

from __future__ import annotations

import os
import stat
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from composer.container.stored import FileStamp
from composer.container.strict_json import MAX_BYTES as MAX_JSON_BYTES
from composer.container.strict_json import read_object
from composer.container.zip_directory import DEFLATED, HDF5_SIGNATURE, Member, read_members
from composer.errors import FormatError, about
from composer.files.regular import NotRegularError, opened_regular

if TYPE_CHECKING:
    from composer.container.hdf5_read import WeightsFile

METADATA = "metadata.json"
CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
ASSETS = "assets/"

CHUNK = 1 << 19
MAX_EXPANSION = 100
"""Bytes that one byte of a deflated member may become, and from which size on that is asked. Keras
uses the same ratio (``_ZIP_MEMBER_MAX_EXPANSION`` in ``keras/src/saving/saving_lib.py``)."""
EXPANSION_FLOOR = 8 << 20
MAX_ASSET_BYTES = 1 << 30


class Archive:
    """An open ``.keras`` file; a context manager that closes what it opened.

    Attributes:
        path: as given.
        stamp: the file's state when it was opened.
        metadata: ``metadata.json``.
        config: ``config.json``, its keys in the file's order. Not to be changed in place.
        assets: names of the members below ``assets/``, sorted.
    """

    path: Path
    stamp: FileStamp
    metadata: dict[str, Any]
    config: dict[str, Any]
    assets: tuple[str, ...]

    def __init__(self, path: Path, descriptor: int) -> None:
        """Use :func:`open_archive`. The descriptor belongs to the archive from here on."""
        self.path = path
        self._descriptor = descriptor
        self._weights: WeightsFile | None = None
        self.stamp = FileStamp.of(descriptor)
        self._members = {member.name: member for member in read_members(descriptor, str(path))}
        _check_membership(self._members, path)
        self.metadata = self._json(METADATA)
        self.config = self._json(CONFIG)
        self.assets = tuple(
            sorted(name for name in self._members if name.startswith(ASSETS) and name[-1:] != "/")
        )

    @property
    def keras_version(self) -> str | None:
        """The Keras that wrote the file, as its metadata says."""
        version = self.metadata.get("keras_version")
        return version if isinstance(version, str) else None

    @property
    def weights(self) -> WeightsFile:
        """The weights, read in place; a deflated member is inflated to a temporary file first.

        Raises:
            FormatError: the member is no sound HDF5 file.
        """
        if self._weights is None:
            from composer.container.hdf5_read import WeightsFile

            member = self._members[WEIGHTS]
            if member.method == DEFLATED:
                self._weights = WeightsFile(
                    self.path, self._inflate_to_file(member), 0, member.size,
                    stamp=self.stamp, in_file=False, owned=True,
                )  # fmt: skip
            else:
                self._weights = WeightsFile(
                    self.path, self._descriptor, member.data_offset, member.size, stamp=self.stamp
                )
        return self._weights

    def member(self, name: str) -> Member:
        """Return where a member lies.

        Raises:
            KeyError: there is none of that name.
        """
        return self._members[name]

    def read_asset(self, name: str) -> bytes:
        """Return the content of a member named in :attr:`assets`.

        Raises:
            KeyError: there is none of that name.
            FormatError: ``crc``, ``bomb``, ``damaged``.
        """
        if name not in self.assets:
            raise KeyError(name)
        return self._read(self._members[name], MAX_ASSET_BYTES)

    def check_crc(self) -> None:
        """Read every member and hold it against its CRC-32.

        Raises:
            FormatError: ``crc`` or ``damaged``.
        """
        _check_crc(self._descriptor, self._members.values(), self.path)

    def close(self) -> None:
        """Close the file and everything opened through it; twice is once."""
        if self._weights is not None:
            self._weights.close()
        if self._descriptor >= 0:
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

    def _json(self, name: str) -> dict[str, Any]:
        with about(path=self.path):
            return read_object(self._read(self._members[name], MAX_JSON_BYTES), name)

    def _read(self, member: Member, limit: int) -> bytes:
        if member.size > limit:
            raise FormatError(
                "CMP502.member-size",
                path=self.path,
                member=member.name,
                size=member.size,
                limit=limit,
            )
        return b"".join(_content(self._descriptor, member, self.path))

    def _inflate_to_file(self, member: Member) -> int:
        with tempfile.TemporaryFile() as file:
            for chunk in _content(self._descriptor, member, self.path):
                file.write(chunk)
            file.flush()
            return os.dup(file.fileno())


def open_archive(path: str | os.PathLike[str]) -> Archive:
    """Open a ``.keras`` file and read its two JSON members.

    Args:
        path: of the file.

    Returns:
        The open archive; close it, or use it as a context manager.

    Raises:
        FormatError: the file is not a sound ``.keras`` archive; its ``reason`` is one of those of
            :func:`read_members` and :func:`read_object`, or ``missing_member``,
            ``unknown_member``, ``member_size``, ``weights_format``, ``bomb``, ``crc``.
        OSError: the file can't be opened.
    """
    path = Path(path)
    # Without O_NONBLOCK, opening a pipe waits for somebody to write into it.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FormatError("CMP502.not-regular", path=path)
        return Archive(path, descriptor)
    except OSError as error:
        os.close(descriptor)
        raise FormatError("CMP502.unreadable", path=path, reason=str(error)) from error
    except BaseException:
        os.close(descriptor)
        raise


def check_archive_crc(path: Path) -> None:
    """Hold every member of a ``.keras`` file against its CRC-32, without reading what it says.

    A plain HDF5 file has no checksums to hold it against.

    Raises:
        FormatError: see :func:`read_members`; ``crc`` or ``damaged``.
        OSError: the file can't be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if os.pread(descriptor, len(HDF5_SIGNATURE), 0) != HDF5_SIGNATURE:
            _check_crc(descriptor, read_members(descriptor, str(path)), path)
    finally:
        os.close(descriptor)


@contextmanager
def opened_weights(path: str | os.PathLike[str]) -> Iterator[WeightsFile]:
    """Open the weights of a ``.keras`` archive or of an HDF5 file, whichever ``path`` is.

    Raises:
        FormatError: it is neither, or not sound.
        OSError: the file can't be opened.
    """
    try:
        descriptor = opened_regular(Path(path))
    except NotRegularError as error:
        raise FormatError("CMP502.not-regular", path=path) from error
    with os.fdopen(descriptor, "rb") as file:
        plain = file.read(len(HDF5_SIGNATURE)) == HDF5_SIGNATURE
    if plain:
        from composer.container.hdf5_read import open_weights

        with open_weights(path) as weights:
            yield weights
    else:
        with open_archive(path) as archive:
            yield archive.weights


def _check_membership(members: dict[str, Member], path: Path) -> None:
    if "model.weights.npz" in members:
        raise FormatError("CMP502.npz", path=path)
    for name in (METADATA, CONFIG, WEIGHTS):
        if name not in members:
            raise FormatError(
                "CMP502.missing-member",
                path=path,
                member=name,
                found=", ".join(sorted(members)[:5]) or "none",
            )
    for name in members:
        if name not in (METADATA, CONFIG, WEIGHTS) and not name.startswith(ASSETS):
            raise FormatError("CMP502.unknown-member", path=path, member=name)


def _content(descriptor: int, member: Member, path: Path) -> Iterator[bytes]:
    if member.size > EXPANSION_FLOOR and member.size > MAX_EXPANSION * member.stored_size:
        raise FormatError(
            "CMP502.bomb",
            path=path,
            member=member.name,
            stored=member.stored_size,
            size=member.size,
            limit=MAX_EXPANSION,
        )
    crc = 0
    size = 0
    raw = _extent(descriptor, member.data_offset, member.stored_size)
    for chunk in _inflated(raw, member.size) if member.method == DEFLATED else raw:
        crc = zlib.crc32(chunk, crc)
        size += len(chunk)
        if size > member.size:
            break
        yield chunk
    if size != member.size:
        raise FormatError(
            "CMP502.member-length",
            path=path,
            member=member.name,
            expected=member.size,
            found=size,
        )
    if crc != member.crc:
        raise FormatError(
            "CMP502.crc", path=path, member=member.name, found=crc, expected=member.crc
        )


def _check_crc(descriptor: int, members: Iterable[Member], path: Path) -> None:
    for member in members:
        for _ in _content(descriptor, member, path):
            pass


def _extent(descriptor: int, start: int, length: int) -> Iterator[bytes]:
    end = start + length
    while start < end:
        chunk = os.pread(descriptor, min(CHUNK, end - start), start)
        if not chunk:
            return
        start += len(chunk)
        yield chunk


def _inflated(raw: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Inflate, never producing more than a chunk beyond ``size`` bytes."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    done = 0
    try:
        for piece in raw:
            data = piece
            while data:
                chunk = inflater.decompress(data, CHUNK)
                data = inflater.unconsumed_tail
                done += len(chunk)
                if chunk:
                    yield chunk
                if done > size or inflater.eof:
                    return
    except zlib.error as error:
        raise FormatError("CMP502.deflate", reason=str(error)) from error
