"""Listings of weights files, remembered in the store.

HDF5 is asked object by object, which takes longer than the rest of reading a model file; and most
runs read the files that the run before them read.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from composer.container.archive import Archive
from composer.container.listing_document import FORMAT, listing_document, listing_from
from composer.container.stored import FileStamp, Listing
from composer.errors import BuildError
from composer.files.file_times import file_key
from composer.store import Store


@dataclass(frozen=True, slots=True)
class RememberedListings:
    """What files were found to hold; see :mod:`composer.sources.remembered`."""

    store: Store

    def of(self, archive: Archive) -> Listing:
        """Return the listing of an open archive's weights, from the store where it is known.

        Raises:
            FormatError: the weights are not a valid HDF5 file.
        """
        key = _key(archive)
        if key is None or not self.store.trusts_times:
            return archive.weights.listing
        document = self.store.note("listings", key)
        if document is not None:
            with suppress(LookupError, TypeError, ValueError):  # a damaged note is no note
                return listing_from(document, archive.path, archive.stamp)
        listing = archive.weights.listing
        with suppress(BuildError):  # a store that can't be written costs time, nothing else
            self.store.take_note("listings", key, listing_document(listing))
        return listing


def _key(archive: Archive) -> str | None:
    """Return what the listing may be remembered under; None for a file that may still change."""
    key = file_key(archive.path)
    try:
        status = archive.path.stat()
    except OSError:
        return None
    # The path may lead to another file than the one that was opened.
    if key is None or archive.stamp != FileStamp.of_status(status):
        return None
    return f"{FORMAT} {key}"
