"""The joined graph between wiring and planning: every operation of the result under a key.

Keys are what a short reference says (``backbone:conv1``, ``probs``), unique by construction; final
names come in when the plan is written, so that a collision of names can be told from a mistake in
the wiring.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from composer.diagnostics.diagnostic import SpecPath
from composer.graphs.graph import Operation, TensorRef, TensorSpec, Tree, call_leaves
from composer.resolver.tensor_references import Edge, JoinedRef, JoinedTensor, ResultRef, Step
from composer.spec.model import NewLayer

MISSING = JoinedRef("")
"""Stands for the tensor of a reference that was reported as a problem."""

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


@dataclass(frozen=True, slots=True)
class JoinedCall:
    """One call in the joined graph; ``args`` and ``kwargs`` hold :class:`JoinedTensor` leaves."""

    args: tuple[Tree, ...] = ()
    kwargs: Mapping[str, Tree] = field(default_factory=dict)

    def tensors(self) -> Iterator[JoinedTensor]:
        """Yield the tensors in the order in which Keras visits them."""
        yield from call_leaves(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedOperation:
    """An operation of the result, before its names and specs are final.

    Attributes:
        name: its final name.
        operation: as its source has it, its calls apart.
        calls: by their places (see :class:`Step`), in an order in which Keras can make them; the
            spec of each tensor in them is what its source recorded there.
        new: the spec's layer, for an operation that Keras still has to make.
    """

    key: str
    name: str
    origin: Origin
    operation: Operation
    calls: Mapping[int, JoinedCall] = field(default_factory=dict)
    new: NewLayer | None = None

    @property
    def steps(self) -> tuple[Step, ...]:
        """Its calls, in order; an input layer has one."""
        return tuple(Step(self.key, call) for call in self.calls or (0,))

    def tensors(self) -> Iterator[JoinedTensor]:
        """Yield what all of its calls take."""
        for call in self.calls.values():
            yield from call.tensors()


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
        numbers: the number of each call among those of its layer in the result.
    """

    operations: Mapping[str, JoinedOperation] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    outputs: tuple[tuple[str | None, JoinedRef], ...] = ()
    form: Literal["single", "list", "dict", "source"] = "list"
    arrangement: Tree = None
    seams: Mapping[Edge, SpecPath] = field(default_factory=dict)
    specs: Mapping[JoinedRef, TensorSpec] = field(default_factory=dict)
    doubts: Mapping[JoinedRef, SpecPath] = field(default_factory=dict)
    numbers: Mapping[Step, int] = field(default_factory=dict)

    def result(self, ref: JoinedRef) -> ResultRef:
        """Return a tensor of the graph as the result names it."""
        name, number = self.operations[ref.key].name, self.numbers[ref.step]
        return ResultRef(TensorRef(name, number, ref.output))

    def calls_until(self, step: Step) -> tuple[Step, ...]:
        """Return the calls of a step's operation up to itself, in order."""
        return self.operations[step.key].steps[: self.numbers[step] + 1]

    def numbered(self) -> JoinedGraph:
        """Return the graph with the numbers that the order of the calls gives."""
        numbers = {
            step: number
            for operation in self.operations.values()
            for number, step in enumerate(operation.steps)
        }
        return replace(self, numbers=numbers)
