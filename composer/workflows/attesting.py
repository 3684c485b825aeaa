"""What stands beside an artifact: provenance, a bill of materials and signatures."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from composer.errors import UsageError
from composer.files.unfinished import temporary_folder
from composer.outputs.chosen import Output, destinations_of
from composer.outputs.companions import Companions, companion, signature
from composer.outputs.written import WrittenFile
from composer.record.bill import bill
from composer.record.build_record import NOTHING, BuildRecord
from composer.record.record_build import record_artifact, record_build
from composer.record.signing import check_key, sign
from composer.record.statement import statement
from composer.store import default_store
from composer.workflows.pipeline import Prepared, plan_spec

_LATEST = 253402300799
"""The last second of the year 9999, where RFC 3339 ends."""


def attestations(
    prepared: Prepared,
    *,
    output: Output = None,
    provenance: bool = False,
    sbom: bool = False,
    key: Path | None = None,
) -> Companions:
    """Return what shall be written beside the results of a build.

    Args:
        prepared: with a complete plan.
        output: where the results go instead of where the spec says.
        provenance: whether an in-toto Statement with SLSA provenance is, one for all results.
        sbom: whether a CycloneDX bill of materials is, one for all results.
        key: private key by which each result is signed, and each document; None signs none.

    Raises:
        UsageError: SOURCE_DATE_EPOCH is no time, or the key can't sign.
        SpecError: there are errors.
        BuildError: it waits for Keras.
    """
    spec = prepared.spec
    plan_spec(prepared)
    assert spec is not None
    time = source_date()
    if key is not None:
        check_key(key)
    destinations = destinations_of(spec, output)
    first = destinations[0].path
    views: dict[str, Callable[[BuildRecord], dict[str, Any]]] = {}
    if provenance:
        views["provenance"] = lambda record: statement(record, time)
    if sbom:
        beside = companion(first, "provenance").path.name if provenance else None
        views["sbom"] = lambda record: bill(record, time, attestation=beside)
    places = [companion(first, name) for name in views]
    if key is not None:
        places += [signature(place.path) for place in (*destinations, *places)]

    def make(written: Sequence[WrittenFile]) -> tuple[bytes, ...]:
        documents: dict[str, bytes] = {}
        if views:
            record = _record(prepared, written, first.parent)
            documents = {
                companion(first, name).path.name: _text(view(record))
                for name, view in views.items()
            }
        texts = tuple(documents.values())
        return texts if key is None else (*texts, *_signatures(written, documents, key))

    return Companions(places=tuple(places), make=make)


def source_date() -> datetime | None:
    """Return the time that SOURCE_DATE_EPOCH says, None where it says none.

    The clock is not asked: the same build gives the same documents
    (https://reproducible-builds.org/specs/source-date-epoch/).

    Raises:
        UsageError: it is no number of seconds since 1970.
    """
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or int(text) > _LATEST:
        raise UsageError("CMP113.date-epoch", found=text)
    return datetime.fromtimestamp(int(text), UTC)


def _signatures(
    written: Sequence[WrittenFile], documents: Mapping[str, bytes], key: Path
) -> Iterator[bytes]:
    """Yield the signatures of all results, and then of the documents."""
    for file in written:
        yield sign(file.now, file.path.name, key)
    with temporary_folder() as folder:
        for name, text in documents.items():
            (folder / name).write_bytes(text)
            yield sign(folder / name, name, key)


def _record(prepared: Prepared, written: Sequence[WrittenFile], folder: Path) -> BuildRecord:
    spec = prepared.spec
    assert spec is not None
    made = [record_artifact(file, folder=folder) for file in written]
    return record_build(
        spec,
        plan_spec(prepared),
        prepared.store or default_store(),
        folder=Path(spec.file).parent,
        known=replace(NOTHING, artifacts={item.name: item for item in made}),
        formats=[item.format for item in made],
    )


def _text(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
