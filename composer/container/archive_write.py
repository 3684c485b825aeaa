"""Writing a ``.keras`` archive, or its weights alone: each tensor once, straight to its place.

Layout of the file::

    0    local header of model.weights.h5, padded to 512 bytes   = HDF5's user block
    512  the HDF5 file
    …    metadata.json, config.json, assets/…
    …    central directory, in Keras's order: metadata.json, config.json, model.weights.h5, assets

A zip member may lie anywhere, so the part of unknown size comes first and needs no copy.
"""

from __future__ import annotations

import json
import os
import secrets
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from composer.container.archive import ASSETS, CONFIG, METADATA, WEIGHTS
from composer.container.contents import (
    AssetOrigin,
    AssetToWrite,
    Content,
    TensorToWrite,
)
from composer.container.copying import Copier, Sources, write_all
from composer.container.digests import TensorDigest, digest_texts
from composer.container.stored import TEXT, TensorInFile, bytes_of
from composer.container.trailing import Extent, TrailingDigest
from composer.container.zip_write import NewMember, directory, local_header
from composer.errors import BuildError

USER_BLOCK = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenArchive:
    """What was written.

    Attributes:
        path: of the file, as given.
        size: in bytes.
        tensors: digests by path, in the order given, of the bytes as they were copied; empty
            where none were asked for.
    """

    path: Path
    size: int
    tensors: Mapping[str, TensorDigest]


def write_archive(
    target: str | os.PathLike[str],
    *,
    metadata: Mapping[str, Any],
    config: Mapping[str, Any],
    contents: Sequence[Content],
    assets: Sequence[AssetToWrite] = (),
    digest: bool = True,
    flush: bool = True,
) -> WrittenArchive:
    """Write an archive beside ``target``, then let it take that name at once.

    Readers see the old file or the new one, and no failure leaves a file behind. The same
    arguments give the same bytes.

    Args:
        target: path of the file; its folder must exist.
        metadata: ``metadata.json``.
        config: ``config.json``; keys are written in their order.
        contents: groups and tensors; tensors lie in the file in this order.
        assets: further members; Keras unpacks an archive that has any on each load.
        digest: whether to digest every tensor on the way.
        flush: whether to wait until the disk has it; without it the caller does that before it
            gives the file its last name.

    Raises:
        BuildError: a source changed or ends early, two entries have one path, or the file can't
            be written.
        FormatError: a source that must be read through HDF5 is not sound.
    """
    target = Path(target)
    temporary = target.with_name(f"{target.name}.tmp-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            with Sources() as sources:
                tensors = _write(
                    temporary, descriptor, sources,
                    metadata=metadata, config=config, contents=contents, assets=assets,
                    digest=digest,
                )  # fmt: skip
                sources.check()
            if flush:
                os.fsync(descriptor)
            size = os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise BuildError(
            "CMP712.unwritable", path=target, reason=error.strerror or error
        ) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if flush:
        _sync_folder(target.parent)
    return WrittenArchive(path=target, size=size, tensors=tensors)


def _write(
    path: Path,
    descriptor: int,
    sources: Sources,
    *,
    metadata: Mapping[str, Any],
    config: Mapping[str, Any],
    contents: Sequence[Content],
    assets: Sequence[AssetToWrite],
    digest: bool,
) -> dict[str, TensorDigest]:
    end, crc, digests = _write_hdf5(
        path, descriptor, sources, contents, user_block=USER_BLOCK, digest=digest
    )
    orders = [entry for entry in contents if isinstance(entry, TensorToWrite)]
    weights = NewMember(name=WEIGHTS, size=end - USER_BLOCK, crc=crc, header_offset=0)
    members = []
    for name, document in ((METADATA, metadata), (CONFIG, config)):
        text = json.dumps(document, separators=(",", ":")).encode()
        members.append(_append(descriptor, name, text))
    members.append(weights)
    seen = set()
    for asset in assets:
        if not asset.name.startswith(ASSETS) or asset.name in seen:
            raise BuildError("CMP710.asset-twice", asset=asset.name)
        seen.add(asset.name)
        members.append(_append(descriptor, asset.name, _asset(sources, asset)))
    write_all(descriptor, memoryview(local_header(weights, length=USER_BLOCK)), 0)
    start = os.fstat(descriptor).st_size
    write_all(descriptor, memoryview(directory(members, start)), start)
    if not digest:
        return {}
    return {
        entry.path: TensorDigest(
            dtype=entry.logical_dtype,
            shape=entry.shape,
            sha256=digests.get(entry.path) or digest_texts(_texts(sources, entry)),
        )
        for entry in orders
    }


def write_weights(target: Path, contents: Sequence[Content]) -> None:
    """Write the HDF5 file that an archive would hold as ``model.weights.h5``, by itself.

    The same arguments give the same bytes. The file is not flushed to the disk, and what a failure
    leaves of it is the caller's to remove.

    Args:
        target: path of the file, which must not exist.
        contents: groups and tensors, in the order in which they shall lie in the file.

    Raises:
        BuildError: a source changed or ends early, or the file can't be written.
        FormatError: a source that must be read through HDF5 is not sound.
    """
    try:
        descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            with Sources() as sources:
                _write_hdf5(target, descriptor, sources, contents, user_block=0, digest=False)
                sources.check()
        finally:
            os.close(descriptor)
    except OSError as error:
        raise BuildError(
            "CMP712.unwritable", path=target, reason=error.strerror or error
        ) from error


def _write_hdf5(
    path: Path,
    descriptor: int,
    sources: Sources,
    contents: Sequence[Content],
    *,
    user_block: int,
    digest: bool,
) -> tuple[int, int, Mapping[str, str]]:
    """Write the weights; return where they end, their CRC-32 and the digests of the tensors."""
    from composer.container.hdf5_write import create_structure

    offsets = create_structure(
        path, contents, user_block=user_block, texts=lambda entry: _texts(sources, entry)
    )
    end = os.fstat(descriptor).st_size
    orders = [entry for entry in contents if isinstance(entry, TensorToWrite)]
    extents = sorted(
        Extent(offsets[entry.path], bytes_of(entry.shape, entry.dtype), entry.path)
        for entry in orders
        if entry.path in offsets
    )
    trailing = TrailingDigest(descriptor, user_block, extents if digest else [])
    try:
        _copy_tensors(Copier(descriptor, trailing), sources, orders, offsets)
        crc, digests = trailing.finish(end)
    finally:
        trailing.stop()
    return end, crc, digests


def _copy_tensors(
    copier: Copier,
    sources: Sources,
    orders: Sequence[TensorToWrite],
    offsets: Mapping[str, int],
) -> None:
    placed = [(offsets[entry.path], entry) for entry in orders if entry.path in offsets]
    # By offset, so that all before the current one is final and can be summed meanwhile.
    for offset, entry in sorted(placed, key=lambda item: item[0]):
        origin = entry.origin
        nbytes = bytes_of(entry.shape, entry.dtype)
        if isinstance(origin, TensorInFile) and (origin.tensor.shape, origin.tensor.dtype) != (
            entry.shape,
            entry.dtype,
        ):
            raise BuildError(
                "CMP710.other-tensor",
                tensor=entry.path,
                expected_dtype=entry.dtype,
                expected_shape=entry.shape,
                source_tensor=origin.tensor.path,
                path=origin.path,
                dtype=origin.tensor.dtype,
                shape=origin.tensor.shape,
            )
        if isinstance(origin, bytes):
            copier.write((origin,), offset, nbytes, entry.path)
        elif not isinstance(origin, TensorInFile):
            copier.write(origin.chunks(), offset, nbytes, entry.path)
        elif origin.tensor.offset is None:
            chunks = sources.weights(origin.path, origin.stamp).chunks(origin.tensor)
            copier.write(chunks, offset, nbytes, entry.path)
        else:
            source = sources.descriptor(origin.path, origin.stamp)
            copier.copy(source, origin.tensor.offset, offset, nbytes, entry.path)


def _texts(sources: Sources, entry: TensorToWrite) -> tuple[bytes, ...]:
    """Return the elements of a text tensor; a tensor without elements has none to ask for."""
    if entry.dtype != TEXT:
        return ()
    if not isinstance(entry.origin, TensorInFile):
        raise BuildError("CMP710.text-without-file", tensor=entry.path)
    origin = entry.origin
    return sources.weights(origin.path, origin.stamp).texts(origin.tensor)


def _asset(sources: Sources, asset: AssetToWrite) -> bytes:
    if isinstance(asset.origin, AssetOrigin):
        origin = asset.origin
        return sources.archive(origin.path, origin.stamp).read_asset(origin.member)
    return asset.origin


def _append(descriptor: int, name: str, content: bytes) -> NewMember:
    offset = os.fstat(descriptor).st_size
    member = NewMember(name=name, size=len(content), crc=zlib.crc32(content), header_offset=offset)
    header = local_header(member)
    write_all(descriptor, memoryview(header + content), offset)
    return member


def _sync_folder(folder: Path) -> None:
    """Make the new name last through a power cut, where the file system offers that."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)
