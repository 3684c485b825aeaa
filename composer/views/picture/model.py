"""A picture: nodes in boxes, edges between them, and what of it is folded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "input", "output", "kept", "new",
    "dropped", "bypassed", "replaced", "wired", "unreachable",
]  # fmt: skip
LEFT_OUT: frozenset[Kind] = frozenset({"dropped", "bypassed", "replaced", "wired", "unreachable"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One operation, or an output of the model.

    Attributes:
        id: unique in the picture and safe in every form it is written in.
        name: as it is in the result; the original one of an operation that is left out.
        original: its name in its source, by which repetition is found.
        class_name: empty for an output of the model.
        kind: what became of it.
        box: id of the source it is in; None for what the spec itself brings.
        note: what stands in for one that is left out.
    """

    id: str
    name: str
    original: str
    class_name: str
    kind: Kind
    box: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """A way that tensors take.

    Attributes:
        start: id of the node that gives them.
        end: id of the node that takes them.
        shape: of the tensor, as text; empty where it is not known.
        seam: whether the spec made the edge.
        changed: whether another shape came here before.
    """

    start: str
    end: str
    shape: str = ""
    seam: bool = False
    changed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A source, and how it is titled."""

    id: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Neighbours that are drawn as one node until somebody asks for more.

    Attributes:
        id: unique in the picture.
        name: what its members have in common.
        members: ids of nodes, and folds inside this one.
        times: how often the same pattern is in it, one after the other; 1 for no repetition.
    """

    id: str
    name: str
    members: tuple[str | Fold, ...]
    times: int = 1

    @property
    def nodes(self) -> Iterator[str]:
        """The ids of all nodes in it, at any depth."""
        for member in self.members:
            if isinstance(member, Fold):
                yield from member.nodes
            else:
                yield member


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What there is to draw.

    Attributes:
        name: of the model.
        nodes: by id, in the order of the graph.
        edges: each pair of nodes once for each shape that goes there.
        boxes: sources, in the order of the spec.
        folds: ids of nodes and folds, everything once.
    """

    name: str
    nodes: Mapping[str, Node]
    edges: tuple[Arrow, ...]
    boxes: tuple[Box, ...]
    folds: tuple[str | Fold, ...]
