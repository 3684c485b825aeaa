"""Names with ``/``, which Keras 2 allowed and Keras 3 refuses, written without it."""

from __future__ import annotations

from collections.abc import Mapping

from composer.graphs.graph import Json, Repair


def without_slashes(
    model: Mapping[str, Json],
) -> tuple[dict[str, Json], tuple[Repair, ...], dict[str, str]]:
    """Return a model with ``_`` for ``/`` in names of layers and models.

    Args:
        model: in today's form.

    Returns:
        The model, what was repaired, and the new names of layers of the outermost model by the
        old ones (those that changed).
    """
    repairs: list[Repair] = []
    renamed: dict[str, str] = {}
    changed = _model(model, (), repairs, renamed)
    return changed, tuple(repairs), renamed


def _model(
    model: Mapping[str, Json],
    path: tuple[str, ...],
    repairs: list[Repair],
    renamed: dict[str, str],
) -> dict[str, Json]:
    """Rename in a model; ``renamed`` receives the names of its own layers."""
    config = dict(model["config"])
    names = [str(e.get("name") or e["config"].get("name")) for e in config["layers"]]
    taken = {name for name in names if "/" not in name}
    for name in names:
        if "/" in name:
            new = name.strip("/").replace("/", "_") or "_"
            while new in taken:
                new += "_"
            taken.add(new)
            renamed[name] = new
            repairs.append(
                Repair(
                    layer="/".join((*path, name)),
                    what=f"renamed to {new!r}: today's Keras has no / in names",
                )
            )
    layers = []
    for entry, name in zip(config["layers"], names, strict=True):
        own = renamed.get(name, name)
        changed = _moved(entry, renamed)
        changed["config"] = {**_inner(changed, (*path, name), repairs), "name": own}
        if "name" in entry:
            changed["name"] = own
        layers.append(changed)
    config["layers"] = layers
    for key in ("input_layers", "output_layers"):
        if key in config:
            config[key] = _boundary(config[key], renamed)
    if isinstance(config.get("name"), str):
        config["name"] = config["name"].replace("/", "_")
    return {**model, "config": config}


def _inner(
    entry: Mapping[str, Json], path: tuple[str, ...], repairs: list[Repair]
) -> dict[str, Json]:
    """Return the config of an entry, renamed inside where it is a model or wraps a layer."""
    config: dict[str, Json] = dict(entry["config"])
    if isinstance(config.get("layers"), list):
        return dict(_model(entry, path, repairs, {})["config"])
    for key, value in config.items():
        if isinstance(value, Mapping) and isinstance(value.get("config"), Mapping):
            name = value["config"].get("name")
            if isinstance(name, str) and "class_name" in value:
                inner = _inner(value, (*path, name), repairs)
                config[key] = {**value, "config": {**inner, "name": name.replace("/", "_")}}
    return config


def _moved(tree: Json, renamed: Mapping[str, str]) -> Json:
    """Rename in the calls of an entry, and in nothing else."""
    return {
        key: _history(value, renamed) if key == "inbound_nodes" else value
        for key, value in tree.items()
    }


def _history(tree: Json, renamed: Mapping[str, str]) -> Json:
    if isinstance(tree, list):
        return [_history(item, renamed) for item in tree]
    if not isinstance(tree, Mapping):
        return tree
    changed = {key: _history(value, renamed) for key, value in tree.items()}
    history = changed.get("keras_history")
    if isinstance(history, list) and history and isinstance(history[0], str):
        changed["keras_history"] = [renamed.get(history[0], history[0]), *history[1:]]
    return changed


def _boundary(tree: Json, renamed: Mapping[str, str]) -> Json:
    if isinstance(tree, list):
        if len(tree) == 3 and isinstance(tree[0], str):  # noqa: PLR2004 - as in reader.py
            return [renamed.get(tree[0], tree[0]), *tree[1:]]
        return [_boundary(item, renamed) for item in tree]
    if isinstance(tree, Mapping):
        return {renamed.get(k, k): _boundary(item, renamed) for k, item in tree.items()}
    return tree
