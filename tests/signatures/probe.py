"""Prints what the table refuses and Keras takes, as JSON lines: class, argument, value.

A value counts as taken where the layer is made with it and called on its sample, on symbols and on
numbers. One argument of each type is tried, or with ``--all`` every argument (which takes minutes).
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from composer.keras_process.tasks.new_layer import _revive as revived
from composer.signatures import Argument, LayerSignature, layer_names, signature_of
from composer.signatures.check_arguments import fits
from tests.signatures.samples import UNMADE, inputs, required

VALUES: list[Any] = [
    None, True, 0, 1, 2, -1, -5, 9, 0.5, 1.5, 2.0, -0.5, "5", "abc", "relu", "1/255",
    [], [2], [2, 2], [2, 2, 2], [1, 2, 3, 4], [-1, 2], [0, 0], [1.5, 2.5], ["a", "b"],
    [None, 2], {"a": 1}, {"class_name": "Zeros", "config": {}},
]  # fmt: skip


def arguments(*, all_of_them: bool) -> Iterator[tuple[LayerSignature, Argument]]:
    """Yield the arguments to try, those of slow layers as little as can be."""
    seen = set()
    names = sorted(layer_names(), key=lambda name: (name.startswith(("Conv", "Rand")), name))
    for name in names:
        signature = signature_of(name)
        assert signature is not None
        if signature.class_name in (*UNMADE, "InputLayer") or name != signature.name:
            continue
        for argument in signature.arguments:
            if argument.hidden or (argument.forms in seen and not all_of_them):
                continue
            seen.add(argument.forms)
            yield signature, argument


def takes(signature: LayerSignature, args: dict[str, Any]) -> bool:
    """Tell whether Keras makes and calls a layer."""
    called_on = inputs(signature.class_name)
    try:
        for tensor in (_symbol, _numbers):
            revive = {key: revived(value) for key, value in args.items()}
            layer = getattr(keras.layers, signature.name)(**revive)
            found = _each(called_on, tensor)
            layer(**found) if isinstance(found, dict) else layer(found)
    except Exception:  # noqa: BLE001 - whatever it is, Keras refuses
        return False
    return True


def _each(spec: Any, make: Callable[..., Any]) -> Any:
    if isinstance(spec, list):
        return [_each(item, make) for item in spec]
    if isinstance(spec, dict):
        return {key: _each(item, make) for key, item in spec.items()}
    return make(*spec)


def _symbol(shape: tuple[int, ...], dtype: str) -> Any:
    return keras.KerasTensor(shape, dtype=dtype)


def _numbers(shape: tuple[int, ...], dtype: str) -> Any:
    if dtype == "string":
        import tensorflow as tf

        return tf.fill(shape, "a")
    count = int(np.prod(shape))
    return np.linspace(0.1, 0.9, count).astype(dtype).reshape(shape)


def swallowed(*, all_of_them: bool) -> Iterator[tuple[str, str, Any]]:
    """Yield what Keras takes though the table refuses it."""
    for signature, argument in arguments(all_of_them=all_of_them):
        needed = tuple(known.name for known in signature.arguments if known.required)
        sample = required(signature.class_name, needed)
        for value in VALUES:
            if fits(argument.forms, value):
                continue
            if takes(signature, {**sample, argument.name: value}):
                yield signature.name, argument.name, value


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for found in swallowed(all_of_them="--all" in sys.argv[1:]):
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()
