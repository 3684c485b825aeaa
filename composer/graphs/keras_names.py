"""What Keras finds by a name in a config: its functions, and texts that stand for parts of layers.

Read from a table that ``tests/graphs/make_keras_names.py`` writes; Keras is not imported.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from composer.graphs.graph import Json

NO_MODULE: Final = "builtins"
"""What Keras writes as the module of its own functions, and of those that somebody registered."""


@cache
def _table() -> Mapping[str, Mapping[str, frozenset[str]]]:
    text = files("composer.graphs").joinpath("keras_names.json").read_text("utf-8")
    return {
        part: {key: frozenset(names) for key, names in found.items()}
        for part, found in json.loads(text).items()
        if part != "keras"
    }


def is_function(name: str, module: str) -> bool:
    """Tell whether Keras finds a function of its own where a config names it.

    Args:
        name: such as ``relu``.
        module: as the config gives it: of Keras's public API, or :data:`NO_MODULE`.
    """
    return name in _table()["functions"].get(module, ())


def unknown_texts(config: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """Yield the arguments of a layer of Keras that name what Keras does not have.

    Args:
        config: of a class that is Keras's own.

    Yields:
        key and text, such as ``kernel_initializer`` and ``glorot_unifrom``.
    """
    texts = _table()["texts"]
    for key, value in config.items():
        kind = text_kind(key)
        if kind is not None and isinstance(value, str) and value not in texts[kind]:
            yield key, value


def text_kind(key: str) -> str | None:
    """Return what an argument of a layer takes by name, such as ``initializer``; None for most."""
    kind = key.rpartition("_")[2]
    return kind if kind in _table()["texts"] else None


def in_own_layers(config: Json) -> Iterator[tuple[str, str]]:
    """Yield :func:`unknown_texts` of every object of Keras in a config, at any depth."""
    # A stack and no recursion: how deep a config nests is up to who wrote it.
    stack: list[Json] = [config]
    while stack:
        value = stack.pop()
        if isinstance(value, list | tuple):
            stack.extend(reversed(value))
        elif isinstance(value, Mapping):
            inner = value.get("config")
            if isinstance(inner, Mapping) and is_own(value):
                yield from unknown_texts(inner)
            stack.extend(item for key, item in value.items() if key != "compile_config")


def is_own(entry: Mapping[str, Json]) -> bool:
    """Tell whether a serialised object is of a class of Keras."""
    module = entry.get("module")
    return isinstance(module, str) and module.partition(".")[0] == "keras"
