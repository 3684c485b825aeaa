"""Pass: numbers the calls of each operation in an order in which Keras can make them.

Keras rebuilds a layer's calls in the order in which the file lists them, and refers to a call by
its place in that list (``functional_from_config`` of ``keras/src/models/functional.py``). So a
call that is left out moves those behind it up, and a call that takes what a later one puts out
has to change places with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from composer.graphs.graph import Tensor, TensorRef, map_call
from composer.resolver.joined import Edge, JoinedOperation, Step
from composer.resolver.link import Link
from composer.resolver.problems import Problems


def number_calls(link: Link, problems: Problems) -> Link:  # noqa: ARG001
    """Leave only the calls in the graph that are in the order, and count them in that order."""
    linked, order = link.joined, link.order
    numbers: dict[Step, int] = {}
    calls: dict[str, list[int]] = {}
    for step in order:
        of_key = calls.setdefault(step.key, [])
        numbers[step] = len(of_key)
        of_key.append(step.call)

    def moved(ref: TensorRef) -> TensorRef:
        number = numbers.get(Step(ref.operation, ref.call), ref.call)
        return ref if number == ref.call else replace(ref, call=number)

    operations = {
        key: _with_calls(linked.operations[key], calls[key], moved)
        for key in linked.operations
        if key in calls
    }
    return replace(
        link,
        joined=replace(
            linked,
            operations=operations,
            inputs=tuple(key for key in linked.inputs if key in calls),
            outputs=tuple((key, moved(ref)) for key, ref in linked.outputs),
            seams={
                Edge(edge.consumer, numbers[step], edge.position): path
                for edge, path in linked.seams.items()
                if (step := Step(edge.consumer, edge.call)) in numbers
            },
            specs={
                moved(ref): spec
                for ref, spec in linked.specs.items()
                if Step(ref.operation, ref.call) in numbers
            },
            doubts={
                moved(ref): path
                for ref, path in linked.doubts.items()
                if Step(ref.operation, ref.call) in numbers
            },
            numbers=numbers,
        ),
        order=tuple(Step(step.key, numbers[step]) for step in order),
    )


def _with_calls(
    linked: JoinedOperation, calls: Sequence[int], moved: Callable[[TensorRef], TensorRef]
) -> JoinedOperation:
    operation = linked.operation
    if operation.kind == "input":
        return linked

    def settle(tensor: Tensor) -> Tensor:
        ref = moved(tensor.ref)
        return tensor if ref is tensor.ref else replace(tensor, ref=ref)

    kept = tuple(map_call(operation.calls[number], settle) for number in calls)
    return replace(linked, operation=replace(operation, calls=kept))
