"""The joined graph between wiring and planning: every operation of the result under a key.

Keys are what a short reference says (``backbone:conv1``, ``probs``), unique by construction; final
names come in when the plan is written, so that a collision of names can be told from a mistake in
the wiring.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from composer.diagnostics.diagnostic import SpecPath
from composer.graphs.graph import Operation, TensorRef, TensorSpec, Tree
from composer.spec.model import NewLayer

MISSING = ""
"""Stands for the operation of a reference that was reported as a problem."""

UNKNOWN = TensorSpec(None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an operation of the result comes from.

    Attributes:
        kind: a layer of a source, a new layer, or a declared input.
        source: the source's id; None for the other kinds.
        layer: its original name; the id for the other kinds.
    """

    kind: Literal["source", "layer", "input"]
    layer: str
    source: str | None = None

    def __str__(self) -> str:
        return self.layer if self.source is None else f"{self.source}:{self.layer}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedOperation:
    """An operation of the result, before its names and specs are final.

    Attributes:
        name: its final name.
        operation: config as its source has it; its calls refer to keys, and the spec in each of
            their tensors is what the source recorded there.
        new: the spec's layer, for an operation that Keras still has to make.
    """

    key: str
    name: str
    origin: Origin
    operation: Operation
    new: NewLayer | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One call of one operation."""

    key: str
    call: int


@dataclass(frozen=True, slots=True)
class Edge:
    """A tensor's place in a call: ``position`` counts the call's tensors in visiting order."""

    consumer: str
    call: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedGraph:
    """The joined graph.

    Attributes:
        operations: by key, in spec order, sources in their own order.
        inputs: keys of the result's input layers.
        outputs: pairs of dictionary key (None except for a dictionary) and tensor.
        form: how the outputs are arranged.
        arrangement: a tree with a leaf for each of the outputs, where they are arranged like a
            source's (``source``).
        seams: edges that the spec made, with the value of the spec that made each.
        specs: what the sources recorded of their tensors, by the tensor's reference here.
        doubts: tensors of which only Keras can tell whether they exist, with the value of the spec
            that refers to each.
        numbers: which number each call has got that is not left out (see ``number_calls``); its
            number before is the place among the calls of all uses of its source.
    """

    operations: Mapping[str, JoinedOperation] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    outputs: tuple[tuple[str | None, TensorRef], ...] = ()
    form: Literal["single", "list", "dict", "source"] = "list"
    arrangement: Tree = None
    seams: Mapping[Edge, SpecPath] = field(default_factory=dict)
    specs: Mapping[TensorRef, TensorSpec] = field(default_factory=dict)
    doubts: Mapping[TensorRef, SpecPath] = field(default_factory=dict)
    numbers: Mapping[Step, int] = field(default_factory=dict)

    def numbered(self, ref: TensorRef) -> TensorRef | None:
        """Return a tensor under the number that its call has got; None when it is left out."""
        number = self.numbers.get(Step(ref.operation, ref.call))
        return None if number is None else TensorRef(ref.operation, number, ref.output)
