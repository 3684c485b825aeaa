"""Writes a program line by line: the tensors there are, the layers to call, and how they fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

VOCABULARY = 5
STEPS = 3
WIDTHS = (2, 3)
WIDEST = 6
POLICIES = ("mixed_bfloat16", "mixed_float16", "float64")

Slot = tuple[tuple[int, ...], str]
"""Shape without the batch, and ``float``, ``int`` or ``bool``."""


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor: the expression that gives it, and what it is."""

    code: str
    slot: Slot


@dataclass(frozen=True, slots=True)
class Layer:
    """Something that can be called again.

    ``forms`` are ways to call it with ``{0}``, ``{1}`` for its tensors; ``parts`` say how to get
    its outputs out of what it returns.
    """

    code: str
    takes: tuple[Slot, ...]
    gives: tuple[Slot, ...]
    forms: tuple[str, ...] = ("({0})",)
    parts: tuple[str, ...] = ("",)


@dataclass(slots=True)
class Writer:
    """Writes the program of one model, and of the models inside it."""

    pick: Callable[[Sequence[Any]], Any]
    level: int
    widths: tuple[int, ...] = WIDTHS
    steps: tuple[Callable[[Writer], None], ...] | None = None
    indent: str = ""
    lines: list[str] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    count: int = 0

    def layer(
        self,
        kind: str,
        arguments: str,
        takes: tuple[Slot, ...],
        gives: Slot,
        *,
        forms: tuple[str, ...] = ("({0})",),
        first: Value | None = None,
    ) -> None:
        """Make a layer of Keras and call it."""
        policy = kind not in ("LSTM", "GRU", "Embedding")
        name = self.made(kind, arguments, policy=policy)
        self.use(Layer(name, takes, (gives,), forms), first)

    def made(self, kind: str, arguments: str, *, policy: bool = False) -> str:
        """Make a layer of Keras, now and then with a dtype policy; returns its variable."""
        name = self.name(kind.lower())
        parts = [arguments] if arguments else []
        if policy and self.pick((False, False, False, True)):
            parts.append(f"dtype={self.pick(POLICIES)!r}")
        parts.append(f"name={name!r}")
        self.line(f"{name} = layers.{kind}({', '.join(parts)})")
        return name

    def use(self, layer: Layer, first: Value | None = None) -> None:
        """Call ``layer`` with values that fit, ``first`` before others; it can be called again."""
        chosen = self.find(layer.takes)
        if chosen is None:
            # What a nested model takes may not be there yet.
            chosen = [self.supply(slot) for slot in layer.takes]
        elif first is not None:
            chosen[0] = first
        if layer not in self.layers:
            self.layers.append(layer)
        arguments = self.pick(layer.forms).format(*(v.code for v in chosen))
        name = self.name("t")
        self.line(f"{name} = {layer.code}{arguments}")
        self.taken.update(v.code for v in chosen)
        for part, slot in zip(layer.parts, layer.gives, strict=True):
            self.values.append(Value(f"{name}{part}", slot))

    def fits(self, layer: Layer) -> bool:
        """Tell whether there is a value for each tensor that ``layer`` takes."""
        return {value.slot for value in self.values}.issuperset(layer.takes)

    def find(self, takes: Sequence[Slot]) -> list[Value] | None:
        """Return a value for each slot, or None where one has none."""
        found = []
        for slot in takes:
            fitting = [v for v in self.values if v.slot == slot]
            if not fitting:
                return None
            found.append(self.pick(fitting))
        return found

    def supply(self, slot: Slot) -> Value:
        """Return a value of this slot, by a zero-cost detour from one that exists."""
        fitting = [v for v in self.values if v.slot == slot]
        if fitting:
            return self.pick(fitting)
        base = self.values[0]
        dtype = {"float": "float32", "int": "int32", "bool": "bool"}.get(slot[1], "float32")
        size = 1
        for width in slot[0]:
            size *= width
        self.express(
            f"ops.reshape(ops.repeat(ops.cast(ops.reshape({base.code}, (-1, "
            f"{_size(base.slot[0])}))[:, :1], {dtype!r}), {size}, axis=1), (-1, *{slot[0]}))",
            base,
            None,
            slot,
        )
        return self.values[-1]

    def a_float(self) -> Value:
        """Return any tensor of floats."""
        floats = [v for v in self.values if v.slot[1] == "float"]
        if not floats:
            one = self.values[0]
            self.express(f"ops.cast({one.code}, 'float32')", one, None, (one.slot[0], "float"))
            floats = self.values[-1:]
        return self.pick(floats)

    def a_sequence(self) -> Value | None:
        """Return a tensor of steps and features, if there is one."""
        found = [v for v in self.values if v.slot[1] == "float" and len(v.slot[0]) > 1]
        return self.pick(found) if found else None

    def express(self, code: str, one: Value, other: Value | None, slot: Slot) -> None:
        """Write an expression over ``one`` and ``other`` that gives a tensor of this slot."""
        name = self.name("t")
        self.line(f"{name} = {code}")
        self.taken.add(one.code)
        if other is not None:
            self.taken.add(other.code)
        self.values.append(Value(name, slot))

    def name(self, kind: str) -> str:
        """Return a name; counted in each model anew, so that models inside repeat those outside."""
        self.count += 1
        return f"{kind}_{self.count}"

    def line(self, text: str) -> None:
        """Write a line."""
        self.lines.append(f"{self.indent}{text}")


def _size(shape: Sequence[int]) -> int:
    product = 1
    for width in shape:
        product *= width
    return product
