"""Reference → tensor of the joined graph, or a diagnostic that shows what could be meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from composer.diagnostics.diagnostic import Edit, SpecPath
from composer.diagnostics.suggest import certain, did_you_mean
from composer.graphs.foreign import FOUND_BY_KERAS
from composer.graphs.graph import Operation, TensorRef
from composer.graphs.static_specs import output_count
from composer.resolver.dead_selectors import where_inside
from composer.resolver.inside import how_to_open
from composer.resolver.piece import Piece
from composer.resolver.problems import Problems
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

    ref: TensorRef
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
        self._problems = problems
        self._seen: dict[Reference, TensorRef | None] = {}
        self._following: list[Reference] = []
        self._passed_on: set[tuple[str, int, str]] = set()
        self.doubts: dict[TensorRef, SpecPath] = {}

    def tensor(self, reference: Reference) -> TensorRef | None:
        """Return the tensor, or None after reporting why there is none (CMP407, CMP408)."""
        if reference not in self._seen:
            self._seen[reference] = self._find(reference)
        return self._seen[reference]

    def open_outputs(self, wired: AbstractSet[TensorRef]) -> Iterator[OpenOutput]:
        """Yield the outputs of all sources and new layers, in spec order.

        Args:
            wired: tensors that the spec feeds to something.
        """
        for name, piece in self._pieces.items():
            for index, use in enumerate(piece.uses):
                for ref in use.outputs:
                    wire = use.replaced.get(ref.operation)
                    if wire is None:
                        own = piece.reference(ref, index)
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
                ref = TensorRef(layer.id, number)
                yield OpenOutput(ref=ref, use=None, wired=ref in wired)

    def _find(self, reference: Reference) -> TensorRef | None:
        name = reference.name
        if name in self._inputs:
            return TensorRef(name) if self._plain(reference, "a model input") else None
        if name in self._layers:
            return self._new_layer(self._layers[name], reference)
        if name in self._pieces:
            return self._source(self._pieces[name], reference)
        if name not in self._sources:  # a source that could not be opened is reported there
            known = (*sorted(self._inputs), *self._layers, *sorted(self._sources))
            self._problems.add(
                "CMP407",
                reference.path,
                f"{name!r} is no input, source or layer of this spec",
                help=did_you_mean(name, known) or f"known are {', '.join(known)}",
            )
        return None

    def _plain(self, reference: Reference, what: str) -> bool:
        if reference.layer is None and reference.call is None and not reference.output:
            return True
        self._problems.add(
            "CMP407",
            reference.path,
            f"{reference.name!r} is {what}: {reference} asks for a part of it",
            help=f"write {reference.name}",
        )
        return False

    def _new_layer(self, layer: NewLayer, reference: Reference) -> TensorRef | None:
        if reference.layer is not None:
            self._problems.add(
                "CMP407",
                reference.path,
                f"{layer.id!r} is a new layer and holds no layer {reference.layer!r} to refer to",
                help=f"write {layer.id}",
            )
            return None
        calls = {call.id: number for number, call in enumerate(layer.calls)}
        number = reference.node
        if reference.call is not None:
            if reference.call not in calls:
                self._unknown_call(reference, [str(c) for c in calls if c is not None])
                return None
            number = calls[reference.call]
        if number is None:
            if len(layer.calls) > 1:
                choices = [f"{layer.id}@{call.id}" for call in layer.calls]
                self._ambiguous(reference, f"layer {layer.id!r} is called", choices)
                return None
            number = 0
        if number >= len(layer.calls):
            self._ambiguous(
                reference,
                f"layer {layer.id!r} is called",
                [f"{layer.id}#{n}" for n in range(len(layer.calls))],
            )
            return None
        known = output_count(_as_operation(layer))
        ref = TensorRef(layer.id, number, reference.output or 0)
        return ref if self._has_output(reference, ref, count=known, shown=1) else None

    def _has_output(
        self, reference: Reference, ref: TensorRef, *, count: int | None, shown: int
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
        report_missing_output(self._problems, reference.path, str(reference), count)
        return False

    # ------------------------------------------------------------ sources

    def _source(self, piece: Piece, reference: Reference) -> TensorRef | None:
        index = self._use_index(piece, reference)
        if index is None:
            return None
        use = piece.uses[index]
        if reference.layer is None:
            outputs = tuple(dict.fromkeys(use.outputs))
            if len(outputs) == 1:
                wire = use.replaced.get(outputs[0].operation)
                if wire is not None:
                    self._passed_on.add((piece.source.id, index, outputs[0].operation))
                    return self._followed(wire, reference)
                return piece.reference(outputs[0], index)
            if not use.sound:
                return None
            if not outputs:
                self._problems.add(
                    "CMP408",
                    reference.path,
                    f"source {piece.source.id!r} has no open output",
                    help="name one of its layers: " + _spell(piece, reference, "LAYER"),
                )
                return None
            choices = [_spell(piece, reference, str(ref)) for ref in outputs]
            self._ambiguous(reference, f"source {piece.source.id!r} has open outputs", choices)
            return None
        return self._layer(piece, index, reference)

    def _use_index(self, piece: Piece, reference: Reference) -> int | None:
        ids = [use.id for use in piece.uses]
        if reference.call is not None:
            if reference.call in ids:
                return ids.index(reference.call)
            self._unknown_call(reference, [i for i in ids if i is not None])
            return None
        if len(ids) > 1:
            choices = [f"{piece.source.id}@{use_id}" for use_id in ids]
            self._ambiguous(reference, f"source {piece.source.id!r} is called", choices)
            return None
        return 0

    def _layer(self, piece: Piece, index: int, reference: Reference) -> TensorRef | None:
        name = str(reference.layer)
        source, use = piece.source.id, piece.uses[index]
        operation = piece.topology.operations.get(name)
        if operation is None:
            self._problems.add(
                "CMP407",
                reference.path,
                f"source {source!r} has no layer {name!r}",
                help=self._nearest_layer(piece, name),
                fix=self._corrected(piece, reference),
            )
            return None
        if name in use.replaced:
            return self._replaced(piece, index, reference)
        if name not in piece.names:
            stand_in = use.bypassed.get(name)
            suggestion = None
            if isinstance(stand_in, TensorRef):
                suggestion = f"it is bypassed; what stands in for it is {source}:{stand_in}"
            self._problems.add(
                "CMP407",
                reference.path,
                f"layer {name!r} of source {source!r} is excluded, so nothing can refer to it",
                help=suggestion or "keep it, or refer to a layer that is kept",
            )
            return None
        calls = max(1, len(operation.calls))
        kept = [n for n in range(calls) if (name, n) in piece.selection.calls]
        number = reference.node
        if number is None and len(kept) > 1:
            choices = [_spell(piece, reference, f"{name}#{n}") for n in kept]
            self._ambiguous(reference, f"layer {name!r} is called {len(kept)} times", choices)
            return None
        number = kept[0] if number is None else number
        if number >= calls:
            self._problems.add(
                "CMP407",
                reference.path,
                f"layer {name!r} of source {source!r} is called {calls} times, counted from 0; "
                f"there is no call {number}",
            )
            return None
        if number not in kept:
            self._problems.add(
                "CMP407",
                reference.path,
                f"call {number} of layer {name!r} of source {source!r} is excluded, so nothing "
                "can refer to it",
                help=f"kept is {', '.join(_spell(piece, reference, f'{name}#{n}') for n in kept)}",
            )
            return None
        outputs = piece.topology.output_count(name, number)
        if reference.output is None and outputs > 1:
            choices = [_spell(piece, reference, f"{name}#{number}.{k}") for k in range(outputs)]
            self._ambiguous(reference, f"layer {name!r} puts out {outputs} tensors", choices)
            return None
        ref = piece.reference(TensorRef(name, number, reference.output or 0), index)
        count = output_count(operation)
        if count is None and ref.output >= outputs and _made_by_nobody(piece.source, operation):
            self._problems.add(
                "CMP420",
                reference.path,
                f"whether {reference} exists is not recorded, and Keras can't be asked: "
                f"{operation.class_name} is a class of its own",
                severity="warning",
                help=f"name the class: objects: [package.module:{operation.class_name}]",
            )
            return ref
        return ref if self._has_output(reference, ref, count=count, shown=outputs) else None

    def _replaced(self, piece: Piece, index: int, reference: Reference) -> TensorRef | None:
        """Follow a reference to a layer of which wires replace one tensor or several."""
        name = str(reference.layer)
        use = piece.uses[index]
        wires = {ref: wire for ref, wire in use.wires.items() if ref.operation == name}
        if reference.node is None and reference.output is None:
            found = list(wires)
        else:
            found = [TensorRef(name, reference.node or 0, reference.output or 0)]
        if len(found) > 1:
            choices = [_spell(piece, reference, f"{name}#{r.call}.{r.output}") for r in found]
            self._ambiguous(reference, f"wires replace several tensors of {name!r}", choices)
            return None
        wire = wires.get(found[0])
        if wire is not None:
            self._passed_on.add((piece.source.id, index, name))
            return self._followed(wire, reference)
        replaced = ", ".join(str(ref) for ref in wires)
        self._problems.add(
            "CMP407",
            reference.path,
            f"{reference} is not there: a wire replaces {replaced} of source {piece.source.id!r}, "
            "and nothing replaces this tensor",
            help=f"write {_spell(piece, reference, name)} for what replaces it",
        )
        return None

    def _followed(self, wire: SourceInput, reference: Reference) -> TensorRef | None:
        """An input that a wire replaces stands for the tensor that replaces it."""
        if reference in self._following:
            ring = " -> ".join(str(r) for r in (*self._following, reference))
            self._problems.add(
                "CMP409", wire.path, f"these wires lead in a circle: {ring}", at_key=True
            )
            return None
        self._following.append(reference)
        try:
            return self.tensor(wire.reference)
        finally:
            self._following.pop()

    def _nearest_layer(self, piece: Piece, name: str) -> str:
        finals = {final: original for original, final in piece.names.items()}
        if name in finals:
            spelt = f"{piece.source.id}:{finals[name]}"
            return f"references use original names, before any renaming: {spelt}"
        operations = piece.topology.operations
        inside = how_to_open(name, operations) or where_inside(name, operations)
        return (
            inside
            or did_you_mean(name, tuple(operations))
            or "compose inspect lists the layers of a model"
        )

    # ------------------------------------------------------------ reports

    def _corrected(self, piece: Piece, reference: Reference) -> tuple[Edit, ...]:
        """Return the edit for a layer that is misspelled, or that is named as in the result."""
        name, known = str(reference.layer), tuple(piece.topology.operations)
        finals = {final: original for original, final in piece.names.items()}
        meant = finals.get(name) or certain(name, known)
        if meant is None:
            return ()
        return self._problems.rewritten(
            reference.path, str(replace(reference, layer=meant))
        ) or self._problems.rewritten((*reference.path, "layer"), meant)

    def _ambiguous(self, reference: Reference, why: str, choices: Iterable[str]) -> None:
        listed = list(choices)
        self._problems.add(
            "CMP408",
            reference.path,
            f"{reference} could be one of {len(listed)} tensors: {why} ({', '.join(listed)})",
            help=f"write one of them, for instance {listed[0]}",
        )

    def _unknown_call(self, reference: Reference, calls: list[str]) -> None:
        name = reference.name
        self._problems.add(
            "CMP407",
            reference.path,
            f"{name!r} has no call {reference.call!r}"
            + (f"; its calls are {', '.join(calls)}" if calls else " (it has no 'calls')"),
            help=did_you_mean(str(reference.call), calls),
        )


def report_missing_output(problems: Problems, path: SpecPath, reference: str, count: int) -> None:
    """Report a reference to an output that its call does not have (CMP407)."""
    tensor, _, _ = reference.rpartition(".")
    problems.add(
        "CMP407",
        path,
        f"{reference} does not exist: the call has {count} output{'s' * (count != 1)}, counted "
        "from 0",
        help=f"write {tensor.removesuffix('#0')}"
        if count == 1
        else f"write one of {tensor}.0 to {tensor}.{count - 1}",
    )


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


def _spell(piece: Piece, reference: Reference, layer: str) -> str:
    call = f"@{reference.call}" if reference.call is not None else ""
    return f"{piece.source.id}{call}:{layer}"
