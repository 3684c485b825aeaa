"""Writes a ``.keras`` file of the graph of one file and the weights of another, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from composer.container.archive import open_archive
from composer.container.archive_write import write_archive
from composer.container.contents import (
    TensorToWrite,
    assets_below,
    subtree,
    tensor_from,
)
from composer.container.digests import digest_listing
from composer.container.stored import Listing, StoredTensor
from composer.errors import BuildError
from composer.graphs.canonical import METADATA_KEY, canonical_config, without_optimizer


def graft(
    architecture: Path, weights: Listing, tensors: Mapping[str, StoredTensor], target: Path
) -> None:
    """Write ``architecture`` in canonical form with other tensors.

    Args:
        architecture: a ``.keras`` file.
        weights: what the file of weights holds.
        tensors: of that file, by the paths of those that they stand in for; the others stay.
        target: of the new file, whose folder must exist.

    Raises:
        FormatError: the file of the architecture is damaged.
        BuildError: a file changed meanwhile, the new one can't be written, or it does not hold
            what was to be copied.
    """
    with open_archive(architecture) as archive:
        archive.check_crc()
        contents = [
            tensor_from(weights, tensors[entry.path], entry.path)
            if isinstance(entry, TensorToWrite) and entry.path in tensors
            else entry
            for entry in without_optimizer(subtree(archive.weights, "", ""))
        ]
        metadata = {
            key: archive.metadata[key]
            for key in ("keras_version", METADATA_KEY)
            if key in archive.metadata
        }
        config = canonical_config(archive.config)
        assets = assets_below(archive, "", "")
    write_archive(
        target, metadata=metadata, config=config, contents=contents, assets=assets, digest=False
    )
    with open_archive(target) as written:
        found = digest_listing(written.weights.listing)
    wanted = digest_listing(weights)
    for path, tensor in tensors.items():
        if found.get(path) != wanted[tensor.path]:
            raise BuildError("CMP710.graft", path=path, origin=weights.path)
