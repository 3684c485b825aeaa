"""Check of the joined graph: it says which outputs it takes of a model that records no graph."""

from __future__ import annotations

from composer.resolver.link import Link
from composer.resolver.problems import Problems


def check_uncounted(link: Link, problems: Problems) -> None:
    """Say where a model without a graph may have more outputs than the result takes (CMP506)."""
    spec, linked = link.spec, link.joined
    if spec.outputs.form != "default":
        return
    whole = {source.id for source in spec.sources if source.nested is not None}
    for _, ref in linked.outputs:
        operation = linked.operations[ref.key]
        source = operation.origin.source
        if source in whole and operation.operation.inner is None:
            problems.add(
                "CMP506",
                ("sources", source, "nested"),
                f"source {source!r} records no graph, so how many tensors it puts out is not "
                "known; the result puts out the first",
                severity="warning",
                help=f"outputs: {source}, if it is the only one; or list them: "
                f"outputs: ['{source}:{operation.origin.layer}#0.0', "
                f"'{source}:{operation.origin.layer}#0.1', …]",
            )
