"""What a store holds, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One object of the store, for people and for pruning.

    Attributes:
        digest: SHA-256 of its bytes, 64 hexadecimal digits.
        path: where it lies.
        size: in bytes.
        used: when it was last added or asked for.
        about: for each recipe that leads to it, what was remembered about the recipe.
    """

    digest: str
    path: Path
    size: int
    used: datetime
    about: tuple[Mapping[str, Any], ...] = field(default=())
