"""Pass: one graph from all sources, new layers and inputs, as the spec wires them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from composer.diagnostics.diagnostic import SpecPath
from composer.graphs.graph import (
    Call,
    Operation,
    Tensor,
    TensorRef,
    TensorSpec,
    Tree,
    map_call,
)
from composer.resolver.joined import (
    MISSING,
    UNKNOWN,
    JoinedCall,
    JoinedGraph,
    JoinedOperation,
    Origin,
)
from composer.resolver.link import Link
from composer.resolver.piece import Piece
from composer.resolver.problems import Problems
from composer.resolver.references import References
from composer.resolver.tensor_references import Edge, JoinedRef, JoinedTensor, Step
from composer.spec.model import LayerCall, ModelInput, NewLayer, Reference, SourceInput, Spec


def join_pieces(link: Link, problems: Problems) -> Link:
    """Join everything into one graph whose tensors are referred to by key."""
    spec, pieces = link.spec, link.pieces
    references = References(spec, pieces, problems)
    wiring = _Wiring(references)
    operations: dict[str, JoinedOperation] = {}
    specs: dict[JoinedRef, TensorSpec] = {}
    for declared in spec.inputs:
        operations[declared.id] = _declared_input(declared)
    unwired: list[str] = []
    for piece in pieces.values():
        for linked in wiring.source(piece):
            operations[linked.key] = linked
        for use in piece.uses:
            unwired.extend(piece.key(name) for name in use.inputs)
        specs.update(_recorded(piece))
    for layer in spec.layers:
        linked_layer = wiring.layer(layer)
        operations[linked_layer.key] = linked_layer
    inputs = tuple(dict.fromkeys([declared.id for declared in spec.inputs] + unwired))
    outputs, form, arrangement = _outputs(spec, references, pieces, operations, wiring.seams)
    joined = JoinedGraph(
        operations=operations,
        inputs=tuple(key for key in inputs if key in operations),
        outputs=outputs,
        form=form,
        arrangement=arrangement,
        seams=wiring.seams,
        specs=specs,
        doubts=references.doubts,
    )
    return replace(link, joined=joined.numbered())


def _declared_input(declared: ModelInput) -> JoinedOperation:
    """An input layer as Keras would serialise it (``keras/src/layers/core/input_layer.py``)."""
    operation = Operation(
        name=declared.id,
        kind="input",
        class_name="InputLayer",
        module="keras.layers",
        registered_name=None,
        config={
            "batch_shape": [declared.batch_size, *declared.shape],
            "dtype": declared.dtype,
            "sparse": False,
            "ragged": False,
            "name": declared.id,
            "optional": False,
        },
        storage="input_layer",
    )
    origin = Origin(kind="input", layer=declared.id)
    return JoinedOperation(key=declared.id, name=declared.id, origin=origin, operation=operation)


def _recorded(piece: Piece) -> Mapping[JoinedRef, TensorSpec]:
    """Return what a source recorded of its tensors, by what they are in the joined graph."""
    return {
        piece.joined(ref, index): spec
        for index in range(len(piece.uses))
        for ref, spec in piece.topology.specs.items()
        if ref.operation in piece.names
    }


@dataclass(slots=True)
class _Wiring:
    """Builds calls and remembers which of their tensors are seams."""

    references: References
    seams: dict[Edge, SpecPath]

    def __init__(self, references: References) -> None:
        self.references = references
        self.seams = {}

    def source(self, piece: Piece) -> Sequence[JoinedOperation]:
        linked = []
        for original, final in piece.names.items():
            operation = piece.topology.operations[original]
            key = piece.key(original)
            steps = {
                piece.joined(TensorRef(original, number), use).step: (use, call)
                for use in range(len(piece.uses))
                for number, call in enumerate(operation.calls)
                if (original, number) in piece.selection.calls
            }
            linked.append(
                JoinedOperation(
                    key=key,
                    name=final,
                    origin=Origin(kind="source", layer=original, source=piece.source.id),
                    operation=replace(operation, calls=()),
                    calls={
                        step.call: self._source_call(piece, use, call, step)
                        for step, (use, call) in steps.items()
                    },
                )
            )
        return linked

    def _source_call(self, piece: Piece, index: int, call: Call, step: Step) -> JoinedCall:
        use = piece.uses[index]
        position = -1

        def settle(tensor: Tensor) -> JoinedTensor:
            nonlocal position
            position += 1
            settled = use.tensors.get(tensor.ref)
            ref = None
            if isinstance(settled, TensorRef):
                ref = piece.joined(settled, index)
            elif isinstance(settled, SourceInput):
                ref = self.references.tensor(settled.reference)
                if ref is not None:
                    self.seams[Edge(step.key, step.call, position)] = settled.path
            return JoinedTensor(ref or MISSING, tensor.spec, tensor.extra)

        settled_call = map_call(call, settle)
        return JoinedCall(settled_call.args, settled_call.kwargs)

    def layer(self, layer: NewLayer) -> JoinedOperation:
        calls = {n: self._layer_call(layer, call, n) for n, call in enumerate(layer.calls)}
        operation = Operation(
            name=layer.id,
            kind="layer",
            class_name=layer.class_name,
            module=None,
            registered_name=None,
            config={"name": layer.id},
        )
        origin = Origin(kind="layer", layer=layer.id)
        return JoinedOperation(
            key=layer.id,
            name=layer.id,
            origin=origin,
            operation=operation,
            calls=calls,
            new=layer,
        )

    def _layer_call(self, layer: NewLayer, call: LayerCall, number: int) -> JoinedCall:
        def tensor(reference: Reference) -> JoinedTensor:
            return JoinedTensor(self.references.tensor(reference) or MISSING, UNKNOWN)

        arguments = dict(call.arguments)
        if isinstance(call.inputs, Reference):
            result = JoinedCall(args=(tensor(call.inputs),), kwargs=arguments)
        elif isinstance(call.inputs, Mapping):
            named: dict[str, Tree] = {k: tensor(r) for k, r in call.inputs.items()}
            result = JoinedCall(kwargs={**named, **arguments})
        else:
            result = JoinedCall(args=([tensor(r) for r in call.inputs],), kwargs=arguments)
        for position, reference in enumerate(_in_visiting_order(call.inputs)):
            path = reference.path or call.path or ("layers", layer.id)
            self.seams[Edge(layer.id, number, position)] = path
        return result


def _in_visiting_order(
    inputs: Reference | Sequence[Reference] | Mapping[str, Reference],
) -> list[Reference]:
    """Return the references of a call as ``Call.tensors`` gives their tensors."""
    if isinstance(inputs, Reference):
        return [inputs]
    if isinstance(inputs, Mapping):
        return [inputs[key] for key in sorted(inputs)]
    return list(inputs)


_Ends = tuple[tuple[str | None, JoinedRef], ...]
_Form = Literal["single", "list", "dict", "source"]


def _outputs(
    spec: Spec,
    references: References,
    pieces: Mapping[str, Piece],
    operations: Mapping[str, JoinedOperation],
    seams: Mapping[Edge, SpecPath],
) -> tuple[_Ends, _Form, Tree]:
    """Return the outputs, their form, and the arrangement where it is that of a source.

    What a spec leaves out is every open output. Where these are all outputs of one source and no
    others, the result is to its users what that source is, and so they stay arranged as there.
    """
    if spec.outputs.form != "default":
        named = ((key, references.tensor(ref)) for key, ref in spec.outputs.references)
        return tuple((k, ref) for k, ref in named if ref is not None), spec.outputs.form, None
    # What the spec wires on is no output any more. What a source's own layers take is: the source
    # by itself puts out that tensor too.
    wired = {
        tensor.ref
        for linked in operations.values()
        for number, call in linked.calls.items()
        for position, tensor in enumerate(call.tensors())
        if Edge(linked.key, number, position) in seams
    }
    found = [output for output in references.open_outputs(wired) if not output.wired]
    outputs: _Ends = tuple((None, output.ref) for output in found)
    uses = {output.use for output in found}
    use = uses.pop() if len(uses) == 1 else None
    if use is not None:
        piece, index = pieces[use[0]], use[1]
        if piece.uses[index].complete and len(piece.uses[index].outputs) == len(found):
            return outputs, "source", piece.outputs
    return outputs, "single" if len(outputs) == 1 else "list", None
