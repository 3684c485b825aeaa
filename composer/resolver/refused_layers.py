"""Reports what Keras refused: to make a new layer, to run it, to call one behind a wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from composer.diagnostics.diagnostic import Note, SpecPath
from composer.graphs.graph import TensorSpec
from composer.resolver.blamed_argument import blamed, looks_plain
from composer.resolver.facts import Fact
from composer.resolver.foresee import inputs_path
from composer.resolver.joined import JoinedGraph, JoinedOperation
from composer.resolver.problems import Problems
from composer.resolver.tensor_references import JoinedRef, Step

OTHER_SHAPE = (
    "put a new layer between them that gives the shape and dtype that the source recorded, or "
    "wire another tensor"
)


def report_new_layer(
    fact: Fact,
    step: Step,
    linked: JoinedGraph,
    specs: Mapping[JoinedRef, TensorSpec],
    problems: Problems,
) -> None:
    """Report that Keras can't make a new layer (CMP410), or that it fails when it runs (CMP426).

    Args:
        fact: with the error.
        step: the call that it was made for.
        linked: the graph.
        specs: of its tensors, as far as they are known.
        problems: gets the problem.
    """
    operation = linked.operations[step.key]
    new = operation.new
    assert new is not None
    path, error = blamed(new, str(fact.error)), fact.error
    notes = [_input_note(operation, specs)]
    if fact.failed_on is not None:
        at_layer = path == ("layers", new.id)
        problems.add(
            "CMP426",
            inputs_path(step, linked) if at_layer else path,
            f"layer {new.id!r} ({new.class_name}) fails when it runs on data of shape "
            f"{fact.failed_on}: {error}",
            at_key=not at_layer,
            notes=notes,
            help="change its arguments, or what it is called with",
        )
        return
    quoted = [str(name) for name in path[3:] if looks_plain(new.args[str(name)])]
    problems.add(
        "CMP410",
        path,
        f"Keras can't make layer {new.id!r}: {error}",
        at_key=True,
        notes=[*(Note(message=f"{n} is text here: {new.args[n]!r}") for n in quoted), *notes],
        help=f"without quotes it is none: {quoted[0]}: {new.args[quoted[0]]}" if quoted else None,
    )


def report_held_layer(
    fact: Fact,
    operation: JoinedOperation,
    cause: SpecPath,
    notes: Sequence[Note],
    problems: Problems,
) -> None:
    """Report a layer of a source that can't take what a wire brings (CMP411).

    Args:
        fact: with the error.
        operation: the layer.
        cause: the wire.
        notes: of what it changes.
        problems: gets the problem.
    """
    run = f" (run on data of shape {fact.failed_on})" if fact.failed_on is not None else ""
    problems.add(
        "CMP411",
        cause,
        f"{operation.key!r} ({operation.operation.class_name}) can't take what comes in{run}: "
        f"{fact.error}",
        notes=notes,
        help="without its class, nothing can be wired behind a layer that only other code knows; "
        "its tensor can be an output"
        if fact.unknown_class
        else OTHER_SHAPE,
    )


def _input_note(operation: JoinedOperation, specs: Mapping[JoinedRef, TensorSpec]) -> Note:
    inputs = [
        f"{tensor.ref.key} {specs.get(tensor.ref) or '?'}"
        for tensor in next(iter(operation.calls.values())).tensors()
    ]
    return Note(message=f"it is called with {', '.join(inputs)}")
