"""Pass: shapes and dtypes of every tensor of the result, and the questions left to Keras.

A source's own records hold as long as what comes in is what they were made with. Where a seam
changes that, everything downstream is inferred anew: by recalled facts, or as questions that one
Keras process answers in one pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeGuard

from composer.diagnostics.diagnostic import Note, SpecPath
from composer.graphs.foreign import foreign_classes
from composer.graphs.graph import Operation, Tensor, TensorRef, TensorSpec
from composer.graphs.model_file import LayerState, ModelFile
from composer.graphs.static_shapes import Refusal
from composer.graphs.static_specs import input_spec, static_output
from composer.resolver.ask_about import Known, question_about
from composer.resolver.facts import Answer, Fact, Pending, Question, tensors_of
from composer.resolver.foresee import foresee, report_refused_call
from composer.resolver.inferred import Inferred
from composer.resolver.joined import MISSING, UNKNOWN, Edge, JoinedGraph, JoinedOperation, Step
from composer.resolver.link import Link
from composer.resolver.problems import Problems
from composer.resolver.references import report_missing_output
from composer.resolver.refused_layers import (
    OTHER_SHAPE,
    report_held_layer,
    report_new_layer,
)
from composer.resolver.seam_advice import advice
from composer.resolver.seam_rules import static_problem
from composer.resolver.seams import Seam, contradicts, is_known, joined, seams_of
from composer.resolver.unchecked import unchecked
from composer.resolver.weights_fit import weights_that_differ


def infer_shapes(link: Link, problems: Problems) -> Link:
    """Walk the calls in order and settle what each puts out (CMP410 to CMP413)."""
    walk = _Walk(link.joined, _held(link), link.facts, link.spec.seed, problems)
    for step in link.order:
        walk.visit(step)
    return replace(link, inferred=walk.result())


def _held(link: Link) -> Mapping[str, LayerState]:
    """Return what sources hold for their operations, by key."""
    held = {}
    for key, operation in link.joined.operations.items():
        source = operation.origin.source
        if source is not None and operation.origin.layer in link.files[source].states:
            held[key] = link.files[source].states[operation.origin.layer]
    return held


def _settled(spec: Known) -> TypeGuard[TensorSpec]:
    return isinstance(spec, TensorSpec) and is_known(spec)


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
    states: Mapping[str, LayerState]
    facts: Mapping[str, Answer]
    seed: int
    problems: Problems
    specs: dict[TensorRef, Known] = field(default_factory=dict)
    foreseen: dict[TensorRef, TensorSpec] = field(default_factory=dict)
    operations: dict[str, JoinedOperation] = field(default_factory=dict)
    made: dict[str, tuple[ModelFile, LayerState]] = field(default_factory=dict)
    asked: dict[str, Question] = field(default_factory=dict)
    causes: dict[str, SpecPath] = field(default_factory=dict)
    needed: dict[Step, set[int]] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    intact: set[Step] = field(default_factory=set)
    tried: set[Step] = field(default_factory=set)

    def __post_init__(self) -> None:
        for linked in self.linked.operations.values():
            for call in linked.operation.calls:
                for tensor in call.tensors():
                    producer = Step(tensor.ref.operation, tensor.ref.call)
                    self.needed.setdefault(producer, set()).add(tensor.ref.output)
        for ref in self.linked.doubts:
            self.needed.setdefault(Step(ref.operation, ref.call), set()).add(ref.output)
        self.operations = dict(self.linked.operations)

    # ------------------------------------------------------------ one call

    def visit(self, step: Step) -> None:
        linked = self.linked.operations[step.key]
        if linked.operation.kind == "input":
            spec = input_spec(linked.operation)
            self.specs[TensorRef(step.key)] = spec if is_known(spec) else None
            if is_known(spec):
                self.intact.add(step)
            else:
                self._report_shapeless(step, linked)
            return
        taken = list(linked.operation.calls[step.call].tensors())
        self._remember_cause(step, taken)
        intact = linked.new is None
        known: list[Known] = []
        for position, tensor in enumerate(taken):
            edge = Edge(step.key, step.call, position)
            inside = linked.new is None and self._is_inside(edge, tensor)
            came = self._known(tensor) if inside else self._needed(tensor, edge)
            intact = intact and self._is_as_recorded(linked, tensor, came, inside=inside)
            known.append(came)
        if not intact:
            known = self._all_needed(step, taken)
        if step.key in self.failed or any(spec is None for spec in known):
            self.failed.add(step.key)
            self._set_outputs(step, None)
        elif intact:
            self.intact.add(step)
            self._visit_intact(step, linked, taken, known)
        elif linked.new is not None:
            self._ask(step, linked)
        else:
            waiting = any(isinstance(spec, Pending) for spec in known)
            expected = [self._expected(t) for t in taken] if waiting else _only_specs(known)
            if self._check_seams(step, linked, taken, expected):
                self._ask(step, linked)

    def _is_inside(self, edge: Edge, tensor: Tensor) -> bool:
        """Tell whether a tensor comes to its layer as it does in their source by itself."""
        producer = Step(tensor.ref.operation, tensor.ref.call)
        return edge not in self.linked.seams and producer in self.intact

    def _is_as_recorded(
        self, linked: JoinedOperation, tensor: Tensor, actual: Known, *, inside: bool
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
        taken: Sequence[Tensor],
        known: Sequence[Known],
    ) -> None:
        if step.key in self.asked:  # an earlier call of the layer waits for Keras
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
        if told and (not _is_foreign(linked.operation) or self._doubt(step) is not None):
            self._ask(step, linked)
            return
        # Nothing may depend on it: it is asked about when something does.
        for output in missing:
            self.specs[TensorRef(step.key, step.call, output)] = UNKNOWN

    def _report_shapeless(self, step: Step, linked: JoinedOperation) -> None:
        origin = linked.origin
        self.failed.add(step.key)
        self.problems.add(
            "CMP421",
            ("sources", origin.source) if origin.source is not None else (),
            f"source {origin.source!r} records no shape of its input {origin.layer!r}",
            at_key=True,
            help="declare an input and wire it: inputs: {x: {shape: […]}} for the model and "
            "inputs: x for this source",
        )

    def _known(self, tensor: Tensor) -> Known:
        if tensor.ref.operation == MISSING:
            return None
        if tensor.ref not in self.specs:
            # A further output of a call that no source recorded: only Keras knows it.
            self.specs[tensor.ref] = self._late(tensor.ref)
        return self.specs[tensor.ref]

    def _late(self, ref: TensorRef) -> Known:
        question = self.asked.get(ref.operation)
        if question is not None:
            return Pending(question.id, ref.call, ref.output)
        return UNKNOWN if Step(ref.operation, ref.call) in self.intact else None

    def _all_needed(self, step: Step, taken: Sequence[Tensor]) -> list[Known]:
        return [
            self._needed(tensor, Edge(step.key, step.call, position))
            for position, tensor in enumerate(taken)
        ]

    def _needed(self, tensor: Tensor, edge: Edge) -> Known:
        """Return what a layer has to know of a tensor: asks Keras about what no file records."""
        if not self._is_open(tensor):
            return self._known(tensor)
        path = self.linked.seams.get(edge, self.causes.get(edge.consumer, ()))
        # A stack and no recursion: any number of such layers may follow each other.
        stack = [Step(tensor.ref.operation, tensor.ref.call)]
        settled: set[Step] = set()
        while stack:
            step = stack[-1]
            linked = self.linked.operations[step.key]
            before = {
                Step(other.ref.operation, other.ref.call): None
                for call in linked.operation.calls[: step.call + 1]
                for other in call.tensors()
                if self._is_open(other)
            }
            self.tried.add(step)
            if before:
                stack.extend(before)
                continue
            stack.pop()
            if step not in settled:
                settled.add(step)
                self.causes.setdefault(step.key, path)
                self._ask(step, linked)
        return self._known(tensor)

    def _is_open(self, tensor: Tensor) -> bool:
        """Tell whether a tensor is not known, and Keras was not asked about it."""
        spec = self._known(tensor)
        if not isinstance(spec, TensorSpec) or is_known(spec):
            return False
        producer = Step(tensor.ref.operation, tensor.ref.call)
        return producer not in self.tried and bool(
            self.linked.operations[producer.key].operation.calls
        )

    def _expected(self, tensor: Tensor) -> TensorSpec:
        """Return what comes in at a tensor, told by Keras or foreseen; no shape where neither."""
        found = self._known(tensor)
        return found if isinstance(found, TensorSpec) else self.foreseen.get(tensor.ref, UNKNOWN)

    def _shown(self) -> dict[TensorRef, TensorSpec]:
        known = {ref: spec for ref, spec in self.specs.items() if _settled(spec)}
        waiting = {ref: s for ref, s in self.foreseen.items() if self.specs.get(ref) is not None}
        return {**waiting, **known}

    def _remember_cause(self, step: Step, taken: Sequence[Tensor]) -> None:
        """Keep the value of the spec that is to blame for what comes into this call."""
        for position, tensor in enumerate(taken):
            path = self.linked.seams.get(Edge(step.key, step.call, position))
            if path is None:
                path = self.causes.get(tensor.ref.operation)
            if path is not None:
                self.causes.setdefault(step.key, path)

    # ------------------------------------------------------------ from records

    def _set_recorded(
        self, step: Step, operation: Operation, actual: Sequence[TensorSpec]
    ) -> list[int]:
        """Take a call's outputs from the records; return those that are missing and taken."""
        needed = self.needed.get(step, set())
        missing = []
        for output in sorted({0, *needed}):
            ref = TensorRef(step.key, step.call, output)
            spec = self.linked.specs.get(ref)
            if spec is None and output == 0:
                spec = static_output(operation, actual)
            if spec is not None:
                self.specs[ref] = spec
            elif output in needed:
                missing.append(output)
        return missing

    def _set_outputs(self, step: Step, value: None) -> None:
        self.specs[TensorRef(step.key, step.call)] = value

    # ------------------------------------------------------------ from Keras

    def _ask(self, step: Step, linked: JoinedOperation) -> None:
        """Settle a call's outputs by a fact, or put the operation among the questions."""
        calls = linked.operation.calls[: step.call + 1]
        for number, call in enumerate(calls):
            self._all_needed(Step(step.key, number), list(call.tensors()))
        question = question_about(
            linked,
            calls,
            known=self._known,
            specs=self.linked.specs,
            outputs_needed=lambda number: self._outputs_needed(Step(step.key, number)),
            seed=self.seed,
        )
        pending = any(
            isinstance(leaf, Pending) for asked in question.calls for leaf in tensors_of(asked)
        )
        answer = None if pending else self._answer(question)
        if answer is None:
            if not self._foresee(step, linked):
                return
            self.asked[step.key] = question
            for output in range(self._outputs_needed(step)):
                ref = TensorRef(step.key, step.call, output)
                self.specs[ref] = Pending(question.id, step.call, output)
            return
        fact = answer.fact
        if fact.error is not None:
            self._report_refusal(step, linked, fact)
            return
        if step.call == 0 and linked.new is not None:
            self._place_new_layer(step, linked, answer)
        for output, spec in enumerate(fact.outputs[step.call]):
            self.specs[TensorRef(step.key, step.call, output)] = spec
        self._check_outputs(step, len(fact.outputs[step.call]))
        if linked.new is None and step.call == 0:
            self._rebuild(step, linked, fact)

    def _answer(self, question: Question) -> Answer | None:
        answer = self.facts.get(question.id)
        # It may be about the first calls only: those whose inputs were known when Keras was asked.
        if answer is None or answer.fact.error is not None:
            return answer
        return answer if len(answer.fact.outputs) >= len(question.calls) else None

    def _check_outputs(self, step: Step, count: int) -> None:
        """Report what is taken of a call that puts out only so many tensors."""
        for output in sorted(self.needed.get(step, ())):
            ref = TensorRef(step.key, step.call, output)
            if output >= count:
                path = self.linked.doubts.get(ref, self.causes.get(step.key, ()))
                shown = f"{step.key}#{step.call}.{output}"
                report_missing_output(self.problems, path, shown, count)
                self.specs[ref] = None

    def _foresee(self, step: Step, linked: JoinedOperation) -> bool:
        """Note what a call will put out; tell whether Keras may take it."""
        answer = foresee(linked, linked.operation.calls[step.call], self._expected)
        if isinstance(answer, Refusal):
            self._report_foreseen(step, linked, answer)
            return False
        for output, spec in enumerate(answer or ()):
            self.foreseen[TensorRef(step.key, step.call, output)] = spec
        return True

    def _report_foreseen(self, step: Step, linked: JoinedOperation, refusal: Refusal) -> None:
        self.failed.add(step.key)
        self._set_outputs(step, None)
        if linked.new is not None:
            report_refused_call(refusal, step, self.linked, self._shown(), self.problems)
            return
        self.problems.add(
            "CMP413",
            self.causes.get(step.key, ()),
            f"{linked.key!r} ({linked.operation.class_name}) {refusal.message}",
            notes=self._seam_notes(step.key),
            help=OTHER_SHAPE,
        )

    def _outputs_needed(self, step: Step) -> int:
        return max(self.needed.get(step, ()), default=0) + 1

    def _place_new_layer(self, step: Step, linked: JoinedOperation, answer: Answer) -> None:
        """Give a new layer the config and the weights that Keras made for it."""
        layer = answer.fact.layer
        self.operations[step.key] = replace(
            linked,
            operation=replace(
                linked.operation,
                class_name=layer["class_name"],
                module=layer.get("module"),
                registered_name=layer.get("registered_name"),
                config=layer["config"],
                build_config=layer.get("build_config"),
            ),
        )
        state = answer.made.states.get(linked.name) if answer.made is not None else None
        if answer.made is not None and state is not None:
            self.made[step.key] = (answer.made, state)

    def _rebuild(self, step: Step, linked: JoinedOperation, fact: Fact) -> None:
        """Record what a layer behind a changed seam was built with; its weights must still fit."""
        build_config = fact.layer.get("build_config")
        operation = self.operations[step.key].operation
        if operation.build_config is not None and build_config is not None:
            self.operations[step.key] = replace(
                self.operations[step.key],
                operation=replace(operation, build_config=build_config),
            )
        state = self.states.get(step.key)
        why = weights_that_differ(state.variables if state is not None else (), fact.variables)
        if why is None:
            return
        self.problems.add(
            "CMP412",
            self.causes.get(step.key, ()),
            f"the weights of {linked.key!r} ({linked.operation.class_name}) don't fit what comes "
            f"in: {why}",
            notes=self._seam_notes(step.key),
            help="give this wire the shape that the source was made with, or exclude the layers "
            "whose weights depend on it",
        )
        self.failed.add(step.key)
        # What such a layer would put out is no ground for judging the layers behind it.
        for output in range(len(fact.outputs[step.call])):
            self.specs[TensorRef(step.key, step.call, output)] = None

    def _report_refusal(self, step: Step, linked: JoinedOperation, fact: Fact) -> None:
        self.failed.add(step.key)
        self._set_outputs(step, None)
        if linked.new is not None:
            report_new_layer(fact, step, self.linked, self._shown(), self.problems)
            return
        doubted = self._doubt(step)
        if doubted is not None and step.key not in self.causes:
            self.problems.add(
                "CMP420",
                doubted,
                f"how many tensors {linked.key!r} ({linked.operation.class_name}) outputs is not "
                f"recorded, and Keras can't tell: {fact.error}",
                help="refer to its first output only, or name its class for Keras: "
                "objects: [package.module:Class]",
            )
            return
        cause = self.causes.get(step.key, ())
        report_held_layer(fact, linked, cause, self._seam_notes(step.key), self.problems)

    def _doubt(self, step: Step) -> SpecPath | None:
        """Return the first reference to an output of a call that no file shows to exist."""
        return next(
            (
                path
                for ref, path in self.linked.doubts.items()
                if (ref.operation, ref.call) == (step.key, step.call)
            ),
            None,
        )

    def _seam_notes(self, key: str) -> list[Note]:
        cause = self.causes.get(key)
        return [
            Note(
                message=f"at this wire {seam.consumer} takes {seam.actual} where its source "
                f"recorded {seam.expected}"
            )
            for seam in seams_of(self.linked, self._shown())
            if seam.path == cause and seam.state == "changed"
        ][:3]

    # ------------------------------------------------------------ seams

    def _check_seams(
        self,
        step: Step,
        linked: JoinedOperation,
        taken: Sequence[Tensor],
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
            self.problems.add(
                "CMP413",
                self.causes.get(step.key, ()),
                f"{linked.key!r} ({linked.operation.class_name}) can't take {spec} from "
                f"{tensor.ref.operation!r} where its source recorded {tensor.spec}: {why}",
                help=self._advice(Edge(step.key, step.call, position), tensor, spec),
            )
        if not sound:
            self.failed.add(step.key)
            self._set_outputs(step, None)
        return sound

    def _advice(self, edge: Edge, tensor: Tensor, actual: TensorSpec) -> str:
        """Say what to do about it where the spec can: at the wire that brings what does not fit.

        A layer further behind takes what its source gives it, which no spec can change.
        """
        cause = self.causes.get(edge.consumer, ())
        shown = self._shown()
        for seam in seams_of(self.linked, shown):
            if edge not in self.linked.seams and seam.path == cause and seam.state == "changed":
                return advice(self.linked, shown, seam)
        here = Seam(
            consumer=edge.consumer,
            call=edge.call,
            producer=tensor.ref,
            path=self.linked.seams.get(edge, cause),
            expected=tensor.spec,
            actual=actual,
        )
        return advice(self.linked, shown, here)

    # ------------------------------------------------------------ result

    def result(self) -> Inferred:
        shown = self._shown()
        return Inferred(
            specs={ref: spec for ref, spec in shown.items() if is_known(spec)},
            operations=self.operations,
            states=self.made,
            questions=tuple(self.asked.values()),
            seams=seams_of(self.linked, shown),
            unchecked=unchecked(self.asked.values(), self.linked, shown),
        )
