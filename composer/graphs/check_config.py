"""The door through which every config comes in: what Keras writes as text or an object is one.

What reads graphs behind it may then take a name for a text without asking.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from composer.errors import FormatError
from composer.graphs.graph import Json

_VALUES: Final = frozenset(
    {
        "__bytes__", "__ellipsis__", "__keras_tensor__", "__lambda__", "__numpy__", "__slice__",
        "__tensor__", "__typespec__", "function",
    }
)  # fmt: skip
"""Classes whose ``config`` is whatever the value is made of."""
_Form = tuple[str, tuple[type, ...]]
_TEXT: _Form = ("text", (str,))
_OBJECT: _Form = ("an object", (Mapping,))
_LIST: _Form = ("a list", (list,))
_OF_OBJECTS: Final[Mapping[str, _Form]] = {
    "module": _TEXT,
    "registered_name": _TEXT,
    "name": _TEXT,
    "build_config": _OBJECT,
    "inbound_nodes": _LIST,
}
_OF_CONFIGS: Final[Mapping[str, _Form]] = {
    "name": _TEXT,
    "dtype": ("text or an object", (str, Mapping)),
}
_SHOWN: Final = 60


def check_config(model: Mapping[str, Json]) -> None:
    """Refuse a config in which something has a form that Keras never writes.

    Args:
        model: the whole config of a model, of any Keras.

    Raises:
        FormatError: ``bad-graph``, with the layer and the key.
    """
    if "class_name" not in model:
        raise _wrong("", "class_name", None, "text")
    # A stack and no recursion: how deep a config nests is up to who wrote it.
    stack: list[tuple[Json, str]] = [(model, "")]
    while stack:
        value, owner = stack.pop()
        if isinstance(value, list):
            stack.extend((item, owner) for item in reversed(value))
        elif isinstance(value, Mapping):
            is_object = "class_name" in value
            owner = _check_object(value, owner) if is_object else owner
            stack.extend(
                (item, owner)
                for key, item in reversed(list(value.items()))
                if not (is_object and key == "compile_config")
            )


def _check_object(entry: Mapping[str, Json], owner: str) -> str:
    """Check one serialised object; return its name, or that of the one around it."""
    class_name, config = entry["class_name"], entry.get("config")
    name = config.get("name") if isinstance(config, Mapping) else None
    owner = name if isinstance(name, str) and name else owner
    if not isinstance(class_name, str):
        raise _wrong(owner, "class_name", class_name, "text")
    for key, (expected, kinds) in _OF_OBJECTS.items():
        if entry.get(key) is not None and not isinstance(entry[key], kinds):
            raise _wrong(owner, key, entry[key], expected)
    if class_name in _VALUES or config is None:
        return owner
    # Keras before 2.2.3 wrote a Sequential as a bare list of layers.
    if not isinstance(config, Mapping) and not (
        class_name == "Sequential" and isinstance(config, list)
    ):
        raise _wrong(owner, "config", config, "an object")
    if isinstance(config, Mapping):
        for key, (expected, kinds) in _OF_CONFIGS.items():
            if config.get(key) is not None and not isinstance(config[key], kinds):
                raise _wrong(owner, key, config[key], expected)
    return owner


def _wrong(owner: str, key: str, found: Json, expected: str) -> FormatError:
    shown = ascii(found)
    shown = shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"
    where = f"layer {owner!r}" if owner else "the model"
    return FormatError("CMP502.config-value", where=where, name=key, found=shown, expected=expected)
