"""The example that a new user starts with: two small models and a recipe that joins them."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

SPEC = "pair.yaml"
_MODELS = ("models/photo.keras", "models/text.keras")
FILES = (*_MODELS, SPEC)
"""What is written, in order, as paths from the folder."""


def content(name: str) -> bytes:
    """Return the bytes of one of :data:`FILES`."""
    return resources.files("composer.authoring.example_files").joinpath(name).read_bytes()


def existing(folder: Path) -> tuple[Path, ...]:
    """Return which of the files are in ``folder`` already."""
    return tuple(folder / name for name in FILES if (folder / name).exists())
