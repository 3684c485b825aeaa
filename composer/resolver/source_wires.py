"""The wires of a source: which of its tensors each of them replaces."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from composer.diagnostics.diagnostic import SpecPath
from composer.diagnostics.suggest import did_you_mean
from composer.graphs.graph import TensorRef
from composer.resolver.piece import Selection
from composer.resolver.problems import Problems
from composer.resolver.topology import Topology
from composer.spec.model import SourceInput


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceWires:
    """Finds the tensors of one source that wires go to, and reports wires that fit none.

    Attributes:
        source: its id.
        topology: of the source.
        selection: what is kept of it.
        problems: gets what is wrong (CMP406).
    """

    source: str
    topology: Topology
    selection: Selection
    problems: Problems

    def attach(
        self,
        wires: Sequence[SourceInput],
        open_inputs: Callable[[], Sequence[TensorRef]],
        path: SpecPath,
    ) -> dict[TensorRef, SourceInput]:
        """Return the wire of each tensor that one replaces.

        Args:
            wires: of one use of the source.
            open_inputs: gives the tensors that a bare reference can go to.
            path: of the use in the spec.
        """
        attached: dict[TensorRef, SourceInput] = {}
        for wire in wires:
            ref = (
                self._open_input(wire, open_inputs(), path)
                if wire.target is None
                else self._target(wire)
            )
            if ref is None:
                continue
            if ref in attached:
                self.problems.add(
                    "CMP406",
                    wire.path,
                    f"two wires replace the same tensor {ref} of source {self.source!r}",
                    notes=[self.problems.note(attached[ref].path, "the other wire")],
                    help="keep one of them",
                )
            attached[ref] = wire
        return attached

    def _target(self, wire: SourceInput) -> TensorRef | None:
        name = str(wire.target)
        operation = self.topology.operations.get(name)
        if operation is None:
            candidates = [
                *self._input_names(),
                *(n for n in self.topology.operations if n in self.selection.excluded),
            ]
            self.problems.add(
                "CMP406",
                wire.path,
                f"source {self.source!r} has no layer {name!r} to wire",
                at_key=True,
                help=did_you_mean(name, candidates)
                or f"its inputs are {', '.join(self._input_names())}",
                fix=self.problems.corrected_key(wire.path, name, candidates),
            )
            return None
        if not self._replaceable(wire):
            self.problems.add(
                "CMP406",
                wire.path,
                f"{name!r} is neither an input nor an excluded layer of source {self.source!r}: "
                "its output can't be replaced while it is kept",
                at_key=True,
                help=f"exclude it as well: exclude: [{name}]",
            )
            return None
        used = sorted(
            (
                ref
                for ref in self.topology.consumed
                if ref.operation == name
                and self._open(ref.operation, ref.call)
                and wire.node in (None, ref.call)
                and wire.output in (None, ref.output)
            ),
            key=lambda ref: (ref.call, ref.output),
        )
        if len(used) > 1:
            choices = ", ".join(f"{name}#{ref.call}.{ref.output}" for ref in used)
            self.problems.add(
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

    def _open_input(
        self, wire: SourceInput, candidates: Sequence[TensorRef], path: SpecPath
    ) -> TensorRef | None:
        """Find the one tensor that a bare reference goes to."""
        if len(candidates) == 1:
            return candidates[0]
        names = [str(ref) for ref in candidates]
        if not names:
            self.problems.add(
                "CMP406",
                wire.path or path,
                f"source {self.source!r} has no open input that a reference could go to",
                help="remove inputs, or name the tensor to replace: inputs: {LAYER: REFERENCE}",
            )
        else:
            entries = ", ".join(f"{name}: …" for name in names)
            self.problems.add(
                "CMP406",
                wire.path or path,
                f"source {self.source!r} has {len(names)} open inputs: {', '.join(names)}",
                help=f"say which tensor goes where: inputs: {{{entries}}}",
            )
        return None

    def report_unused(
        self,
        wire: SourceInput,
        attached: Mapping[TensorRef, SourceInput],
        replaced: AbstractSet[str],
    ) -> None:
        """Report a wire to a layer whose output nothing that is kept takes.

        Args:
            wire: one that names its layer.
            attached: what :meth:`attach` returned.
            replaced: layers whose tensors a wire replaces.
        """
        name = str(wire.target)
        if name in replaced or name not in self.topology.operations:
            return
        if not self._replaceable(wire):
            return  # reported already
        if not any(used is wire for used in attached.values()):
            return
        self.problems.add(
            "CMP406",
            wire.path,
            f"nothing that is kept of source {self.source!r} takes the output of {name!r}, "
            "so this wire would have no effect",
            at_key=True,
            help="remove it, or keep the layers that it is for",
        )

    def _open(self, name: str, call: int) -> bool:
        """Tell whether a wire may replace the tensors of a call: those of inputs, or left out."""
        operation = self.topology.operations[name]
        return operation.kind == "input" or (name, call) not in self.selection.calls

    def _replaceable(self, wire: SourceInput) -> bool:
        calls = self.topology.calls_of(str(wire.target))
        return any(self._open(*call) for call in calls if wire.node in (None, call[1]))

    def _input_names(self) -> list[str]:
        return [n for n, op in self.topology.operations.items() if op.kind == "input"]
