"""The order in which to build several specs: each after those that it starts from."""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path


def in_order(specs: Sequence[str], overrides: Sequence[str]) -> tuple[str, ...]:
    """Return ``specs``, those first that others have as a source; else as they are given.

    A spec that can't be read, and specs that start from each other in a circle, keep their
    places: what is wrong with them is told when they are built.
    """
    if len(specs) == 1:
        return tuple(specs)
    from composer.errors import ComposeError
    from composer.sources.specs import SUFFIXES
    from composer.spec import read_spec

    names = {Path(spec).resolve(): spec for spec in specs}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name in specs:
        sorter.add(name)
        try:
            spec, _ = read_spec(name, overrides)
        except ComposeError:
            continue
        for source in spec.sources if spec is not None else ():
            if source.location.endswith(SUFFIXES):
                other = names.get((source.directory / source.location).resolve())
                if other is not None and other != name:
                    sorter.add(name, other)
    try:
        return tuple(sorter.static_order())
    except CycleError:
        return tuple(specs)
