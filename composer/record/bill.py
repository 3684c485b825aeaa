"""A build as a CycloneDX 1.6 bill of materials, with a model card and every source.

The fields are those of https://cyclonedx.org/docs/1.6/json/. No library writes the model cards of
that version yet; the tests hold what is written here against the published schema.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from composer.record.build_record import ArtifactRecord, BuildRecord
from composer.record.materials import Material, materials, time_text

_ROOT: Final = "model"
_SPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:keras-compose:bill:1")
_HUB = re.compile(r"hf://([^/@]+/[^/@]+)(?:@[^/]+)?/")
"""A file of a model's repository there, for which package URLs have a type of their own."""
_PREFIX: Final = "keras-compose"
"""In front of the names of properties that CycloneDX has no field for."""


def bill(
    record: BuildRecord, time: datetime | None = None, *, attestation: str | None = None
) -> dict[str, Any]:
    """Return the bill of materials of a build; the same build gives the same one.

    Args:
        record: of the finished build.
        time: that it names; None for none.
        attestation: the file beside it that holds the build's provenance, where there is one.
    """
    parts = [material for material in materials(record) if material.kind != "spec"]
    metadata: dict[str, Any] = {
        "lifecycles": [{"phase": "build"}],
        "tools": {
            "components": [
                {
                    "type": "application" if name == "composer" else "library",
                    "name": "keras-compose" if name == "composer" else name,
                    "version": version,
                }
                for name, version in sorted(record.toolchain.items())
            ]
        },
        "component": _model(record, attestation),
    }
    if time is not None:
        metadata["timestamp"] = time_text(time)
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": metadata,
        "components": [_part(material) for material in parts],
        "dependencies": list(_dependencies(parts)),
    }
    # No random number: two bills that say the same have the same serial number.
    serial = uuid.uuid5(_SPACE, json.dumps(document, sort_keys=True))
    return {**document, "serialNumber": serial.urn}


def _model(record: BuildRecord, attestation: str | None) -> dict[str, Any]:
    model = record.model
    assert model is not None
    made, *others = record.artifacts.values()
    component: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": _ROOT,
        "name": record.spec.name,
        **({"description": model.description} if model.description else {}),
        **_hashes(made),
        "modelCard": {
            "modelParameters": {
                "modelArchitecture": "Keras Functional",
                "inputs": [{"format": text} for text in model.inputs],
                "outputs": [{"format": text} for text in model.outputs],
            },
            "properties": _properties(operations=model.operations, parameters=model.parameters),
        },
        "properties": [
            *_properties(file=made.name, content=made.content, size=made.size, seed=model.seed),
            *_folder(made),
            *(
                {
                    "name": f"{_PREFIX}:layer:{key}",
                    "value": f"{layer.class_name}, seed {layer.seed}",
                }
                for key, layer in record.layers.items()
            ),
        ],
    }
    if others:
        component["components"] = [_file(other) for other in others]
    if attestation is not None:
        component["externalReferences"] = [{"type": "attestation", "url": attestation}]
    return component


def _file(made: ArtifactRecord) -> dict[str, Any]:
    return {
        "type": "file",
        "bom-ref": f"file:{made.name}",
        "name": made.name,
        **_hashes(made),
        "properties": [*_properties(format=made.format, size=made.size), *_folder(made)],
    }


def _hashes(made: ArtifactRecord) -> dict[str, Any]:
    return {} if made.folder else {"hashes": [{"alg": "SHA-256", "content": made.sha256}]}


def _folder(made: ArtifactRecord) -> list[dict[str, str]]:
    """A folder has no hash in CycloneDX; what stands for it is said as in-toto says it."""
    return _properties(dirHash=made.sha256) if made.folder else []


def _part(material: Material) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "file" if material.kind == "weights" else "machine-learning-model",
        "bom-ref": _reference(material),
        "name": material.location,
    }
    if material.revision is not None:
        component["version"] = material.revision
        hub = _HUB.match(material.location)
        if hub is not None:
            component["purl"] = f"pkg:huggingface/{hub[1]}@{material.revision}"
    if material.sha256 is not None:
        component["hashes"] = [{"alg": "SHA-256", "content": material.sha256}]
    if material.license is not None:
        component["licenses"] = [_license(material.license)]
    if "://" in material.location:
        component["externalReferences"] = [{"type": "distribution", "url": material.location}]
    told = _properties(
        content=material.content, size=material.size, plugin=material.plugin, seed=material.seed
    )
    if told:
        component["properties"] = told
    return component


def _license(text: str) -> dict[str, Any]:
    """Return a licence: by its SPDX id, as an expression of several, or as the words that it is."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        found = canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return {"license": {"name": text}}
    single = found.replace("-", "").replace(".", "").isalnum() and "LicenseRef" not in found
    return {"license": {"id": str(found)}} if single else {"expression": str(found)}


def _dependencies(parts: list[Material]) -> Iterator[dict[str, Any]]:
    """Yield for the model and for each part of it what it was made from."""
    holders: list[tuple[str, tuple[str, ...]]] = [(_ROOT, ())]
    holders += [(_reference(part), part.path) for part in parts if part.kind == "source"]
    for reference, path in holders:
        direct = [
            _reference(part)
            for part in parts
            if (part.kind == "source" and part.path[:-1] == path)
            or (part.kind == "weights" and part.path == path and path)
        ]
        yield {"ref": reference, **({"dependsOn": direct} if direct else {})}
    yield from ({"ref": _reference(part)} for part in parts if part.kind == "weights")


def _reference(material: Material) -> str:
    return f"{material.kind}:{'/'.join(material.path)}"


def _properties(**values: object) -> list[dict[str, str]]:
    return [
        {"name": f"{_PREFIX}:{name}", "value": str(value)}
        for name, value in values.items()
        if value is not None
    ]
