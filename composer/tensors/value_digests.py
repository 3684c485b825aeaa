"""Digests of tensors of a result, without the result."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from composer.container.digests import TensorDigest, digest_listed
from composer.container.stored import StoredTensor
from composer.tensors.expression import Stored, TensorExpr

Chunks = Callable[[TensorExpr, str], Iterable[bytes | memoryview]]
"""Takes an expression and the name of the tensor; gives its bytes."""


def digest_values(tensors: Mapping[str, TensorExpr], chunks: Chunks) -> dict[str, TensorDigest]:
    """Digest what expressions give: from the files where they are copies, else by evaluation.

    Args:
        tensors: by name.
        chunks: evaluates one.

    Returns:
        Digests by name, in the same order.

    Raises:
        FormatError: a file is not sound.
        BuildError: a value does not fit its dtype.
        OSError: a file can't be opened.
    """
    files: dict[Path, list[StoredTensor]] = {}
    for value in tensors.values():
        if isinstance(value, Stored):
            files.setdefault(value.source.path, []).append(value.source.tensor)
    held = {path: digest_listed(path, stored) for path, stored in files.items()}
    found = {}
    for name, value in tensors.items():
        if isinstance(value, Stored):
            found[name] = held[value.source.path][value.source.tensor.path]
            continue
        digest = hashlib.sha256()
        for chunk in chunks(value, name):
            digest.update(chunk)
        found[name] = TensorDigest(dtype=value.dtype, shape=value.shape, sha256=digest.hexdigest())
    return found
