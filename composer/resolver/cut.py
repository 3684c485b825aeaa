"""Second pass: what excluding layers does to one use of a source.

Every tensor that a kept layer takes is settled in one of four ways: it is kept, a wire replaces
it, a chain of bypassed layers is short-circuited to one of these, or it is a cut edge, which is
an error that shows the ways out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from composer.diagnostics.diagnostic import SpecPath
from composer.diagnostics.suggest import did_you_mean
from composer.keras_format.graph import Operation, TensorRef, TensorSpec, leaves
from composer.resolver.problems import Problems
from composer.resolver.select import Selection, matches
from composer.resolver.topology import Topology
from composer.spec.model import Source, SourceInput

_INFERENCE_IDENTITIES = frozenset(
    {
        "ActivityRegularization",
        "AlphaDropout",
        "Dropout",
        "GaussianDropout",
        "GaussianNoise",
        "SpatialDropout1D",
        "SpatialDropout2D",
        "SpatialDropout3D",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One use of a source after the cut.

    Attributes:
        id: the id under ``calls``; None for a source that is used once.
        tensors: for every tensor that a kept layer takes, by its original reference: the kept
            tensor, or the wire, that it takes in the result.
        inputs: input layers that nothing wires.
        outputs: the use's open outputs, as original references.
        bypassed: layers that were short-circuited, with the tensor that stands in.
        replaced: layers whose tensors a wire replaces.
        sound: whether no edge is cut; what follows from one that is goes unsaid.
    """

    id: str | None
    tensors: Mapping[TensorRef, TensorRef | SourceInput]
    inputs: tuple[str, ...]
    outputs: tuple[TensorRef, ...]
    bypassed: Mapping[str, TensorRef | SourceInput]
    replaced: Mapping[str, SourceInput]
    sound: bool = True


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
        for wire in wires:
            self._attach(wire, path)
        tensors = self._settle_all()
        self._report_cut_edges()
        for wire in wires:
            if wire.target is not None:
                self._report_unused(wire)
        outputs = self._outputs(original_outputs, tensors)
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
            bypassed=dict(self._bypassed),
            replaced=dict(self._replaced),
            sound=not self._cut,
        )

    # ------------------------------------------------------------ wires

    def _attach(self, wire: SourceInput, path: SpecPath) -> None:
        ref = self._open_input(wire, path) if wire.target is None else self._target(wire)
        if ref is None:
            return
        if ref in self._wires:
            self._problems.add(
                "CMP406",
                wire.path,
                f"two wires replace the same tensor {ref} of source {self._source.id!r}",
                notes=[self._problems.note(self._wires[ref].path, "the other wire")],
                help="keep one of them",
            )
        self._wires[ref] = wire

    def _target(self, wire: SourceInput) -> TensorRef | None:
        name = str(wire.target)
        operation = self._topology.operations.get(name)
        source = self._source.id
        if operation is None:
            candidates = [
                *self._input_names(),
                *(n for n in self._topology.operations if n in self._selection.excluded),
            ]
            self._problems.add(
                "CMP406",
                wire.path,
                f"source {source!r} has no layer {name!r} to wire",
                at_key=True,
                help=did_you_mean(name, candidates)
                or f"its inputs are {', '.join(self._input_names())}",
            )
            return None
        if operation.kind != "input" and name in self._selection.kept:
            self._problems.add(
                "CMP406",
                wire.path,
                f"{name!r} is neither an input nor an excluded layer of source {source!r}: "
                "its output can't be replaced while it is kept",
                at_key=True,
                help=f"exclude it as well: exclude: [{name}]",
            )
            return None
        used = sorted(
            (
                ref
                for ref in self._topology.consumed
                if ref.operation == name
                and wire.node in (None, ref.call)
                and wire.output in (None, ref.output)
            ),
            key=lambda ref: (ref.call, ref.output),
        )
        if len(used) > 1:
            choices = ", ".join(f"{name}#{ref.call}.{ref.output}" for ref in used)
            self._problems.add(
                "CMP406",
                wire.path,
                f"{name!r} has several tensors that layers take: {choices}",
                at_key=True,
                help=f"name one of them, for instance {name}#{used[0].call}.{used[0].output}",
            )
            return None
        if not used:
            return TensorRef(name, wire.node or 0, wire.output or 0)
        return used[0]

    def _open_input(self, wire: SourceInput, path: SpecPath) -> TensorRef | None:
        """Find the one tensor that a bare reference goes to."""
        probe = _Cutter(self._source, self._topology, self._selection, self._problems)
        tensors = probe._settle_all()
        operations = self._topology.operations
        candidates = dict.fromkeys(
            ref
            for ref in tensors.values()
            if isinstance(ref, TensorRef) and operations[ref.operation].kind == "input"
        )
        # A cut edge beside an open input is reported as one; it is no second input to choose.
        candidates = candidates or dict.fromkeys(probe._cut)
        if len(candidates) == 1:
            return next(iter(candidates))
        names = [str(ref) for ref in candidates]
        if not names:
            self._problems.add(
                "CMP406",
                wire.path or path,
                f"source {self._source.id!r} has no open input that a reference could go to",
                help="remove inputs, or name the tensor to replace: inputs: {LAYER: REFERENCE}",
            )
        else:
            entries = ", ".join(f"{name}: …" for name in names)
            self._problems.add(
                "CMP406",
                wire.path or path,
                f"source {self._source.id!r} has {len(names)} open inputs: {', '.join(names)}",
                help=f"say which tensor goes where: inputs: {{{entries}}}",
            )
        return None

    def _report_unused(self, wire: SourceInput) -> None:
        name = str(wire.target)
        if name in self._replaced or name not in self._topology.operations:
            return
        if self._topology.operations[name].kind != "input" and name in self._selection.kept:
            return  # reported already
        if not any(used is wire for used in self._wires.values()):
            return
        self._problems.add(
            "CMP406",
            wire.path,
            f"nothing that is kept of source {self._source.id!r} takes the output of {name!r}, "
            "so this wire would have no effect",
            at_key=True,
            help="remove it, or keep the layers that it is for",
        )

    def _input_names(self) -> list[str]:
        return [n for n, op in self._topology.operations.items() if op.kind == "input"]

    # ------------------------------------------------------------ tensors

    def _settle_all(self) -> dict[TensorRef, TensorRef | SourceInput]:
        tensors: dict[TensorRef, TensorRef | SourceInput] = {}
        for name, operation in self._topology.operations.items():
            if name not in self._selection.kept:
                continue
            for call in operation.calls:
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
            if name in self._selection.kept:
                result = current
                break
            stand_in = self._bypass(self._topology.operations[name], current)
            if stand_in is None:
                result = None
                break
            current = stand_in
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
            stand_in = self._bypass(operation, ref)
            if stand_in is None:
                return ref
            ref = stand_in

    def _bypass(self, operation: Operation, ref: TensorRef) -> TensorRef | None:
        """Return the tensor that stands in for the output of an excluded layer, if one can."""
        if operation.kind == "input" or ref.call >= len(operation.calls):
            return None
        asked_for = operation.name in self._selection.bypass
        if not asked_for and not _is_identity(operation, ref.call):
            return None
        reason = self.why_not_bypass(operation, ref)
        if reason is not None:
            if asked_for:
                self._refused[operation.name] = reason
            return None
        return next(operation.calls[ref.call].tensors()).ref

    def why_not_bypass(self, operation: Operation, ref: TensorRef) -> str | None:
        """Return why a layer can't be short-circuited, or None when it can."""
        if operation.kind == "input" or ref.call >= len(operation.calls):
            return "it is an input and has nothing before it"
        taken = list(operation.calls[ref.call].tensors())
        if len(taken) != 1:
            return f"it takes {len(taken)} tensors"
        if self._topology.output_count(operation.name, ref.call) != 1:
            return "it puts out several tensors"
        before = self._topology.specs.get(taken[0].ref)
        after = self._topology.specs.get(ref)
        if before is None or after is None:
            return "the file does not record the shape and dtype on both of its sides"
        if before != after:
            return f"it takes {before} and gives {after}"
        return None

    # ------------------------------------------------------------ cut edges

    def _report_cut_edges(self) -> None:
        for ref, consumers in self._cut.items():
            self._report_cut_edge(ref, tuple(dict.fromkeys(consumers)))

    def _report_cut_edge(self, ref: TensorRef, consumers: tuple[str, ...]) -> None:
        source, name = self._source, ref.operation
        operation = self._topology.operations[name]
        spec = self._topology.specs.get(ref)
        shape = f" {spec}" if spec is not None else ""
        path, excluded_by = self._why_excluded(name)
        ways = [
            f"to keep it, add {name!r} to include"
            if excluded_by == "include"
            else f"to keep it, leave {name!r} out of exclude",
            f"to put another tensor{f' of {spec}' if spec else ''} in its place:",
            f"  inputs: {{{_key(name)}: REFERENCE}}",
        ]
        reason = self.why_not_bypass(operation, ref)
        refused = self._refused.get(name)
        if reason is None:
            ways += ["to pass over it:", f"  bypass: [{_key(name)}]"]
        elif not refused:
            ways.append(f"it can't be bypassed: {reason}")
        if operation.kind != "input":
            ways += [
                "to leave out all that comes after it as well:",
                f"  exclude: [{_key(name)}, {{after: {_key(name)}}}]",
            ]
        needed = (
            f"{_consumers(consumers)} the output{shape} of {name!r} ({operation.class_name}) of "
            f"source {source.id!r}, which is excluded"
        )
        if refused:
            self._problems.add(
                "CMP405",
                self._why_bypassed(name),
                f"{name!r} can't be bypassed: {refused}",
                notes=[self._problems.note(path, needed)],
                help="\n".join(ways),
            )
        else:
            self._problems.add("CMP404", path, needed, help="\n".join(ways))

    def _why_bypassed(self, name: str) -> SpecPath:
        for selector in self._source.bypass:
            if name in matches(selector, self._topology):
                return selector.path
        return ("sources", self._source.id, "bypass")

    def _why_excluded(self, name: str) -> tuple[SpecPath, str]:
        for selector in self._source.exclude:
            if name in matches(selector, self._topology):
                return selector.path, "exclude"
        return ("sources", self._source.id, "include"), "include"

    # ------------------------------------------------------------ outputs

    def _outputs(
        self,
        original_outputs: object,
        tensors: Mapping[TensorRef, TensorRef | SourceInput],
    ) -> tuple[TensorRef, ...]:
        """Return the open outputs: original ones first, then what lost all its consumers."""
        outputs: dict[TensorRef, None] = {}
        for ref in leaves(original_outputs):
            settled = ref if ref.operation in self._selection.kept else self._settle(ref)
            if isinstance(settled, TensorRef):
                outputs[settled] = None
        still_taken = {
            (ref.operation, ref.call) for ref in tensors.values() if isinstance(ref, TensorRef)
        }
        wanted: dict[tuple[str, int], list[TensorRef]] = {}
        for ref in self._topology.consumed:
            wanted.setdefault((ref.operation, ref.call), []).append(ref)
        held = {(ref.operation, ref.call) for ref in outputs}
        for name, operation in self._topology.operations.items():
            if operation.kind == "input" or name not in self._selection.kept:
                continue
            for call in range(len(operation.calls)):
                key = (name, call)
                if key in held or key in still_taken or key not in wanted:
                    continue
                for ref in sorted(wanted[key], key=lambda r: r.output):
                    outputs[ref] = None
        return tuple(outputs)


def _is_identity(operation: Operation, call: int) -> bool:
    """Tell whether Keras passes the input through unchanged at inference."""
    if operation.class_name not in _INFERENCE_IDENTITIES:
        return False
    if not (operation.module or "").startswith("keras"):
        return False
    # Called with training=True it stays active at inference (Monte Carlo dropout).
    return operation.calls[call].kwargs.get("training") is not True


def _consumers(names: Iterable[str]) -> str:
    ordered = list(names)
    shown = ", ".join(repr(name) for name in ordered[:3])
    if len(ordered) > 3:  # noqa: PLR2004
        shown += f" and {len(ordered) - 3} more"
    return f"{shown} need{'s' if len(ordered) == 1 else ''}"


def _key(name: str) -> str:
    """Spell a layer name as a YAML flow value."""
    plain = name.replace("_", "").replace("-", "").isalnum()
    return name if plain else f'"{name}"'


def describe(spec: TensorSpec | None) -> str:
    """Return shape and dtype for a message, or words that say it is not known."""
    return "a tensor of unknown shape" if spec is None else str(spec)
