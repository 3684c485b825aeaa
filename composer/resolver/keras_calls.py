"""Calls of which only Keras knows what they put out: a fact tells it, or Keras is to be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from composer.graphs.model_file import LayerState, ModelFile
from composer.graphs.static_shapes import Refusal
from composer.resolver.ask_about import question_about
from composer.resolver.facts import Answer, Fact, Pending, Question, tensors_of
from composer.resolver.foresee import foresee
from composer.resolver.joined import JoinedGraph, JoinedOperation
from composer.resolver.known_tensors import KnownTensors
from composer.resolver.shape_problems import ShapeProblems
from composer.resolver.tensor_references import JoinedRef, Step
from composer.resolver.weights_fit import weights_that_differ


@dataclass(slots=True, kw_only=True)
class KerasCalls:
    """Settles calls by what Keras said, and keeps what it made.

    Attributes:
        linked: the graph.
        states: what sources hold for their operations, by key.
        facts: what Keras answered, by question id.
        seed: of the spec; each new layer gets its own from it and its name.
        known: gets what the calls put out, and the questions.
        problems: gets what does not fit.
        operations: of the graph, with facts put in.
        made: where the weights of new layers are.
    """

    linked: JoinedGraph
    states: Mapping[str, LayerState]
    facts: Mapping[str, Answer]
    seed: int
    known: KnownTensors
    problems: ShapeProblems
    operations: dict[str, JoinedOperation] = field(default_factory=dict)
    made: dict[str, tuple[ModelFile, LayerState]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.operations = dict(self.linked.operations)

    def settle(self, step: Step, linked: JoinedOperation) -> None:
        """Settle a call's outputs by a fact, or put the operation among the questions."""
        number = self.linked.numbers[step]
        question = question_about(
            linked,
            self.linked.calls_until(step),
            known=self.known.of,
            specs=self.linked.specs,
            outputs_needed=self.known.outputs_needed,
            seed=self.seed,
        )
        pending = any(
            isinstance(leaf, Pending) for asked in question.calls for leaf in tensors_of(asked)
        )
        answer = None if pending else self._answer(question)
        if answer is None:
            if not self._foresee(step, linked):
                return
            self.known.asked[step.key] = question
            for output in range(self.known.outputs_needed(step)):
                ref = JoinedRef(step.key, step.call, output)
                self.known.specs[ref] = Pending(question.id, number, output)
            return
        fact = answer.fact
        if fact.error is not None:
            self.known.fail(step)
            self.problems.refused(step, linked, fact)
            return
        if number == 0 and linked.new is not None:
            self._place_new_layer(step, linked, answer)
        for output, spec in enumerate(fact.outputs[number]):
            self.known.specs[JoinedRef(step.key, step.call, output)] = spec
        self._check_outputs(step, len(fact.outputs[number]))
        if linked.new is None and number == 0:
            self._rebuild(step, linked, fact)

    def _answer(self, question: Question) -> Answer | None:
        answer = self.facts.get(question.id)
        # It may be about the first calls only: those whose inputs were known when Keras was asked.
        if answer is None or answer.fact.error is not None:
            return answer
        return answer if len(answer.fact.outputs) >= len(question.calls) else None

    def _check_outputs(self, step: Step, count: int) -> None:
        """Report what is taken of a call that puts out only so many tensors."""
        for output in sorted(self.known.needed.get(step, ())):
            ref = JoinedRef(step.key, step.call, output)
            if output >= count:
                self.problems.missing_output(ref, count)
                self.known.specs[ref] = None

    def _foresee(self, step: Step, linked: JoinedOperation) -> bool:
        """Note what a call will put out; tell whether Keras may take it."""
        answer = foresee(linked, linked.calls[step.call], self.known.expected)
        if isinstance(answer, Refusal):
            self.known.fail(step)
            self.problems.foreseen(step, linked, answer)
            return False
        for output, spec in enumerate(answer or ()):
            self.known.foreseen[JoinedRef(step.key, step.call, output)] = spec
        return True

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
        self.problems.weights(linked, why)
        self.known.failed.add(step.key)
        # What such a layer would put out is no ground for judging the layers behind it.
        for output in range(len(fact.outputs[0])):
            self.known.specs[JoinedRef(step.key, step.call, output)] = None
