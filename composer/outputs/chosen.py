"""Where a result goes: the places that a spec or a command line names, with their formats."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from composer.errors import UsageError
from composer.spec.formats import destination, endings, overlap
from composer.spec.model import Destination, Spec

Output = str | Path | Sequence[str | Path] | None
"""One place for a result or several; their endings say the formats."""


def destinations_of(spec: Spec, output: Output = None) -> tuple[Destination, ...]:
    """Return where the result goes: to ``output``, whatever the spec says, else where that says.

    Raises:
        UsageError: the ending of ``output`` stands for no format, or two are at one place.
    """
    if output is None:
        return spec.target.destinations
    paths = [output] if isinstance(output, str | Path) else list(output)
    found = tuple(destination(path) for path in paths)
    for path, place in zip(paths, found, strict=True):
        if place is None:
            raise UsageError(
                f"{path} has no known extension",
                help=f"the extensions are {endings()}, or / for the folder of a SavedModel",
                code="CMP701",
            )
    places = tuple(place for place in found if place is not None)
    for one, other in combinations(places, 2):
        if overlap(one.path, other.path):
            raise UsageError(
                f"two results would be written to one place, {other.path}",
                help="leave one of them out",
                code="CMP704",
            )
    return places
