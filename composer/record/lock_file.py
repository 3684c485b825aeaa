"""The lock file: a view of a build's record as JSON text, and back."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from composer.errors import ComposeError, DriftError, UsageError
from composer.files.regular import read_regular
from composer.record.build_record import (
    ArtifactRecord,
    BuildRecord,
    LayerRecord,
    SourceRecord,
    SpecRecord,
)

FORMAT: Final = 1
"""Goes up with every change of what a lock says."""
_SPEC = ("name", "files", "overrides", "sha256", "resolved", "directories")
_SOURCE = (
    "from", "content", "size", "sha256", "revision", "plugin", "weights", "seed", "license"
)  # fmt: skip
_LAYER = ("class", "seed", "content")
_ARTIFACT = ("size", "sha256", "content")
_ATTRIBUTES: Final = {"from": "location", "class": "class_name"}
"""Keys of the file that can't be names in Python."""
_CONFLICT = re.compile(r"^<{7} ", re.MULTILINE)
"""How git marks the beginning of what it could not merge."""
_LARGEST = 2**53 - 1
"""The largest integer that every reader of JSON keeps (RFC 7493), and RFC 8785 takes."""
_T = TypeVar("_T")


def lock_path(spec: str | Path) -> Path:
    """Return where the lock of a spec lies: ``NAME.lock.json`` beside it."""
    path = Path(spec)
    return path.with_name(f"{path.stem}.lock.json")


def lock_text(record: BuildRecord) -> str:
    """Return the text of a lock file: keys sorted but those of the spec, whose order has meaning.

    There is no clock and no absolute path in it, and a change of one value is a change of one line.
    """
    document = lock_document(record)
    ordered = {**_sorted(document), "spec": {**_sorted(document["spec"])}}
    ordered["spec"]["resolved"] = document["spec"]["resolved"]
    return json.dumps(ordered, indent=2, ensure_ascii=False) + "\n"


def lock_document(record: BuildRecord) -> dict[str, Any]:
    """Return what a lock says of a build, as ``schemas/lock.schema.json`` describes it."""
    return {
        "format": FORMAT,
        "spec": {key: portable(getattr(record.spec, key)) for key in _SPEC},
        "sources": _entries(record.sources, _SOURCE),
        "layers": _entries(record.layers, _LAYER),
        "names": dict(record.names),
        "toolchain": dict(record.toolchain),
        "artifacts": _entries(record.artifacts, _ARTIFACT),
    }


def find_lock(spec: str | Path) -> BuildRecord | None:
    """Return the lock that lies beside a spec, or None.

    Raises:
        UsageError: it can't be read.
        DriftError: it is no lock.
    """
    path = lock_path(spec)
    return read_lock(path) if path.exists() else None


def read_lock(path: Path) -> BuildRecord:
    """Read a lock file.

    Raises:
        UsageError: it can't be read.
        DriftError: it is no lock, or one of another version of composer.
    """
    try:
        text = read_regular(path).decode()
    except FileNotFoundError as error:
        raise UsageError("CMP114.no-lock", path=path) from error
    except (OSError, ValueError) as error:
        raise UsageError("CMP114.unreadable-lock", path=path, reason=str(error)) from error
    return lock_from_text(text, str(path))


def locked_plugin(spec: str, source: str) -> str | None:
    """Return the package that read a source when it was locked; None where no lock tells."""
    try:
        lock = find_lock(spec)
    except ComposeError:
        return None
    return lock.sources[source].plugin if lock is not None and source in lock.sources else None


def lock_from_text(text: str, shown: str) -> BuildRecord:
    """Return the record that :func:`lock_text` wrote; ``shown`` names the lock in messages.

    Raises:
        DriftError: it is no lock, or one of another version of composer.
    """
    import jsonschema

    from composer.spec.schema_file import schema_text

    conflict = _CONFLICT.search(text)
    if conflict is not None:
        line = text.count("\n", 0, conflict.start()) + 1
        raise DriftError("CMP118.merge-conflict", path=shown, line=line)
    try:
        document = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise DriftError("CMP118.not-a-lock", path=shown, reason=str(error)) from error
    if isinstance(document, Mapping) and document.get("format") not in (None, FORMAT):
        raise DriftError(
            "CMP118.lock-format", path=shown, found=document["format"], expected=FORMAT
        )
    schema = json.loads(schema_text("lock"))
    for problem in jsonschema.Draft202012Validator(schema).iter_errors(document):
        where = ".".join(str(step) for step in problem.path) or "the document"
        raise DriftError("CMP118.invalid-lock", path=shown, where=where, reason=problem.message)
    return BuildRecord(
        spec=SpecRecord(**{**document["spec"], "overrides": tuple(document["spec"]["overrides"])}),
        sources=_records(SourceRecord, document["sources"]),
        layers=_records(LayerRecord, document["layers"]),
        names=document["names"],
        toolchain=document["toolchain"],
        artifacts=_records(ArtifactRecord, document["artifacts"]),
    )


def resolved_sha256(resolved: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a resolved spec in the canonical form of RFC 8785."""
    import rfc8785

    return hashlib.sha256(rfc8785.dumps(portable(resolved))).hexdigest()


def portable(value: Any, text: Callable[[str], str] = str) -> Any:
    """Return plain data with every number in it one that JSON has, the others as text.

    Args:
        value: plain data.
        text: is applied to every text in it that is no key.
    """
    if isinstance(value, Mapping):
        return {str(key): portable(item, text) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [portable(item, text) for item in value]
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) <= _LARGEST else str(value)
    finite = isinstance(value, float) and abs(value) < float("inf")
    return value if finite else str(value)


def _entries(records: Mapping[str, object], keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return what each record has of the keys of a lock."""
    return {
        name: {
            key: value
            for key in keys
            if (value := getattr(record, _ATTRIBUTES.get(key, key))) is not None
        }
        for name, record in records.items()
    }


def _records(kind: Callable[..., _T], entries: Mapping[str, Mapping[str, Any]]) -> dict[str, _T]:
    """Return records of entries that the schema found to be right."""
    return {
        name: kind(**{_ATTRIBUTES.get(key, key): value for key, value in entry.items()})
        for name, entry in entries.items()
    }


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON whose keys are all different, as two merged locks' may not be."""
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in found if keys.count(key) > 1)
        raise ValueError(f"it has the key {twice!r} twice")
    return found


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return value
