"""Small files that take their places together with the results of a build: what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from composer.files.finished import flush
from composer.spec.formats import stem, suffix_of
from composer.spec.model import Destination

if TYPE_CHECKING:
    from composer.outputs.staged import StagedResult
    from composer.outputs.written import WrittenFile

COMPANIONS: Final[Mapping[str, str]] = {"provenance": ".intoto.json", "sbom": ".cdx.json"}
"""What can stand beside all results of a build, and what its name ends in."""
_SIGNATURE: Final = "signature"
_SUFFIXES: Final = {**COMPANIONS, _SIGNATURE: ".sig"}


def companion(path: Path, name: str) -> Destination:
    """Return the place of a file of :data:`COMPANIONS` beside a result."""
    return Destination(path=path.with_name(stem(path.name) + COMPANIONS[name]), format=name)


def signature(path: Path) -> Destination:
    """Return the place of the signature of a result: its whole name and an extension."""
    name = f"{path.name}{_SUFFIXES[_SIGNATURE]}"
    return Destination(path=path.with_name(name), format=_SIGNATURE)


def is_companion(place: Destination) -> bool:
    """Tell whether a place is that of a file beside results."""
    return place.format in _SUFFIXES


def place_suffix(place: Destination) -> str:
    """Return what the name of a result, or of a file beside results, ends in."""
    return _SUFFIXES.get(place.format) or suffix_of(place.format)


@dataclass(frozen=True, slots=True, kw_only=True)
class Companions:
    """Files beside the results.

    Attributes:
        places: of the files; their formats are those of :data:`COMPANIONS`, or ``signature``.
        make: gives the bytes of each, once all results are written and right.
    """

    places: tuple[Destination, ...]
    make: Callable[[Sequence[WrittenFile]], Sequence[bytes]]

    def write(self, written: Sequence[WrittenFile], items: Sequence[StagedResult]) -> None:
        """Write each file to where it waits for its place."""
        texts = self.make(written)
        for item, text in zip(items, texts, strict=True):
            item.path.write_bytes(text)
            flush(item.path)
