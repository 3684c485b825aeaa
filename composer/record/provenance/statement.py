"""A build as an in-toto Statement v1 with a provenance predicate of SLSA v1.

The fields are those of https://in-toto.io/Statement/v1 and https://slsa.dev/spec/v1.0/provenance;
what the build type means by them stands in ``docs/provenance.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from composer.record.provenance.model import Made, Material, Result, time_text

BUILD_TYPE: Final = "urn:keras-compose:build:1"
BUILDER: Final = "urn:keras-compose:builder:1"
CONTENT: Final = "kerasContent"
"""Name of composer's content digest in a set of digests, where no bytes of a file are known.

Beside the digest of a file it is an annotation: all digests of a set have to mean the same bytes.
"""
_SAFE = "/:@#?&=%+,;~!$'()*[]"
"""What a URI may hold besides letters and digits."""


def statement(made: Made) -> dict[str, Any]:
    """Return the statement of a build; the same build gives the same one."""
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [_subject(result) for result in made.results],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "spec": made.spec,
                    "overrides": list(made.overrides),
                    "formats": [result.format for result in made.results],
                },
                "internalParameters": {"resolvedSpec": {"sha256": made.resolved}},
                "resolvedDependencies": [_descriptor(material) for material in made.materials],
            },
            "runDetails": {
                "builder": {"id": BUILDER, "version": dict(sorted(made.toolchain.items()))},
                **_metadata(made),
            },
        },
    }


def _subject(result: Result) -> dict[str, Any]:
    told = {"content": result.content, "format": result.format, "size": result.size}
    return {
        "name": result.name,
        # What composer takes of a folder is what in-toto calls dirHash.
        "digest": {"dirHash" if result.folder else "sha256": result.sha256},
        **_annotations(told),
    }


def _descriptor(material: Material) -> dict[str, Any]:
    digest: dict[str, str] = {}
    told: dict[str, object] = {}
    if material.sha256 is not None:
        digest["sha256"] = material.sha256
        told["content"] = material.content
    elif material.content is not None:
        digest[CONTENT] = material.content
    told |= {
        "license": material.license,
        "plugin": material.plugin,
        "revision": material.revision,
        "seed": material.seed,
        "size": material.size,
    }
    return {
        "name": material.name,
        "uri": quote(material.location, safe=_SAFE),
        "digest": digest,
        **_annotations(told),
    }


def _annotations(told: Mapping[str, object]) -> dict[str, Any]:
    given = {key: value for key, value in told.items() if value is not None}
    return {"annotations": given} if given else {}


def _metadata(made: Made) -> dict[str, Any]:
    if made.time is None:
        return {}
    text = time_text(made.time)
    return {"metadata": {"startedOn": text, "finishedOn": text}}
