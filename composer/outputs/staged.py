"""A result of a build on its way: what is written beside a place before it takes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from composer.spec.model import Destination


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedResult:
    """A place, and the path beside it where what shall stand there is written first."""

    place: Destination
    path: Path
