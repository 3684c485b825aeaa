"""Giving an operation another name: everywhere its config repeats the old one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from composer.errors import FormatError
from composer.graphs.graph import SHARED, Json, Operation

_FORBIDDEN = "/"


def renamed(operation: Operation, name: str) -> Operation:
    """Return ``operation`` under ``name``; its calls are left as they are.

    Besides ``config.name`` a name hides in the keys of a ``DTypePolicyMap``, which are paths
    that begin with the layer's name (``keras/src/dtype_policies/dtype_policy_map.py``); left
    alone there, the layer would silently lose its mixed precision.

    Raises:
        FormatError: the config holds no name, so that the file could not carry the new one.
    """
    # A config that holds no name can't get another one, and needs none to keep its own.
    if operation.name == name and operation.config.get("name", name) == name:
        return operation
    if "name" not in operation.config:
        raise FormatError("CMP305.no-name", layer=operation.name, class_name=operation.class_name)
    config = dict(operation.config)
    config["name"] = name
    policy = config.get("dtype")
    if isinstance(policy, Mapping) and policy.get("class_name") == "DTypePolicyMap":
        # Not operation.name: what flattening inlined has a path for it, and its own name here.
        config["dtype"] = _renamed_policy(policy, str(operation.config["name"]), name)
    return replace(operation, name=name, config=config)


def shared_ids(value: Json) -> Iterator[int | str]:
    """Yield the numbers of all serialised objects inside a config that carry one."""
    if isinstance(value, Mapping):
        if SHARED in value and "class_name" in value:
            yield value[SHARED]
        for item in value.values():
            yield from shared_ids(item)
    elif isinstance(value, list):
        for item in value:
            yield from shared_ids(item)


def with_shared_names(value: Json, names: Mapping[int | str, str]) -> Json:
    """Return a config in which the shared layers that it holds have their final names.

    Whichever config Keras meets first makes the one object (``get_shared_object`` in
    ``keras/src/saving/serialization_lib.py``), so that the name must be the same in all of them.

    Args:
        value: the config of a layer that may hold others, or a part of it.
        names: final names, by the number that makes a layer one object.
    """
    if isinstance(value, list):
        return [with_shared_names(item, names) for item in value]
    if not isinstance(value, Mapping):
        return value
    found = {key: with_shared_names(item, names) for key, item in value.items()}
    name = names.get(value[SHARED]) if SHARED in value and "class_name" in value else None
    if name is not None and isinstance(found.get("config"), dict) and "name" in found["config"]:
        found["config"]["name"] = name
    return found


def _renamed_policy(policy: Mapping[str, Json], old: str, new: str) -> Mapping[str, Json]:
    inner = dict(policy.get("config") or {})
    entries = inner.get("policy_map") or {}
    inner["policy_map"] = {
        (new + key[len(old) :] if key == old or key.startswith(f"{old}/") else key): value
        for key, value in entries.items()
    }
    return {**policy, "config": inner}


def name_problem(name: str) -> str | None:
    """Return why Keras would refuse ``name`` for an operation, or None.

    Source: the constructor of ``Operation`` in ``keras/src/ops/operation.py``.
    """
    if not name:
        return "a name can't be empty"
    if _FORBIDDEN in name:
        return "Keras refuses '/' in a name"
    return None
