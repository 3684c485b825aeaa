"""Classes of new layers that Keras does not have, found without Keras."""

from __future__ import annotations

from composer.diagnostics.diagnostic import Diagnostic
from composer.diagnostics.suggest import did_you_mean
from composer.keras_process.keras_classes import known_classes
from composer.resolver.problems import Problems
from composer.spec.model import Spec


def unknown_classes(spec: Spec) -> tuple[Diagnostic, ...]:
    """Return a diagnostic for each new layer of a class that ``keras.layers`` does not have.

    Classes of the user's own (``package.module:Class``) are for Keras to find, and so is all
    where the installed Keras is laid out in another way than this knows.
    """
    problems = Problems(spec.positions)
    for layer in spec.layers:
        if ":" in layer.class_name:
            continue
        known = known_classes().layers
        if not known or layer.class_name in known:
            continue
        path = ("layers", layer.id, "class")
        problems.add(
            "CMP410",
            path,
            f"Keras can't make layer {layer.id!r}: keras.layers has no layer {layer.class_name!r}",
            help=did_you_mean(layer.class_name, known)
            or "a class that is none of Keras's is written package.module:Class",
            fix=problems.corrected(path, layer.class_name, known),
        )
    return problems.found
