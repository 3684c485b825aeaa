"""What Keras is asked about an operation: a question, as a value that can be remembered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from composer.graphs.graph import Call, Tensor, TensorRef, TensorSpec, map_call
from composer.resolver.facts import AskedCall, Pending, Question, Recorded
from composer.resolver.joined import JoinedOperation
from composer.resolver.seams import is_known
from composer.resolver.seeds import layer_seed

Known = TensorSpec | Pending | None
"""A tensor's spec, a question's answer to come, or None behind a problem already reported."""


def question_about(
    linked: JoinedOperation,
    calls: Sequence[Call],
    *,
    known: Callable[[Tensor], Known],
    specs: Mapping[TensorRef, TensorSpec],
    outputs_needed: Callable[[int], int],
    seed: int,
) -> Question:
    """Return the question that settles what an operation puts out.

    Args:
        linked: the operation.
        calls: those of its calls that are asked about, from the first on.
        known: tells what comes in at a tensor.
        specs: what the source recorded.
        outputs_needed: tells how many outputs of a call are taken, by its number.
        seed: of the spec.
    """
    mapped = [map_call(call, known) for call in calls]
    asked = tuple(AskedCall(args=call.args, kwargs=call.kwargs) for call in mapped)
    if linked.new is not None:
        return Question(
            id=linked.key,
            kind="make",
            layer={"class": linked.new.class_name, "args": dict(linked.new.args)},
            name=linked.name,
            seed=layer_seed(seed, linked.name),
            calls=asked,
        )
    operation = linked.operation
    return Question(
        id=linked.key,
        kind="infer",
        layer={
            "module": operation.module,
            "class_name": operation.class_name,
            "config": operation.config,
            "registered_name": operation.registered_name,
        },
        calls=asked,
        recorded=tuple(
            _recorded(linked.key, number, call, specs, outputs_needed(number))
            for number, call in enumerate(calls)
        ),
    )


def _recorded(
    key: str, number: int, call: Call, specs: Mapping[TensorRef, TensorSpec], needed: int
) -> Recorded | None:
    """Give Keras what the source recorded, so that an unchanged call needs no inference."""
    inputs = tuple(tensor.spec for tensor in call.tensors())
    if not all(is_known(spec) for spec in inputs):
        return None
    outputs: list[TensorSpec] = []
    while (ref := TensorRef(key, number, len(outputs))) in specs:
        outputs.append(specs[ref])
    return Recorded(inputs=inputs, outputs=tuple(outputs)) if len(outputs) >= needed else None
