"""Check of the joined graph: everything that the spec declares is used."""

from __future__ import annotations

from composer.resolver.link import Link
from composer.resolver.problems import Problems


def check_unused(link: Link, problems: Problems) -> None:
    """Report inputs, new layers and sources that no output depends on (CMP417)."""
    spec, linked = link.spec, link.joined
    if not linked.outputs:  # CMP416 says it
        return
    taken = {
        tensor.ref.key for operation in linked.operations.values() for tensor in operation.tensors()
    } | {ref.key for _, ref in linked.outputs}
    for declared in spec.inputs:
        if declared.id not in taken:
            problems.add(
                "CMP417",
                ("inputs", declared.id),
                f"nothing that reaches an output takes the input {declared.id!r}",
                at_key=True,
                severity="warning",
                help="remove it, or wire it",
            )
    for layer in spec.layers:
        if layer.id not in linked.operations:
            problems.add(
                "CMP417",
                ("layers", layer.id),
                f"no output depends on the new layer {layer.id!r}, so it is omitted",
                at_key=True,
                severity="warning",
                help="remove it, or add it to outputs",
            )
    used = {operation.origin.source for operation in linked.operations.values()}
    for source in spec.sources:
        if source.id not in used:
            problems.add(
                "CMP417",
                ("sources", source.id),
                f"no output depends on source {source.id!r}, so the whole source is omitted",
                at_key=True,
                severity="warning",
                help="remove it, or wire it into an output",
            )
