"""New layers that Keras does not have or that are more than data, found without Keras."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from composer.diagnostics.diagnostic import Diagnostic
from composer.diagnostics.suggest import did_you_mean
from composer.graphs.code_scan import FILE_ARGUMENTS, scan
from composer.keras_process.keras_classes import known_classes
from composer.resolver.problems import Problems
from composer.spec.boundary import Boundary
from composer.spec.model import NewLayer, Spec


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


def more_than_data(spec: Spec, boundary: Boundary) -> tuple[Diagnostic, ...]:
    """Return a diagnostic for each new layer whose arguments hold code or lead out of the spec.

    A class of the user's own says by its name that code runs; an argument does not.

    Args:
        spec: whose new layers are looked at.
        boundary: what files have to lie in that Keras would read.
    """
    problems = Problems(spec.positions)
    for layer in spec.layers:
        for found in scan(_entry(layer, boundary), layer.id):
            if found.kind != "name":
                problems.add(
                    "CMP553",
                    ("layers", layer.id, "args"),
                    f"new layer {layer.id!r} ({layer.class_name}) {found.what}",
                    help="write the values themselves, such as vocabulary: [yes, no]; a file has "
                    "to be named by its whole path and to lie in the repository; code belongs "
                    "into a class of your own: class: package.module:Class",
                )
    return problems.found


def _entry(layer: NewLayer, boundary: Boundary) -> dict[str, Any]:
    """Return a layer as a config would hold it, without files that belong to the spec."""
    module, colon, name = layer.class_name.rpartition(":")
    return {
        "module": module if colon else "keras.layers",
        "class_name": name,
        "config": _without_own_files(layer.args, boundary),
    }


def _without_own_files(value: Any, boundary: Boundary) -> Any:
    if isinstance(value, list | tuple):
        return [_without_own_files(item, boundary) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {
        key: None
        if key in FILE_ARGUMENTS and _is_own_file(item, boundary)
        else _without_own_files(item, boundary)
        for key, item in value.items()
    }


def _is_own_file(value: Any, boundary: Boundary) -> bool:
    return isinstance(value, str) and Path(value).is_absolute() and boundary.holds(Path(value))
