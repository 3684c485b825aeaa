"""A model in the form in which two are compared, whatever it was read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from composer.difference.tensor_values import TensorValues
from composer.graphs.graph import Form

Calls = tuple[tuple[str, ...], ...]
"""For each call of a layer the tensors that it takes, such as ``("conv1", "lstm#0.1")``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """One variable of a layer.

    Attributes:
        path: below the layer, such as ``vars/0``.
        shape: of the tensor.
        dtype: Keras's name for it.
        tensor: its path among ``values``.
        values: where its bytes are; None where only its form is known.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str
    tensor: str = ""
    values: TensorValues | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One operation of a model; None stands for what is not known.

    Attributes:
        origin: ``source:layer``, or the id of a new layer or input.
        config: the constructor's arguments, without the name.
        calls: what it is called on.
        output: shape and dtype of what it puts out, as text.
        known: how much of the arguments ``config`` holds: all of them, those that a spec gives a
            layer which Keras has not made, or some.
    """

    name: str
    class_name: str | None = None
    origin: str | None = None
    config: Mapping[str, Any] | None = None
    calls: Calls | None = None
    output: str | None = None
    known: Literal["all", "given", "some"] = "all"
    weights: tuple[Weight, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What a model takes or puts out.

    Attributes:
        form: whether it is one tensor, a list, a map or a nested structure of them; None where
            nobody says.
        tensors: pairs of key and tensor; the key is None except for a map, whose keys are sorted,
            and for a nested structure, where it is what leads there (``heads.0``).
    """

    form: Form | None
    tensors: tuple[tuple[str | None, str], ...]

    def __str__(self) -> str:
        """Return it as a spec writes it: ``h``, ``[h, g]`` or ``{probs: h}``."""
        words = ", ".join(ref if key is None else f"{key}: {ref}" for key, ref in self.tensors)
        if self.form in ("map", "nested"):
            return f"{{{words}}}"
        return f"[{words}]" if self.form == "list" else words

    @property
    def plain(self) -> str | list[str] | dict[str, str]:
        """It as plain data, in the form that it has."""
        names = [ref for _, ref in self.tensors]
        if self.form in ("map", "nested"):
            return {str(key): ref for key, ref in self.tensors}
        return names[0] if self.form == "single" else names

    def is_like(self, other: Ports) -> bool:
        """Tell whether both are the same, as far as both are known."""
        if None in (self.form, other.form):
            return [ref for _, ref in self.tensors] == [ref for _, ref in other.tensors]
        return self == other


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedModel:
    """A model to compare.

    Attributes:
        shown: what messages call it.
        layers: by name, in the model's order.
        inputs: the model's inputs; None where they are not known.
        outputs: the same.
        facts: what else is known and counts, by its name: digests of sources, versions. None
            stands for what can't be told.
        whole: first parts of names of facts, such as ``sources``, of which all are known: what is
            not among them is not there.
        notes: what of it could not be compared, or was taken from elsewhere, in words.
    """

    shown: str
    layers: Mapping[str, Layer]
    inputs: Ports | None = None
    outputs: Ports | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
