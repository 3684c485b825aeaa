"""Writes a SavedModel folder that holds a program alone down as a model with one layer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow

from composer.diagnostics.suggest import nearest
from composer.keras_process.refusal import RefusalError
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
        RefusalError: TensorFlow can't load the folder, it has no such signature, or one that
            takes or gives something else than tensors of known ranks.
    """
    report("loading the SavedModel")
    folder, signature = request["folder"], request["signature"]
    try:
        loaded = tensorflow.saved_model.load(folder)
    except Exception as problem:
        raise _refusal(f"TensorFlow can't load it: {explain(problem)}") from problem
    known = sorted(loaded.signatures)
    if signature not in known:
        raise RefusalError(
            f"it has no signature {signature!r}",
            kind="source",
            reason="program",
            nearest=nearest(signature, known),
            help=f"it has {', '.join(known)}; args: {{signature: {known[0]}}} takes the first"
            if known
            else "let the program that saves it name one: tf.saved_model.save(module, folder, "
            "signatures=module.call)",
        )
    function = loaded.signatures[signature]
    specs = function.structured_input_signature[1]
    _check(signature, {**specs}, "takes")
    _check(signature, {**function.structured_outputs}, "gives")
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
        raise _refusal(f"it can't be made a layer: {explain(problem)}") from problem
    return {"inputs": sorted(specs)}


def _check(signature: str, specs: Mapping[str, Any], verb: str) -> None:
    if not specs:
        raise _refusal(f"its signature {signature!r} {verb} nothing")
    for name, spec in specs.items():
        if not isinstance(spec, tensorflow.TensorSpec):
            raise _refusal(f"its signature {signature!r} {verb} {name!r}, which is no plain tensor")
        if spec.shape.rank is None:
            raise _refusal(
                f"its signature {signature!r} {verb} {name!r}, of which it does not say how many "
                "axes it has"
            )


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


def _refusal(why: str) -> RefusalError:
    return RefusalError(why, kind="source", reason="program")
