"""Compares tensors of a written artifact with where they came from, byte for byte."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from composer.container.archive import opened_weights
from composer.container.digests import digest_tensor
from composer.container.stored import StoredTensor, TensorInFile

_THREADS = 2
_BATCH = 16 << 20
_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A tensor of the artifact, and the one of a source that it must equal."""

    found: StoredTensor
    source: TensorInFile


def unequal(artifact: Path, pairs: Iterable[Pair]) -> tuple[str, ...]:
    """Return the paths in the artifact of the pairs that differ in shape, dtype or any byte.

    Bytes are read and compared a piece at a time, by two threads; memory does not grow with the
    tensors.
    """
    wrong: list[str] = []
    batches: list[list[Pair]] = []
    converted: list[Pair] = []
    room = 0
    for pair in pairs:
        if _form(pair.found) != _form(pair.source.tensor):
            wrong.append(pair.found.path)
        elif pair.found.offset is None or pair.source.tensor.offset is None:
            converted.append(pair)
        else:
            if room <= 0:
                batches.append([])
                room = _BATCH
            batches[-1].append(pair)
            room -= pair.found.nbytes
    paths = {pair.source.path for batch in batches for pair in batch} | {artifact}
    with ExitStack() as stack:
        descriptors = {path: os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in sorted(paths)}
        for descriptor in descriptors.values():
            stack.callback(os.close, descriptor)
        pool = stack.enter_context(ThreadPoolExecutor(_THREADS))
        work = [pool.submit(_compare, batch, artifact, descriptors) for batch in batches]
        wrong.extend(_compare_converted(converted, artifact))
        for done in work:
            wrong.extend(done.result())
    return tuple(sorted(wrong))


def _form(tensor: StoredTensor) -> tuple[object, ...]:
    return tensor.shape, tensor.dtype, tensor.logical_dtype, tensor.nbytes


def _compare(batch: Iterable[Pair], artifact: Path, descriptors: Mapping[Path, int]) -> list[str]:
    wrong = []
    for pair in batch:
        start = pair.source.tensor.offset
        assert pair.found.offset is not None
        assert start is not None
        ours = _pieces(descriptors[artifact], pair.found.offset, pair.found.nbytes)
        theirs = _pieces(descriptors[pair.source.path], start, pair.found.nbytes)
        if any(one != other for one, other in zip_longest(ours, theirs)):
            wrong.append(pair.found.path)
    return wrong


def _pieces(descriptor: int, start: int, length: int) -> Iterator[bytes]:
    """Yield an extent in pieces; it ends early where the file does."""
    done = 0
    while done < length:
        # A short read in the middle of a file does not happen on local file systems; where it
        # does, the pieces of the two sides differ and the build is refused, not wrong.
        piece = os.pread(descriptor, min(_CHUNK, length - done), start + done)
        if not piece:
            return
        done += len(piece)
        yield piece


def _compare_converted(pairs: Iterable[Pair], artifact: Path) -> Iterator[str]:
    """Compare what a source keeps compressed, chunked, big-endian or as text, by digests."""
    with ExitStack() as stack:
        opened = {}
        for pair in pairs:
            for path in (artifact, pair.source.path):
                if path not in opened:
                    opened[path] = stack.enter_context(opened_weights(path))
            found = digest_tensor(opened[artifact], pair.found)
            if found != digest_tensor(opened[pair.source.path], pair.source.tensor):
                yield pair.found.path
