"""The digest of a model: what two files with the same config, tensors and assets have in common."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from composer.container.archive import open_archive
from composer.container.digests import TensorDigest, digest_listing
from composer.graphs.canonical import canonical_config


def digest_content(path: str | os.PathLike[str]) -> str:
    """Return the content digest of a ``.keras`` file; see :func:`content_digest`.

    Raises:
        FormatError: it is no sound ``.keras`` file.
        OSError: it can't be opened.
    """
    with open_archive(path) as archive:
        return content_digest(
            archive.config,
            digest_listing(archive.weights.listing),
            {name: hashlib.sha256(archive.read_asset(name)).hexdigest() for name in archive.assets},
        )


def content_digest(
    config: Mapping[str, Any],
    tensors: Mapping[str, TensorDigest],
    assets: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return the digest that names a model whatever library wrote its file.

    It covers the canonical config with its keys in order, path, dtype, shape and bytes of every
    tensor by sorted path, and name and bytes of every asset by sorted name.

    Args:
        config: of the archive; put into canonical form here.
        tensors: as :func:`digest_tensors` returns them.
        assets: SHA-256 by the name of the member.

    Returns:
        64 hexadecimal digits (SHA-256).
    """
    digest = hashlib.sha256(b"composer content 1\n")
    digest.update(json.dumps(canonical_config(config), separators=(",", ":")).encode())
    for path in sorted(tensors):
        tensor = tensors[path]
        line = [path, tensor.dtype, list(tensor.shape), tensor.sha256]
        digest.update(b"\n" + json.dumps(line, separators=(",", ":")).encode())
    for name in sorted(assets):
        digest.update(b"\n" + json.dumps([name, assets[name]], separators=(",", ":")).encode())
    return digest.hexdigest()
