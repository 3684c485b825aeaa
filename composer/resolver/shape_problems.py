"""Reports layers that don't fit what comes in, at the value of the spec that brings it."""

from __future__ import annotations

from collections.abc import Sequence

from composer.diagnostics.diagnostic import Note, SpecPath
from composer.graphs.graph import TensorSpec
from composer.graphs.static_shapes import Refusal
from composer.resolver.facts import Fact
from composer.resolver.foresee import report_refused_call
from composer.resolver.joined import JoinedGraph, JoinedOperation
from composer.resolver.known_tensors import KnownTensors
from composer.resolver.problems import Problems
from composer.resolver.reference_problems import ReferenceProblems
from composer.resolver.refused_layers import (
    OTHER_SHAPE,
    report_held_layer,
    report_new_layer,
)
from composer.resolver.seam_advice import advice
from composer.resolver.seams import Seam, seams_of
from composer.resolver.tensor_references import Edge, JoinedRef, JoinedTensor, Step


class ShapeProblems:
    """Knows which value of the spec is to blame for what comes into a layer."""

    def __init__(self, linked: JoinedGraph, known: KnownTensors, problems: Problems) -> None:
        self._linked = linked
        self._known = known
        self._problems = problems
        self._causes: dict[str, SpecPath] = {}

    def remember_cause(self, step: Step, taken: Sequence[JoinedTensor]) -> None:
        """Keep the value of the spec that is to blame for what comes into a call."""
        for position, tensor in enumerate(taken):
            path = self._linked.seams.get(Edge(step.key, step.call, position))
            if path is None:
                path = self._causes.get(tensor.ref.key)
            if path is not None:
                self._causes.setdefault(step.key, path)

    def pass_on(self, edge: Edge, key: str) -> None:
        """Blame for an operation what is to blame for what comes in at an edge behind it."""
        path = self._linked.seams.get(edge, self._cause(edge.consumer))
        self._causes.setdefault(key, path)

    def _cause(self, key: str) -> SpecPath:
        return self._causes.get(key, ())

    def shapeless(self, linked: JoinedOperation) -> None:
        """Report an input of a source of which no shape is recorded (CMP421)."""
        source = linked.origin.source
        self._problems.add(
            "CMP421",
            ("sources", source) if source is not None else (),
            f"source {source!r} records no shape of its input {linked.origin.layer!r}",
            at_key=True,
            help="declare an input and wire it: inputs: {x: {shape: […]}} for the model and "
            "inputs: x for this source",
        )

    def missing_output(self, ref: JoinedRef, count: int) -> None:
        """Report what is taken of a call that has only so many outputs (CMP407)."""
        path = self._linked.doubts.get(ref, self._cause(ref.key))
        shown = f"{ref.key}#{ref.call}.{ref.output}"
        ReferenceProblems(self._problems).missing_output(path, shown, count)

    def foreseen(self, step: Step, linked: JoinedOperation, refusal: Refusal) -> None:
        """Report a call that Keras is certain to refuse (CMP413, CMP425)."""
        if linked.new is not None:
            report_refused_call(refusal, step, self._linked, self._known.shown(), self._problems)
            return
        self._problems.add(
            "CMP413",
            self._cause(step.key),
            f"{linked.key!r} ({linked.operation.class_name}) {refusal.message}",
            notes=self._seam_notes(step.key),
            help=OTHER_SHAPE,
        )

    def weights(self, linked: JoinedOperation, why: str) -> None:
        """Report a layer whose weights don't fit any more (CMP412)."""
        self._problems.add(
            "CMP412",
            self._cause(linked.key),
            f"the weights of {linked.key!r} ({linked.operation.class_name}) don't fit what comes "
            f"in: {why}",
            notes=self._seam_notes(linked.key),
            help="give this wire the shape that the source was made with, or exclude the layers "
            "whose weights depend on it",
        )

    def refused(self, step: Step, linked: JoinedOperation, fact: Fact) -> None:
        """Report what Keras refused (CMP410, CMP411, CMP420, CMP426)."""
        if linked.new is not None:
            report_new_layer(fact, step, self._linked, self._known.shown(), self._problems)
            return
        doubted = self.doubt(step)
        if doubted is not None and step.key not in self._causes:
            self._problems.add(
                "CMP420",
                doubted,
                f"how many tensors {linked.key!r} ({linked.operation.class_name}) outputs is not "
                f"recorded, and Keras can't tell: {fact.error}",
                help="refer to its first output only, or name its class for Keras: "
                "objects: [package.module:Class]",
            )
            return
        notes = self._seam_notes(step.key)
        report_held_layer(fact, linked, self._cause(step.key), notes, self._problems)

    def doubt(self, step: Step) -> SpecPath | None:
        """Return the first reference to an output of a call that no file shows to exist."""
        return next((path for ref, path in self._linked.doubts.items() if ref.step == step), None)

    def contradiction(
        self,
        edge: Edge,
        linked: JoinedOperation,
        tensor: JoinedTensor,
        actual: TensorSpec,
        why: str,
    ) -> None:
        """Report a layer that can't take what comes in at an edge (CMP413)."""
        self._problems.add(
            "CMP413",
            self._cause(linked.key),
            f"{linked.key!r} ({linked.operation.class_name}) can't take {actual} from "
            f"{tensor.ref.key!r} where its source recorded {tensor.spec}: {why}",
            help=self._advice(edge, tensor, actual),
        )

    def _advice(self, edge: Edge, tensor: JoinedTensor, actual: TensorSpec) -> str:
        """Say what to do about it where the spec can: at the wire that brings what does not fit.

        A layer further behind takes what its source gives it, which no spec can change.
        """
        cause = self._cause(edge.consumer)
        shown = self._known.shown()
        for seam in seams_of(self._linked, shown):
            if edge not in self._linked.seams and seam.path == cause and seam.state == "changed":
                return advice(self._linked, shown, seam)
        here = Seam(
            consumer=edge.consumer,
            call=edge.call,
            producer=tensor.ref,
            path=self._linked.seams.get(edge, cause),
            expected=tensor.spec,
            actual=actual,
        )
        return advice(self._linked, shown, here)

    def _seam_notes(self, key: str) -> list[Note]:
        cause = self._causes.get(key)
        return [
            Note(
                message=f"at this wire {seam.consumer} takes {seam.actual} where its source "
                f"recorded {seam.expected}"
            )
            for seam in seams_of(self._linked, self._known.shown())
            if seam.path == cause and seam.state == "changed"
        ][:3]
