"""What several specs of one command have to do with each other: who starts from whom, and where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

from composer.errors import ComposeError, UsageError

if TYPE_CHECKING:
    from composer.spec.model import Spec


def starts_from(specs: Sequence[str], overrides: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return for each spec those that it starts from: by their path, or by what they build.

    A spec that can't be read starts from none, and so do all where they start from each other in
    a circle: what is wrong with them is told when they are built.

    Raises:
        UsageError: two would be written to one place.
    """
    if len(specs) == 1:
        return {specs[0]: ()}
    from composer.outputs.chosen import destinations_of

    read = dict(_read(specs, overrides))
    makers = {Path(spec).resolve(): spec for spec in specs}
    for name, spec in read.items():
        for place in destinations_of(spec):
            other = makers.setdefault(place.path.resolve(), name)
            if other != name:
                raise UsageError(
                    f"{name} and {other} would both be written to {place.path}",
                    help="give one of them another name, or its own output: {path: …}",
                    code="CMP704",
                )
    found = {name: tuple(_before(name, read.get(name), makers)) for name in specs}
    try:
        TopologicalSorter(found).prepare()
    except CycleError:
        return dict.fromkeys(specs, ())
    return found


def _read(specs: Sequence[str], overrides: Sequence[str]) -> Iterator[tuple[str, Spec]]:
    from composer.spec import read_spec

    for name in specs:
        try:
            spec, _ = read_spec(name, overrides)
        except ComposeError:
            continue
        if spec is not None:
            yield name, spec


def _before(name: str, spec: Spec | None, makers: dict[Path, str]) -> Iterator[str]:
    from composer.sources.paths import file_path
    from composer.spec.source_forms import names_local_file

    for source in spec.sources if spec is not None else ():
        if names_local_file(source.location):
            other = makers.get(file_path(source).resolve())
            if other is not None and other != name:
                yield other
        if source.weights is not None:
            weights = source.weights.directory / source.weights.file
            other = makers.get(weights.resolve())
            if other is not None and other != name:
                yield other
