"""Arguments that a spec gives a new layer, compared while Keras has not made the layer yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

NOT_GIVEN = "not given"
"""Stands for an argument that the other spec has and this one leaves to Keras."""

Change = tuple[str, tuple[Any, Any]]
"""An argument by its path, and what it was and is."""


def both_given(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Yield what two specs give differently."""
    for key in dict.fromkeys((*old, *new)):
        pair = old.get(key, NOT_GIVEN), new.get(key, NOT_GIVEN)
        if _differ(*pair) or (key in old) != (key in new):
            yield key, pair


def given_and_made(given: Mapping[str, Any], made: Mapping[str, Any]) -> Iterator[Change]:
    """Yield what a spec gives otherwise than a layer that Keras made has it.

    Only what the spec gives is compared: what it leaves out, and what Keras does not record, is
    known once Keras has made the layer.

    Args:
        given: arguments, as the spec has them.
        made: the config of the other layer.
    """
    for key, value in given.items():
        if key in made and value is not None and not _stands_for(value, made[key]):
            yield key, (value, made[key])


def _differ(old: Any, new: Any) -> bool:
    return isinstance(old, bool) != isinstance(new, bool) or bool(old != new)


def _stands_for(given: Any, made: Any) -> bool:
    """Tell whether Keras may have made ``made`` of an argument.

    It records a number for each axis where one was given for all, and an object where its name
    was given.
    """
    if isinstance(given, Mapping) and isinstance(made, Mapping):
        return all(key not in made or _stands_for(item, made[key]) for key, item in given.items())
    if isinstance(given, str) and isinstance(made, Mapping):
        config = made.get("config")
        name = config.get("name") if isinstance(config, Mapping) else None
        return _plain(given) in (_plain(made.get("class_name")), _plain(name))
    if isinstance(given, list | tuple) and isinstance(made, list | tuple):
        pairs = zip(given, made, strict=False)
        return len(given) == len(made) and all(_stands_for(*pair) for pair in pairs)
    if isinstance(made, list | tuple):
        return bool(made) and all(_stands_for(given, item) for item in made)
    if isinstance(given, list | tuple):
        return bool(given) and all(_stands_for(item, made) for item in given)
    if isinstance(given, str) and isinstance(made, str):
        return given.lower() == made.lower()
    return not _differ(given, made)


def _plain(name: Any) -> str:
    """Return ``henormal`` for ``he_normal`` and ``HeNormal``."""
    return str(name).replace("_", "").lower()
