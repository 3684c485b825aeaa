"""Wires, new layers and outputs that would make one model of several, by their shapes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from composer.authoring.parts import LooseEnd, Part
from composer.graphs.graph import TensorSpec
from composer.spec.affixes import affixed

_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_MOST = 4
"""Alternatives that are named for one input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInput:
    """An input of the model that several sources could share."""

    id: str
    spec: TensorSpec
    ports: tuple[LooseEnd, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestedLayer:
    """A new layer that could follow: its id, its class, what it takes, and its arguments."""

    id: str
    class_name: str
    inputs: tuple[str, ...]
    args: Mapping[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestions:
    """What could be done with the parts; taken together it is a sound spec.

    Attributes:
        inputs: to declare.
        wires: by source and name of its input the reference to take, the likeliest first.
        layers: to add, each after what it takes.
        output: id of the layer that the model could put out; None without layers.
    """

    inputs: tuple[NewInput, ...]
    wires: Mapping[tuple[str, str], tuple[str, ...]]
    layers: tuple[SuggestedLayer, ...]
    output: str | None


def suggestions(parts: Sequence[Part]) -> Suggestions:
    """Return what could be done with ``parts``."""
    taken = _Names(parts)
    feeds: dict[str, set[str]] = {}
    chained = _chained(parts, feeds)
    shared = _shared(parts, chained, taken)
    wires: dict[tuple[str, str], tuple[str, ...]] = {}
    for part in parts:
        for port in filter(_is_used, part.inputs):
            found: dict[str, None] = {}
            if (part.id, port.layer) in chained:
                found[chained[part.id, port.layer]] = None
            for new in shared:
                if port in new.ports:
                    found[new.id] = None
            for other, reference in _fitting(part, port, parts):
                if not _leads(part.id, other, feeds):
                    found[reference] = None
                    if len(found) == 1:
                        feeds.setdefault(other, set()).add(part.id)
            if found:
                wires[part.id, port.layer] = tuple(found)[:_MOST]
    used = {found[0] for found in wires.values()}
    ends = [(part, port) for part in parts for port in part.outputs if port.reference not in used]
    layers = tuple(_layers(ends, taken))
    return Suggestions(
        inputs=shared, wires=wires, layers=layers, output=layers[-1].id if layers else None
    )


class _Names:
    """Gives names that no source and no kept layer has."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self._taken = {part.id for part in parts} | {
            affixed(name, part.prefix) for part in parts for name in part.names or ()
        }

    def free(self, wanted: str, *, but: Iterable[str] = ()) -> str:
        """Return ``wanted`` or the like, and keep it; names in ``but`` go away with the wiring."""
        base = wanted if _ID.fullmatch(wanted) else "image"
        name, number = base, 2
        while name in self._taken - set(but):
            name, number = f"{base}_{number}", number + 1
        self._taken.add(name)
        return name


def _is_used(port: LooseEnd) -> bool:
    return port.used


def _same(one: TensorSpec | None, other: TensorSpec | None) -> bool:
    known = one is not None and one.shape is not None and one.dtype is not None
    return known and one == other


def _chained(parts: Sequence[Part], feeds: dict[str, set[str]]) -> dict[tuple[str, str], str]:
    """Return for single inputs the one output of another source that fits them.

    Each source feeds one other at most, and none whose input has the shape of its own: those
    are more likely to look at the same thing.

    Args:
        parts: of the spec.
        feeds: gets by source those that it feeds.
    """
    found: dict[tuple[str, str], str] = {}
    for part in parts:
        if len(part.inputs) != 1 or not part.inputs[0].used:
            continue
        port = part.inputs[0]
        for other in parts:
            if other.id == part.id or len(other.outputs) != 1 or other.id in feeds:
                continue
            if any(_same(its.spec, port.spec) for its in other.inputs):
                continue
            if _same(other.outputs[0].spec, port.spec) and not _leads(part.id, other.id, feeds):
                feeds.setdefault(other.id, set()).add(part.id)
                found[part.id, port.layer] = other.outputs[0].reference
                break
    return found


def _leads(start: str, end: str, feeds: Mapping[str, set[str]]) -> bool:
    """Tell whether what ``start`` puts out reaches ``end``, or is the same source."""
    seen, stack = {start}, [start]
    while stack:
        for below in feeds.get(stack.pop(), ()):
            if below not in seen:
                seen.add(below)
                stack.append(below)
    return end in seen


def _shared(
    parts: Sequence[Part], chained: Mapping[tuple[str, str], str], taken: _Names
) -> tuple[NewInput, ...]:
    """Return an input for each group of inputs of several sources that have one shape."""
    groups: dict[TensorSpec, list[tuple[Part, LooseEnd]]] = {}
    for part in parts:
        seen: set[TensorSpec] = set()
        for port in filter(_is_used, part.inputs):
            spec = port.spec
            if spec is None or not _same(spec, spec) or (part.id, port.layer) in chained:
                continue
            if spec not in seen:
                seen.add(spec)
                groups.setdefault(spec, []).append((part, port))
    found = []
    for spec, members in groups.items():
        if len(members) < 2 or not spec.shape:  # noqa: PLR2004
            continue
        away = [affixed(port.layer, part.prefix) for part, port in members]
        name = taken.free(members[0][1].layer, but=away)
        ports = tuple(port for _, port in members)
        found.append(NewInput(id=name, spec=spec, ports=ports))
    return tuple(found)


def _fitting(part: Part, port: LooseEnd, parts: Sequence[Part]) -> Iterable[tuple[str, str]]:
    """Yield by source what others put out in the shape that an input has."""
    for other in parts:
        if other.id != part.id:
            yield from ((other.id, o.reference) for o in other.outputs if _same(o.spec, port.spec))


def _layers(ends: Sequence[tuple[Part, LooseEnd]], taken: _Names) -> Iterable[SuggestedLayer]:
    """Yield a layer that joins what ends alike, and a head in the place of those left out."""
    alike = _alike([port for _, port in ends])
    last: str | None = None
    spec: TensorSpec | None = None
    sources = {port.reference.partition(":")[0] for port in alike}
    if len(sources) > 1:
        last, spec = taken.free("joined"), alike[0].spec
        yield SuggestedLayer(
            id=last,
            class_name="Concatenate",
            inputs=tuple(port.reference for port in alike),
            args={},
        )
    elif len(ends) == 1:
        last, spec = ends[0][1].reference, ends[0][1].spec
    old = [head for part, _ in ends for head in part.heads]
    if last is None or not old:
        return
    head = old[0]
    if head.layer.class_name != "Dense" and spec is not None and len(spec.shape or ()) == 4:  # noqa: PLR2004
        pool = taken.free("pooled")
        yield SuggestedLayer(id=pool, class_name="GlobalAveragePooling2D", inputs=(last,), args={})
        last = pool
    args: dict[str, str | int] = {"units": head.units or 10}
    if head.activation is not None:
        args["activation"] = head.activation
    name = taken.free("predictions")
    yield SuggestedLayer(id=name, class_name="Dense", inputs=(last,), args=args)


def _alike(ports: Sequence[LooseEnd]) -> list[LooseEnd]:
    """Return the ports that differ from the first one in the last dimension only."""

    def form(port: LooseEnd) -> tuple[object, ...] | None:
        spec = port.spec
        if spec is None or spec.shape is None or spec.dtype is None or not spec.shape:
            return None
        return (*spec.shape[:-1], spec.dtype)

    first = next((port for port in ports if form(port) is not None), None)
    return [port for port in ports if first is not None and form(port) == form(first)]
