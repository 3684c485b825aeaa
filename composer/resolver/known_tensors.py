"""What is known of each tensor while shapes are inferred: recorded, told by Keras, foreseen."""

from __future__ import annotations

from dataclasses import dataclass, field

from composer.graphs.graph import TensorSpec
from composer.resolver.ask_about import Known
from composer.resolver.facts import Pending, Question
from composer.resolver.joined import MISSING, UNKNOWN, JoinedGraph
from composer.resolver.seams import is_known
from composer.resolver.tensor_references import JoinedRef, JoinedTensor, Step


@dataclass(slots=True)
class KnownTensors:
    """What is known of the tensors of a joined graph.

    Attributes:
        specs: of the tensors of the calls that were visited.
        foreseen: of tensors that wait for Keras, what they will be.
        asked: the questions so far, by the key of the operation.
        intact: calls that take what they took in their source.
        failed: keys of operations that were reported, or that come behind one that was.
        needed: which outputs of each call something takes or refers to.
    """

    linked: JoinedGraph
    specs: dict[JoinedRef, Known] = field(default_factory=dict)
    foreseen: dict[JoinedRef, TensorSpec] = field(default_factory=dict)
    asked: dict[str, Question] = field(default_factory=dict)
    intact: set[Step] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    needed: dict[Step, set[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for operation in self.linked.operations.values():
            for tensor in operation.tensors():
                self.needed.setdefault(tensor.ref.step, set()).add(tensor.ref.output)
        for ref in self.linked.doubts:
            self.needed.setdefault(ref.step, set()).add(ref.output)

    def outputs_needed(self, step: Step) -> int:
        """Return how many outputs of a call have to be known; at least the first."""
        return max(self.needed.get(step, ()), default=0) + 1

    def of(self, tensor: JoinedTensor) -> Known:
        """Return what comes in at a tensor."""
        if tensor.ref == MISSING:
            return None
        if tensor.ref not in self.specs:
            # A further output of a call that no source recorded: only Keras knows it.
            self.specs[tensor.ref] = self._late(tensor.ref)
        return self.specs[tensor.ref]

    def _late(self, ref: JoinedRef) -> Known:
        question = self.asked.get(ref.key)
        if question is not None:
            return Pending(question.id, self.linked.numbers[ref.step], ref.output)
        return UNKNOWN if ref.step in self.intact else None

    def expected(self, tensor: JoinedTensor) -> TensorSpec:
        """Return what comes in at a tensor, told by Keras or foreseen; no shape where neither."""
        found = self.of(tensor)
        return found if isinstance(found, TensorSpec) else self.foreseen.get(tensor.ref, UNKNOWN)

    def shown(self) -> dict[JoinedRef, TensorSpec]:
        """Return all shapes that can be shown: the known ones, and those that are foreseen."""
        known = {
            ref: spec
            for ref, spec in self.specs.items()
            if isinstance(spec, TensorSpec) and is_known(spec)
        }
        waiting = {ref: s for ref, s in self.foreseen.items() if self.specs.get(ref) is not None}
        return {**waiting, **known}

    def fail(self, step: Step) -> None:
        """Note that a call has no output: its layer, or one before it, was reported."""
        self.failed.add(step.key)
        self.specs[JoinedRef(step.key, step.call)] = None
