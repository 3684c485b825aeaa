"""What lies inside the layers of a source, for those who read a plan: nesting and sharing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from composer.diagnostics.suggest import did_you_mean
from composer.graphs.flatten import SEPARATOR
from composer.graphs.graph import Graph, Operation
from composer.graphs.model_file import ModelFile


@dataclass(frozen=True, slots=True, kw_only=True)
class InnerLayer:
    """A layer of a nested model; its name stays as it is, whatever the nested model is called.

    Attributes:
        path: from the source's top level, such as ``outer/inner/dense``.
        shared: paths of the same layer elsewhere in the source, which has its weights once.
    """

    path: str
    class_name: str
    shared: tuple[str, ...] = ()


def inner_layers(file: ModelFile) -> Mapping[str, tuple[InnerLayer, ...]]:
    """Return by top-level name what lies inside, at any depth, outer before inner."""
    shared = shared_paths(file)
    return {
        outer.name: tuple(
            InnerLayer(path=path, class_name=inner.class_name, shared=shared.get(path, ()))
            for path, inner in walk(outer.inner, f"{outer.name}{SEPARATOR}")
            if inner.kind != "input"
        )
        for outer in file.graph.operations
        if outer.inner is not None
    }


def how_to_open(path: str, operations: Mapping[str, Operation]) -> str | None:
    """Return what to do about a path into a nested model that is kept as one layer.

    Args:
        path: as a selector or reference has it, such as ``inner/dense``.
        operations: of the source's top level, by name.

    Returns:
        Help for people; None where the path does not begin with the name of a nested model.
    """
    name, _, rest = path.partition(SEPARATOR)
    outer = operations.get(name)
    if not rest or outer is None or outer.inner is None:
        return None
    opening = f"{name!r} is a nested model; flatten: true on the source opens it"
    inside = [inner for inner, _ in walk(outer.inner, f"{name}{SEPARATOR}")]
    if path in inside or any(character in path for character in "*?["):
        return opening
    meant = did_you_mean(path, inside)
    return f"{opening}; {meant}" if meant else f"{opening}; it holds no layer {rest!r}"


def shared_paths(file: ModelFile) -> Mapping[str, tuple[str, ...]]:
    """Return by path where else the same layer object stands; layers that stand alone have none.

    Keras gives a number to the config of a layer that it has met before, which is not always
    done for the first; but it stores the weights of such a layer with one of them only.
    """
    places: dict[int | str, set[str]] = {}
    holders = {state.group: path for path, state in file.states.items()}
    for path, operation in walk(file.graph, ""):
        if operation.shared is not None:
            places.setdefault(operation.shared, set()).add(path)
        group = file.misplaced.get(path)
        holder = holders.get(group) if group is not None else None
        if holder is not None:
            places.setdefault(f"stored with {holder}", {holder}).add(path)
    shared: dict[str, set[str]] = {}
    for paths in places.values():
        for path in paths:
            shared.setdefault(path, set()).update(paths - {path})
    return {path: tuple(sorted(others)) for path, others in shared.items() if others}


def walk(graph: Graph, prefix: str) -> Iterator[tuple[str, Operation]]:
    """Yield the operations of a graph and of all nested in it, with their paths."""
    for operation in graph.operations:
        path = f"{prefix}{operation.name}"
        yield path, operation
        if operation.inner is not None:
            yield from walk(operation.inner, f"{path}{SEPARATOR}")
