"""Reference of the spec → tensor of the joined graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from composer.diagnostics.diagnostic import SpecPath
from composer.graphs.foreign import FOUND_BY_KERAS
from composer.graphs.graph import Operation, TensorRef
from composer.graphs.static_specs import output_count
from composer.resolver.piece import Piece
from composer.resolver.problems import Problems
from composer.resolver.reference_problems import ReferenceProblems, spelt
from composer.resolver.tensor_references import JoinedRef
from composer.spec.model import NewLayer, Reference, Source, SourceInput, Spec
from composer.spec.source_forms import runs_code


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOutput:
    """An output that the spec could leave open.

    Attributes:
        ref: its tensor in the joined graph.
        use: the source and the number of its use whose output it is; None for a new layer's.
        wired: whether the spec feeds it to something, so that it is open no more.
    """

    ref: JoinedRef
    use: tuple[str, int] | None
    wired: bool


class References:
    """Looks references up among model inputs, new layers and the pieces of sources.

    Attributes:
        doubts: tensors that were referred to and that no file shows to exist, with the place of
            the reference: further outputs of a call of which only Keras knows how many it has.
    """

    def __init__(self, spec: Spec, pieces: Mapping[str, Piece], problems: Problems) -> None:
        self._inputs = {declared.id for declared in spec.inputs}
        self._layers = {layer.id: layer for layer in spec.layers}
        self._sources = {source.id for source in spec.sources}
        self._pieces = pieces
        self._problems = ReferenceProblems(problems)
        self._seen: dict[Reference, JoinedRef | None] = {}
        self._following: list[Reference] = []
        self._passed_on: set[tuple[str, int, str]] = set()
        self.doubts: dict[JoinedRef, SpecPath] = {}

    def tensor(self, reference: Reference) -> JoinedRef | None:
        """Return the tensor, or None after reporting why there is none (CMP407, CMP408)."""
        if reference not in self._seen:
            self._seen[reference] = self._find(reference)
        return self._seen[reference]

    def open_outputs(self, wired: AbstractSet[JoinedRef]) -> Iterator[OpenOutput]:
        """Yield the outputs of all sources and new layers, in spec order.

        Args:
            wired: tensors that the spec feeds to something.
        """
        for name, piece in self._pieces.items():
            for index, use in enumerate(piece.uses):
                for ref in use.outputs:
                    wire = use.replaced.get(ref.operation)
                    if wire is None:
                        own = piece.joined(ref, index)
                        yield OpenOutput(ref=own, use=(name, index), wired=own in wired)
                        continue
                    # An input that is put out as it is: the wire's tensor stands in for it. That
                    # it is fed to this source says nothing of who takes it from there.
                    stand_in = self.tensor(wire.reference)
                    if stand_in is not None:
                        passed_on = (name, index, ref.operation) in self._passed_on
                        yield OpenOutput(ref=stand_in, use=(name, index), wired=passed_on)
        for layer in self._layers.values():
            for number in range(len(layer.calls)):
                made = JoinedRef(layer.id, number)
                yield OpenOutput(ref=made, use=None, wired=made in wired)

    def _find(self, reference: Reference) -> JoinedRef | None:
        name = reference.name
        if name in self._inputs:
            if reference.layer is None and reference.call is None and not reference.output:
                return JoinedRef(name)
            self._problems.part_of_input(reference)
        elif name in self._layers:
            return self._new_layer(self._layers[name], reference)
        elif name in self._pieces:
            return self._source(self._pieces[name], reference)
        elif name not in self._sources:  # a source that could not be opened is reported there
            known = (*sorted(self._inputs), *self._layers, *sorted(self._sources))
            self._problems.unknown_name(reference, known)
        return None

    def _new_layer(self, layer: NewLayer, reference: Reference) -> JoinedRef | None:
        if reference.layer is not None:
            self._problems.inside_new_layer(layer, reference)
            return None
        calls = {call.id: number for number, call in enumerate(layer.calls)}
        number = reference.node
        if reference.call is not None:
            if reference.call not in calls:
                self._problems.unknown_call(reference, [c for c in calls if c is not None])
                return None
            number = calls[reference.call]
        if number is None and len(layer.calls) > 1:
            choices = [f"{layer.id}@{call.id}" for call in layer.calls]
            self._problems.ambiguous(reference, f"layer {layer.id!r} is called", choices)
            return None
        number = number or 0
        if number >= len(layer.calls):
            choices = [f"{layer.id}#{n}" for n in range(len(layer.calls))]
            self._problems.ambiguous(reference, f"layer {layer.id!r} is called", choices)
            return None
        known = output_count(_as_operation(layer))
        ref = JoinedRef(layer.id, number, reference.output or 0)
        return ref if self._has_output(reference, ref, count=known, shown=1) else None

    def _has_output(
        self, reference: Reference, ref: JoinedRef, *, count: int | None, shown: int
    ) -> bool:
        """Tell whether a call has the output that ``reference`` asks for, as far as files tell.

        Args:
            reference: to one output of a call.
            ref: the same, in the joined graph.
            count: of the call's outputs; None where only Keras knows it.
            shown: how many of them some file shows.
        """
        if count is None:
            if ref.output >= shown:
                self.doubts.setdefault(ref, reference.path)
            return True
        if ref.output < count:
            return True
        self._problems.missing_output(reference.path, str(reference), count)
        return False

    # ------------------------------------------------------------ sources

    def _source(self, piece: Piece, reference: Reference) -> JoinedRef | None:
        index = self._use_index(piece, reference)
        if index is None:
            return None
        use = piece.uses[index]
        if reference.layer is not None:
            return self._layer(piece, index, reference)
        outputs = tuple(dict.fromkeys(use.outputs))
        if len(outputs) == 1:
            wire = use.replaced.get(outputs[0].operation)
            if wire is not None:
                self._passed_on.add((piece.source.id, index, outputs[0].operation))
                return self._followed(wire, reference)
            return piece.joined(outputs[0], index)
        if use.sound and outputs:
            choices = [spelt(piece, reference, str(ref)) for ref in outputs]
            why = f"source {piece.source.id!r} has open outputs"
            self._problems.ambiguous(reference, why, choices)
        elif use.sound:
            self._problems.no_output(piece, reference)
        return None

    def _use_index(self, piece: Piece, reference: Reference) -> int | None:
        ids = [use.id for use in piece.uses]
        if reference.call in ids:
            return ids.index(reference.call)
        if reference.call is not None:
            self._problems.unknown_call(reference, [i for i in ids if i is not None])
            return None
        if len(ids) > 1:
            choices = [f"{piece.source.id}@{use_id}" for use_id in ids]
            self._problems.ambiguous(reference, f"source {piece.source.id!r} is called", choices)
            return None
        return 0

    def _layer(self, piece: Piece, index: int, reference: Reference) -> JoinedRef | None:
        name, use = str(reference.layer), piece.uses[index]
        operation = piece.topology.operations.get(name)
        if operation is None:
            self._problems.unknown_layer(piece, reference)
            return None
        if name in use.replaced:
            return self._replaced(piece, index, reference)
        if name not in piece.names:
            self._problems.excluded_layer(piece, use, reference)
            return None
        number = self._number(piece, operation, reference)
        if number is None:
            return None
        outputs = piece.topology.output_count(name, number)
        if reference.output is None and outputs > 1:
            choices = [spelt(piece, reference, f"{name}#{number}.{k}") for k in range(outputs)]
            self._problems.ambiguous(
                reference, f"layer {name!r} puts out {outputs} tensors", choices
            )
            return None
        ref = piece.joined(TensorRef(name, number, reference.output or 0), index)
        count = output_count(operation)
        if count is None and ref.output >= outputs and _made_by_nobody(piece.source, operation):
            self._problems.untold(reference, operation)
            return ref
        return ref if self._has_output(reference, ref, count=count, shown=outputs) else None

    def _number(self, piece: Piece, operation: Operation, reference: Reference) -> int | None:
        """Return which call of a layer of a source a reference is about."""
        name, calls, number = operation.name, max(1, len(operation.calls)), reference.node
        kept = [n for n in range(calls) if (name, n) in piece.selection.calls]
        if number is None and len(kept) == 1:
            return kept[0]
        if number is None:
            choices = [spelt(piece, reference, f"{name}#{n}") for n in kept]
            self._problems.ambiguous(
                reference, f"layer {name!r} is called {len(kept)} times", choices
            )
        elif number >= calls:
            self._problems.missing_call(piece, reference, calls)
        elif number not in kept:
            self._problems.excluded_call(piece, reference, kept)
        else:
            return number
        return None

    def _replaced(self, piece: Piece, index: int, reference: Reference) -> JoinedRef | None:
        """Follow a reference to a layer of which wires replace one tensor or several."""
        name = str(reference.layer)
        use = piece.uses[index]
        wires = {ref: wire for ref, wire in use.wires.items() if ref.operation == name}
        found: Sequence[TensorRef] = (TensorRef(name, reference.node or 0, reference.output or 0),)
        if reference.node is None and reference.output is None:
            found = tuple(wires)
        if len(found) > 1:
            choices = [spelt(piece, reference, f"{name}#{r.call}.{r.output}") for r in found]
            self._problems.ambiguous(
                reference, f"wires replace several tensors of {name!r}", choices
            )
            return None
        wire = wires.get(found[0])
        if wire is None:
            self._problems.not_replaced(piece, reference, wires)
            return None
        self._passed_on.add((piece.source.id, index, name))
        return self._followed(wire, reference)

    def _followed(self, wire: SourceInput, reference: Reference) -> JoinedRef | None:
        """An input that a wire replaces stands for the tensor that replaces it."""
        if reference in self._following:
            self._problems.circle(wire, (*self._following, reference))
            return None
        self._following.append(reference)
        try:
            return self.tensor(wire.reference)
        finally:
            self._following.pop()


def _made_by_nobody(source: Source, operation: Operation) -> bool:
    """Tell whether a layer's class is neither Keras's nor one that the spec names."""
    package = (operation.module or "").partition(".")[0]
    named = bool(source.objects) or runs_code(source)
    return not named and package not in ("keras", *FOUND_BY_KERAS)


def _as_operation(layer: NewLayer) -> Operation:
    """Return a new layer as far as its spec tells: its class, if it is Keras's, and arguments."""
    return Operation(
        name=layer.id,
        kind="layer",
        class_name=layer.class_name,
        module="keras.layers" if layer.class_name.isidentifier() else None,
        registered_name=None,
        config=layer.args,
    )
