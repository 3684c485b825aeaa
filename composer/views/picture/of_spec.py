"""A spec → a picture of what it says itself: sources in one piece, and who takes from whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from composer.spec.model import LayerCall, Reference, Spec
from composer.views.picture.model import Arrow, Kind, Node, Picture


def picture_of_spec(spec: Spec) -> Picture:
    """Return the picture of a spec, for which no source is opened.

    Outputs that the spec leaves open, and what a source takes from nobody, are not in it.
    """
    nodes: dict[str, Node] = {}
    ids: dict[str, str] = {}

    def add(key: str, name: str, class_name: str, kind: Kind) -> str:
        id_ = f"n{len(nodes)}"
        nodes[id_] = Node(id=id_, name=name, original=name, class_name=class_name, kind=kind)
        ids[key] = id_
        return id_

    for declared in spec.inputs:
        add(declared.id, declared.id, "input", "input")
    for source in spec.sources:
        add(source.id, source.id, source.location, "kept")
    for layer in spec.layers:
        add(layer.id, layer.id, layer.class_name, "new")
    taken = [(reference, ids[consumer]) for reference, consumer in _references(spec)]
    for key, reference in spec.outputs.references:
        name = key or str(reference)
        taken.append((reference, add(f"= {name}", name, "", "output")))
    edges = tuple(
        Arrow(start=ids[reference.name], end=end, shape=_part(reference), seam=True)
        for reference, end in taken
        if reference.name in ids
    )
    return Picture(name=spec.name, nodes=nodes, edges=edges, boxes=(), folds=tuple(nodes))


def _references(spec: Spec) -> Iterator[tuple[Reference, str]]:
    """Yield what sources and new layers take, and who takes it."""
    for source in spec.sources:
        for wire in source.inputs:
            yield wire.reference, source.id
        for use in source.calls:
            for wire in use.inputs:
                yield wire.reference, source.id
    for layer in spec.layers:
        for call in layer.calls:
            for reference in inputs_of(call):
                yield reference, layer.id


def inputs_of(call: LayerCall) -> tuple[Reference, ...]:
    """Return the references that a call takes, whatever form they are given in."""
    if isinstance(call.inputs, Reference):
        return (call.inputs,)
    return tuple(call.inputs.values() if isinstance(call.inputs, Mapping) else call.inputs)


def _part(reference: Reference) -> str:
    """Return what of a source is taken: ``@left:pool#1``."""
    return str(reference).removeprefix(reference.name).removeprefix(":")
