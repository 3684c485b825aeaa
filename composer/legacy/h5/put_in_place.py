"""Puts layers that were set aside back in their places, as data that nobody makes a layer of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from composer.graphs.graph import SHARED, Graph, Json, Operation, Unlinkable, not_recorded
from composer.legacy.h5.loss_parts import name_in
from composer.legacy.h5.set_aside import SetAside

_TENSOR = "__keras_tensor__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """A layer that Keras can't make, as the Keras process holds its place.

    Attributes:
        class_name: of the layer.
        outputs: how many tensors it puts out, as far as any of them is taken.
        shapes: recorded shape and dtype by ``CALL/OUTPUT``. Where one is missing, that of what
            comes in is tried first, and then others that fit the weights of the layers behind.
    """

    class_name: str
    outputs: int
    shapes: Mapping[str, tuple[list[int | None], str]]

    @property
    def known(self) -> bool:
        """Whether the shapes of all its tensors are recorded."""
        return bool(self.shapes)


def holes(graph: Graph, aside: Sequence[SetAside]) -> dict[str, Hole]:
    """Return the layers of a model that Keras can't make, by their full names.

    Args:
        graph: of the model, in which they are.
        aside: what was set aside of it.
    """
    classes = {item.path: item.entry["class_name"] for item in aside if not item.made}
    return dict(_holes(graph, classes, "")) if classes else {}


def _holes(graph: Graph, classes: Mapping[str, str], path: str) -> Iterator[tuple[str, Hole]]:
    taken: dict[str, dict[str, tuple[list[int | None], str] | None]] = {}
    for operation in graph.operations:
        for call in operation.calls:
            for tensor in call.tensors():
                ref, spec = tensor.ref, tensor.spec
                recorded = spec.shape is not None and spec.dtype is not None
                found = (list(spec.shape or ()), str(spec.dtype)) if recorded else None
                taken.setdefault(ref.operation, {})[f"{ref.call}/{ref.output}"] = found
    for operation in graph.operations:
        full = f"{path}{operation.name}"
        if full in classes:
            shapes = taken.get(operation.name, {})
            told = {place: shape for place, shape in shapes.items() if shape is not None}
            yield (
                full,
                Hole(
                    class_name=classes[full],
                    outputs=max((int(p.partition("/")[2]) + 1 for p in shapes), default=1),
                    shapes=told if len(told) == len(shapes) and not graph.sequential else {},
                ),
            )
        if operation.inner is not None:
            yield from _holes(operation.inner, classes, f"{full}/")


def refusals(aside: Sequence[SetAside]) -> dict[str, Unlinkable]:
    """Return why each layer is refused, by its full name."""
    return {item.path: item.refusal for item in aside}


def marked(graph: Graph, refused: Mapping[str, Unlinkable], path: str = "") -> Graph:
    """Return a graph with its refused layers marked, those of nested models included.

    Args:
        graph: of the model.
        refused: by full name.
        path: what stands in front of the names of its operations.
    """
    if not refused:
        return graph

    def of(operation: Operation) -> Operation:
        full = f"{path}{operation.name}"
        inner = operation.inner
        return replace(
            operation,
            refused=refused.get(full),
            inner=None if inner is None else marked(inner, refused, f"{full}/"),
        )

    return replace(graph, operations=tuple(map(of, graph.operations)))


def put_in_place(
    model: Mapping[str, Json], aside: Sequence[SetAside], unsure: frozenset[str] = frozenset()
) -> Mapping[str, Json]:
    """Return a model with what was set aside in the places of its stand-ins.

    Args:
        model: in today's form, with stand-ins.
        aside: by the names that ``model`` has.
        unsure: full names of stand-ins whose shapes Keras guessed: what came of the guess is not
            recorded.
    """
    entries = {item.path: item.entry for item in aside}
    return _model(model, entries, unsure, "") if entries else model


def _model(
    model: Mapping[str, Json],
    aside: Mapping[str, Mapping[str, Json]],
    unsure: frozenset[str],
    path: str,
) -> dict[str, Json]:
    config = model["config"]
    layers = config["layers"]
    guessed = _guessed(layers, unsure, path, chain="output_layers" not in config)
    changed = []
    for entry in layers:
        name = name_in(entry)
        full = f"{path}{name}"
        new = dict(entry)
        if isinstance(entry["config"].get("layers"), list):
            new = _model(entry, aside, unsure, f"{full}/")
        elif full in aside:
            new = {**{k: v for k, v in entry.items() if k != SHARED}, **aside[full]}
        if name in guessed or full in unsure:
            new = _unbuilt(new)
        if "inbound_nodes" in new:
            new["inbound_nodes"] = _forgotten(new["inbound_nodes"], guessed)
        changed.append(new)
    return {**model, "config": {**config, "layers": changed}}


def shapeless_behind(
    model: Mapping[str, Json], unsure: frozenset[str], path: str = ""
) -> str | None:
    """Return a Sequential that is built by what a guessed shape makes of it; None for most models.

    It would keep that shape, which nobody recorded, as the shape of its input.

    Args:
        model: in today's form, before Keras made it.
        unsure: full names of layers whose shapes are guessed.
        path: what stands in front of the names of its layers.
    """
    config = model["config"]
    guessed = _guessed(config["layers"], unsure, path, chain="output_layers" not in config)
    for entry in config["layers"]:
        full = f"{path}{name_in(entry)}"
        if isinstance(entry["config"].get("layers"), list):
            found = shapeless_behind(entry, unsure, f"{full}/")
            if found is not None:
                return found
        if name_in(entry) in guessed and _is_shapeless(entry):
            return full
    return None


def _is_shapeless(tree: Json) -> bool:
    if isinstance(tree, list):
        return any(map(_is_shapeless, tree))
    if not isinstance(tree, Mapping):
        return False
    layers = tree.get("layers")
    if isinstance(layers, list) and layers:
        if "output_layers" in tree:
            return False
        if layers[0].get("class_name") == "InputLayer" or tree.get("build_input_shape"):
            return False
        return not isinstance(layers[0]["config"].get("layers"), list) or _is_shapeless(layers[0])
    return any(_is_shapeless(value) for key, value in tree.items() if key != "inbound_nodes")


def _guessed(
    layers: Sequence[Mapping[str, Json]], unsure: frozenset[str], path: str, *, chain: bool
) -> frozenset[str]:
    """Return the layers whose tensors have shapes that follow from a guess."""
    names = [name_in(entry) for entry in layers]
    guessed = {name for name in names if f"{path}{name}" in unsure}
    if chain:
        first = next((place for place, name in enumerate(names) if name in guessed), len(names))
        return frozenset(names[first:])
    takers: dict[str, list[str]] = {}
    for entry, name in zip(layers, names, strict=True):
        for producer in _producers(entry.get("inbound_nodes")):
            takers.setdefault(producer, []).append(name)
    stack = list(guessed)
    while stack:
        for name in takers.get(stack.pop(), ()):
            if name not in guessed:
                guessed.add(name)
                stack.append(name)
    return frozenset(guessed)


def _producers(tree: Json) -> Iterator[str]:
    if isinstance(tree, list):
        for item in tree:
            yield from _producers(item)
    elif isinstance(tree, Mapping):
        if tree.get("class_name") == _TENSOR:
            yield str(tree["config"]["keras_history"][0])
            return
        for item in tree.values():
            yield from _producers(item)


def _forgotten(tree: Json, guessed: frozenset[str]) -> Json:
    """Mark the tensors of some layers as not recorded."""
    if isinstance(tree, list):
        return [_forgotten(item, guessed) for item in tree]
    if not isinstance(tree, Mapping):
        return tree
    if tree.get("class_name") == _TENSOR:
        history = tree["config"]["keras_history"]
        return not_recorded(*history) if history[0] in guessed else tree
    return {key: _forgotten(value, guessed) for key, value in tree.items()}


def _unbuilt(tree: Json) -> Json:
    """Leave out the shapes that a layer, or a layer inside of it, was built with.

    A nested model keeps those of its layers, which follow from its own inputs.
    """
    if isinstance(tree, list):
        return [_unbuilt(item) for item in tree]
    if not isinstance(tree, Mapping):
        return tree
    if isinstance(tree.get("layers"), list):
        return tree
    return {key: _unbuilt(value) for key, value in tree.items() if key != "build_config"}
