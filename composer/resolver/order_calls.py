"""Pass: an order in which the calls of the joined graph can be computed."""

from __future__ import annotations

from dataclasses import replace

from composer.resolver.joined import MISSING, JoinedGraph
from composer.resolver.link import Link
from composer.resolver.problems import Problems
from composer.resolver.tensor_references import Edge, Step


def order_calls(link: Link, problems: Problems) -> Link:
    """Put all calls in an order in which each follows what it takes; report a cycle (CMP409).

    The calls of one operation keep their order where they can.
    """
    order = _in_order(link.joined, problems)
    return replace(link, order=order, whole=link.sound and not problems.errors)


def _in_order(linked: JoinedGraph, problems: Problems) -> tuple[Step, ...]:
    ordered, _ = _sorted(linked, in_turn=True)
    if ordered is None:
        ordered, ring = _sorted(linked, in_turn=False)
        if ordered is None:
            _report_cycle(linked, ring, problems)
            return ()
    return ordered


def _sorted(linked: JoinedGraph, *, in_turn: bool) -> tuple[tuple[Step, ...] | None, list[str]]:
    """Return all calls in order; or None, and the keys on a cycle."""
    state: dict[Step, int] = {}
    ordered: list[Step] = []
    for operation in linked.operations.values():
        for start in operation.steps:
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


def _before(linked: JoinedGraph, step: Step, *, in_turn: bool) -> list[Step]:
    found = parents(linked, step)
    if in_turn:
        found.extend(linked.calls_until(step)[-2:-1])
    return found


def parents(linked: JoinedGraph, step: Step) -> list[Step]:
    """Return the calls whose tensors a call takes."""
    call = linked.operations[step.key].calls.get(step.call)
    if call is None:
        return []
    return [tensor.ref.step for tensor in call.tensors() if tensor.ref != MISSING]


def _report_cycle(linked: JoinedGraph, ring: list[str], problems: Problems) -> None:
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


def _producer(linked: JoinedGraph, edge: Edge) -> str:
    call = linked.operations[edge.consumer].calls[edge.call]
    return list(call.tensors())[edge.position].ref.key
