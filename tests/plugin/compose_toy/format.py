"""``.toy.json`` files as results: the form that ``source.py`` reads, for a chain of dense layers."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from composer.errors import DriftError
from composer.outputs.output_format import Linked, Misfit, OutputFormat, WriteRequest
from composer.resolver.plan import Plan


def write(job: WriteRequest) -> None:
    """Write what the linked ``.keras`` file holds, rounded to ``digits``."""
    assert job.linked is not None
    job.target.write_text(json.dumps(_net(job)) + "\n")


def check(job: WriteRequest) -> None:
    """Compare every number that was written with the linked ``.keras`` file."""
    try:
        found = json.loads(job.target.read_text())
    except ValueError as error:
        raise _drift(job, f"it is not JSON: {error}") from error
    wanted = _net(job)
    for key in wanted:
        if key != "layers" and found.get(key) != wanted[key]:
            raise _drift(job, f"{key} is {found.get(key)!r}, not {wanted[key]!r}")
    names = [layer.get("name") for layer in found.get("layers", ())]
    if names != [layer["name"] for layer in wanted["layers"]]:
        raise _drift(job, f"its layers are {names}")
    for one, other in zip(found["layers"], wanted["layers"], strict=True):
        if one != other:
            raise _drift(job, f"layer {other['name']!r} is not as planned")


def _drift(job: WriteRequest, wrong: str) -> DriftError:
    return DriftError("CMP614.not-as-planned", path=job.target.name, problems=[wrong])


def misfits(plan: Plan, _options: Mapping[str, Any]) -> Iterator[Misfit]:
    """Yield the layers that are not dense."""
    for operation in plan.graph.operations:
        if operation.kind != "input" and operation.class_name != "Dense":
            yield Misfit(
                code="layer",
                message=f"layer {operation.name!r} is of the class {operation.class_name}, and a "
                "toy file holds dense layers only",
                help="leave toy out of format",
            )


def looks_right(path: Path) -> bool:
    """Tell whether a file may be an earlier result."""
    return path.read_bytes().startswith(b'{"name"')


def _net(job: WriteRequest) -> dict[str, Any]:
    import h5py

    assert job.linked is not None
    digits = job.options.get("digits")
    groups = {copy.name: copy.group for copy in job.plan.states}
    layers = []
    with zipfile.ZipFile(job.linked) as archive:
        config = json.loads(archive.read("config.json"))["config"]
        weights = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(weights) as file:
        for layer in config["layers"]:
            if layer["class_name"] != "Dense":
                inputs = layer["config"]["batch_shape"][-1]
                continue
            variables = file[f"{groups[layer['name']]}/vars"]
            kernel, bias = (
                variables[key][()].astype(float).round(digits).tolist()
                if digits is not None
                else variables[key][()].tolist()
                for key in ("0", "1")
            )
            activation = layer["config"]["activation"]
            layers.append(
                {
                    "name": layer["name"],
                    "activation": activation,
                    "kernel": kernel,
                    "bias": bias,
                }
            )
    return {"name": config["name"], "inputs": inputs, "layers": layers}


FORMAT = OutputFormat(
    title="toy file",
    way=Linked(write=write, check=check, from_archive=True),
    options={
        "title": "Options of a toy file",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "digits": {
                "description": "Weights are rounded to so many digits behind the point.",
                "type": "integer",
                "minimum": 1,
                "examples": [4],
            }
        },
    },
    codes={"layer": "# a toy file can't hold this layer\n\nIt holds dense layers only.\n"},
    looks_right=looks_right,
    misfits=misfits,
)
