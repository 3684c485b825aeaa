"""Which variable of today's Keras a stored weight belongs to: by order, held against the names.

Files list a layer's weights as its trainable ones and then the others, those of nested layers in
their order (``_legacy_weights`` of ``keras/src/legacy/saving/legacy_h5_format.py`` and of Keras 2).
That order is the rule. Names only say what they can: a layer that was renamed keeps the names of
its variables. Where they contradict the order, nothing is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

_ALIASES: Final = {
    "W": "kernel",
    "b": "bias",
    "depthwise_kernel": "kernel",
    "running_mean": "moving_mean",
    "running_std": "moving_variance",
    "sn_u": "vector_u",
}
"""What earlier versions called a variable. Keras 1 calls a variance ``running_std``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A variable of a layer that Keras made.

    Attributes:
        owners: names of the layers around it, from the model's layer to its own.
        name: its own, such as ``kernel``.
        shape: of its tensor.
    """

    owners: tuple[str, ...]
    name: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return "/".join((*self.owners, self.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWeight:
    """A stored weight: its name, such as ``dense/kernel``, and the shape of its tensor."""

    name: str
    shape: tuple[int, ...]


def contradiction(weights: Sequence[StoredWeight], variables: Sequence[Variable]) -> str | None:
    """Say why the weights of a layer can't be those of its variables, one by one; or None.

    Args:
        weights: in the file's order.
        variables: of the layer that Keras made, trainable ones first.
    """
    if len(weights) != len(variables):
        return (
            f"the file has {len(weights)} weights for it ({_some(w.name for w in weights)}), and "
            f"today's Keras makes {len(variables)} ({_some(str(v) for v in variables)})"
        )
    owners = {owner for variable in variables for owner in variable.owners}
    siblings: dict[tuple[str, ...], set[str]] = {}
    for variable in variables:
        siblings.setdefault(variable.owners, set()).add(_today(variable.name))
    for weight, variable in zip(weights, variables, strict=True):
        if weight.shape != variable.shape:
            return (
                f"the file's {weight.name} has shape {weight.shape}, and {variable} of today's "
                f"Keras {variable.shape}"
            )
        *above, last = weight.name.split("/")
        others = [part for part in above if part in owners and part not in variable.owners]
        last = _today(last) if above else _of_keras_1(last)
        taken = siblings[variable.owners] - {_today(variable.name)}
        if others or (last in taken):
            return f"the file's {weight.name} stands in the place of {variable}"
    return None


def _of_keras_1(name: str) -> str:
    """Return a variable's own name; Keras 1 puts its layer's name in front, with ``_``."""
    for old in ("running_mean", "running_std", "gamma", "beta", "W", "b"):
        if name.endswith(f"_{old}"):
            return _today(old)
    return _today(name)


def _today(name: str) -> str:
    return _ALIASES.get(name, name)


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:4]) + (", …" if len(listed) > 4 else "")  # noqa: PLR2004
