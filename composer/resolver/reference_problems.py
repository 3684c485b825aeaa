"""Reports references that name no tensor, or several, with what could be meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from composer.diagnostics.diagnostic import SpecPath
from composer.diagnostics.suggest import certain, did_you_mean
from composer.graphs.graph import Operation, TensorRef
from composer.resolver.dead_selectors import where_inside
from composer.resolver.nesting import how_to_open
from composer.resolver.piece import Piece, Use
from composer.resolver.problems import Problems
from composer.spec.model import NewLayer, Reference, SourceInput


@dataclass(frozen=True, slots=True)
class ReferenceProblems:
    """Says what is wrong with a reference, where it stands."""

    problems: Problems

    def unknown_name(self, reference: Reference, known: Sequence[str]) -> None:
        """Report a reference to nothing that the spec declares (CMP407)."""
        name = reference.name
        self.problems.add(
            "CMP407",
            reference.path,
            f"{name!r} is no input, source or layer of this spec",
            help=did_you_mean(name, known) or f"known are {', '.join(known)}",
        )

    def part_of_input(self, reference: Reference) -> None:
        """Report a reference to a part of a model input, which has none (CMP407)."""
        self.problems.add(
            "CMP407",
            reference.path,
            f"{reference.name!r} is a model input: {reference} asks for a part of it",
            help=f"write {reference.name}",
        )

    def inside_new_layer(self, layer: NewLayer, reference: Reference) -> None:
        """Report a reference to a layer inside a new layer (CMP407)."""
        self.problems.add(
            "CMP407",
            reference.path,
            f"{layer.id!r} is a new layer and holds no layer {reference.layer!r} to refer to",
            help=f"write {layer.id}",
        )

    def unknown_layer(self, piece: Piece, reference: Reference) -> None:
        """Report a reference to a layer that its source does not have (CMP407)."""
        name, known = str(reference.layer), tuple(piece.topology.operations)
        finals = {final: original for original, final in piece.names.items()}
        meant = finals.get(name) or certain(name, known)
        fix = meant and (
            self.problems.rewritten(reference.path, str(replace(reference, layer=meant)))
            or self.problems.rewritten((*reference.path, "layer"), meant)
        )
        self.problems.add(
            "CMP407",
            reference.path,
            f"source {piece.source.id!r} has no layer {name!r}",
            help=f"references use original names, before any renaming: "
            f"{piece.source.id}:{finals[name]}"
            if name in finals
            else how_to_open(name, piece.topology.operations)
            or where_inside(name, piece.topology.operations)
            or did_you_mean(name, known)
            or "compose inspect lists the layers of a model",
            fix=fix or (),
        )

    def excluded_layer(self, piece: Piece, use: Use, reference: Reference) -> None:
        """Report a reference to a layer that is left out (CMP407)."""
        source, stand_in = piece.source.id, use.bypassed.get(str(reference.layer))
        self.problems.add(
            "CMP407",
            reference.path,
            f"layer {reference.layer!r} of source {source!r} is excluded, so nothing can refer "
            "to it",
            help=f"it is bypassed; what stands in for it is {source}:{stand_in}"
            if isinstance(stand_in, TensorRef)
            else "keep it, or refer to a layer that is kept",
        )

    def missing_call(self, piece: Piece, reference: Reference, calls: int) -> None:
        """Report a reference to a call that a layer does not have (CMP407)."""
        self.problems.add(
            "CMP407",
            reference.path,
            f"layer {reference.layer!r} of source {piece.source.id!r} is called {calls} times, "
            f"counted from 0; there is no call {reference.node}",
        )

    def excluded_call(self, piece: Piece, reference: Reference, kept: Sequence[int]) -> None:
        """Report a reference to a call that is left out (CMP407)."""
        name = reference.layer
        listed = ", ".join(spelt(piece, reference, f"{name}#{number}") for number in kept)
        self.problems.add(
            "CMP407",
            reference.path,
            f"call {reference.node} of layer {name!r} of source {piece.source.id!r} is excluded, "
            "so nothing can refer to it",
            help=f"kept is {listed}",
        )

    def not_replaced(self, piece: Piece, reference: Reference, wires: Iterable[TensorRef]) -> None:
        """Report a reference to a tensor beside those that wires replace (CMP407)."""
        self.problems.add(
            "CMP407",
            reference.path,
            f"{reference} is not there: a wire replaces {', '.join(map(str, wires))} of source "
            f"{piece.source.id!r}, and nothing replaces this tensor",
            help=f"write {spelt(piece, reference, str(reference.layer))} for what replaces it",
        )

    def unknown_call(self, reference: Reference, calls: Sequence[str]) -> None:
        """Report a reference to a use that is not among the ``calls`` (CMP407)."""
        self.problems.add(
            "CMP407",
            reference.path,
            f"{reference.name!r} has no call {reference.call!r}"
            + (f"; its calls are {', '.join(calls)}" if calls else " (it has no 'calls')"),
            help=did_you_mean(str(reference.call), calls),
        )

    def missing_output(self, path: SpecPath, reference: str, count: int) -> None:
        """Report a reference to an output that its call does not have (CMP407)."""
        tensor, _, _ = reference.rpartition(".")
        self.problems.add(
            "CMP407",
            path,
            f"{reference} does not exist: the call has {count} output{'s' * (count != 1)}, "
            "counted from 0",
            help=f"write {tensor.removesuffix('#0')}"
            if count == 1
            else f"write one of {tensor}.0 to {tensor}.{count - 1}",
        )

    def no_output(self, piece: Piece, reference: Reference) -> None:
        """Report a reference to the open output of a source that has none (CMP408)."""
        self.problems.add(
            "CMP408",
            reference.path,
            f"source {piece.source.id!r} has no open output",
            help="name one of its layers: " + spelt(piece, reference, "LAYER"),
        )

    def ambiguous(self, reference: Reference, why: str, choices: Sequence[str]) -> None:
        """Report a reference that could be one of several tensors (CMP408)."""
        self.problems.add(
            "CMP408",
            reference.path,
            f"{reference} could be one of {len(choices)} tensors: {why} ({', '.join(choices)})",
            help=f"write one of them, for instance {choices[0]}",
        )

    def circle(self, wire: SourceInput, references: Iterable[Reference]) -> None:
        """Report wires that stand in for each other (CMP409)."""
        ring = " -> ".join(map(str, references))
        self.problems.add("CMP409", wire.path, f"these wires lead in a circle: {ring}", at_key=True)

    def untold(self, reference: Reference, operation: Operation) -> None:
        """Warn of a reference of which nobody can tell whether it exists (CMP420)."""
        self.problems.add(
            "CMP420",
            reference.path,
            f"whether {reference} exists is not recorded, and Keras can't be asked: "
            f"{operation.class_name} is a class of its own",
            severity="warning",
            help=f"name the class: objects: [package.module:{operation.class_name}]",
        )


def spelt(piece: Piece, reference: Reference, layer: str) -> str:
    """Return a reference to a layer of the same use of the same source."""
    call = f"@{reference.call}" if reference.call is not None else ""
    return f"{piece.source.id}{call}:{layer}"
