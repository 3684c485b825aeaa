"""Writes a SavedModel folder that holds a program alone down as a model with one layer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow

from composer.diagnostics.suggest import nearest
from composer.errors import SourceError
from composer.keras_process.tasks.explain import explain
from composer.keras_process.tasks.saved_program import SavedProgram, allow_programs

_PART = re.compile(r"[^0-9A-Za-z_]")


def perform(request: Mapping[str, Any], report: Callable[[str], None]) -> dict[str, Any]:
    """Save a model to ``target`` that runs a signature of the SavedModel ``folder``.

    Args:
        request: ``folder``, ``digest`` of it, ``signature``, ``target``.
        report: told before the program is loaded.

    Returns:
        ``inputs``: names, as the signature has them.

    Raises:
        SourceError: TensorFlow can't load the folder, it has no such signature, or one that
            takes or gives something else than tensors of known ranks.
    """
    report("loading the SavedModel")
    folder, signature = request["folder"], request["signature"]
    try:
        loaded = tensorflow.saved_model.load(folder)
    except Exception as problem:
        raise SourceError("CMP529.unloadable", reason=explain(problem)) from problem
    known = sorted(loaded.signatures)
    if not known:
        raise SourceError("CMP529.no-signatures", signature=signature)
    if signature not in known:
        raise SourceError(
            "CMP529.signature",
            signature=signature,
            known=known,
            nearest=nearest(signature, known),
        )
    function = loaded.signatures[signature]
    specs = function.structured_input_signature[1]
    _check(signature, {**specs}, "takes")
    _check(signature, {**function.structured_outputs}, "returns")
    allow_programs([folder])
    names = _input_names(sorted(specs))
    try:
        inputs = [
            keras.Input(batch_shape=tuple(spec.shape), dtype=spec.dtype.name, name=names[name])
            for name, spec in sorted(specs.items())
        ]
        layer = SavedProgram(
            program=request["digest"], signature=signature, name=_free("program", names)
        )
        outputs = layer(inputs[0] if len(inputs) == 1 else inputs)
        ends = inputs[0] if len(inputs) == 1 else inputs
        keras.Model(ends, outputs, name="saved_model").save(request["target"])
    except Exception as problem:
        raise SourceError("CMP529.no-layer", reason=explain(problem)) from problem
    return {"inputs": sorted(specs)}


def _check(signature: str, specs: Mapping[str, Any], verb: str) -> None:
    if not specs:
        raise SourceError("CMP529.signature-empty", signature=signature, verb=verb)
    for name, spec in specs.items():
        if not isinstance(spec, tensorflow.TensorSpec):
            raise SourceError("CMP529.no-tensor", signature=signature, verb=verb, name=name)
        if spec.shape.rank is None:
            raise SourceError("CMP529.no-rank", signature=signature, verb=verb, name=name)


def _input_names(names: list[str]) -> dict[str, str]:
    """Return a name for each input that layers and signatures can have."""
    found: dict[str, str] = {}
    for name in names:
        plain = _PART.sub("_", name)
        plain = plain if plain[:1].isalpha() else f"input_{plain.strip('_')}"
        found[name] = _free(plain, found)
    return found


def _free(name: str, taken: Mapping[str, str]) -> str:
    number, free = 0, name
    while free in taken.values():
        number += 1
        free = f"{name}_{number}"
    return free
