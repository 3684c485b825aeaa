"""A build as an in-toto Statement v1 with a provenance predicate of SLSA v1.

The fields are those of https://in-toto.io/Statement/v1 and https://slsa.dev/spec/v1.0/provenance;
what the build type means by them stands in ``docs/provenance.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from composer.record.build_record import ArtifactRecord, BuildRecord
from composer.record.materials import Material, materials, spec_name, time_text
from composer.spec.source_forms import recorded_location

BUILD_TYPE: Final = "urn:keras-compose:build:1"
BUILDER: Final = "urn:keras-compose:builder:1"
CONTENT: Final = "kerasContent"
"""Name of composer's content digest in a set of digests, where no bytes of a file are known.

Beside the digest of a file it is an annotation: all digests of a set have to mean the same bytes.
"""
_SAFE = "/:@#?&=%+,;~!$'()*[]"
"""What a URI may hold besides letters and digits."""


def statement(record: BuildRecord, time: datetime | None = None) -> dict[str, Any]:
    """Return the statement of a build; the same build gives the same one.

    Args:
        record: of the finished build.
        time: that it names; None for none.
    """
    run: dict[str, Any] = {
        "builder": {"id": BUILDER, "version": dict(sorted(record.toolchain.items()))}
    }
    if time is not None:
        run["metadata"] = {"startedOn": time_text(time), "finishedOn": time_text(time)}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [_subject(made) for made in record.artifacts.values()],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "spec": spec_name(record),
                    "overrides": [_override(change) for change in record.spec.overrides],
                    "formats": [made.format for made in record.artifacts.values()],
                },
                "internalParameters": {"resolvedSpec": {"sha256": record.spec.sha256}},
                "resolvedDependencies": [_descriptor(item) for item in materials(record)],
            },
            "runDetails": run,
        },
    }


def _override(change: str) -> str:
    """Return an override without the folders of a machine that its value may lie in."""
    key, equals, value = change.partition("=")
    return f"{key}={recorded_location(value)}" if equals else change


def _subject(made: ArtifactRecord) -> dict[str, Any]:
    told = {"content": made.content, "format": made.format, "size": made.size}
    return {
        "name": made.name,
        # What composer takes of a folder is what in-toto calls dirHash.
        "digest": {"dirHash" if made.folder else "sha256": made.sha256},
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
