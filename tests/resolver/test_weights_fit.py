"""Variables that Keras makes for a layer and does not save are no reason to refuse its weights."""

from __future__ import annotations

import pytest

from composer.graphs.model_file import StoredVariable
from composer.resolver.facts import OwnedVariable
from composer.resolver.weights_fit import weights_that_differ


def held(*shapes: tuple[int, ...]) -> list[StoredVariable]:
    return [
        StoredVariable(path=f"vars/{number}", shape=shape, dtype="float32", nbytes=0)
        for number, shape in enumerate(shapes)
    ]


def needed(**shapes: tuple[int, ...]) -> list[OwnedVariable]:
    return [
        OwnedVariable(path=f"dense/{name}", shape=shape, dtype="float32")
        for name, shape in shapes.items()
    ]


def test_lora_factors_are_added_to_the_kernel_when_keras_saves():
    made = needed(kernel=(8, 4), bias=(4,), lora_kernel_a=(8, 2), lora_kernel_b=(2, 4))
    assert weights_that_differ(held((8, 4), (4,)), made) is None


@pytest.mark.parametrize("stored", [held((8, 4)), held((8, 4), (5,)), held((8, 4), (4,), (4,))])
def test_other_variables_have_to_be_there_in_their_shapes(stored):
    assert weights_that_differ(stored, needed(kernel=(8, 4), bias=(4,))) is not None
