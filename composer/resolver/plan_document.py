"""The plan as a JSON document that any JSON Schema validator can check for collisions."""

from __future__ import annotations

from typing import Any

from composer.graphs.graph import TensorSpec, structure_form
from composer.resolver.plan import Download, Plan, PlannedSource, Port
from composer.resolver.seams import Seam

SCHEMA_ID = "urn:keras-compose:schema:plan:1"


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return the document of ``plan``; ``schemas/plan.schema.json`` describes it."""
    return {
        "format": 1,
        "name": plan.name,
        "description": plan.description,
        "seed": plan.seed,
        "names": {
            "operations": [operation.name for operation in plan.graph.operations],
            "inputs": [port.name for port in plan.inputs],
            "outputs": [port.name for port in plan.outputs],
        },
        "inputs": [_port(port) for port in plan.inputs],
        "outputs": [_port(port) for port in plan.outputs],
        "forms": {
            "inputs": structure_form(plan.graph.inputs),
            "outputs": structure_form(plan.graph.outputs),
        },
        "operations": [
            {
                "name": operation.name,
                "class": operation.class_name,
                "kind": operation.kind,
                "origin": str(plan.origins[operation.name]),
                "trainable": _trainable(operation.config.get("trainable")),
                "calls": [
                    [
                        [tensor.ref.operation, tensor.ref.call, tensor.ref.output]
                        for tensor in call.tensors()
                    ]
                    for call in operation.calls
                ],
            }
            for operation in plan.graph.operations
        ],
        "weights": [
            {
                "operation": state.name,
                "group": state.group,
                "from": state.source_group or None,
                "variables": [
                    {
                        "path": tensor.path,
                        "shape": list(tensor.value.shape),
                        "dtype": tensor.value.dtype,
                        "bytes": tensor.value.nbytes,
                    }
                    for tensor in state.tensors
                ],
            }
            for state in plan.states
        ],
        "sources": [_source(source) for source in plan.sources],
        "link_map": [
            {
                "source": entry.source,
                "layer": entry.layer,
                "class": entry.class_name,
                "fate": entry.fate,
                "name": entry.name,
                "note": entry.note,
                "calls": entry.calls,
                "inside": [
                    {"path": inner.path, "class": inner.class_name, "shared": list(inner.shared)}
                    for inner in entry.inside
                ],
                "shared": list(entry.shared),
            }
            for entry in plan.link_map
        ],
        "seams": [_seam(seam) for seam in plan.seams],
        "deferred": list(plan.deferred),
        "parameters": plan.parameters,
        "bytes": plan.nbytes,
    }


def _port(port: Port) -> dict[str, Any]:
    return {
        "name": port.name,
        "tensor": [port.operation, port.call, port.output],
        **_spec(port.spec),
    }


def _spec(spec: TensorSpec | None) -> dict[str, Any]:
    if spec is None or spec.shape is None:
        return {"shape": None, "dtype": spec.dtype if spec is not None else None}
    return {"shape": list(spec.shape), "dtype": spec.dtype}


def _seam(seam: Seam) -> dict[str, Any]:
    return {
        "at": ".".join(str(part) for part in seam.path),
        "from": seam.words[0],
        "to": seam.words[1],
        "state": seam.state,
        "expected": None if seam.expected is None else _spec(seam.expected),
        "actual": None if seam.actual is None else _spec(seam.actual),
    }


def _source(source: PlannedSource) -> dict[str, Any]:
    return {
        "id": source.id,
        "from": source.location,
        "prefix": source.prefix,
        "suffix": source.suffix,
        "license": source.license,
        "sha256": source.sha256,
        **({"weights": source.weights} if source.weights is not None else {}),
        **({"plugin": source.plugin} if source.plugin is not None else {}),
        "operations": source.operations,
        "kept": source.kept,
        "parameters": source.parameters,
        "bytes": source.nbytes,
        "whole": source.whole,
        "uses": list(source.uses),
        "repairs": list(source.repairs),
        "trust": source.trusted,
        "allowed": list(source.allowed),
        "download": None if source.download is None else _download(source.download),
    }


def _download(download: Download) -> dict[str, Any]:
    return {
        "sha256": download.sha256,
        "bytes": download.nbytes,
        "revision": download.revision,
        "validator": download.validator,
    }


def _trainable(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None
