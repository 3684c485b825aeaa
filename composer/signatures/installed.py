"""Whether the table of signatures is that of the Keras that is installed here."""

from __future__ import annotations

import functools

from composer.signatures.table import keras_version


@functools.cache
def is_of_installed() -> bool:
    """Return whether the table was made from the version of Keras that is installed.

    Only the metadata of the installed package is read. Without one, the table counts.
    """
    # Imported here: few specs have the mistakes for which this is asked.
    from importlib import metadata

    try:
        return metadata.version("keras") == keras_version()
    except metadata.PackageNotFoundError:
        return True
