"""Where a result goes: the places that a spec or a command line names, with their formats."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from composer.errors import UsageError
from composer.spec.formats import endings, format_of, overlap
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
    places = tuple(destination(path, spec) for path in paths)
    for one, other in combinations(places, 2):
        if overlap(one.path, other.path):
            raise UsageError("CMP704.results-share-output", path=other.path)
    return places


def destination(path: str | Path, spec: Spec) -> Destination:
    """Return the place that a path alone names, with what a spec says of its format.

    Raises:
        UsageError: its extension stands for no format.
    """
    found = format_of(str(path))
    if found is None:
        raise UsageError("CMP701.unknown-extension", path=path, expected=endings())
    options = spec.target.options.get(found.name, {})
    return Destination(path=Path(path), format=found.name, options=options)
