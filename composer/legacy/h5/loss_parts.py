"""What of an old model is about training alone: losses, metrics, layers that lead to no output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from composer.graphs.graph import Json, Repair
from composer.legacy.h5.early import is_model

_HANDED_ON: Final = "written as Identity: it hands its tensor on as it is"
_LAYER: Final = frozenset({"name", "trainable", "dtype", "dynamic"})
_TRAINING: Final = {
    "AddLoss": frozenset({"unconditional"}),
    "AddMetric": frozenset({"aggregation", "metric_name"}),
}
"""Layers of Keras 2 that look at a tensor, and the arguments by which they are told from others."""
_DEAD: Final = "left out: no output of the model depends on it"


def without_loss_parts(
    model: Mapping[str, Json], path: tuple[str, ...] = ()
) -> tuple[dict[str, Json], tuple[Repair, ...], frozenset[str]]:
    """Return a model without the layers that change none of its outputs.

    Layers from which no output can be reached are left out, as Keras does when it loads them.
    ``AddLoss`` and ``AddMetric`` on the way to an output become ``Identity``.

    Args:
        model: with ``class_name`` and ``config``, as any Keras writes it.
        path: names of the models around its layers.

    Returns:
        The model, what was changed, and the names of the layers of the outermost model that were
        left out.
    """
    config = model.get("config")
    entries = config if isinstance(config, list) else _entries(config)
    live = _live(config, entries)
    repairs: list[Repair] = []
    kept = []
    for entry in entries:
        name = name_in(entry)
        full = (*path, name)
        if live is not None and name not in live:
            repairs.append(Repair(layer="/".join(full), what=_DEAD))
            continue
        if _is_sound(entry) and is_model(entry):
            changed, inside, _ = without_loss_parts(entry, full)
            repairs.extend(inside)
            kept.append(changed)
        elif _is_sound(entry) and _looks_on(entry):
            repairs.append(Repair(layer="/".join(full), what=_HANDED_ON))
            kept.append({**entry, **identity(entry["config"])})
        else:
            kept.append(entry)
    dead = frozenset() if live is None else frozenset(map(name_in, entries)) - live
    inner = kept if isinstance(config, list) else {**_mapping(config), "layers": kept}
    return ({**model, "config": inner} if kept else dict(model)), tuple(repairs), dead


def _looks_on(entry: Mapping[str, Json]) -> bool:
    """Tell ``AddLoss`` and ``AddMetric`` of Keras 2 from classes of a program with these names."""
    own = _TRAINING.get(str(entry.get("class_name")))
    config = entry["config"]
    return (
        own is not None
        and isinstance(config, Mapping)
        and own <= set(config) <= own | _LAYER
        and str(entry.get("module") or "keras").partition(".")[0] in ("keras", "tf_keras")
        and ">" not in str(entry.get("registered_name"))
    )


def identity(config: Mapping[str, Json]) -> dict[str, Json]:
    """Return the class and config of an ``Identity`` with the name of another layer.

    Early files give the first layer of a Sequential the shape of the input.
    """
    kept = ("name", "trainable", "dtype", "batch_input_shape")
    held = {key: config[key] for key in kept if key in config}
    return {"class_name": "Identity", "config": held}


def name_in(entry: Json) -> str:
    """Return the name of a serialised layer; empty where it has none."""
    if not isinstance(entry, Mapping):
        return ""
    return str(entry.get("name") or _mapping(entry.get("config")).get("name") or "")


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _entries(config: Json) -> list[Json]:
    layers = _mapping(config).get("layers")
    return layers if isinstance(layers, list) else []


def _is_sound(entry: Json) -> bool:
    return isinstance(entry, Mapping) and isinstance(entry.get("config"), Mapping | list)


def _live(config: Json, entries: list[Json]) -> frozenset[str] | None:
    """Return the layers that an output depends on, and the inputs; None where all do.

    A layer counts with all of its calls. Whatever in a call is called like a layer counts as a
    tensor of it, so that too many are kept rather than too few.
    """
    held = _mapping(config)
    if not held.get("output_layers"):
        return None
    named = {name_in(entry): entry for entry in entries}
    stack = [
        name
        for key in ("output_layers", "input_layers")
        for name in _texts(held.get(key))
        if name in named
    ]
    seen = set(stack)
    while stack:
        for name in _texts(_mapping(named[stack.pop()]).get("inbound_nodes")):
            if name in named and name not in seen:
                seen.add(name)
                stack.append(name)
    return frozenset(seen)


def _texts(tree: Json) -> Iterator[str]:
    stack = [tree]
    while stack:
        value = stack.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            stack.extend(value)
        elif isinstance(value, Mapping):
            stack.extend(value.values())
