"""Where the file of a source lies, if its ``from`` is a path."""

from __future__ import annotations

from pathlib import Path

from composer.spec.locations import is_remote, local_path
from composer.spec.model import Source


def is_path(location: str, suffixes: tuple[str, ...]) -> bool:
    """Tell whether ``from`` is the path of a file with one of these endings, and no URL."""
    return location.endswith(suffixes) and not is_remote(location)


def file_path(source: Source) -> Path:
    """Return the path of a file source; a relative one belongs to the spec that wrote it."""
    return source.directory / local_path(source.location)
