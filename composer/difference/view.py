"""A model in the form in which two are compared, whatever it was read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from composer.difference.stored_values import StoredValues

Calls = tuple[tuple[str, ...], ...]
"""For each call of a layer the tensors that it takes, such as ``("conv1", "lstm#0.1")``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """One variable of a layer.

    Attributes:
        path: below the layer, such as ``vars/0``.
        shape: of the tensor.
        dtype: Keras's name for it.
        tensor: its path in the file of ``values``.
        values: where its bytes are; None where only its form is known.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str
    tensor: str = ""
    values: StoredValues | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One operation of a model; None stands for what is not known.

    Attributes:
        origin: ``source:layer``, or the id of a new layer or input.
        config: the constructor's arguments, without the name.
        calls: what it is called on.
        output: shape and dtype of what it puts out, as text.
    """

    name: str
    class_name: str | None = None
    origin: str | None = None
    config: Mapping[str, Any] | None = None
    calls: Calls | None = None
    output: str | None = None
    weights: tuple[Weight, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A model to compare.

    Attributes:
        shown: what messages call it.
        layers: by name, in the model's order.
        inputs: the model's inputs, as text; None where they are not known.
        outputs: the same.
        facts: what else is known and counts, by its name: digests of sources, versions. None
            stands for what can't be told.
        whole: first parts of names of facts, such as ``sources``, of which all are known: what is
            not among them is not there.
        notes: what of it could not be compared, or was taken from elsewhere, in words.
    """

    shown: str
    layers: Mapping[str, Layer]
    inputs: tuple[str, ...] | None = None
    outputs: tuple[str, ...] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
