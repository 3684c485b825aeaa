"""What two models differ in as a JSON document."""

from __future__ import annotations

from typing import Any

from composer.difference.compare import LayerChange, ModelDifference, Pair, WeightChange
from composer.difference.compared_model import Layer, Ports


def difference_document(found: ModelDifference) -> dict[str, Any]:
    """Return a difference as plain data; what is equal is counted, not listed."""
    return {
        "format": 1,
        "before": found.before,
        "now": found.now,
        "different": found.any,
        "equal": found.equal,
        "names_only": found.names_only,
        "added": [_layer(layer) for layer in found.added],
        "removed": [_layer(layer) for layer in found.removed],
        "changed": [_change(change) for change in found.changed],
        "inputs": _ports(found.inputs),
        "outputs": _ports(found.outputs),
        "facts": {name: _pair(pair) for name, pair in found.facts},
        "notes": list(found.notes),
        "not_compared": list(found.not_compared),
    }


def _layer(layer: Layer) -> dict[str, Any]:
    return {
        "name": layer.name,
        "class": layer.class_name,
        "origin": layer.origin,
        "output": layer.output,
        "calls": None if layer.calls is None else [list(call) for call in layer.calls],
    }


def _change(change: LayerChange) -> dict[str, Any]:
    return {
        "name": change.name,
        "was": change.was,
        "class": _pair(change.class_name),
        "origin": _pair(change.origin),
        "config": {path: _pair(pair) for path, pair in change.config},
        "calls": _pair(change.calls),
        "output": _pair(change.output),
        "weights": [_weight(weight) for weight in change.weights],
    }


def _weight(weight: WeightChange) -> dict[str, Any]:
    apart = weight.distance
    return {
        "path": weight.path,
        "form": _pair(weight.form),
        "values": None
        if apart is None
        else {
            "changed": apart.changed,
            "of": apart.size,
            "largest": apart.largest,
            "relative": apart.relative,
        },
    }


def _ports(pair: tuple[Ports, Ports] | None) -> dict[str, Any] | None:
    return None if pair is None else {"before": pair[0].plain, "now": pair[1].plain}


def _pair(pair: Pair | None) -> dict[str, Any] | None:
    return None if pair is None else {"before": pair[0], "now": pair[1]}
