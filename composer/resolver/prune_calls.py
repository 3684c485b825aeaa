"""Pass: only what an output of the result depends on goes in."""

from __future__ import annotations

from dataclasses import replace

from composer.resolver.link import Link
from composer.resolver.order_calls import parents
from composer.resolver.problems import Problems
from composer.resolver.tensor_references import Step


def prune_calls(link: Link, problems: Problems) -> Link:  # noqa: ARG001
    """Leave only the calls in the order that an output depends on.

    Declared inputs stay, and so do inputs of a source that fed nothing there already.
    """
    linked = link.joined
    seen = {ref.step for _, ref in linked.outputs}
    stack = list(seen)
    while stack:
        for parent in parents(linked, stack.pop()):
            if parent not in seen:
                seen.add(parent)
                stack.append(parent)
    for key in linked.inputs:
        origin = linked.operations[key].origin
        if origin.kind == "input":
            seen.add(Step(key, 0))
        elif origin.source is not None:
            topology = link.pieces[origin.source].topology
            if not topology.consumers[origin.layer]:
                seen.add(Step(key, 0))
    kept = {step.key for step in seen}
    order = tuple(step for step in link.order if step in seen)
    return replace(
        link,
        order=order,
        reached=frozenset(order),
        unreachable=tuple(key for key in linked.operations if key not in kept),
    )
