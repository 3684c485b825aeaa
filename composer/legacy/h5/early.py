"""What files of early Keras 2 spell otherwise than the last Keras 2: models and initializers.

Nothing of it reaches a number: it is about how a model is written down.
"""

from __future__ import annotations

from collections.abc import Mapping

from composer.errors import FormatError
from composer.graphs.graph import Json, Repair

_FUNCTIONAL_KEYS = frozenset({"layers", "input_layers", "output_layers"})
_MODELS = frozenset({"Model", "Functional"})


def late_spelling(
    model: Mapping[str, Json], path: tuple[str, ...] = ()
) -> tuple[dict[str, Json], tuple[Repair, ...]]:
    """Return a model of any Keras 2 as Keras 2.15 writes it, nested ones included.

    Args:
        model: with ``class_name`` and ``config``.
        path: names of the models around it.

    Raises:
        FormatError: ``h5-no-shape``, a Sequential whose input's shape is recorded nowhere; or
            ``bad-graph``.
    """
    repairs: list[Repair] = []
    return _model(model, path, repairs, called=False), tuple(repairs)


def is_model(entry: Mapping[str, Json]) -> bool:
    """Tell a nested model from a layer."""
    config = entry.get("config")
    if entry.get("class_name") == "Sequential":
        return isinstance(config, list) or (isinstance(config, Mapping) and "layers" in config)
    return isinstance(config, Mapping) and set(config) >= _FUNCTIONAL_KEYS


def _model(
    entry: Mapping[str, Json], path: tuple[str, ...], repairs: list[Repair], *, called: bool
) -> dict[str, Json]:
    """Rewrite a model.

    Args:
        entry: of the model.
        path: names of the models around it, and its own unless it is the outermost.
        repairs: is added to.
        called: whether another model calls it, and so knows the shape of its input.
    """
    config = entry.get("config")
    if isinstance(config, list):  # Keras before 2.2.3 writes a Sequential as a bare list
        config = {"name": path[-1] if path else "sequential", "layers": config}
    if not isinstance(config, Mapping) or not isinstance(config.get("layers"), list):
        raise FormatError("CMP502.config-layers")
    inside = set(config) >= _FUNCTIONAL_KEYS
    layers = []
    for layer in config["layers"]:
        if not isinstance(layer, Mapping):
            raise FormatError("CMP502.config-layer")
        layers.append(_layer(layer, path, repairs, called=inside))
    changed = {**entry, "config": {**config, "layers": layers}}
    changed["config"].setdefault("name", path[-1] if path else "model")
    if entry.get("class_name") in _MODELS and inside:
        changed["class_name"] = "Functional"
    if not inside and not called:
        _with_input(changed["config"])
    return changed


def _layer(
    entry: Mapping[str, Json], path: tuple[str, ...], repairs: list[Repair], *, called: bool
) -> dict[str, Json]:
    if is_model(entry):
        config = entry["config"]
        named = config.get("name") if isinstance(config, Mapping) else None
        name = str(entry.get("name") or named or "sequential")
        return _model(entry, (*path, name), repairs, called=called)
    config = entry.get("config")
    if not isinstance(config, Mapping):
        raise FormatError("CMP502.config-layer-config")
    changed = {key: _initializer(key, value) for key, value in config.items()}
    if entry.get("class_name") == "GRU" and "reset_after" not in config:
        # Before Keras 2.1.3 there was no other way; today's default is True.
        changed["reset_after"] = False
        layer = "/".join((*path, str(config.get("name"))))
        repairs.append(Repair(layer=layer, what="reset_after=False written down"))
    wrapped = changed.get("layer")
    if isinstance(wrapped, Mapping) and isinstance(wrapped.get("config"), Mapping | list):
        name = str(config.get("name"))
        changed["layer"] = _layer(wrapped, (*path, name), repairs, called=True)
    return {**entry, "config": changed}


def _initializer(key: str, value: Json) -> Json:
    """Leave out the dtype that TensorFlow 1.13 to 2.1 put into initializers; the layer has it."""
    if (
        key.endswith("_initializer")
        and isinstance(value, Mapping)
        and isinstance(value.get("config"), Mapping)
    ):
        config = {name: item for name, item in value["config"].items() if name != "dtype"}
        return {**value, "config": config}
    return value


def _with_input(config: dict[str, Json]) -> None:
    """Give the list of a Sequential an input layer where its first entry is a model with one."""
    layers = config["layers"]
    if not layers:
        raise FormatError("CMP502.empty-sequential", model=config["name"])
    first = layers[0]
    if first.get("class_name") == "InputLayer" or "batch_input_shape" in first["config"]:
        return
    if isinstance(config.get("build_input_shape"), list):
        return
    inner = _input_of(first)
    if inner is None:
        raise FormatError("CMP520.no-shape", model=config["name"])
    name = f"{first.get('name') or first['config'].get('name')}_input"
    layers.insert(
        0,
        {
            "class_name": "InputLayer",
            "config": {
                "batch_input_shape": inner["config"].get(
                    "batch_input_shape", inner["config"].get("batch_shape")
                ),
                "dtype": inner["config"].get("dtype") or "float32",
                "sparse": False,
                "name": name,
            },
        },
    )


def _input_of(entry: Mapping[str, Json]) -> Mapping[str, Json] | None:
    """Return the entry that knows the shape of a model's one input."""
    if not is_model(entry):
        return None
    config = entry["config"]
    layers = config["layers"]
    if set(config) >= _FUNCTIONAL_KEYS:
        inputs = [layer for layer in layers if layer.get("class_name") == "InputLayer"]
        return inputs[0] if len(inputs) == 1 else None
    first: Mapping[str, Json] = layers[0] if layers else {}
    if "batch_input_shape" in first.get("config", {}) or first.get("class_name") == "InputLayer":
        return first
    return _input_of(first) if first else None
