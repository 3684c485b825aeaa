"""Two models as one picture: what is there now, and what is gone in the place that it had."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from composer.difference.compare import LayerChange, ModelDifference
from composer.difference.compared_model import Calls, ComparedModel, Layer, Ports
from composer.difference.renames import in_new_names
from composer.views.page.model import Mark
from composer.views.picture.fold import folded
from composer.views.picture.model import Arrow, Box, Kind, Node, Picture

_SHAPE = re.compile(r"\(\w+,?((?: \w+,?)*)\) (\w+)")
_TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Union:
    """A picture of two models.

    Attributes:
        nodes: the node of each layer: of those of now by name, of removed ones by ``- name``.
        marks: by the id of a node; those without a mark are the same in both.
        edge_marks: by the number of an edge of the picture.
    """

    picture: Picture
    nodes: Mapping[str, str]
    marks: Mapping[str, tuple[Mark, ...]]
    edge_marks: Mapping[int, Mark]


def marks_of(change: LayerChange) -> tuple[Mark, ...]:
    """Return what is different about a layer of both models, the most telling first."""
    changed = change.class_name is not None or bool(change.config) or change.output is not None
    found: tuple[tuple[Mark, bool], ...] = (
        ("changed", changed),
        ("rewired", change.calls is not None),
        ("weights", bool(change.weights)),
        ("renamed", change.was is not None),
    )
    return tuple(mark for mark, is_so in found if is_so)


def gone(name: str) -> str:
    """Return the key of a removed layer, whose name may be that of another layer now."""
    return f"- {name}"


def union_of(before: ComparedModel, now: ComparedModel, found: ModelDifference) -> Union:
    """Return one picture of two models."""
    drawing = _Drawing(names={c.was: c.name for c in found.changed if c.was is not None})
    marks: dict[str, tuple[Mark, ...]] = {c.name: marks_of(c) for c in found.changed}
    marks |= {layer.name: ("added",) for layer in found.added}
    removed = {layer.name: layer for layer in found.removed}
    drawing.removed = frozenset(removed)
    inputs = _names(now.inputs)
    for layer in now.layers.values():
        drawing.add(layer.name, layer, inputs, marks.get(layer.name, ()))
    for layer in removed.values():
        drawing.add(gone(layer.name), layer, _names(before.inputs), ("removed",))
    rewired = {c.name: c.calls for c in found.changed if c.calls is not None}
    added = {layer.name for layer in found.added}
    for layer in now.layers.values():
        old = _taken(rewired[layer.name][0]) if layer.name in rewired else None
        for producer in _taken(layer.calls or ()):
            is_new = layer.name in added or (old is not None and producer not in old)
            drawing.connect(producer, layer.name, "added" if is_new else None)
    for name, (old_calls, new_calls) in rewired.items():
        for producer in _taken(old_calls):
            if producer not in _taken(new_calls):
                drawing.connect(producer, name, "removed", of_before=True)
    for layer in removed.values():
        for producer in _taken(layer.calls or ()):
            drawing.connect(
                in_new_names(producer, drawing.names), gone(layer.name), "removed", of_before=True
            )
    _outputs(drawing, before, now)
    return drawing.union(f"{before.shown} → {now.shown}")


def _outputs(drawing: _Drawing, before: ComparedModel, now: ComparedModel) -> None:
    """Draw the outputs of both; one that has its key in both and another tensor is rewired."""
    ports = _by_name(before.outputs)
    old = {
        key if is_key else in_new_names(key, drawing.names): in_new_names(tensor, drawing.names)
        for key, is_key, tensor in ports
    }
    new = {key: tensor for key, _, tensor in _by_name(now.outputs)}
    known = before.outputs is not None and now.outputs is not None
    for key, tensor in new.items():
        mark: Mark | None = None
        if known and old.get(key) != tensor:
            mark = "rewired" if key in old else "added"
        node = drawing.output(key, mark)
        drawing.connect(tensor, node, "added" if mark else None)
        if known and mark == "rewired":
            drawing.connect(old[key], node, "removed", of_before=True)
    for key, tensor in old.items():
        if known and key not in new:
            drawing.connect(tensor, drawing.output(key, "removed"), "removed", of_before=True)


def _names(ports: Ports | None) -> frozenset[str]:
    return frozenset(tensor for _, tensor in ports.tensors) if ports is not None else frozenset()


def _by_name(ports: Ports | None) -> Iterator[tuple[str, bool, str]]:
    """Yield what each is called, whether that is a key of a map, and its tensor."""
    for key, tensor in ports.tensors if ports is not None else ():
        yield (tensor if key is None else key), key is not None, tensor


def _short(output: str) -> str:
    """Return ``16 x 16 x 3`` for ``(None, 16, 16, 3) float32``: as pictures tell shapes."""
    found = _SHAPE.fullmatch(output)
    if found is None:
        return output
    sizes = found[1].replace("None", "?").strip(", ").split(", ")
    dtype = "" if found[2] == "float32" else f" {found[2]}"
    return f"{_TIMES.join(size for size in sizes if size) or 'scalar'}{dtype}"


def _taken(calls: Calls) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tensor for call in calls for tensor in call))


@dataclass(slots=True)
class _Drawing:
    """A picture while it is made; ``names`` are those of now by those of before."""

    names: Mapping[str, str]
    removed: frozenset[str] = frozenset()
    nodes: dict[str, Node] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    marks: dict[str, tuple[Mark, ...]] = field(default_factory=dict)
    edges: dict[tuple[str, str, str], Mark | None] = field(default_factory=dict)
    shapes: dict[str, str] = field(default_factory=dict)
    boxes: dict[str, Box] = field(default_factory=dict)

    def add(self, key: str, layer: Layer, inputs: frozenset[str], marks: tuple[Mark, ...]) -> None:
        source, colon, original = (layer.origin or "").partition(":")
        box = source if colon else None
        if box is not None:
            self.boxes.setdefault(box, Box(id=box, title=box))
        kind: Kind = "new" if layer.origin is not None and box is None else "kept"
        if layer.name in inputs or layer.class_name == "InputLayer":
            kind = "input"
        id_ = self._node(
            key,
            Node(
                id="",
                name=layer.name,
                original=original if colon else layer.name,
                class_name=layer.class_name or "layer",
                kind=kind,
                box=box,
            ),
            marks,
        )
        self.shapes[id_] = _short(layer.output or "")

    def output(self, name: str, mark: Mark | None) -> str:
        key = f"= {mark == 'removed'} {name}"
        node = Node(id="", name=name, original=name, class_name="", kind="output")
        self._node(key, node, (mark,) if mark else ())
        return key

    def _node(self, key: str, node: Node, marks: tuple[Mark, ...]) -> str:
        id_ = f"n{len(self.nodes)}"
        self.nodes[id_] = Node(
            id=id_, name=node.name, original=node.original, class_name=node.class_name,
            kind=node.kind, box=node.box,
        )  # fmt: skip
        self.ids[key] = id_
        if marks:
            self.marks[id_] = marks
        return id_

    def connect(self, tensor: str, key: str, mark: Mark | None, *, of_before: bool = False) -> None:
        name = tensor.partition("#")[0]
        lost = of_before and name in self.removed
        start = self.ids.get(gone(name) if lost else name)
        if start is not None:
            self.edges.setdefault((start, self.ids[key], self.shapes.get(start, "")), mark)

    def union(self, name: str) -> Union:
        edges = tuple(
            Arrow(start=start, end=end, shape=shape, seam=self._crosses(start, end))
            for start, end, shape in self.edges
        )
        picture = Picture(
            name=name,
            nodes=self.nodes,
            edges=edges,
            boxes=tuple(self.boxes.values()),
            folds=folded(self.nodes, edges),
        )
        marks = {n: mark for n, mark in enumerate(self.edges.values()) if mark is not None}
        return Union(picture=picture, nodes=self.ids, marks=self.marks, edge_marks=marks)

    def _crosses(self, start: str, end: str) -> bool:
        return bool(self.boxes) and self.nodes[start].box != self.nodes[end].box
