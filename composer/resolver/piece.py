"""One source on its way into the joined graph: what the passes over it alone have found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from composer.graphs.graph import TensorRef, Tree
from composer.resolver.tensor_references import JoinedRef
from composer.resolver.topology import CallOf, Topology
from composer.spec.model import Selector, Source, SourceInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Names of a source's operations.

    Attributes:
        kept: what include leaves and exclude does not take away, and the input layers that
            feed it.
        calls: which calls of these are kept; all of them, unless a selector that follows the graph
            says otherwise.
        excluded: named by an ``exclude`` selector, or outside ``include``.
        bypass: named by a ``bypass`` selector.
        frozen, unfrozen: named by ``freeze`` and ``unfreeze``.
        included: calls named by an ``include`` selector; all, if there is none.
        named: calls named by an ``exclude`` selector.
        found: the calls that each selector picks.
    """

    kept: frozenset[str]
    calls: frozenset[CallOf]
    excluded: frozenset[str]
    bypass: frozenset[str]
    frozen: frozenset[str]
    unfrozen: frozenset[str]
    included: frozenset[CallOf]
    named: frozenset[CallOf]
    found: Mapping[Selector, frozenset[CallOf]] = field(default_factory=dict)

    def names(self, selector: Selector) -> frozenset[str]:
        """Return the operations of which ``selector`` picks a call."""
        return picked(selector, self.found.get(selector, frozenset()))


def picked(selector: Selector, calls: Iterable[CallOf]) -> frozenset[str]:
    """Return the operations of which a selector picks ``calls``: a layer is never after itself."""
    found = frozenset(name for name, _ in calls)
    return found - {selector.pattern} if selector.kind == "after" else found


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One use of a source after the cut.

    Attributes:
        id: the id under ``calls``; None for a source that is used once.
        tensors: for every tensor that a kept layer takes, by its original reference: the kept
            tensor, or the wire, that it takes in the result.
        inputs: input layers that nothing wires.
        outputs: the use's open outputs, as original references; one that the source lists twice
            is there twice.
        complete: whether these are all outputs of the source, in its order, and no others.
        bypassed: layers that were short-circuited, with the tensor that stands in.
        replaced: layers whose tensors a wire replaces.
        wires: by the tensor that each of them replaces.
        sound: whether no edge is cut; what follows from one that is goes unsaid.
    """

    id: str | None
    tensors: Mapping[TensorRef, TensorRef | SourceInput]
    inputs: tuple[str, ...]
    outputs: tuple[TensorRef, ...]
    complete: bool
    bypassed: Mapping[str, TensorRef | SourceInput]
    replaced: Mapping[str, SourceInput]
    wires: Mapping[TensorRef, SourceInput]
    sound: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What the passes over one source found.

    Attributes:
        inputs, outputs: of the source, as it arranges them.
        selection: what is kept of it.
        uses: one, or one for each of the source's calls; none before it is cut.
        names: original name → final name of the operations that go into the result.
    """

    source: Source
    topology: Topology
    inputs: Tree
    outputs: Tree
    selection: Selection
    uses: tuple[Use, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    def key(self, original: str) -> str:
        """Return the key of an operation in the joined graph."""
        return f"{self.source.id}:{original}"

    def joined(self, ref: TensorRef, use: int) -> JoinedRef:
        """Return an original tensor of one use as a tensor of the joined graph.

        A source used several times calls each of its layers that many times over: the calls of
        the first use come first.
        """
        operation = self.topology.operations[ref.operation]
        return JoinedRef(self.key(ref.operation), use * len(operation.calls) + ref.call, ref.output)
