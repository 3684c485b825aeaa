"""A listing as plain JSON and back, so that it can be remembered between two runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from composer.container.stored import Attribute, FileStamp, Listing, StoredGroup, StoredTensor

FORMAT = 2
"""Goes up with every change of what a listing says or of how it is written here."""


def listing_document(listing: Listing) -> dict[str, Any]:
    """Return all of ``listing`` but its path and stamp as plain JSON."""
    return {
        "entries": [
            [entry.path, entry.attributes]
            if isinstance(entry, StoredGroup)
            else [
                entry.path, entry.attributes, entry.shape, entry.dtype, entry.logical_dtype,
                entry.nbytes, entry.offset,
            ]
            for entry in listing.entries
        ]
    }  # fmt: skip


def listing_from(document: Mapping[str, Any], path: Path, stamp: FileStamp) -> Listing:
    """Return the listing that :func:`listing_document` wrote down, for the file at ``path``."""
    return Listing(path, stamp, tuple(_entry(row) for row in document["entries"]))


def _entry(row: list[Any]) -> StoredGroup | StoredTensor:
    path, attributes, *tensor = row
    named = tuple((name, _attribute(value)) for name, value in attributes)
    if not tensor:
        return StoredGroup(path=path, attributes=named)
    shape, dtype, logical_dtype, nbytes, offset = tensor
    return StoredTensor(
        path=path,
        shape=tuple(shape),
        dtype=dtype,
        logical_dtype=logical_dtype,
        nbytes=nbytes,
        offset=offset,
        attributes=named,
    )


def _attribute(value: Any) -> Attribute:
    return tuple(_attribute(item) for item in value) if isinstance(value, list) else value
