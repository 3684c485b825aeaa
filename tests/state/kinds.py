"""The register of models by kind of state; each is made in two variants of different values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Sample:
    """A model to be saved, and what to call it on.

    Attributes:
        model: called ``source``.
        inputs: by the name of the input layer.
        as_is: whether its state is meant, and must not be filled with random values.
    """

    model: Any
    inputs: Mapping[str, Any]
    as_is: bool = False


KINDS: dict[str, Callable[[int], Sample]] = {}


def kind(make: Callable[[int], Sample]) -> Callable[[int], Sample]:
    """Register a function that makes variant 0 or 1 of a model."""
    KINDS[make.__name__] = make
    return make


def randomised(model: Any, variant: int) -> None:
    """Give every variable other values than any other model has; variances stay positive."""
    generator = np.random.default_rng([len(model.variables), variant])
    for variable in model.variables:
        shape = tuple(variable.shape)
        if "float" in variable.dtype:
            variable.assign(generator.uniform(0.05, 0.4, shape).astype("float32"))
        elif variable.dtype == "uint32":
            variable.assign(generator.integers(0, 1000, shape).astype("uint32"))
