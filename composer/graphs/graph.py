"""A Keras model's graph as data: operations, their calls, and the tensors between them.

One representation serves every kind of model file; what the kinds spell differently (three ways
to count calls, Sequential's missing edges, Keras 2's node lists) is settled by the readers in
this room and by the one writer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Json = Any
"""What ``json.loads`` returns. Values inside a graph are never changed in place."""

SHARED = "shared_object_id"
"""The key under which a serialised object carries a number; equal numbers are one object."""

Tree = Any
"""Nested lists, dicts and JSON values in which a :class:`Leaf` may stand."""


class Leaf:
    """A tensor in a tree of arguments, whatever names it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class TensorRef(Leaf):
    """One tensor: output ``output`` of call ``call`` of ``operation``; both counted from 0."""

    operation: str
    call: int = 0
    output: int = 0

    def __str__(self) -> str:
        if self.output:
            return f"{self.operation}#{self.call}.{self.output}"
        return f"{self.operation}#{self.call}" if self.call else self.operation


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Shape (batch dimension first, None where open) and dtype; None where unknown."""

    shape: tuple[int | None, ...] | None
    dtype: str | None

    def __str__(self) -> str:
        if self.shape is None:
            return f"? {self.dtype or ''}".rstrip()
        dims = ", ".join("None" if d is None else str(d) for d in self.shape)
        return f"({dims}{',' if len(self.shape) == 1 else ''}) {self.dtype or ''}".rstrip()


@dataclass(frozen=True, slots=True)
class Tensor(Leaf):
    """A tensor that a call takes, with what the file recorded of its shape and dtype.

    ``extra`` keeps further recorded keys (``sparse``, ``ragged``) for the writer.
    """

    ref: TensorRef
    spec: TensorSpec
    extra: tuple[tuple[str, Json], ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operation. ``args`` and ``kwargs`` hold :class:`Tensor` leaves."""

    args: tuple[Tree, ...] = ()
    kwargs: Mapping[str, Tree] = field(default_factory=dict)

    def tensors(self) -> Iterator[Tensor]:
        """Yield the tensors in the order in which Keras visits them.

        That is ``tree.flatten((args, kwargs))`` of ``keras/src/ops/node.py``: lists in order,
        dicts by sorted key.
        """
        yield from call_leaves(self)


class Arguments(Protocol):
    """What a call is given: a :class:`Call`, whatever names the tensors in it."""

    @property
    def args(self) -> tuple[Tree, ...]:
        """By position."""

    @property
    def kwargs(self) -> Mapping[str, Tree]:
        """By name."""


def call_leaves(call: Arguments) -> Iterator[Any]:
    """Yield the leaves of a call's arguments in the order in which Keras visits them."""
    for value in call.args:
        yield from leaves(value)
    for key in sorted(call.kwargs):
        yield from leaves(call.kwargs[key])


def leaves(tree: Tree) -> Iterator[Any]:
    """Yield the leaves of ``tree``, dicts by sorted key."""
    if isinstance(tree, Leaf):
        yield tree
    elif isinstance(tree, list | tuple):
        for item in tree:
            yield from leaves(item)
    elif isinstance(tree, dict):
        for key in sorted(tree):
            yield from leaves(tree[key])


def map_leaves(tree: Tree, function: Any) -> Tree:
    """Return ``tree`` with ``function`` applied to its tensors, in the order of ``leaves``."""
    if isinstance(tree, Leaf):
        return function(tree)
    if isinstance(tree, list):
        return [map_leaves(item, function) for item in tree]
    if isinstance(tree, tuple):
        return tuple(map_leaves(item, function) for item in tree)
    if isinstance(tree, dict):
        mapped = {key: map_leaves(tree[key], function) for key in sorted(tree)}
        return {key: mapped[key] for key in tree}
    return tree


def named_leaves(tree: Tree) -> Iterator[tuple[str | None, Any]]:
    """Yield the leaves of a model's inputs or outputs, each with what it is called there.

    That is nothing in a list or alone, the key in a dictionary, and in a nested structure the keys
    and places that lead to it, such as ``heads.0``.
    """
    if isinstance(tree, Leaf):
        yield None, tree
        return
    flat = structure_form(tree) == "list"
    for way, leaf in _ways(tree, ()):
        yield None if flat else ".".join(way), leaf


def _ways(tree: Tree, way: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(tree, dict):
        for key in sorted(tree):
            yield from _ways(tree[key], (*way, str(key)))
    elif isinstance(tree, list | tuple):
        for place, item in enumerate(tree):
            yield from _ways(item, (*way, str(place)))
    else:
        yield way, tree


Form = Literal["single", "list", "map", "nested"]
"""How a model's inputs or outputs are arranged."""


def structure_form(tree: Tree) -> Form:
    """Return how a model's inputs or outputs are arranged."""
    if isinstance(tree, Leaf):
        return "single"
    items = list(tree.values()) if isinstance(tree, dict) else tree
    if not all(isinstance(item, Leaf) for item in items):
        return "nested"
    return "map" if isinstance(tree, dict) else "list"


def map_call(call: Arguments, function: Any) -> Call:
    """Return ``call`` with ``function`` applied to its tensors, in visiting order."""
    args = tuple(map_leaves(value, function) for value in call.args)
    mapped = {key: map_leaves(call.kwargs[key], function) for key in sorted(call.kwargs)}
    return Call(args=args, kwargs={key: mapped[key] for key in call.kwargs})


def not_recorded(operation: str, call: int, output: int) -> dict[str, Json]:
    """Return the serialised form of a tensor of which no shape and dtype are known.

    Keras demands both of a tensor in a call and then looks at its history only
    (``deserialize_node`` of ``keras/src/models/functional.py``), so that a mark beside them is
    safe.
    """
    return {
        "class_name": "__keras_tensor__",
        "config": {
            "shape": [],
            "dtype": "float32",
            "keras_history": [operation, call, output],
            "recorded": False,
        },
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What was changed in a layer of an old file, so that today's Keras can read it.

    Attributes:
        layer: its original name, after the names of the models around it and slashes.
        what: the change and its reason, a sentence without a full stop.
    """

    layer: str
    what: str

    def __str__(self) -> str:
        return f"{self.layer}: {self.what}"


def by_change(repairs: Iterable[Repair]) -> tuple[str, ...]:
    """Return a text for each kind of change, with the names of the layers that it was made in."""
    layers: dict[str, list[str]] = {}
    for repair in repairs:
        layers.setdefault(repair.what, []).append(repair.layer)
    return tuple(f"{what} ({', '.join(names)})" for what, names in layers.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlinkable:
    """Why a layer of an old file can't be linked: it is there to be left out or replaced.

    Attributes:
        why: a sentence that names the layer.
        help: what can be done where the model is made.
    """

    why: str
    help: str | None = None


OperationKind = Literal["input", "layer", "operator"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A node of the graph: an input layer, a layer, or a ``keras.ops`` call with a name.

    Attributes:
        name: unique in its graph.
        kind: operators take part in the order of a graph but own no state and are not layers.
        class_name, module, registered_name: as the file spells them, in today's form.
        config: the constructor's arguments as Keras serialised them, ``name`` included.
        build_config: what the layer was built with; None where the file has none.
        calls: one a call; empty for an input layer.
        inner: the graph of a nested Functional or Sequential model; None for anything else.
        storage: base of the group that holds its weights (``dense``, without a counter).
        shared: the number that makes the layer one object with its like in other configs of the
            file, where another layer or a nested model holds it too; None for most.
        refused: why it can't be linked, in a model of an old file; None for most.
    """

    name: str
    kind: OperationKind
    class_name: str
    module: str | None
    registered_name: str | None
    config: Mapping[str, Json]
    build_config: Mapping[str, Json] | None = None
    calls: tuple[Call, ...] = ()
    inner: Graph | None = None
    storage: str = ""
    shared: int | str | None = None
    refused: Unlinkable | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A Functional model; a Sequential one becomes a Functional chain when it is read.

    Attributes:
        name: the model's name.
        operations: in the order in which the file lists them.
        inputs: a single :class:`TensorRef`, or lists and dicts of them.
        outputs: the same.
        sequential: whether the file held a Sequential.
        unbuilt: whether the file held a Sequential that records no shape of its input. It may hold
            weights all the same, of layers that were built before.
        own_classes: classes of the model, and of nested ones that were inlined, that are none of
            Keras's own: what their code does beside the graph is not in it.
        repairs: what was changed in layers of a Keras 2 file, those of nested models included.
        warnings: where today's Keras may compute other numbers than the Keras 2 of the file.
    """

    name: str
    operations: tuple[Operation, ...]
    inputs: Tree
    outputs: Tree
    sequential: bool = False
    unbuilt: bool = False
    own_classes: tuple[str, ...] = ()
    repairs: tuple[Repair, ...] = ()
    warnings: tuple[str, ...] = ()
