"""A plan or a model's graph → a picture of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from composer.graphs.graph import Graph, TensorRef, TensorSpec, named_leaves
from composer.resolver.plan import Plan
from composer.resolver.topology import Topology
from composer.views.picture.fold import folded
from composer.views.picture.model import LEFT_OUT, Arrow, Box, Kind, Node, Picture

_USUAL = "float32"


def picture_of_plan(plan: Plan, *, every_layer: bool = False) -> Picture:
    """Return the picture of what a spec is linked to.

    Args:
        plan: complete or a draft, whose open shapes are left out.
        every_layer: whether operations of sources that do not go in are shown as well.
    """
    drawing = _Drawing()
    for operation in plan.graph.operations:
        origin = plan.origins[operation.name]
        kind: Kind = "new" if origin.kind == "layer" else "kept"
        if operation.kind == "input":
            kind = "input"
        node = drawing.add(operation.name, operation.class_name, kind, origin.source, origin.layer)
        drawing.final[str(origin)] = node
        drawing.by_name[operation.name] = node
    seams = _seams(plan, drawing.final)
    drawing.connect(plan.graph, lambda start, end: seams.get((start, end)))
    for port in plan.outputs:
        end = drawing.add(port.name, "", "output", None, port.name)
        drawing.edges[drawing.by_name[port.operation], end, _shape(port.spec)] = True, False
    if every_layer:
        _add_left_out(plan, drawing)
    boxes = tuple(Box(id=s.id, title=f"{s.id} = {s.location}") for s in plan.sources)
    return drawing.picture(plan.name, boxes)


def picture_of_model(
    graph: Graph,
    origins: Mapping[str, str] | None = None,
    locations: Mapping[str, str] | None = None,
) -> Picture:
    """Return the picture of a model file.

    Args:
        graph: of the model.
        origins: ``source:layer`` by operation, where the file says so.
        locations: of its sources, by id.
    """
    origins, locations = origins or {}, locations or {}
    drawing = _Drawing()
    for operation in graph.operations:
        source, colon, layer = origins.get(operation.name, "").partition(":")
        box = source if colon and source in locations else None
        new = bool(locations) and box is None
        kind: Kind = "input" if operation.kind == "input" else "new" if new else "kept"
        original = layer if box is not None else operation.name
        node = drawing.add(operation.name, operation.class_name, kind, box, original)
        drawing.by_name[operation.name] = node

    def seam(start: str, end: str) -> bool | None:
        return None if drawing.nodes[start].box == drawing.nodes[end].box else False

    drawing.connect(graph, seam if locations else lambda _start, _end: None)
    specs = Topology.of(graph).specs
    for key, ref in _outputs(graph):
        end = drawing.add(key, "", "output", None, key)
        drawing.edges[drawing.by_name[ref.operation], end, _shape(specs.get(ref))] = True, False
    boxes = tuple(Box(id=id_, title=f"{id_} = {place}") for id_, place in locations.items())
    return drawing.picture(graph.name, boxes)


@dataclass(slots=True)
class _Drawing:
    """A picture while it is made."""

    nodes: dict[str, Node] = field(default_factory=dict)
    by_name: dict[str, str] = field(default_factory=dict)
    final: dict[str, str] = field(default_factory=dict)
    edges: dict[tuple[str, str, str], tuple[bool, bool]] = field(default_factory=dict)

    def add(
        self,
        name: str,
        class_name: str,
        kind: Kind,
        box: str | None,
        original: str,
        *,
        note: str | None = None,
    ) -> str:
        # Numbers, for names of models may hold anything.
        id_ = f"n{len(self.nodes)}"
        self.nodes[id_] = Node(
            id=id_, name=name, original=original, class_name=class_name, kind=kind, box=box,
            note=note,
        )  # fmt: skip
        return id_

    def connect(self, graph: Graph, seam: Callable[[str, str], bool | None]) -> None:
        """Add the edges of ``graph``; ``seam`` tells the spec's own: whether a shape changed."""
        specs = Topology.of(graph).specs
        for operation in graph.operations:
            end = self.by_name[operation.name]
            for call in operation.calls:
                for tensor in call.tensors():
                    start = self.by_name[tensor.ref.operation]
                    changed = seam(start, end)
                    shape = _shape(specs.get(tensor.ref, tensor.spec))
                    self.edges[start, end, shape] = changed is not None, bool(changed)

    def picture(self, name: str, boxes: tuple[Box, ...]) -> Picture:
        edges = tuple(
            Arrow(start=start, end=end, shape=shape, seam=seam, changed=changed)
            for (start, end, shape), (seam, changed) in self.edges.items()
        )
        return Picture(
            name=name,
            nodes=self.nodes,
            edges=edges,
            boxes=boxes,
            folds=folded(self.nodes, edges),
        )


def _seams(plan: Plan, final: Mapping[str, str]) -> dict[tuple[str, str], bool]:
    return {
        (final[seam.producer.key], final[seam.consumer]): seam.state == "changed"
        for seam in plan.seams
    }


def _add_left_out(plan: Plan, drawing: _Drawing) -> None:
    """Add what of the sources does not go in, and its edges there."""
    for source in plan.sources:
        entries = [entry for entry in plan.link_map if entry.source == source.id]
        names: dict[str, str] = {}
        for entry in entries:
            if entry.name is not None:
                names[entry.layer] = drawing.by_name[entry.name]
            else:
                kind = next(k for k in LEFT_OUT if k == entry.fate)
                names[entry.layer] = drawing.add(
                    entry.layer,
                    entry.class_name,
                    kind,
                    source.id,
                    entry.layer,
                    note=entry.note,
                )
        for operation in plan.files[source.id].graph.operations:
            end = names[operation.name]
            for call in operation.calls:
                for tensor in call.tensors():
                    start = names[tensor.ref.operation]
                    kinds = {drawing.nodes[start].kind, drawing.nodes[end].kind}
                    if kinds & LEFT_OUT:
                        drawing.edges[start, end, _shape(tensor.spec)] = False, False


def _outputs(graph: Graph) -> Iterable[tuple[str, TensorRef]]:
    return [(key or str(ref), ref) for key, ref in named_leaves(graph.outputs)]


def _shape(spec: TensorSpec | None) -> str:
    if spec is None or spec.shape is None:
        return ""
    sizes = (
        "\N{MULTIPLICATION SIGN}".join(
            "?" if size is None else str(size) for size in spec.shape[1:]
        )
        or "scalar"
    )
    return sizes if spec.dtype in (None, _USUAL) else f"{sizes} {spec.dtype}"
