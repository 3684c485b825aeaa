"""Prints the configs of layers that Keras makes, as JSON lines: class, config as it is saved.

Every class of ``keras.layers`` with its sample, the models of ``tests/state``, and applications.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import keras

from composer.keras_process.tasks.new_layer import _revive as revived
from composer.signatures import layer_names, signature_of
from tests.signatures.samples import UNMADE, required
from tests.state import kinds_layers, kinds_structures
from tests.state.kinds import KINDS

_APPLICATIONS = ("MobileNetV3Small", "EfficientNetB0", "DenseNet121")


def samples() -> Iterator[Any]:
    """Yield a layer of every class that can be made here."""
    for name in layer_names():
        signature = signature_of(name)
        assert signature is not None
        if signature.class_name in UNMADE:
            continue
        needed = tuple(argument.name for argument in signature.arguments if argument.required)
        arguments = required(signature.class_name, needed)
        try:
            yield getattr(keras.layers, name)(**{k: revived(v) for k, v in arguments.items()})
        except ImportError:  # what the layer needs is not installed here
            continue


def layers() -> Iterator[Any]:
    """Yield all layers, those inside others too."""
    assert kinds_layers
    assert kinds_structures
    yield from samples()
    for make in KINDS.values():
        yield from make(0).model._flatten_layers()
    for name in _APPLICATIONS:
        yield from getattr(keras.applications, name)(weights=None)._flatten_layers()


if __name__ == "__main__":
    for layer in layers():
        saved = keras.saving.serialize_keras_object(layer)
        if saved["module"] == "keras.layers":
            sys.stdout.write(json.dumps([saved["class_name"], saved["config"]]) + "\n")
