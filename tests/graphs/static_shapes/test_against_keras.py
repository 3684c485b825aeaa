"""What is told of shapes without Keras, against what Keras infers from random arguments."""

from __future__ import annotations

from typing import Any

import pytest

from composer.graphs.graph import TensorSpec
from composer.graphs.static_shapes import Refusal, static_answer
from tests.graphs.static_shapes.random_calls import RandomCall, class_names, random_calls


def inferred(call: RandomCall) -> tuple[TensorSpec, ...] | Exception:
    """Return what Keras infers of a call, or the exception that it refuses it with."""
    import keras

    def tensor(leaf: TensorSpec) -> Any:
        return keras.KerasTensor(leaf.shape, leaf.dtype)

    def revived(tree: Any) -> Any:
        if isinstance(tree, TensorSpec):
            return tensor(tree)
        return [revived(item) for item in tree] if isinstance(tree, list) else tree

    try:
        layer = getattr(keras.layers, call.class_name)(**call.arguments)
        outputs = layer(
            *(revived(arg) for arg in call.args),
            **{name: revived(value) for name, value in call.kwargs.items()},
        )
    except Exception as error:  # noqa: BLE001 - whatever a layer raises
        return error
    return tuple(
        TensorSpec(tuple(found.shape), keras.backend.standardize_dtype(found.dtype))
        for found in keras.tree.flatten(outputs)
    )


def fails_when_run(call: RandomCall) -> bool:
    """Tell whether Keras computes nothing from numbers of the shapes of a call."""
    import keras
    import numpy as np

    def revived(tree: Any) -> Any:
        if isinstance(tree, TensorSpec):
            shape = [4 if length is None else length for length in tree.shape or ()]
            return keras.ops.cast(np.zeros(shape), tree.dtype)
        return [revived(item) for item in tree] if isinstance(tree, list) else tree

    try:
        layer = getattr(keras.layers, call.class_name)(**call.arguments)
        layer(
            *(revived(arg) for arg in call.args),
            **{name: revived(value) for name, value in call.kwargs.items()},
        )
    except Exception:  # noqa: BLE001 - whatever a layer raises
        return True
    return False


def check(class_name: str, seed: int, count: int) -> tuple[int, int]:
    """Compare; return how many calls were told and how many refused."""
    told = refused = 0
    for call in random_calls(class_name, seed, count):
        answer = static_answer(call.class_name, call.arguments, call.args, call.kwargs)
        if answer is None:
            continue
        wanted = inferred(call)
        if isinstance(answer, Refusal):
            refused += 1
            assert isinstance(wanted, Exception) or fails_when_run(call), (call, answer, wanted)
        else:
            told += 1
            assert answer == wanted, (call, answer, wanted)
    return told, refused


@pytest.mark.parametrize("class_name", class_names())
def test_a_rule_says_what_keras_says(class_name):
    told, _ = check(class_name, seed=1, count=12)
    assert told
