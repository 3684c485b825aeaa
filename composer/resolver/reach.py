"""Which operations of the joined graph reach an output, and in what order they can be computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from composer.resolver.linked import Linked, Step
from composer.resolver.problems import Problems
from composer.resolver.references import Piece
from composer.resolver.wire import MISSING


def reachable(linked: Linked, pieces: Mapping[str, Piece]) -> tuple[Linked, tuple[str, ...]]:
    """Return the graph without what reaches no output, and the keys that were left out.

    Declared inputs stay, and so do inputs of a source that fed nothing there already.
    """
    seen: set[str] = {ref.operation for _, ref in linked.outputs}
    stack = list(seen)
    while stack:
        operation = linked.operations.get(stack.pop())
        if operation is None:
            continue
        for call in operation.operation.calls:
            for tensor in call.tensors():
                if tensor.ref.operation not in seen:
                    seen.add(tensor.ref.operation)
                    stack.append(tensor.ref.operation)
    for key in linked.inputs:
        origin = linked.operations[key].origin
        if origin.kind == "input":
            seen.add(key)
        elif origin.source is not None:
            topology = pieces[origin.source].topology
            if not topology.consumers[origin.layer]:
                seen.add(key)
    left_out = tuple(key for key in linked.operations if key not in seen)
    kept = {key: op for key, op in linked.operations.items() if key in seen}
    return (
        replace(
            linked,
            operations=kept,
            inputs=tuple(key for key in linked.inputs if key in kept),
            seams={edge: path for edge, path in linked.seams.items() if edge.consumer in kept},
        ),
        left_out,
    )


def steps(linked: Linked, problems: Problems) -> tuple[Step, ...]:
    """Return all calls in an order in which each follows what it takes; report a cycle (CMP409)."""
    state: dict[Step, int] = {}
    ordered: list[Step] = []
    for key, operation in linked.operations.items():
        for number in range(max(1, len(operation.operation.calls))):
            start = Step(key, number)
            if start in state:
                continue
            stack = [(start, iter(_parents(linked, start)))]
            state[start] = 1
            while stack:
                step, parents = stack[-1]
                for parent in parents:
                    if state.get(parent) == 1:
                        ring = [item.key for item, _ in stack]
                        _report_cycle(linked, ring[ring.index(parent.key) :], problems)
                        return ()
                    if parent not in state:
                        state[parent] = 1
                        stack.append((parent, iter(_parents(linked, parent))))
                        break
                else:
                    state[step] = 2
                    ordered.append(step)
                    stack.pop()
    return tuple(ordered)


def _parents(linked: Linked, step: Step) -> list[Step]:
    calls = linked.operations[step.key].operation.calls
    if not calls:
        return []
    found = [
        Step(tensor.ref.operation, tensor.ref.call)
        for tensor in calls[step.call].tensors()
        if tensor.ref.operation != MISSING
    ]
    if step.call:
        # A layer is built by its first call, so that its calls have an order of their own.
        found.append(Step(step.key, step.call - 1))
    return found


def _report_cycle(linked: Linked, ring: list[str], problems: Problems) -> None:
    on_ring = set(ring)
    paths = [path for edge, path in linked.seams.items() if edge.consumer in on_ring]
    flow = " -> ".join([*reversed(ring), ring[-1]][:12])
    problems.add(
        "CMP409",
        paths[0] if paths else (),
        f"the wiring goes in a circle: {flow}",
        notes=[problems.note(path, "another wire of the circle") for path in paths[1:]],
        help="a tensor can't depend on itself; to run layers again, use calls",
    )
