"""Small files that take their places together with the results of a build: what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from composer.linker.build import flush
from composer.spec.model import Destination

if TYPE_CHECKING:
    from composer.outputs.places import Unfinished
    from composer.outputs.written import WrittenFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Companions:
    """Files beside the results.

    Attributes:
        places: of the files; their formats are names in the table of companions.
        make: gives the bytes of each, once all results are written and right: it is called with
            them, and with the paths that they have before they take their places.
    """

    places: tuple[Destination, ...]
    make: Callable[[Sequence[WrittenFile], Sequence[Path]], Sequence[bytes]]

    def write(
        self,
        written: Sequence[WrittenFile],
        results: Sequence[Unfinished],
        items: Sequence[Unfinished],
    ) -> None:
        """Write each file to where it waits for its place."""
        texts = self.make(written, [item.path for item in results])
        for item, text in zip(items, texts, strict=True):
            item.path.write_bytes(text)
            flush(item.path)
