"""Pass: numbers the calls of each operation in an order in which Keras can make them.

Keras rebuilds a layer's calls in the order in which the file lists them, and refers to a call by
its place in that list (``functional_from_config`` of ``keras/src/models/functional.py``). So a
call that is left out moves those behind it up, and a call that takes what a later one puts out
has to change places with it.
"""

from __future__ import annotations

from dataclasses import replace

from composer.resolver.link import Link
from composer.resolver.problems import Problems
from composer.resolver.tensor_references import Step


def number_calls(link: Link, problems: Problems) -> Link:  # noqa: ARG001
    """Leave only the calls in the graph that are in the order, and number them in that order."""
    graph = link.joined
    calls: dict[str, list[int]] = {}
    for step in link.order:
        calls.setdefault(step.key, []).append(step.call)
    kept = set(link.order)
    graph = replace(
        graph,
        operations={
            key: replace(
                operation,
                calls={call: operation.calls[call] for call in calls[key] if operation.calls},
            )
            for key, operation in graph.operations.items()
            if key in calls
        },
        inputs=tuple(key for key in graph.inputs if key in calls),
        seams={
            edge: path
            for edge, path in graph.seams.items()
            if Step(edge.consumer, edge.call) in kept
        },
        specs={ref: spec for ref, spec in graph.specs.items() if ref.step in kept},
        doubts={ref: path for ref, path in graph.doubts.items() if ref.step in kept},
    )
    return replace(link, joined=graph.numbered())
