"""Writes ``composer/graphs/keras_names.json`` from the installed Keras.

Run it where a new release of Keras is tried: ``python tests/graphs/make_keras_names.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parents[2] / "composer" / "graphs" / "keras_names.json"


def names_of_keras() -> dict[str, Any]:
    """Return what Keras finds by a name in a config.

    ``functions``: by module those of its public API (``_retrieve_class_or_fn`` of
    ``keras/src/saving/serialization_lib.py``); ``builtins`` are those of any module in which it
    looks for a function without one. ``texts``: what stands as a text for a part of a layer.
    """
    import keras
    from keras.src import activations, api_export, constraints, initializers, regularizers
    from keras.src.saving import serialization_lib

    wanted = {*serialization_lib.BUILTIN_MODULES, "ops"}
    functions: dict[str, list[str]] = {}
    for full in sorted(api_export.REGISTERED_NAMES_TO_OBJS):
        module, _, name = full.rpartition(".")
        if module.split(".")[:1] != ["keras"] or full in serialization_lib.NON_MODELING_APIS:
            continue
        if module.partition(".")[2].partition(".")[0] in wanted:
            functions.setdefault(module, []).append(name)
    plain = {
        name
        for module in serialization_lib.BUILTIN_MODULES
        for name in functions.get(f"keras.{module}", ())
    }
    texts = {
        "activation": activations,
        "constraint": constraints,
        "initializer": initializers,
        "regularizer": regularizers,
    }
    return {
        "keras": keras.version(),
        "functions": {**functions, "builtins": sorted(plain)},
        "texts": {key: sorted(module.ALL_OBJECTS_DICT) for key, module in texts.items()},
    }


if __name__ == "__main__":
    TABLE.write_text(json.dumps(names_of_keras(), indent=1) + "\n", encoding="utf-8")
