"""What a first spec says of one model, and what it leaves open."""

from __future__ import annotations

from dataclasses import dataclass, field

from composer.authoring.heads import Head
from composer.graphs.graph import TensorSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class LooseEnd:
    """An open input or output of a source.

    Attributes:
        layer: original name of the operation.
        reference: how the spec refers to it, such as ``tower`` or ``tower:pool``.
        spec: shape and dtype; None where only Keras knows.
        used: whether a kept layer takes it; an input that none takes can't be wired.
    """

    layer: str
    reference: str
    spec: TensorSpec | None
    used: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One source of a first spec.

    Attributes:
        id: of the source.
        location: what ``from`` says.
        known: whether its layers could be read without Keras.
        names: of its kept operations, by original name; None where they are not known.
        prefix: in front of them; empty for none.
        shared_names: how many of its names another source has as well.
        heads: that are left out.
        inputs: open ones, in order.
        outputs: open ones, in order.
        arranged: whether its outputs have a structure that a list of references would lose.
        flatten: whether its nested models have to be opened for it to be read at all.
        nested: names of nested models in it that can be opened, and what is inside.
    """

    id: str
    location: str
    known: bool = True
    names: tuple[str, ...] | None = None
    prefix: str = ""
    shared_names: int = 0
    heads: tuple[Head, ...] = ()
    inputs: tuple[LooseEnd, ...] = ()
    outputs: tuple[LooseEnd, ...] = ()
    arranged: bool = False
    flatten: bool = False
    nested: tuple[tuple[str, str], ...] = field(default=())

    @property
    def excluded(self) -> tuple[str, ...]:
        """Original names of the layers that are left out."""
        return tuple(dict.fromkeys(name for head in self.heads for name in head.names))
