"""What of a spec only Keras can check, and was not asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from composer.graphs.graph import TensorSpec
from composer.resolver.facts import Question
from composer.resolver.joined import JoinedGraph
from composer.resolver.tensor_references import JoinedRef
from composer.signatures import signature_of
from composer.spec.model import NewLayer


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchecked:
    """What was not checked without Keras, by layers as a spec names them.

    Attributes:
        imports: ids of sources that Keras has to import first; nothing behind them is checked.
        arguments: new layers of which all arguments, or those that follow the name, are for Keras
            alone to judge.
        inputs: layers of sources that get another shape or dtype than they were made with.
        shapes: layers of which it is not known what they put out.
    """

    imports: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.imports or self.arguments or self.inputs or self.shapes)


NOTHING = Unchecked()


def unchecked(
    questions: Iterable[Question], linked: JoinedGraph, specs: Mapping[JoinedRef, TensorSpec]
) -> Unchecked:
    """Return what the open questions leave unchecked.

    Args:
        questions: that Keras was not asked.
        linked: the graph.
        specs: of its tensors, known or foreseen.
    """
    arguments: list[str] = []
    inputs: list[str] = []
    shapes: list[str] = []
    for question in questions:
        operation = linked.operations[question.id]
        class_name = operation.operation.class_name
        label = f"{question.id} ({class_name})"
        taken = operation.tensors()
        if operation.new is not None:
            arguments.extend(_arguments(operation.new))
        elif any(specs.get(tensor.ref) != tensor.spec for tensor in taken):
            inputs.append(label)
        asked = operation.steps[: len(question.calls)]
        if not all(JoinedRef(step.key, step.call) in specs for step in asked):
            shapes.append(label)
    return Unchecked(arguments=tuple(arguments), inputs=tuple(inputs), shapes=tuple(shapes))


def _arguments(layer: NewLayer) -> tuple[str, ...]:
    """Return a new layer where its arguments, or some, could not be checked."""
    if signature_of(layer.class_name) is None:
        return (f"{layer.id} ({layer.class_name})",)
    return (f"{layer.id} ({', '.join(layer.unchecked)})",) if layer.unchecked else ()
