"""Makes a new layer from what a spec says: a class and the arguments of its constructor."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

import keras

from composer.diagnostics.suggest import did_you_mean


class NoSuchLayerError(ValueError):
    """The class that a spec names can't be found, or is no layer."""


def make_layer(described: Mapping[str, Any], name: str) -> Any:
    """Return a new layer.

    Args:
        described: ``{"class": …, "args": …}``: a class of ``keras.layers`` by its name, or
            ``package.module:Class``; arguments as plain JSON, in which objects stand as Keras
            serialises them.
        name: the layer's name.

    Raises:
        NoSuchLayerError: there is no such class.
        Exception: what the constructor raises.
    """
    layer_class = _layer_class(described["class"])
    arguments = {key: _revive(value) for key, value in described.get("args", {}).items()}
    try:
        return layer_class(**arguments, name=name)
    except (TypeError, ValueError):
        _check_arguments(layer_class, arguments)
        raise


def _layer_class(written: str) -> Any:
    module_name, colon, class_name = written.rpartition(":")
    if not colon:
        found = getattr(keras.layers, written, None)
        if not _is_layer(found):
            known = sorted(key for key, value in vars(keras.layers).items() if _is_layer(value))
            hint = did_you_mean(written, known)
            raise NoSuchLayerError(
                f"keras.layers has no layer {written!r}" + (f"; {hint}" if hint else "")
            )
        return found
    try:
        found = importlib.import_module(module_name)
    except ImportError as problem:
        raise NoSuchLayerError(f"the module {module_name} can't be imported: {problem}") from None
    found = getattr(found, class_name, None)
    if not _is_layer(found):
        raise NoSuchLayerError(f"the module {module_name} has no layer class {class_name!r}")
    return found


def _check_arguments(layer_class: Any, arguments: Mapping[str, Any]) -> None:
    """Name an argument that no constructor of the class and its bases knows.

    Only for a constructor that has refused: Keras's own words for this name no alternative, and
    a class may well take arguments that its signature does not show.
    """
    known: dict[str, None] = {}
    for base in inspect.getmro(layer_class):
        if "__init__" in vars(base) and base is not object:
            known |= dict.fromkeys(inspect.signature(base).parameters)
    known = {name: None for name in known if name not in {"args", "kwargs", "name"}}
    for argument in arguments:
        if argument not in known:
            hint = did_you_mean(argument, known)
            raise TypeError(
                f"{layer_class.__name__} takes no argument {argument!r}"
                + (f"; {hint}" if hint else f"; it takes {', '.join(known)}")
            )


def _is_layer(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, keras.layers.Layer)


def _revive(value: Any) -> Any:
    """Turn serialised objects into objects; a layer of Keras needs no module beside its class.

    What has a class name and no module is left to the constructor, which knows whether an
    initializer, a regularizer or something else is meant.
    """
    if isinstance(value, list):
        return [_revive(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "class_name" in value and "config" in value:
        if "module" not in value and _is_layer(getattr(keras.layers, value["class_name"], None)):
            value = {"module": "keras.layers", "registered_name": None, **value}
        if "module" in value:
            return keras.saving.deserialize_keras_object(value, safe_mode=True)
        return value
    return {key: _revive(item) for key, item in value.items()}
