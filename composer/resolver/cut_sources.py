"""Pass: what excluding layers does to one use of a source.

Every tensor that a kept layer takes is settled in one of four ways: it is kept, a wire replaces
it, a chain of bypassed layers is short-circuited to one of these, or it is a cut edge, which is
an error that shows the ways out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from composer.diagnostics.diagnostic import SpecPath
from composer.graphs.graph import Operation, TensorRef, leaves
from composer.resolver.bypass import is_identity, stand_in, why_not_bypass
from composer.resolver.cut_edges import report_cut_edge
from composer.resolver.link import Link
from composer.resolver.piece import Selection, Use
from composer.resolver.problems import Problems
from composer.resolver.source_wires import SourceWires
from composer.resolver.topology import Topology
from composer.spec.model import Source, SourceInput


def cut_sources(link: Link, problems: Problems) -> Link:
    """Settle every tensor that a kept layer of a source takes."""
    return replace(
        link,
        pieces={
            key: replace(
                piece,
                uses=cut(piece.source, piece.topology, piece.selection, piece.outputs, problems),
            )
            for key, piece in link.pieces.items()
        },
    )


def cut(
    source: Source,
    topology: Topology,
    selection: Selection,
    original_outputs: object,
    problems: Problems,
) -> tuple[Use, ...]:
    """Return the uses of ``source``: one a call, or one for all."""
    if not source.calls:
        cutter = _Cutter(source, topology, selection, problems)
        path: SpecPath = ("sources", source.id)
        return (cutter.use(None, source.inputs, original_outputs, path),)
    uses = []
    for call in source.calls:
        cutter = _Cutter(source, topology, selection, problems)
        uses.append(cutter.use(call.id, call.inputs, original_outputs, call.path))
    return tuple(uses)


class _Cutter:
    """Settles the tensors of one use; remembers what it met on the way."""

    def __init__(
        self, source: Source, topology: Topology, selection: Selection, problems: Problems
    ) -> None:
        self._source = source
        self._topology = topology
        self._selection = selection
        self._problems = problems
        self._wires: dict[TensorRef, SourceInput] = {}
        self._settled: dict[TensorRef, TensorRef | SourceInput | None] = {}
        self._bypassed: dict[str, TensorRef | SourceInput] = {}
        self._replaced: dict[str, SourceInput] = {}
        self._cut: dict[TensorRef, list[str]] = {}
        self._refused: dict[str, str] = {}

    def use(
        self,
        use_id: str | None,
        wires: tuple[SourceInput, ...],
        original_outputs: object,
        path: SpecPath,
    ) -> Use:
        places = SourceWires(
            source=self._source.id,
            topology=self._topology,
            selection=self._selection,
            problems=self._problems,
        )
        self._wires = places.attach(wires, self._open_inputs, path)
        tensors = self._settle_all()
        for ref in leaves(original_outputs):
            if ref in self._wires and self._topology.operations[ref.operation].kind == "input":
                self._replaced[ref.operation] = self._wires[ref]
        self._report_cut_edges()
        for wire in wires:
            if wire.target is not None:
                places.report_unused(wire, self._wires, self._replaced.keys())
        own = [self._own_output(ref) for ref in leaves(original_outputs)]
        kept = tuple(ref for ref in own if ref is not None)
        ends = self._ends(kept, tensors)
        outputs = (*kept, *ends)
        # With all layers behind it bypassed, an input can be an output itself.
        fed = {ref.operation for ref in (*tensors.values(), *outputs) if isinstance(ref, TensorRef)}
        operations = self._topology.operations
        inputs = tuple(
            name
            for name in self._topology.inputs
            if operations[name].kind == "input"
            and name in self._selection.kept
            and name not in self._replaced
            and (name in fed or not self._topology.consumers[name])
        )
        return Use(
            id=use_id,
            tensors=tensors,
            inputs=inputs,
            outputs=outputs,
            complete=len(kept) == len(own) and not ends,
            bypassed=dict(self._bypassed),
            replaced=dict(self._replaced),
            wires=dict(self._wires),
            sound=not self._cut,
        )

    def _open_inputs(self) -> Sequence[TensorRef]:
        """Return the tensors that a bare reference can go to, as if nothing were wired yet."""
        probe = _Cutter(self._source, self._topology, self._selection, self._problems)
        tensors = probe._settle_all()
        operations = self._topology.operations
        found = dict.fromkeys(
            ref
            for ref in tensors.values()
            if isinstance(ref, TensorRef) and operations[ref.operation].kind == "input"
        )
        # A cut edge beside an open input is reported as one; it is no second input to choose.
        return tuple(found or dict.fromkeys(probe._cut))

    # ------------------------------------------------------------ tensors

    def _settle_all(self) -> dict[TensorRef, TensorRef | SourceInput]:
        tensors: dict[TensorRef, TensorRef | SourceInput] = {}
        for name, operation in self._topology.operations.items():
            for number, call in enumerate(operation.calls):
                if (name, number) not in self._selection.calls:
                    continue
                for tensor in call.tensors():
                    if tensor.ref in tensors:
                        continue
                    settled = self._settle(tensor.ref)
                    if settled is None:
                        self._cut.setdefault(self._cut_at(tensor.ref), []).append(name)
                    else:
                        tensors[tensor.ref] = settled
        return tensors

    def _settle(self, ref: TensorRef) -> TensorRef | SourceInput | None:
        """Follow bypassed layers upwards from ``ref``; None where the way ends at a cut."""
        chain: list[TensorRef] = []
        result: TensorRef | SourceInput | None
        current = ref
        while True:
            if current in self._settled:
                result = self._settled[current]
                break
            chain.append(current)
            name = current.operation
            if current in self._wires:
                result = self._wires[current]
                self._replaced[name] = self._wires[current]
                break
            if (name, current.call) in self._selection.calls:
                result = current
                break
            before = self._bypass(self._topology.operations[name], current)
            if before is None:
                result = None
                break
            current = before
        for passed in chain:
            self._settled[passed] = result
        if result is not None:
            for passed in chain:
                if passed != result and passed not in self._wires:
                    self._bypassed[passed.operation] = result
        return result

    def _cut_at(self, ref: TensorRef) -> TensorRef:
        """Return the tensor, upwards of bypassed layers, at which the way of ``ref`` ends."""
        while True:
            operation = self._topology.operations[ref.operation]
            before = self._bypass(operation, ref)
            if before is None:
                return ref
            ref = before

    def _bypass(self, operation: Operation, ref: TensorRef) -> TensorRef | None:
        """Return the tensor that stands in for the output of an excluded layer, if one can."""
        if operation.kind == "input" or ref.call >= len(operation.calls):
            return None
        asked_for = operation.name in self._selection.bypass
        if not asked_for and not is_identity(operation, ref.call):
            return None
        reason = why_not_bypass(operation, ref, self._topology)
        if reason is not None:
            if asked_for:
                self._refused[operation.name] = reason
            return None
        return stand_in(operation, ref)

    # ------------------------------------------------------------ cut edges

    def _report_cut_edges(self) -> None:
        for ref, consumers in self._cut.items():
            report_cut_edge(
                ref,
                tuple(dict.fromkeys(consumers)),
                refused=self._refused.get(ref.operation),
                source=self._source,
                topology=self._topology,
                problems=self._problems,
            )

    # ------------------------------------------------------------ outputs

    def _own_output(self, ref: TensorRef) -> TensorRef | None:
        """Return what has become of an output of the source; None where it is gone.

        An input that a wire replaces is still an output, which the wire's tensor then is.
        """
        if (ref.operation, ref.call) in self._selection.calls:
            return ref
        settled = self._settle(ref)
        if isinstance(settled, SourceInput):
            end = self._wired_at(ref)
            return end if self._topology.operations[end.operation].kind == "input" else None
        return settled

    def _wired_at(self, ref: TensorRef) -> TensorRef:
        """Return the tensor, upwards of bypassed layers, that a wire replaces."""
        while ref not in self._wires:
            before = self._bypass(self._topology.operations[ref.operation], ref)
            if before is None:
                return ref
            ref = before
        return ref

    def _ends(
        self,
        own: Sequence[TensorRef],
        tensors: Mapping[TensorRef, TensorRef | SourceInput],
    ) -> tuple[TensorRef, ...]:
        """Return what is open beside the source's own outputs: what lost all its consumers."""
        outputs: dict[TensorRef, None] = {}
        still_taken = {
            (ref.operation, ref.call) for ref in tensors.values() if isinstance(ref, TensorRef)
        }
        wanted: dict[tuple[str, int], list[TensorRef]] = {}
        for ref in self._topology.consumed:
            wanted.setdefault((ref.operation, ref.call), []).append(ref)
        held = {(ref.operation, ref.call) for ref in own}
        for name, operation in self._topology.operations.items():
            for call in range(len(operation.calls)):
                key = (name, call)
                if (
                    key not in self._selection.calls
                    or key in held
                    or key in still_taken
                    or key not in wanted
                ):
                    continue
                for ref in sorted(wanted[key], key=lambda r: r.output):
                    outputs[ref] = None
        return tuple(outputs)
