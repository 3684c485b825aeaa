"""Pass: shapes and dtypes of every tensor of the result, and the questions left to Keras.

A source's own records hold as long as what comes in is what they were made with. Where a seam
changes that, everything downstream is inferred anew: by recalled facts, or as questions that one
Keras process answers in one pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from composer.graphs.foreign import foreign_classes
from composer.graphs.graph import Operation, TensorSpec
from composer.graphs.model_file import LayerState
from composer.graphs.static_specs import input_spec, static_output
from composer.resolver.ask_about import Known
from composer.resolver.facts import Pending
from composer.resolver.inferred import Inferred
from composer.resolver.joined import UNKNOWN, JoinedGraph, JoinedOperation
from composer.resolver.keras_calls import KerasCalls
from composer.resolver.known_tensors import KnownTensors
from composer.resolver.link import Link
from composer.resolver.problems import Problems
from composer.resolver.seam_rules import static_problem
from composer.resolver.seams import contradicts, is_known, joined, seams_of
from composer.resolver.shape_problems import ShapeProblems
from composer.resolver.tensor_references import Edge, JoinedRef, JoinedTensor, Step
from composer.resolver.unchecked import unchecked


def infer_shapes(link: Link, problems: Problems) -> Link:
    """Walk the calls in order and settle what each puts out (CMP410 to CMP413)."""
    known = KnownTensors(link.joined)
    reports = ShapeProblems(link.joined, known, problems)
    keras = KerasCalls(
        linked=link.joined,
        states=_held(link),
        facts=link.facts,
        seed=link.spec.seed,
        known=known,
        problems=reports,
    )
    walk = _Walk(link.joined, known, reports, keras)
    for step in link.order:
        walk.visit(step)
    shown, questions = known.shown(), tuple(known.asked.values())
    return replace(
        link,
        inferred=Inferred(
            specs={ref: spec for ref, spec in shown.items() if is_known(spec)},
            operations=keras.operations,
            states=keras.made,
            questions=questions,
            seams=seams_of(link.joined, shown),
            unchecked=unchecked(questions, link.joined, shown),
        ),
    )


def _held(link: Link) -> Mapping[str, LayerState]:
    """Return what sources hold for their operations, by key."""
    held = {}
    for key, operation in link.joined.operations.items():
        source = operation.origin.source
        if source is not None and operation.origin.layer in link.files[source].states:
            held[key] = link.files[source].states[operation.origin.layer]
    return held


def _only_specs(known: Sequence[Known]) -> list[TensorSpec]:
    return [spec for spec in known if isinstance(spec, TensorSpec)]


def _is_foreign(operation: Operation) -> bool:
    """Tell whether Keras can make a layer again only with code that is not its own."""
    return bool(
        foreign_classes({"module": operation.module, "class_name": operation.class_name})
    ) or bool(foreign_classes(dict(operation.config)))


@dataclass(slots=True)
class _Walk:
    linked: JoinedGraph
    known: KnownTensors
    problems: ShapeProblems
    keras: KerasCalls
    tried: set[Step] = field(default_factory=set)

    # ------------------------------------------------------------ one call

    def visit(self, step: Step) -> None:
        linked = self.linked.operations[step.key]
        if linked.operation.kind == "input":
            spec = input_spec(linked.operation)
            self.known.specs[JoinedRef(step.key)] = spec if is_known(spec) else None
            if is_known(spec):
                self.known.intact.add(step)
            else:
                self.known.failed.add(step.key)
                self.problems.shapeless(linked)
            return
        taken = list(linked.calls[step.call].tensors())
        self.problems.remember_cause(step, taken)
        intact = linked.new is None
        known: list[Known] = []
        for position, tensor in enumerate(taken):
            edge = Edge(step.key, step.call, position)
            inside = linked.new is None and self._is_inside(edge, tensor)
            came = self.known.of(tensor) if inside else self._needed(tensor, edge)
            intact = intact and self._is_as_recorded(linked, tensor, came, inside=inside)
            known.append(came)
        if not intact:
            known = self._all_needed(step, taken)
        if step.key in self.known.failed or any(spec is None for spec in known):
            self.known.fail(step)
        elif intact:
            self.known.intact.add(step)
            self._visit_intact(step, linked, taken, known)
        elif linked.new is not None:
            self._ask(step, linked)
        else:
            waiting = any(isinstance(spec, Pending) for spec in known)
            expected = [self.known.expected(t) for t in taken] if waiting else _only_specs(known)
            if self._check_seams(step, linked, taken, expected):
                self._ask(step, linked)

    def _is_inside(self, edge: Edge, tensor: JoinedTensor) -> bool:
        """Tell whether a tensor comes to its layer as it does in their source by itself."""
        producer = tensor.ref.step
        return edge not in self.linked.seams and producer in self.known.intact

    def _is_as_recorded(
        self, linked: JoinedOperation, tensor: JoinedTensor, actual: Known, *, inside: bool
    ) -> bool:
        """Tell whether a layer takes what it took in its source.

        Inside of a source that follows from the producer, whether or not the file records what
        passes there. Elsewhere it has to be seen, unless nothing was recorded and only code
        outside of Keras could tell.
        """
        if inside:
            return not isinstance(actual, TensorSpec) or not contradicts(tensor.spec, actual)
        if not is_known(tensor.spec) and _is_foreign(linked.operation):
            return not isinstance(actual, TensorSpec) or not contradicts(tensor.spec, actual)
        return is_known(tensor.spec) and tensor.spec == actual

    def _visit_intact(
        self,
        step: Step,
        linked: JoinedOperation,
        taken: Sequence[JoinedTensor],
        known: Sequence[Known],
    ) -> None:
        if step.key in self.known.asked:  # an earlier call of the layer waits for Keras
            self._ask(step, linked)
            return
        actual = [
            joined(tensor.spec, spec if isinstance(spec, TensorSpec) else UNKNOWN)
            for tensor, spec in zip(taken, known, strict=True)
        ]
        missing = self._set_recorded(step, linked.operation, actual)
        if not missing:
            return
        told = all(
            isinstance(spec, Pending) or is_known(joint)
            for spec, joint in zip(known, actual, strict=True)
        )
        # A class outside of Keras is only asked whether an output exists, which no file records.
        if told and (not _is_foreign(linked.operation) or self.problems.doubt(step) is not None):
            self._ask(step, linked)
            return
        # Nothing may depend on it: it is asked about when something does.
        for output in missing:
            self.known.specs[JoinedRef(step.key, step.call, output)] = UNKNOWN

    def _all_needed(self, step: Step, taken: Sequence[JoinedTensor]) -> list[Known]:
        return [
            self._needed(tensor, Edge(step.key, step.call, position))
            for position, tensor in enumerate(taken)
        ]

    def _needed(self, tensor: JoinedTensor, edge: Edge) -> Known:
        """Return what a layer has to know of a tensor: asks Keras about what no file records."""
        if not self._is_open(tensor):
            return self.known.of(tensor)
        # A stack and no recursion: any number of such layers may follow each other.
        stack = [tensor.ref.step]
        settled: set[Step] = set()
        while stack:
            step = stack[-1]
            linked = self.linked.operations[step.key]
            before = {
                other.ref.step: None
                for earlier in self.linked.calls_until(step)
                for other in linked.calls[earlier.call].tensors()
                if self._is_open(other)
            }
            self.tried.add(step)
            if before:
                stack.extend(before)
                continue
            stack.pop()
            if step not in settled:
                settled.add(step)
                self.problems.pass_on(edge, step.key)
                self._ask(step, linked)
        return self.known.of(tensor)

    def _is_open(self, tensor: JoinedTensor) -> bool:
        """Tell whether a tensor is not known, and Keras was not asked about it."""
        spec = self.known.of(tensor)
        if not isinstance(spec, TensorSpec) or is_known(spec):
            return False
        producer = tensor.ref.step
        return producer not in self.tried and bool(self.linked.operations[producer.key].calls)

    # ------------------------------------------------------------ from records

    def _set_recorded(
        self, step: Step, operation: Operation, actual: Sequence[TensorSpec]
    ) -> list[int]:
        """Take a call's outputs from the records; return those that are missing and taken."""
        needed = self.known.needed.get(step, set())
        missing = []
        for output in sorted({0, *needed}):
            ref = JoinedRef(step.key, step.call, output)
            spec = self.linked.specs.get(ref)
            if spec is None and output == 0:
                spec = static_output(operation, actual)
            if spec is not None:
                self.known.specs[ref] = spec
            elif output in needed:
                missing.append(output)
        return missing

    # ------------------------------------------------------------ from Keras

    def _ask(self, step: Step, linked: JoinedOperation) -> None:
        """Have a call settled once all is known, or asked, that it and those before it take."""
        for earlier in self.linked.calls_until(step):
            self._all_needed(earlier, list(linked.calls[earlier.call].tensors()))
        self.keras.settle(step, linked)

    # ------------------------------------------------------------ seams

    def _check_seams(
        self,
        step: Step,
        linked: JoinedOperation,
        taken: Sequence[JoinedTensor],
        actual: Sequence[TensorSpec],
    ) -> bool:
        """Report what can be seen without Keras to be wrong; tell whether all is well."""
        sound = True
        for position, (tensor, spec) in enumerate(zip(taken, actual, strict=True)):
            if not contradicts(tensor.spec, spec):
                continue
            why = static_problem(linked.operation, tensor.spec, spec)
            if why is None:
                continue
            sound = False
            edge = Edge(step.key, step.call, position)
            self.problems.contradiction(edge, linked, tensor, spec, why)
        if not sound:
            self.known.fail(step)
        return sound
