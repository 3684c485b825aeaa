"""Where the file of a source lies, if its ``from`` is a path."""

from __future__ import annotations

from pathlib import Path

from composer.spec.locations import local_path
from composer.spec.model import Source


def file_path(source: Source) -> Path:
    """Return the path of a file source; a relative one belongs to the spec that wrote it."""
    return source.directory / local_path(source.location)
