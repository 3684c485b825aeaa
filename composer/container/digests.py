"""Digests of tensors and of models: what two files with the same content have in common."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from composer.container.stored import TEXT, Listing, StoredTensor
from composer.errors import FormatError

if TYPE_CHECKING:
    from composer.container.hdf5_read import WeightsFile

THREADS = 2
BATCH = 16 << 20
CHUNK = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorDigest:
    """What a tensor is.

    Attributes:
        dtype: Keras's name, such as ``float32`` or ``bfloat16``.
        shape: empty for a scalar.
        sha256: of its little-endian bytes, row-major; of text, of each element's UTF-8 bytes
            preceded by their number in eight little-endian bytes.
    """

    dtype: str
    shape: tuple[int, ...]
    sha256: str


def digest_tensors(path: str | os.PathLike[str]) -> dict[str, TensorDigest]:
    """Digest every tensor of a ``.keras`` archive or an HDF5 weights file.

    Args:
        path: of the file.

    Returns:
        Digests by the tensor's path, such as ``layers/dense/vars/0``, in the file's order.

    Raises:
        FormatError: the file is not sound.
        OSError: it can't be opened.
    """
    from composer.container.archive import opened_weights

    with opened_weights(path) as weights:
        return digest_listing(weights.listing)


def digest_listing(listing: Listing) -> dict[str, TensorDigest]:
    """Digest every tensor of a file that was listed before; see :func:`digest_tensors`."""
    return digest_listed(listing.path, listing.tensors)


def digest_listed(path: Path, tensors: Sequence[StoredTensor]) -> dict[str, TensorDigest]:
    """Digest some tensors of a file that was listed before; see :func:`digest_tensors`."""
    found: dict[str, str] = {}
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            batches = [
                pool.submit(_digest_extents, descriptor, batch) for batch in _batches(tensors)
            ]
            # HDF5 works under one lock, so what must go through it stays in this thread.
            found.update(_digest_converted(path, tensors))
            for batch in batches:
                found.update(batch.result())
    finally:
        os.close(descriptor)
    return {
        tensor.path: TensorDigest(
            dtype=tensor.logical_dtype, shape=tensor.shape, sha256=found[tensor.path]
        )
        for tensor in tensors
    }


def _digest_converted(path: Path, tensors: Iterable[StoredTensor]) -> dict[str, str]:
    """Digest what can't be read as it lies: compressed, chunked, big-endian and empty tensors."""
    converted = [tensor for tensor in tensors if tensor.offset is None]
    if not any(tensor.nbytes for tensor in converted):
        return dict.fromkeys((tensor.path for tensor in converted), hashlib.sha256().hexdigest())
    from composer.container.archive import opened_weights

    with opened_weights(path) as weights:
        return {tensor.path: digest_tensor(weights, tensor) for tensor in converted}


def _batches(tensors: Iterable[StoredTensor]) -> list[list[tuple[str, int, int]]]:
    """Cut the extents, in the order in which they lie, into lists of about ``BATCH`` bytes."""
    batches: list[list[tuple[str, int, int]]] = []
    room = 0
    extents = [(t.offset, t.nbytes, t.path) for t in tensors if t.offset is not None]
    for offset, nbytes, path in sorted(extents):
        if room <= 0:
            batches.append([])
            room = BATCH
        batches[-1].append((path, offset, nbytes))
        room -= nbytes
    return batches


def _digest_extents(descriptor: int, extents: list[tuple[str, int, int]]) -> dict[str, str]:
    buffer = memoryview(bytearray(CHUNK))
    found = {}
    for path, offset, nbytes in extents:
        digest = hashlib.sha256()
        done = 0
        while done < nbytes:
            piece = buffer[: min(CHUNK, nbytes - done)]
            count = os.preadv(descriptor, [piece], offset + done)
            if not count:
                raise FormatError("CMP502.ends-inside", what=path)
            digest.update(piece[:count])
            done += count
        found[path] = digest.hexdigest()
    return found


def digest_tensor(weights: WeightsFile, tensor: StoredTensor) -> str:
    """Return the SHA-256 of a tensor that is read through HDF5; see :class:`TensorDigest`."""
    if tensor.dtype == TEXT:
        return digest_texts(weights.texts(tensor))
    digest = hashlib.sha256()
    for chunk in weights.chunks(tensor):
        digest.update(chunk)
    return digest.hexdigest()


def digest_texts(texts: Iterable[bytes]) -> str:
    """Return the SHA-256 of the elements of a text tensor."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(len(text).to_bytes(8, "little"))
        digest.update(text)
    return digest.hexdigest()


def digest_file(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_path(path: Path) -> str:
    """Return the SHA-256 of a file, or :func:`digest_sums` of a folder."""
    return digest_sums(path) if path.is_dir() else digest_file(path)


def size_of(path: Path) -> int:
    """Return how many bytes a file has, or all files in a folder together."""
    files = (file for file in path.rglob("*") if file.is_file()) if path.is_dir() else (path,)
    return sum(file.stat().st_size for file in files)


def digest_folder(folder: Path) -> str:
    """Return the SHA-256 of the names and bytes of all files below a folder.

    Raises:
        OSError: one can't be read.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            digest.update(f"{name}\0{digest_file(path)}\n".encode())
    return digest.hexdigest()


def digest_sums(folder: Path) -> str:
    """Return the SHA-256 that stands for a SavedModel: of the lines that ``sha256sum`` prints.

    Which is what ``find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum`` gives in it.

    Raises:
        OSError: a file can't be read.
    """
    files = sorted(
        (path for path in folder.rglob("*") if path.is_file()),
        key=lambda path: path.relative_to(folder).as_posix().encode(),
    )
    lines = [f"{digest_file(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
