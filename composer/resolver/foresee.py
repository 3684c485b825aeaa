"""What a call puts out, told before Keras is asked, and what it is certain to refuse.

What is foreseen is shown and judged, and never put into a question: where Keras is asked, it
alone says what goes into the plan that is built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from composer.diagnostics.diagnostic import Note, SpecPath
from composer.graphs.graph import TensorSpec, map_call
from composer.graphs.static_shapes import Answer, Refusal, static_answer
from composer.graphs.static_specs import static_call
from composer.resolver.joined import JoinedCall, JoinedGraph, JoinedOperation
from composer.resolver.problems import Problems
from composer.resolver.seam_advice import between
from composer.resolver.tensor_references import Edge, JoinedRef, JoinedTensor, Step
from composer.spec.yaml_scalars import written

_PAIR = 2


def foresee(
    linked: JoinedOperation, call: JoinedCall, expected: Callable[[JoinedTensor], TensorSpec]
) -> Answer:
    """Return what a call puts out, why Keras will refuse it, or None where only Keras can tell.

    Args:
        linked: a new layer, or one of a source.
        call: of it.
        expected: tells what comes in at a tensor, without a shape where that is not known.
    """
    given = map_call(call, expected)
    if linked.new is None:
        return static_call(linked.operation, given.args, given.kwargs)
    if ":" in linked.new.class_name:
        return None
    return static_answer(linked.new.class_name, linked.new.args, given.args, given.kwargs)


def report_refused_call(
    refusal: Refusal,
    step: Step,
    linked: JoinedGraph,
    specs: Mapping[JoinedRef, TensorSpec],
    problems: Problems,
) -> None:
    """Report a call of a new layer that Keras is certain to refuse.

    It is reported at the argument that does not fit what comes in (CMP425), else at the inputs
    (CMP413), with what comes in from where.

    Args:
        refusal: why.
        step: the call.
        linked: the graph.
        specs: of its tensors, as far as they are known.
        problems: gets the problem.
    """
    operation = linked.operations[step.key]
    assert operation.new is not None
    taken = list(operation.calls[step.call].tensors())
    notes = [_origin(tensor.ref, linked, specs, problems) for tensor in taken]
    message = f"{operation.key!r} ({operation.new.class_name}) {refusal.message}"
    if refusal.argument is not None:
        path: SpecPath = ("layers", operation.new.id)
        if refusal.argument in operation.new.args:
            path = (*path, "args", refusal.argument)
        problems.add(
            "CMP425",
            path,
            message,
            at_key=path[-1] == operation.new.id,
            notes=notes,
            help=f"change {refusal.argument}, or give the layer an input that fits it",
        )
        return
    problems.add(
        "CMP413",
        inputs_path(step, linked),
        message,
        notes=notes,
        help=refusal.help
        or _layer_between(operation, taken, linked, specs)
        or "wire another tensor, or add a layer in between that outputs the required shape",
    )


def inputs_path(step: Step, linked: JoinedGraph) -> SpecPath:
    """Return where the spec says what a call of a new layer takes."""
    path = linked.seams.get(Edge(step.key, step.call, 0), ("layers", step.key))
    return path[: path.index("inputs", 2) + 1] if "inputs" in path[2:] else path


def _origin(
    ref: JoinedRef,
    linked: JoinedGraph,
    specs: Mapping[JoinedRef, TensorSpec],
    problems: Problems,
) -> Note:
    """Return a note that tells what a tensor is and points at where the spec brings it in."""
    origin = linked.operations[ref.key].origin
    room = {"source": "sources", "layer": "layers", "input": "inputs"}[origin.kind]
    path = (room, origin.source or origin.layer)
    return problems.note(path, f"{ref} gives {specs.get(ref) or '?'}", at_key=True)


def _layer_between(
    operation: JoinedOperation,
    taken: Sequence[JoinedTensor],
    linked: JoinedGraph,
    specs: Mapping[JoinedRef, TensorSpec],
) -> str | None:
    """Return a layer that would make the second of two tensors like the first."""
    given = [specs.get(tensor.ref) for tensor in taken]
    if len(taken) != _PAIR or given[0] is None or given[1] is None:
        return None
    layer = between(given[1], given[0])
    if layer is None:
        return None
    ref = taken[1].ref
    name = str(linked.operations[ref.key].origin)
    if ref.call or ref.output:
        name += f"#{ref.call}.{ref.output}"
    return (
        f"put a layer between that makes {given[0]} of {name}, and give 'fit' to "
        f"{operation.key!r} instead:\n  layers: {{fit: {{{layer}, inputs: {written(name)}}}}}"
    )
