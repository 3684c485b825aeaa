"""What is said of a layer: its arguments, what it takes and gives, and its weights' digests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

from composer.difference.compared_model import Layer, Weight
from composer.difference.renames import IGNORED
from composer.views.page.model import Cell, Section

_LONGEST = 1000
"""Characters of an argument: some operations carry whole arrays."""
_GRAPH = frozenset({"layers", "input_layers", "output_layers"})
_SERIALISED = frozenset({"class_name", "config", "module", "registered_name", "build_config"})


def facts_of(layer: Layer) -> Iterator[tuple[str, Cell]]:
    """Yield names and values: what a layer is, and how large its weights are."""
    yield "class", layer.class_name
    yield "from", layer.origin
    yield "output", layer.output
    trainable = (layer.config or {}).get("trainable")
    if isinstance(trainable, bool):
        yield "trainable", "yes" if trainable else "no"
    if layer.weights:
        yield "parameters", parameters_of(layer)


def parameters_of(layer: Layer) -> int:
    """Return the number of elements in all variables of a layer."""
    return sum(prod(weight.shape) for weight in layer.weights or ())


def calls_of(layer: Layer) -> Section:
    """Return the tensors that a layer is called on, a row each."""
    calls = layer.calls or ()
    many = len(calls) > 1
    return Section(
        title="Inputs",
        rows=tuple(
            (f"call {number}" if many else "", tensor)
            for number, call in enumerate(calls)
            for tensor in call
        ),
    )


def arguments_of(config: Mapping[str, Any] | None) -> Section:
    """Return the constructor's arguments; of a nested model without the layers in it."""
    nested = config is not None and "layers" in config and "input_layers" in config
    return Section(
        title="Arguments",
        rows=tuple(
            (str(key), in_words(value))
            for key, value in (config or {}).items()
            if key not in IGNORED and key != "name" and not (nested and key in _GRAPH)
        ),
    )


def weights_of(layer: Layer) -> Section:
    """Return the variables of a layer with their digests, which reads the bytes of its file."""
    return Section(
        title="Weights",
        columns=("variable", "shape", "dtype", "SHA-256"),
        rows=tuple(
            (weight.path, shape_of(weight.shape), weight.dtype, digest_of(weight))
            for weight in layer.weights or ()
        ),
    )


def digest_of(weight: Weight) -> str | None:
    """Return the SHA-256 of a variable's bytes; None where only its form is known."""
    return None if weight.values is None else weight.values.digest(weight.tensor).sha256


def shape_of(shape: tuple[int, ...]) -> str:
    """Return a shape as text: ``3 x 3 x 64``, with the sign for times."""
    return " \N{MULTIPLICATION SIGN} ".join(map(str, shape)) or "scalar"


def in_words(value: Any) -> str:
    """Return a value of a config as people write it: ``HeNormal(seed=null)`` for an object."""
    text = _text(value)
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}… ({len(text):,} characters)"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        if "class_name" in value and set(value) - IGNORED <= _SERIALISED:
            config = value.get("config")
            inner = _pairs(config, "=") if isinstance(config, Mapping) else _nested(config)
            return f"{value['class_name']}({inner})"
        return f"{{{_pairs(value, ': ')}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_nested, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _pairs(value: Mapping[str, Any], sign: str) -> str:
    return ", ".join(f"{k}{sign}{_nested(item)}" for k, item in value.items() if k not in IGNORED)


def _nested(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else _text(value)
