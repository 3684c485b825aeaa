"""Writes a ``.keras`` file anew in canonical form."""

from __future__ import annotations

import os

from composer.container.archive import open_archive
from composer.container.archive_write import write_archive
from composer.container.contents import assets_below, subtree
from composer.container.digests import digest_file
from composer.graphs.canonical import METADATA_KEY, canonical_config, without_optimizer


def canonicalise(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> str:
    """Rewrite an archive in canonical form.

    Optimiser state, compilation and the date go; tensors, assets, names and everything else of
    the config stay. ``source`` and ``target`` may be the same file.

    Returns:
        SHA-256 of the written file.

    Raises:
        FormatError: the source is not sound; every member's CRC-32 is checked.
        BuildError: the target can't be written.
        OSError: the source can't be opened.
    """
    with open_archive(source) as archive:
        archive.check_crc()
        metadata = {
            key: archive.metadata[key]
            for key in ("keras_version", METADATA_KEY)
            if key in archive.metadata
        }
        contents = without_optimizer(subtree(archive.weights, "", ""))
        assets = assets_below(archive, "", "")
        config = canonical_config(archive.config)
    write_archive(target, metadata=metadata, config=config, contents=contents, assets=assets)
    return digest_file(target)
