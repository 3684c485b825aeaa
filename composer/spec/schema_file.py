"""The JSON Schemas as text: beside the package in a wheel, in the repository when editable."""

from __future__ import annotations

import functools
from importlib import resources
from pathlib import Path


@functools.cache
def schema_text(name: str) -> str:
    """Return the text of ``NAME.schema.json``.

    Args:
        name: ``spec``, ``plan`` or ``lock``.

    Raises:
        FileNotFoundError: no schema has this name.
    """
    file = f"{name}.schema.json"
    shipped = resources.files("composer").joinpath("schemas", file)
    if shipped.is_file():
        return shipped.read_text(encoding="utf-8")
    return (Path(__file__).parents[2] / "schemas" / file).read_text(encoding="utf-8")
