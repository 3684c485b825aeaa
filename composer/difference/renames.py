"""Which layer that is gone is which that is new, under another name."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from composer.difference.compared_model import Calls, ComparedModel, Layer

IGNORED = frozenset({"shared_object_id", "build_config"})
"""Keys of a config that say nothing about the layer: numbers of a file, and records of a build."""

Names = dict[str, str]


def renames(before: ComparedModel, now: ComparedModel) -> Names:
    """Return the new name of each layer that has another name now.

    A pair is one where both come from one layer of one source; or where class, config and values
    are the same, or class, config and what they are called on, and no third layer is like them.

    Raises:
        FormatError: a file with values can't be read.
    """
    gone = [layer for name, layer in before.layers.items() if name not in now.layers]
    new = [layer for name, layer in now.layers.items() if name not in before.layers]
    found: Names = {}
    # A lock says no class.
    classes = all(layer.class_name is not None for layer in (*gone, *new))
    for key in (_origin_and_class if classes else _origin, _values):
        _match(gone, new, key, found)
    _follow(gone, new, found)
    return found


def in_new_names(tensor: str, names: Mapping[str, str]) -> str:
    """Return a tensor under the name that its layer has now."""
    name, hash_sign, rest = tensor.partition("#")
    return f"{names.get(name, name)}{hash_sign}{rest}"


def calls_in_new_names(calls: Calls, names: Mapping[str, str]) -> Calls:
    """Return calls with every tensor under the name that its layer has now."""
    return tuple(tuple(in_new_names(tensor, names) for tensor in call) for call in calls)


def plain_config(config: Any) -> Any:
    """Return a config without what says nothing about the layer."""
    if isinstance(config, Mapping):
        return {key: plain_config(item) for key, item in config.items() if key not in IGNORED}
    if isinstance(config, list | tuple):
        return [plain_config(item) for item in config]
    return config


def _match(
    gone: list[Layer], new: list[Layer], key: Callable[[Layer], Hashable], found: Names
) -> None:
    """Pair the layers that alone have a key, on both sides."""
    taken = set(found.values())
    old_keys = {layer.name: key(layer) for layer in gone if layer.name not in found}
    new_keys = {layer.name: key(layer) for layer in new if layer.name not in taken}
    old_counts, new_counts = Counter(old_keys.values()), Counter(new_keys.values())
    names = {value: name for name, value in new_keys.items() if value is not None}
    for name, value in old_keys.items():
        if value in names and old_counts[value] == new_counts[value] == 1:
            found[name] = names[value]


def _origin(layer: Layer) -> Hashable:
    return layer.origin if layer.origin is not None and ":" in layer.origin else None


def _origin_and_class(layer: Layer) -> Hashable:
    origin = _origin(layer)
    return None if origin is None else (origin, layer.class_name)


def _values(layer: Layer) -> Hashable:
    """Return what a layer with weights is, but for its name."""
    kind = _kind(layer)
    if kind is None or not layer.weights or any(w.values is None for w in layer.weights):
        return None
    digests = [w.values.digest(w.tensor) for w in layer.weights if w.values is not None]
    return kind, tuple(digests)


def _kind(layer: Layer) -> Hashable:
    if layer.class_name is None or layer.config is None:
        return None
    return layer.class_name, json.dumps(plain_config(layer.config), sort_keys=True)


def _follow(gone: list[Layer], new: list[Layer], found: Names) -> None:
    """Pair the others along the graph: by what they are called on, now that more has a name."""
    for _ in range(len(gone)):
        before = len(found)
        _match(gone, new, lambda layer: _called(layer, {}), found)
        places: dict[Hashable, str | None] = {}
        taken = set(found.values())
        for layer in new:
            if layer.name not in taken:
                key = _called(layer, {})
                places[key] = None if key in places else layer.name
        for layer in gone:
            if layer.name in found:
                continue
            name = places.pop(_called(layer, found), None)
            if name is not None and name not in taken:
                found[layer.name] = name
                taken.add(name)
        if len(found) == before:
            return


def _called(layer: Layer, names: Mapping[str, str]) -> Hashable:
    kind = _kind(layer)
    if kind is None or layer.calls is None:
        return None
    return kind, calls_in_new_names(layer.calls, names), len(layer.weights or ())
