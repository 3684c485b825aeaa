"""What the Keras 2 that wrote ``.keras`` files spells differently, rewritten in today's form.

Keras 2.12 to 2.15 and tf-keras write calls in another form (see ``keras2_calls.py``), give an
input layer a ``batch_input_shape`` and (2.12) leave out modules. That is notation, and rewritten
without a word; so are build records, which Keras makes again. What changes the arguments of a
layer is listed as a :class:`Repair`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from composer.errors import FormatError
from composer.graphs.graph import Json, Repair
from composer.legacy.keras2_calls import Calls
from composer.legacy.keras2_operators import OPERATOR_CLASSES, operator_of
from composer.legacy.keras2_repairs import NoEquivalentError, mend

Path = tuple[str, ...]
"""Names of the models and layers around something, without the outermost model."""

_FUNCTIONAL_KEYS: Final = ("layers", "input_layers", "output_layers")
_ROLES: Final = {
    "_initializer": "keras.initializers",
    "_regularizer": "keras.regularizers",
    "_constraint": "keras.constraints",
}
_BUILT_FROM_SEVERAL: Final = frozenset({"MultiHeadAttention"})
_HELP: Final = "replace it where the model is made, and save the model with today's Keras"


def is_legacy(model: Mapping[str, Json]) -> bool:
    """Tell whether Keras 2 wrote a serialised model, judging by it and its nested models."""
    config = model.get("config")
    if not isinstance(config, Mapping) or not isinstance(config.get("layers"), list):
        return False
    module = str(model.get("module") or "")
    if module.startswith(("tf_keras", "keras.engine.", "keras.src.engine.")):
        return True
    entries = [
        entry
        for entry in config["layers"]
        if isinstance(entry, Mapping) and isinstance(entry.get("config"), Mapping)
    ]
    nodes = [node for entry in entries for node in entry.get("inbound_nodes") or []]
    if any(isinstance(node, Mapping) and {"args", "kwargs"} <= set(node) for node in nodes):
        return False
    # In Keras 2 a call is a list, or a dictionary of tensors under names of inputs.
    return (
        bool(nodes)
        or any(
            (entry.get("class_name") == "InputLayer" and "batch_input_shape" in entry["config"])
            or is_legacy(entry)
            for entry in entries
        )
        or _begins_as_early_files_do(entries)
    )


def _begins_as_early_files_do(entries: list[Mapping[str, Json]]) -> bool:
    """Tell a Sequential of early Keras 2, whose first layer carries the shape of the input."""
    return (
        bool(entries) and "batch_input_shape" in entries[0]["config"] and (_is_builtin(entries[0]))
    )


def modernise(model: Mapping[str, Json]) -> tuple[Mapping[str, Json], tuple[Repair, ...]]:
    """Return a model's serialised form as Keras 3 writes it, and what was repaired.

    Args:
        model: the whole ``config.json`` of a Functional or Sequential model of Keras 2.

    Returns:
        The same model in the form of Keras 3; Keras 2 records no shapes of edges, so that they
        are marked as not recorded. Repairs come in the order of the layers.

    Raises:
        FormatError: with reason ``keras2``; a layer computes what no layer of Keras 3 does.
    """
    repairs: list[Repair] = []
    if _is_functional(model):
        changed = _functional(model, (), repairs)
    else:
        changed = _sequential(model, (), repairs)
    return changed, tuple(repairs)


# ---------------------------------------------------------------- models


def _is_functional(entry: Mapping[str, Json]) -> bool:
    return all(key in entry["config"] for key in _FUNCTIONAL_KEYS)


def _is_sequential(entry: Mapping[str, Json]) -> bool:
    return entry.get("class_name") == "Sequential" and isinstance(
        entry["config"].get("layers"), list
    )


def _functional(entry: Mapping[str, Json], path: Path, repairs: list[Repair]) -> dict[str, Json]:
    """Rewrite a Functional model; ``path`` leads to its layers."""
    config = entry["config"]
    layers = [_checked(layer, config) for layer in _list(config["layers"], config)]
    calls = Calls(layers, path)
    changed = []
    for layer in layers:
        if layer["class_name"] in OPERATOR_CLASSES and _is_builtin(layer):
            changed.append(_operator(layer, calls, path, repairs))
            continue
        today = _entry(layer, path, repairs)
        today["name"] = _name(layer)
        today["inbound_nodes"] = calls.of(layer)
        changed.append(today)
    return {
        **_without_records(entry),
        "module": "keras.src.models.functional" if _is_builtin(entry) else entry.get("module"),
        "config": {
            **config,
            "layers": changed,
            "input_layers": calls.boundary(config["input_layers"]),
            "output_layers": calls.boundary(config["output_layers"]),
        },
    }


def _sequential(entry: Mapping[str, Json], path: Path, repairs: list[Repair]) -> dict[str, Json]:
    """Rewrite a Sequential model; ``path`` leads to its layers."""
    config = entry["config"]
    layers = [_checked(layer, config) for layer in _list(config["layers"], config)]
    changed = [_entry(layer, path, repairs) for layer in layers]
    if layers and layers[0]["class_name"] != "InputLayer":
        first = layers[0]["config"]
        if "batch_input_shape" in first:
            # Early files list no input layer; Sequential.add makes one of this name.
            changed.insert(0, _input_layer(first, f"{first.get('name')}_input"))
    return {
        **_without_records(entry),
        "module": "keras" if _is_builtin(entry) else entry.get("module"),
        "registered_name": entry.get("registered_name"),
        "config": {**config, "layers": changed},
    }


def _operator(
    entry: Mapping[str, Json], calls: Calls, path: Path, repairs: list[Repair]
) -> dict[str, Json]:
    """Write an operation of TensorFlow that Keras 2 recorded as a layer as one of Keras 3."""
    name = _name(entry)
    inside = "/".join((*path, name))
    function = str(entry["config"].get("function"))
    nodes = calls.of(entry)
    try:
        if len(nodes) != 1:
            raise NoEquivalentError(f"it is called {len(nodes)} times")
        made = operator_of(function, nodes[0], entry["config"].get("dtype"))
    except NoEquivalentError as refused:
        raise _refusal(inside, entry["class_name"], refused) from None
    repairs.append(
        Repair(layer=inside, what=f"tf.{function} written as keras.ops.{made.class_name}")
    )
    return {
        "module": f"keras.src.ops.{made.module}",
        "class_name": made.class_name,
        "config": {**made.config, "name": name},
        "registered_name": made.class_name,
        "name": name,
        "inbound_nodes": [{"args": list(made.args), "kwargs": dict(made.kwargs)}],
    }


def _refusal(layer: str, class_name: str, refused: NoEquivalentError) -> FormatError:
    return FormatError(
        "CMP502.keras2-layer", layer=layer, class_name=class_name, reason=str(refused)
    )


# ---------------------------------------------------------------- layers


def _entry(entry: Mapping[str, Json], path: Path, repairs: list[Repair]) -> dict[str, Json]:
    """Rewrite a serialised layer or nested model, without its calls."""
    name = _name(entry)
    inside = (*path, name)
    if _is_functional(entry):
        return _functional(entry, inside, repairs)
    if _is_sequential(entry):
        return _sequential(entry, inside, repairs)
    config = entry["config"]
    if not _is_builtin(entry):
        return {**entry, "config": _arguments(_without_input_shape(config), inside, repairs)}
    class_name = entry["class_name"]
    if class_name == "InputLayer":
        return _input_layer(config, name)
    config = _without_input_shape(config)
    try:
        config, changes = mend(class_name, config)
    except NoEquivalentError as refused:
        raise _refusal("/".join(inside), class_name, refused) from None
    repairs.extend(Repair(layer="/".join(inside), what=change) for change in changes)
    return {
        **_without_records(entry),
        "module": "keras.layers",
        "registered_name": None,
        "config": _arguments(config, inside, repairs),
    }


def _arguments(config: Mapping[str, Json], path: Path, repairs: list[Repair]) -> dict[str, Json]:
    """Rewrite the layers and nameless objects that a layer's arguments hold."""
    return {key: _argument(key, value, path, repairs) for key, value in config.items()}


def _argument(key: str, value: Json, path: Path, repairs: list[Repair]) -> Json:
    if isinstance(value, list):
        return [_argument(key, item, path, repairs) for item in value]
    if not isinstance(value, Mapping) or not isinstance(value.get("config"), Mapping):
        return value
    for ending, module in _ROLES.items():
        if key.endswith(ending):
            return {"module": module, "registered_name": None, **value}
    if isinstance(value["config"].get("name"), str) and _is_layer(value):
        return _entry(value, path, repairs)
    return value


def _is_layer(value: Mapping[str, Json]) -> bool:
    """Tell a layer from what else has a name, such as a dtype policy."""
    module = value.get("module")
    if module is None:
        return "trainable" in value["config"] or _is_functional(value) or _is_sequential(value)
    return str(module).startswith(("keras.layers", "keras.src", "keras.engine", "tf_keras")) or (
        _is_functional(value) or _is_sequential(value)
    )


def _is_builtin(entry: Mapping[str, Json]) -> bool:
    """Tell whether Keras defines the class: 2.12 writes no module, and no package for its own."""
    module = entry.get("module")
    if module is None:
        return ">" not in str(entry.get("registered_name") or entry.get("class_name"))
    return str(module).split(".")[0] in ("keras", "tf_keras")


def _without_input_shape(config: Mapping[str, Json]) -> Mapping[str, Json]:
    """Leave out the shape with which a layer stood first: the input layer beside it has it."""
    return {key: value for key, value in config.items() if key != "batch_input_shape"}


def _input_layer(config: Mapping[str, Json], name: str) -> dict[str, Json]:
    shape = config.get("batch_input_shape", config.get("batch_shape"))
    return {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {
            "batch_shape": shape,
            "dtype": config.get("dtype") or "float32",
            "sparse": bool(config.get("sparse", False)),
            "ragged": bool(config.get("ragged", False)),
            "name": name,
            "optional": bool(config.get("optional", False)),
        },
        "registered_name": None,
    }


def _without_records(entry: Mapping[str, Json]) -> dict[str, Json]:
    """Leave out compile configs, and build records that Keras 3 could not build from.

    Keras 2 records the shape of the first argument. What is built from several shapes would
    fail on that; such a layer is built anew by its first call.
    """
    changed = {k: v for k, v in entry.items() if k not in ("build_config", "compile_config")}
    shape = (entry.get("build_config") or {}).get("input_shape")
    if (
        isinstance(shape, list)
        and all(size is None or isinstance(size, int) for size in shape)
        and entry["class_name"] not in _BUILT_FROM_SEVERAL
    ):
        changed["build_config"] = {"input_shape": shape}
    return changed


def _name(entry: Mapping[str, Json]) -> str:
    name = entry.get("name") or entry["config"].get("name")
    if not isinstance(name, str) or not name:
        raise FormatError("CMP502.layer-name", found=name)
    return name


def _checked(entry: Json, config: Mapping[str, Json]) -> Mapping[str, Json]:
    if (
        not isinstance(entry, Mapping)
        or not isinstance(entry.get("config"), Mapping)
        or not isinstance(entry.get("class_name"), str)
    ):
        raise FormatError("CMP502.keras2-layer-object", model=config.get("name"))
    return entry


def _list(value: Json, config: Mapping[str, Json]) -> list[Json]:
    if not isinstance(value, list):
        raise FormatError("CMP502.layers-list", model=config.get("name"))
    return value
