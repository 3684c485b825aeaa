"""Check of the joined graph: layers of old files that can't be linked are left behind."""

from __future__ import annotations

from collections.abc import Iterator

from composer.graphs.graph import Operation, Unlinkable
from composer.resolver.link import Link
from composer.resolver.problems import Problems

_OWN = "put a layer of your own in its place (exclude: [{layer}] with inputs: {{{layer}: …}})"
_INSIDE = (
    "exclude {layer}, or take its layers one by one (flatten: true, without nested) and put one of "
    "your own in the place of this one"
)


def check_refused(link: Link, problems: Problems) -> None:
    """Report layers that can't be linked and that an output of the result depends on (CMP520)."""
    keys = {step.key for step in link.reached}
    for key, operation in link.joined.operations.items():
        source, layer = operation.origin.source, operation.origin.layer
        if key not in keys or source is None:
            continue
        for refusal in _inside(operation.operation):
            problems.add(
                "CMP520",
                ("sources", source, "from"),
                f"source {source!r}: {refusal.why}",
                help=(_OWN if operation.operation.refused else _INSIDE).format(layer=layer)
                + (f"; or {refusal.help}" if refusal.help else ""),
            )


def _inside(operation: Operation) -> Iterator[Unlinkable]:
    if operation.refused is not None:
        yield operation.refused
    for inner in operation.inner.operations if operation.inner is not None else ():
        yield from _inside(inner)
