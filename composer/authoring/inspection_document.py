"""What is in a model file as a JSON document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from composer.authoring.inspection import InspectedLayer, InspectedPort, InspectedSource, Inspection
from composer.graphs.graph import TensorSpec


def inspection_document(
    inspection: Inspection, caught: Mapping[str, frozenset[str]] | None = None
) -> dict[str, Any]:
    """Return ``inspection`` as plain data.

    Args:
        inspection: of a model file.
        caught: for each selector the names that it picks; None leaves the key ``selected`` out.
    """
    document: dict[str, Any] = {
        "format": 1,
        "name": inspection.name,
        "keras_version": inspection.keras_version or None,
        "sequential": inspection.sequential,
        "inputs": [_port(port) for port in inspection.inputs],
        "outputs": [_port(port) for port in inspection.outputs],
        "layers": [_layer(layer) for layer in inspection.layers],
        "parameters": inspection.parameters,
        "bytes": inspection.nbytes,
        "weights_read": False,
        "sources": [_source(source) for source in inspection.sources],
        "warnings": list(inspection.warnings),
    }
    if caught is not None:
        listed = [layer.name for outer in inspection.layers for layer in outer.opened()]
        # In the file's order, so that two runs print the same.
        document["selected"] = {
            text: [name for name in listed if name in names] for text, names in caught.items()
        }
    return document


def _source(source: InspectedSource) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": source.id,
        "from": source.location,
        "sha256": source.sha256,
        "content": source.content,
        "license": source.license,
    }
    if source.revision is not None:
        document["revision"] = source.revision
    if source.weights is not None:
        document["weights"] = source.weights
        document["weights_sha256"] = source.weights_sha256
    if source.sources:
        document["sources"] = [_source(inner) for inner in source.sources]
    return document


def _layer(layer: InspectedLayer) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": layer.name,
        "class": layer.class_name,
        "kind": layer.kind,
        "calls": layer.calls,
        "outputs": [_spec(spec) for spec in layer.outputs],
        "parameters": layer.parameters,
        "bytes": layer.nbytes,
        "trainable": layer.trainable,
        "origin": layer.origin,
    }
    if len(layer.lineage) > 1:
        document["lineage"] = list(layer.lineage)
    if layer.inner:
        document["layers"] = [_layer(inner) for inner in layer.inner]
    return document


def _port(port: InspectedPort) -> dict[str, Any]:
    return {"operation": port.operation, "key": port.key, **_spec(port.spec)}


def _spec(spec: TensorSpec | None) -> dict[str, Any]:
    shape = None if spec is None or spec.shape is None else list(spec.shape)
    return {"shape": shape, "dtype": None if spec is None else spec.dtype}
