"""Loads a linked model, notes what it computes, and exports it to the formats that Keras writes."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any

import keras
import numpy

from composer.errors import BuildError, ComposeError
from composer.keras_process.tasks.explain import explain
from composer.keras_process.tasks.import_user_code import extend_path, register_classes
from composer.keras_process.tasks.random_inputs import random_arrays
from composer.keras_process.tasks.served import Served
from composer.keras_process.tasks.verify import load_functional, open_sizes

BATCHES = (1, 3)
VOCABULARY = 20
LONGEST = 120
ROUNDING = 1e-2
"""How far apart the same numbers may be by the order of operations, in half precision too."""


def perform(request: Mapping[str, Any], report: Callable[[str], None]) -> dict[str, Any]:
    """Export one model.

    Args:
        request: ``artifact``, ``safe`` (whether no code may run that it carries), ``code`` (see
            ``UserCode``), ``seed``, ``inputs`` and ``outputs``
            (final names in the order of the flattened structures), ``cases`` (where to keep what
            the model computes, as ``.npz``), ``exports`` (in their order; each with ``format``,
            ``module``, which has ``export(served, target, **options)``, ``target`` and
            ``options``).
        report: told before each step.

    Returns:
        ``half``: whether a layer computes in less than single precision; ``batches``: the sizes
        that were run; ``otherwise``: how a direct call of the model differs from ``predict``, or
        None. ``predict`` counts then: what is exported is run as it runs.

    Raises:
        BuildError: Keras can't load, run or export it.
    """
    report("loading the linked model")
    model = _loaded(request)
    served = Served(model=model, inputs=request["inputs"], outputs=request["outputs"])
    report("running the linked model")
    batches, otherwise = _keep_cases(served, request["seed"], Path(request["cases"]))
    for wanted in request["exports"]:
        name = wanted["format"]
        report(f"exporting {name}")
        try:
            module = importlib.import_module(wanted["module"])
            module.export(served, Path(wanted["target"]), **wanted["options"])
        except ComposeError:
            raise
        except Exception as problem:
            raise BuildError("CMP710.export", name=name, reason=explain(problem)) from problem
    return {"half": served.half, "batches": batches, "otherwise": otherwise}


def _loaded(request: Mapping[str, Any]) -> Any:
    code = request["code"]
    extend_path(first=code["first"], last=code["last"])
    try:
        register_classes(code)
        return load_functional(request["artifact"], safe=request["safe"])
    except Exception as problem:
        raise BuildError("CMP710.export-load", reason=explain(problem)) from problem


def _keep_cases(served: Served, seed: int, path: Path) -> tuple[list[int], str | None]:
    """Run the model on made-up inputs, and keep those and what it puts out.

    Returns:
        how many examples each case holds, and how a direct call differs from ``predict``.
    """
    model = served.model
    free = all(tensor.shape[0] is None for tensor in model.inputs)
    batches = BATCHES if free else (1,)
    words = _words(model)
    problem: Exception | None = None
    graph = served.as_graph()
    for size in open_sizes(model.inputs):
        arrays: dict[str, Any] = {}
        direct: dict[str, Any] = {}
        otherwise: str | None = None
        try:
            for batch in batches:
                inputs = random_arrays(
                    model.inputs, seed=seed + batch, open_size=size, batch=batch, words=words
                )
                assert inputs is not None
                outputs = graph(*inputs)
                try:
                    called = served(*inputs)
                except Exception as found:
                    called = outputs
                    why = shorten(explain(found), LONGEST, placeholder=" …")
                    otherwise = f"a direct call of the model fails ({why})"
                for number, tensor in enumerate(inputs):
                    arrays[f"{batch}/in/{number}"] = _numpy(tensor)
                for number, name in enumerate(served.outputs):
                    key = f"{batch}/out/{number}"
                    arrays[key], direct[key] = _numpy(outputs[name]), _numpy(called[name])
        except Exception as found:
            problem = found
            continue
        otherwise = otherwise or _difference(direct, arrays)
        numpy.savez(path, **(arrays if otherwise else {**arrays, **direct}))
        return [_batch(arrays, batch) for batch in batches], otherwise
    assert problem is not None
    raise BuildError("CMP710.export-run", reason=explain(problem))


def _difference(direct: Mapping[str, Any], graph: Mapping[str, Any]) -> str | None:
    """Say how what a direct call gave differs from ``predict``, by more than rounding does."""
    for key, found in direct.items():
        wanted = graph[key]
        if found.dtype != wanted.dtype:
            return f"a direct call of the model gives {found.dtype}, predict gives {wanted.dtype}"
        if found.dtype.kind != "f":
            if not numpy.array_equal(found, wanted):
                return "a direct call of the model gives other numbers than predict"
            continue
        gap = numpy.abs(numpy.nan_to_num(found) - numpy.nan_to_num(wanted)).max(initial=0.0)
        scale = numpy.abs(numpy.nan_to_num(wanted)).max(initial=0.0) or 1.0
        if gap > ROUNDING * scale:
            return f"a direct call of the model gives numbers that differ from predict by {gap:.2g}"
    return None


def _words(model: Any) -> list[str]:
    """Return words for inputs of text: some that the model's vocabularies hold, and others."""
    known = [
        str(word)
        for layer in model._flatten_layers()
        if hasattr(layer, "get_vocabulary")
        for word in layer.get_vocabulary()[:VOCABULARY]
    ]
    return [*dict.fromkeys((*known, "some", "other words", ""))]


def _batch(arrays: Mapping[str, Any], key: int) -> int:
    """Return how many examples a case holds: what a fixed batch size says, or what was asked."""
    shape: Sequence[int] = arrays[f"{key}/in/0"].shape
    return int(shape[0]) if shape else 1


def _numpy(tensor: Any) -> Any:
    """Return an array that ``.npz`` keeps: bfloat16, which it doesn't, as single precision."""
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    if dtype == "bfloat16":
        tensor = keras.ops.cast(tensor, "float32")
    array = numpy.asarray(tensor)
    return array.astype("S") if array.dtype == object else array
