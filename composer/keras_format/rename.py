"""Giving an operation another name: everywhere its config repeats the old one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from composer.errors import FormatError
from composer.keras_format.graph import Json, Operation

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
        raise FormatError(
            f"layer {operation.name!r} ({operation.class_name}) does not keep its name in its "
            "config, so it can't be renamed",
            reason="no-name",
            help="let get_config() of the class include super().get_config()",
        )
    config = dict(operation.config)
    config["name"] = name
    policy = config.get("dtype")
    if isinstance(policy, Mapping) and policy.get("class_name") == "DTypePolicyMap":
        config["dtype"] = _renamed_policy(policy, operation.name, name)
    return replace(operation, name=name, config=config)


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
