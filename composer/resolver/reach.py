"""Which calls of the joined graph reach an output, and in what order they can be computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from composer.resolver.linked import Edge, Linked, Step
from composer.resolver.problems import Problems
from composer.resolver.references import Piece
from composer.resolver.wire import MISSING


def reachable(
    linked: Linked, order: Sequence[Step], pieces: Mapping[str, Piece]
) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """Return the calls that reach an output, in order, and the keys of which none does.

    Declared inputs stay, and so do inputs of a source that fed nothing there already.
    """
    seen = {Step(ref.operation, ref.call) for _, ref in linked.outputs}
    stack = list(seen)
    while stack:
        for parent in _parents(linked, stack.pop()):
            if parent not in seen:
                seen.add(parent)
                stack.append(parent)
    for key in linked.inputs:
        origin = linked.operations[key].origin
        if origin.kind == "input":
            seen.add(Step(key, 0))
        elif origin.source is not None:
            topology = pieces[origin.source].topology
            if not topology.consumers[origin.layer]:
                seen.add(Step(key, 0))
    kept = {step.key for step in seen}
    return (
        tuple(step for step in order if step in seen),
        tuple(key for key in linked.operations if key not in kept),
    )


def steps(linked: Linked, problems: Problems) -> tuple[Step, ...]:
    """Return all calls in an order in which each follows what it takes; report a cycle (CMP409).

    The calls of one operation keep their order where they can.
    """
    ordered, _ = _sorted(linked, in_turn=True)
    if ordered is None:
        ordered, ring = _sorted(linked, in_turn=False)
        if ordered is None:
            _report_cycle(linked, ring, problems)
            return ()
    return ordered


def _sorted(linked: Linked, *, in_turn: bool) -> tuple[tuple[Step, ...] | None, list[str]]:
    """Return all calls in order; or None, and the keys on a cycle."""
    state: dict[Step, int] = {}
    ordered: list[Step] = []
    for key, operation in linked.operations.items():
        for number in range(max(1, len(operation.operation.calls))):
            start = Step(key, number)
            if start in state:
                continue
            stack = [(start, iter(_before(linked, start, in_turn=in_turn)))]
            state[start] = 1
            while stack:
                step, parents = stack[-1]
                for parent in parents:
                    if state.get(parent) == 1:
                        ring = [item.key for item, _ in stack]
                        return None, ring[ring.index(parent.key) :]
                    if parent not in state:
                        state[parent] = 1
                        stack.append((parent, iter(_before(linked, parent, in_turn=in_turn))))
                        break
                else:
                    state[step] = 2
                    ordered.append(step)
                    stack.pop()
    return tuple(ordered), []


def _before(linked: Linked, step: Step, *, in_turn: bool) -> list[Step]:
    found = _parents(linked, step)
    if in_turn and step.call:
        found.append(Step(step.key, step.call - 1))
    return found


def _parents(linked: Linked, step: Step) -> list[Step]:
    calls = linked.operations[step.key].operation.calls
    if not calls:
        return []
    return [
        Step(tensor.ref.operation, tensor.ref.call)
        for tensor in calls[step.call].tensors()
        if tensor.ref.operation != MISSING
    ]


def _report_cycle(linked: Linked, ring: list[str], problems: Problems) -> None:
    on_ring = set(ring)
    paths = [
        path
        for edge, path in linked.seams.items()
        if edge.consumer in on_ring and _producer(linked, edge) in on_ring
    ]
    flow = " -> ".join([*reversed(ring), ring[-1]][:12])
    problems.add(
        "CMP409",
        paths[0] if paths else (),
        f"the wiring is circular: {flow}",
        notes=[problems.note(path, "another wire of the circle") for path in paths[1:]],
        help="a tensor can't depend on itself; to run layers again, use calls",
    )


def _producer(linked: Linked, edge: Edge) -> str:
    call = linked.operations[edge.consumer].operation.calls[edge.call]
    return list(call.tensors())[edge.position].ref.operation
