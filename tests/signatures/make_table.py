"""Writes the table of signatures from the installed Keras.

Run ``python -m tests.signatures.make_table``; with ``--check`` it tells whether it is up to date.

Names, order and defaults are read from the constructors and ``call``, names of objects from Keras's
registers; types come from ``rules.py``. Nothing of Keras's prose is copied.
"""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import Any

import keras
from keras.src.backend.common.dtypes import ALLOWED_DTYPES

from composer.keras_process.tasks.new_layer import _revive as revived
from tests.signatures.rules import CALL, HIDDEN, REQUIRED, TYPES, type_of
from tests.signatures.samples import BY_NAME, UNMADE, required

FILE = Path(__file__).parents[2] / "composer" / "signatures" / "keras_layers.json"
_NOT_NUMBERS = ("string",)


def classes() -> dict[str, type]:
    """Return the classes of ``keras.layers`` by their names, aliases included."""
    return {
        name: value
        for name, value in sorted(vars(keras.layers).items())
        if inspect.isclass(value) and issubclass(value, keras.layers.Layer)
    }


def table() -> dict[str, Any]:
    """Return the table as it is shipped."""
    shared = _rows(keras.layers.Layer, list(_parameters(keras.layers.Layer).values()))
    layers: dict[str, Any] = {}
    first: dict[type, str] = {}
    known = classes()
    for name in sorted(known, key=lambda name: (known[name].__name__ != name, name)):
        layer = known[name]
        if layer in first:
            layers[name] = {"same_as": first[layer]}
            continue
        first[layer] = name
        layers[name] = _layer(name, layer, shared)
    return {
        "keras": keras.__version__,
        "names": _names(),
        "types": {name: TYPES[name] for name in sorted(_used(layers, shared))},
        "shared": shared,
        "shared_hidden": [[argument, "any"] for argument in HIDDEN[""]],
        "shared_hidden_call": [["training", CALL["training"]]],
        "layers": dict(sorted(layers.items())),
    }


def _layer(name: str, layer: type, shared: list[Any]) -> dict[str, Any]:
    rows = _rows(layer, list(_parameters(layer).values()))
    found: dict[str, Any] = {}
    if layer.__name__ != name:
        found["class_name"] = layer.__name__
    is_shared = all(row in rows for row in shared)
    found["arguments"] = [row for row in rows if not is_shared or row not in shared]
    if not is_shared:
        found["shared"] = False
    if layer.__name__ in HIDDEN:
        found["hidden"] = [[argument, "any"] for argument in HIDDEN[layer.__name__]]
    found |= _call(layer)
    return found


def _call(layer: type) -> dict[str, Any]:
    parameters = list(inspect.signature(layer.call).parameters.values())[1:]
    named = [p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    rows = [_row(p, CALL.get(p.name, "any")) for p in named]
    return {"call": rows, **({"open_call": True} if len(named) < len(parameters) else {})}


def _rows(layer: type, parameters: list[inspect.Parameter]) -> list[Any]:
    rows = [_row(parameter, type_of(layer.__name__, parameter.name)) for parameter in parameters]
    return [row[:2] if f"{layer.__name__}.{row[0]}" in REQUIRED else row for row in rows]


def _row(parameter: inspect.Parameter, type_name: str) -> list[Any]:
    row: list[Any] = [parameter.name, type_name]
    if parameter.default is not parameter.empty:
        row.append(json.loads(json.dumps(parameter.default)))
    return row


def _parameters(layer: type) -> dict[str, inspect.Parameter]:
    """Return what a constructor takes, by way of ``**kwargs`` also from its bases.

    Bases are left out as soon as a constructor takes no further keywords. What a class hands to a
    base by itself, such as the rank of a convolution, is no argument of its own: giving it fails.
    """
    found: dict[str, inspect.Parameter] = {}
    of_bases: dict[str, inspect.Parameter] = {}
    for base in inspect.getmro(layer):
        if "__init__" not in vars(base) or base is object:
            continue
        parameters = list(inspect.signature(base.__init__).parameters.values())[1:]
        named = {p.name: p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
        if not found and not of_bases and base is layer:
            found = named
        else:
            of_bases = {**named, **of_bases}
        if base is keras.layers.Layer or not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    needed = tuple(p.name for p in found.values() if p.default is p.empty)
    for name, parameter in of_bases.items():
        if name not in found and _is_taken(layer, needed, parameter):
            found[name] = parameter
    found.pop("name", None)
    return found


def _is_taken(layer: type, needed: tuple[str, ...], parameter: inspect.Parameter) -> bool:
    """Tell whether a class takes an argument of one of its bases."""
    if layer.__name__ in UNMADE:
        return True
    value = BY_NAME.get(parameter.name, parameter.default)
    arguments = {**required(layer.__name__, needed), parameter.name: value}
    try:
        layer(**{key: revived(argument) for key, argument in arguments.items()})
    except TypeError as error:
        return "multiple values" not in str(error) and "unexpected keyword" not in str(error)
    except ValueError as error:
        return "does not take" not in str(error) and "Unrecognized" not in str(error)
    except ImportError:  # what the layer needs is not installed here
        return True
    return True


def _names() -> dict[str, list[str]]:
    from keras.src import activations, constraints, initializers, regularizers
    from keras.src.dtype_policies.dtype_policy import QUANTIZATION_MODES

    dtypes = [dtype for dtype in ALLOWED_DTYPES if dtype not in _NOT_NUMBERS]
    floats = [dtype for dtype in dtypes if "float" in dtype and "float8" not in dtype]
    mixed = ["mixed_float16", "mixed_bfloat16"]
    quantised = [
        f"{mode}_from_{policy}" for mode in QUANTIZATION_MODES for policy in (*floats, *mixed)
    ]
    return {
        "activation": sorted(activations.ALL_OBJECTS_DICT),
        "constraint": _offered_first(constraints.ALL_OBJECTS_DICT),
        "dtype": [*ALLOWED_DTYPES, *mixed, *quantised],
        "initializer": _offered_first(initializers.ALL_OBJECTS_DICT),
        "regularizer": _offered_first(regularizers.ALL_OBJECTS_DICT),
    }


def _offered_first(names: Any) -> list[str]:
    """Return names in small letters before those of classes."""
    return sorted(names, key=lambda name: (name != name.lower(), name))


def _used(layers: dict[str, Any], shared: list[Any]) -> set[str]:
    rows = [*shared, ["", "any"], *([name, CALL[name]] for name in ("training",))]
    for layer in layers.values():
        for part in ("arguments", "hidden", "call"):
            rows.extend(layer.get(part, ()))
    return {row[1] for row in rows}


def text(document: dict[str, Any]) -> str:
    """Return the table as it is written: one line for each layer, type and list of names."""
    parts = []
    for key, value in document.items():
        if isinstance(value, dict):
            lines = [f"    {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items()]
            parts.append(f"  {json.dumps(key)}: {{\n" + ",\n".join(lines) + "\n  }")
        else:
            parts.append(f"  {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main() -> int:
    """Write the table, or compare it with what would be written."""
    made = text(table())
    if "--check" in sys.argv[1:]:
        return 0 if FILE.read_text(encoding="utf-8") == made else 1
    FILE.write_text(made, encoding="utf-8")
    sys.stdout.write(f"{FILE}: {len(classes())} classes of Keras {keras.__version__}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
