"""What Keras is asked about an operation: a question, as a value that can be remembered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from composer.graphs.graph import TensorSpec, map_call
from composer.resolver.facts import AskedCall, Pending, Question, Recorded
from composer.resolver.joined import JoinedCall, JoinedOperation
from composer.resolver.seams import is_known
from composer.resolver.seeds import layer_seed
from composer.resolver.tensor_references import JoinedRef, JoinedTensor, Step

Known = TensorSpec | Pending | None
"""A tensor's spec, a question's answer to come, or None behind a problem already reported."""


def question_about(
    linked: JoinedOperation,
    steps: Sequence[Step],
    *,
    known: Callable[[JoinedTensor], Known],
    specs: Mapping[JoinedRef, TensorSpec],
    outputs_needed: Callable[[Step], int],
    seed: int,
) -> Question:
    """Return the question that settles what an operation puts out.

    Args:
        linked: the operation.
        steps: those of its calls that are asked about, from the first on.
        known: tells what comes in at a tensor.
        specs: what the source recorded.
        outputs_needed: tells how many outputs of a call are taken.
        seed: of the spec.
    """
    mapped = [map_call(linked.calls[step.call], known) for step in steps]
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
            _recorded(step, linked.calls[step.call], specs, outputs_needed(step)) for step in steps
        ),
    )


def _recorded(
    step: Step, call: JoinedCall, specs: Mapping[JoinedRef, TensorSpec], needed: int
) -> Recorded | None:
    """Give Keras what the source recorded, so that an unchanged call needs no inference."""
    inputs = tuple(tensor.spec for tensor in call.tensors())
    if not all(is_known(spec) for spec in inputs):
        return None
    outputs: list[TensorSpec] = []
    while (ref := JoinedRef(step.key, step.call, len(outputs))) in specs:
        outputs.append(specs[ref])
    return Recorded(inputs=inputs, outputs=tuple(outputs)) if len(outputs) >= needed else None
