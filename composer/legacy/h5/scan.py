"""Refuses what a config could make Keras run: classes that carry code, classes of other packages.

Keras looks up classes and functions by the module and name that a config gives them. An ``.h5``
file was never meant to be safe to load, so only what Keras itself defines gets that far.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from composer.errors import FormatError
from composer.graphs.code_scan import scan
from composer.graphs.graph import Json
from composer.graphs.keras_names import is_own, text_kind, unknown_texts
from composer.legacy.h5.keras3 import custom_class

_CARRY_CODE: Final = frozenset(
    {"FlaxLayer", "JaxLayer", "Lambda", "TFSMLayer", "TorchModuleWrapper", "__lambda__"}
)
_POLICIES: Final = frozenset({"DTypePolicy", "DTypePolicyMap", "Policy"})
_LAMBDA: Final = ": it was a lambda, of which the file keeps this name and no more"
_REPLACE: Final = (
    "load the model in the program that made it, replace the function by one of Keras's, and save "
    "the model again"
)
_TABLES: Final = frozenset({"IntegerLookup", "StringLookup", "TextVectorization"})


def refuse_code(model: Mapping[str, Json]) -> None:
    """Refuse a config that names anything but classes and functions of Keras.

    Args:
        model: a serialised model as it is handed to Keras.

    Raises:
        FormatError: ``h5-refused``, with the layer's full name.
    """
    _check(model, "")
    _scan(model["config"], "")
    for found in scan(model):
        raise FormatError("CMP520.names-code", found=str(found))


def _scan(value: Json, layer: str) -> None:
    """Look at everything below a layer; ``layer`` is its full name."""
    if isinstance(value, list):
        for item in value:
            _scan(item, layer)
        return
    if not isinstance(value, Mapping):
        return
    if "class_name" in value:
        config = value.get("config")
        name = config.get("name") if isinstance(config, Mapping) else None
        if isinstance(name, str) and value["class_name"] not in _POLICIES:
            layer = f"{layer}/{name}" if layer else name
        _check(value, layer)
    for item in value.values():
        _scan(item, layer)


def _check(entry: Mapping[str, Json], layer: str) -> None:
    class_name = entry["class_name"]
    where = f"layer {layer!r}" if layer else "the model"
    if not isinstance(class_name, str) or class_name in _CARRY_CODE:
        raise FormatError("CMP520.carries-code", where=where, class_name=str(class_name).strip("_"))
    if class_name in _TABLES:
        _check_table(entry, where)
    config = entry.get("config")
    if isinstance(config, Mapping) and (
        config.get("lora_rank") or config.get("quantization_config")
    ):
        raise FormatError("CMP520.quantised", where=where, class_name=class_name)
    if isinstance(config, Mapping) and is_own(entry):
        for key, value in config.items():
            code = isinstance(value, list | Mapping) and "class_name" not in value
            if code and text_kind(key) == "activation":
                raise FormatError(
                    "CMP520.function", where=where, class_name=class_name, argument=key
                )
        for key, text in unknown_texts(config):
            if text == "<lambda>":
                raise FormatError(
                    "CMP520.lambda", where=where, class_name=class_name, argument=key, found=text
                )
            raise FormatError(
                "CMP520.unknown-name", where=where, class_name=class_name, argument=key, found=text
            )
    registered, module = entry.get("registered_name"), entry.get("module")
    package = str(module).partition(".")[0]
    if ">" in f"{registered}{class_name}" or package not in ("None", "builtins", "keras"):
        raise custom_class(layer or "the model", str(registered or class_name))


def _check_table(entry: Mapping[str, Json], where: str) -> None:
    """Refuse a layer whose table of words is elsewhere: nowhere, or in a file of some machine."""
    config = entry.get("config")
    vocabulary = config.get("vocabulary") if isinstance(config, Mapping) else None
    if not isinstance(vocabulary, list):
        found = "does not hold it" if vocabulary is None else f"names {vocabulary!r} in its place"
        raise FormatError("CMP520.lookup", where=where, class_name=entry["class_name"], found=found)
