"""Two views, layer by layer: what came, what went, what changed its name, and what else changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from composer.difference.changes import MISSING, changes
from composer.difference.compared_model import Calls, ComparedModel, Layer, Ports, Weight
from composer.difference.gaps import not_compared
from composer.difference.given import both_given, given_and_made
from composer.difference.renames import (
    IGNORED,
    calls_in_new_names,
    in_new_names,
    plain_config,
    renames,
)
from composer.difference.tensor_values import Distance, distance

Pair = tuple[Any, Any]
"""What a thing was and what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightChange:
    """A variable that is not what it was.

    Attributes:
        form: shape and dtype before and now, where they differ; None stands for no variable.
        distance: how far the values are apart, where they can be measured.
    """

    path: str
    form: Pair | None = None
    distance: Distance | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerChange:
    """A layer of both models that is not the same in both; what is None or empty is.

    Attributes:
        name: now.
        was: its name before, where that was another.
        config: pairs of values by the path in the constructor's arguments.
        calls: what it is called on, in the names of now.
    """

    name: str
    was: str | None = None
    class_name: Pair | None = None
    origin: Pair | None = None
    config: tuple[tuple[str, Pair], ...] = ()
    calls: tuple[Calls, Calls] | None = None
    output: Pair | None = None
    weights: tuple[WeightChange, ...] = ()

    @property
    def renamed_only(self) -> bool:
        """Whether nothing but the name is another."""
        rest = (self.class_name, self.config, self.calls, self.output, self.weights)
        return self.was is not None and not any(rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDifference:
    """All that two models differ in.

    Attributes:
        before: what the first was called.
        now: what the second was called.
        added: layers of the second only.
        removed: layers of the first only.
        changed: layers of both, renamed ones included.
        equal: how many layers are the same in both.
        inputs: of the model, before and now.
        outputs: of the model, before and now.
        facts: other values, by name.
        names_only: whether of layers no more is known, on one side, than names and origins.
        notes: what could not be compared, or was taken from elsewhere, in words.
        not_compared: what one side does not tell: parts of layers, such as ``arguments``. Where
            there is any, finding no difference does not mean that there is none.
    """

    before: str
    now: str
    added: tuple[Layer, ...] = ()
    removed: tuple[Layer, ...] = ()
    changed: tuple[LayerChange, ...] = ()
    equal: int = 0
    inputs: tuple[Ports, Ports] | None = None
    outputs: tuple[Ports, Ports] | None = None
    facts: tuple[tuple[str, Pair], ...] = ()
    notes: tuple[str, ...] = ()
    names_only: bool = False
    not_compared: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        """Whether there is any difference."""
        parts = (self.added, self.removed, self.changed, self.inputs, self.outputs, self.facts)
        return any(bool(part) for part in parts)


def compare(before: ComparedModel, now: ComparedModel) -> ModelDifference:
    """Return what two models differ in, as far as both are known.

    Raises:
        FormatError: a file with values can't be read.
    """
    new_names = renames(before, now)
    old_names = {new: old for old, new in new_names.items()}
    changed, equal = [], 0
    for name, layer in now.layers.items():
        old = before.layers.get(old_names.get(name, name))
        if old is None or (name not in old_names and old.name in new_names):
            continue
        change = _change(old, layer, new_names)
        if change is None:
            equal += 1
        else:
            changed.append(change)
    return ModelDifference(
        before=before.shown,
        now=now.shown,
        added=tuple(
            layer
            for name, layer in now.layers.items()
            if name not in before.layers and name not in old_names
        ),
        removed=tuple(
            layer
            for name, layer in before.layers.items()
            if name not in now.layers and name not in new_names
        ),
        changed=tuple(changed),
        equal=equal,
        inputs=_other_ports(_renamed(before.inputs, new_names), now.inputs),
        outputs=_other_ports(_renamed(before.outputs, new_names), now.outputs),
        facts=tuple(_facts(before, now)),
        notes=tuple(dict.fromkeys((*before.notes, *now.notes))),
        names_only=any(
            view.layers and all(layer.class_name is None for layer in view.layers.values())
            for view in (before, now)
        ),
        not_compared=not_compared(before, now, new_names),
    )


def _facts(before: ComparedModel, now: ComparedModel) -> Iterator[tuple[str, Pair]]:
    """Yield the facts that differ, those included that only one of two has."""
    for change in changes(before.facts, now.facts):
        pair = change.before, change.now
        part = change.field.partition(".")[0]
        known = [
            value is not MISSING or part in view.whole
            for value, view in zip(pair, (before, now), strict=True)
        ]
        if all(known) and None not in pair:  # None is what nobody knows yet
            yield change.field, (before.facts.get(change.field), now.facts.get(change.field))


def _change(old: Layer, new: Layer, new_names: Mapping[str, str]) -> LayerChange | None:
    calls = None if old.calls is None else calls_in_new_names(old.calls, new_names)
    change = LayerChange(
        name=new.name,
        was=old.name if old.name != new.name else None,
        class_name=_other(old.class_name, new.class_name),
        origin=_other(old.origin, new.origin),
        config=tuple(_configs(old, new)),
        calls=_other(calls, new.calls),
        output=_other(old.output, new.output),
        weights=tuple(_weights(old, new)),
    )
    same = LayerChange(name=new.name)
    # Where only the origin differs, the layer itself is the same: files may be called anything.
    bare = LayerChange(name=new.name, origin=change.origin)
    return None if change in (same, bare) else change


def _other(old: Any, new: Any) -> Pair | None:
    return None if old is None or new is None or old == new else (old, new)


def _other_ports(old: Ports | None, new: Ports | None) -> tuple[Ports, Ports] | None:
    return None if old is None or new is None or old.is_like(new) else (old, new)


def _renamed(ports: Ports | None, new_names: Mapping[str, str]) -> Ports | None:
    if ports is None:
        return None
    named = ((key, in_new_names(tensor, new_names)) for key, tensor in ports.tensors)
    return replace(ports, tensors=tuple(named))


def _configs(old: Layer, new: Layer) -> Iterator[tuple[str, Pair]]:
    """Yield in which arguments two layers differ, as far as they are known of both."""
    if old.config is None or new.config is None:
        return
    if old.known == new.known == "all":
        yield from _config(old.config, new.config)
    elif old.known == new.known == "given":
        yield from both_given(old.config, new.config)
    elif new.known == "all":
        yield from given_and_made(old.config, new.config)
    else:
        for path, (given, made) in given_and_made(new.config, old.config):
            yield path, (made, given)


def _config(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Pair]]:
    """Yield the values in which two configs differ, by their path."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            if key in IGNORED:
                continue
            below = f"{path}.{key}" if path else str(key)
            yield from _config(old.get(key), new.get(key), below)
    elif plain_config(old) != plain_config(new):
        yield path, (old, new)


def _weights(old: Layer, new: Layer) -> Iterator[WeightChange]:
    """Yield the variables in which two layers differ, and by how much."""
    if old.weights is None or new.weights is None:
        return
    were = {weight.path: weight for weight in old.weights}
    are = {weight.path: weight for weight in new.weights}
    for path in dict.fromkeys((*were, *are)):
        first, second = were.get(path), are.get(path)
        if first is None or second is None or _form(first) != _form(second):
            yield WeightChange(path=path, form=(_form(first), _form(second)))
            continue
        ours, theirs = first.values, second.values
        if ours is None or theirs is None or ours.equal(first.tensor, theirs, second.tensor):
            continue
        apart = distance(ours, first.tensor, theirs, second.tensor)
        yield WeightChange(path=path, distance=apart)


def _form(weight: Weight | None) -> str | None:
    if weight is None:
        return None
    return f"({', '.join(str(size) for size in weight.shape)}) {weight.dtype}"
