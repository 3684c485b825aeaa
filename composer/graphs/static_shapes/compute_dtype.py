"""The dtype that a layer computes in, from its dtype policy as a config records it."""

from __future__ import annotations

from composer.graphs.graph import Json

FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
_DEFAULT = "float32"
"""Of the Keras process, whose floatx nothing changes (``keras_process/environment.py``)."""
_QUANTISED = "_from_"


def compute_dtype(policy: Json) -> str | None:
    """Return the dtype that a layer with this serialised dtype policy computes in.

    Mirrors ``DTypePolicy._parse_name`` of ``keras/src/dtype_policies/dtype_policy.py``.

    Args:
        policy: a name such as ``mixed_float16``, a serialised ``DTypePolicy``, or None for the
            default.

    Returns:
        None for policies that are not a plain name of floats (quantised ones, maps).
    """
    if policy is None:
        return _DEFAULT
    if isinstance(policy, dict):
        if policy.get("class_name") != "DTypePolicy":
            return None
        policy = (policy.get("config") or {}).get("name")
    if not isinstance(policy, str) or _QUANTISED in policy:
        return None
    if policy.startswith("mixed_"):
        policy = policy.removeprefix("mixed_")
        return policy if policy in {"float16", "bfloat16"} else None
    return policy if policy in FLOATS else None
