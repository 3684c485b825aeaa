"""A lock as JSON text and back."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from composer.errors import DriftError, UsageError
from composer.files.regular import read_regular
from composer.record.model import (
    FORMAT,
    Lock,
    LockedArtifact,
    LockedLayer,
    LockedSource,
    LockedSpec,
)

_CONFLICT = re.compile(r"^<{7} ", re.MULTILINE)
"""How git marks the beginning of what it could not merge."""
_LARGEST = 2**53 - 1
"""The largest integer that every reader of JSON keeps (RFC 7493), and RFC 8785 takes."""


def lock_path(spec: Path) -> Path:
    """Return where the lock of a spec lies: ``NAME.lock.json`` beside it."""
    return spec.with_name(f"{spec.stem}.lock.json")


def lock_text(lock: Lock) -> str:
    """Return the text of a lock file: keys sorted but those of the spec, whose order has meaning.

    There is no clock and no absolute path in it, and a change of one value is a change of one line.
    """
    document = lock_document(lock)
    ordered = {**_sorted(document), "spec": {**_sorted(document["spec"])}}
    ordered["spec"]["resolved"] = document["spec"]["resolved"]
    return json.dumps(ordered, indent=2, ensure_ascii=False) + "\n"


def lock_document(lock: Lock) -> dict[str, Any]:
    """Return a lock as ``schemas/lock.schema.json`` describes it."""
    spec = lock.spec
    return {
        "format": FORMAT,
        "spec": {
            "name": spec.name,
            "files": dict(spec.files),
            "overrides": list(spec.overrides),
            "sha256": spec.sha256,
            "resolved": portable(spec.resolved),
            "directories": dict(spec.directories),
        },
        "sources": {
            key: _given(
                {
                    "from": source.location,
                    "content": source.content,
                    "size": source.size,
                    "sha256": source.sha256,
                    "revision": source.revision,
                    "plugin": source.plugin,
                    "weights": source.weights,
                    "seed": source.seed,
                    "license": source.license,
                }
            )
            for key, source in lock.sources.items()
        },
        "layers": {
            key: {"class": layer.class_name, "seed": layer.seed, "content": layer.content}
            for key, layer in lock.layers.items()
        },
        "names": dict(lock.names),
        "toolchain": dict(lock.toolchain),
        "artifacts": {
            key: _given({"size": made.size, "sha256": made.sha256, "content": made.content})
            for key, made in lock.artifacts.items()
        },
    }


def read_lock(path: Path) -> Lock:
    """Read a lock file.

    Raises:
        UsageError: it can't be read.
        DriftError: it is no lock, or one of another version of composer.
    """
    try:
        text = read_regular(path).decode()
    except FileNotFoundError as error:
        raise UsageError(
            f"there is no lock {path}",
            help="compose lock SPEC writes it next to the spec",
            code="CMP114",
        ) from error
    except (OSError, ValueError) as error:
        raise UsageError(f"the lock {path} can't be read: {error}", code="CMP114") from error
    return lock_from_text(text, str(path))


def lock_from_text(text: str, shown: str) -> Lock:
    """Return the lock that :func:`lock_text` wrote; ``shown`` names it in messages.

    Raises:
        DriftError: it is no lock, or one of another version of composer.
    """
    import jsonschema

    from composer.spec.schema_file import schema_text

    refused = "compose lock SPEC writes a new one"
    conflict = _CONFLICT.search(text)
    if conflict is not None:
        line = text.count("\n", 0, conflict.start()) + 1
        raise DriftError(
            f"{shown} contains a merge conflict in line {line}",
            help="resolve it in the spec, then run compose lock SPEC to write a new lock",
            code="CMP118",
        )
    try:
        document = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise DriftError(f"{shown} is no lock: {error}", help=refused, code="CMP118") from error
    if isinstance(document, Mapping) and document.get("format") not in (None, FORMAT):
        raise DriftError(
            f"{shown} is a lock of format {document['format']}; this version of compose writes "
            f"and reads format {FORMAT}",
            help=refused,
            code="CMP118",
        )
    schema = json.loads(schema_text("lock"))
    for problem in jsonschema.Draft202012Validator(schema).iter_errors(document):
        where = ".".join(str(step) for step in problem.path) or "the document"
        raise DriftError(
            f"{shown} is not a valid lock: {where}: {problem.message}", help=refused, code="CMP118"
        )
    return _lock(document)


def resolved_sha256(resolved: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a resolved spec in the canonical form of RFC 8785."""
    import rfc8785

    return hashlib.sha256(rfc8785.dumps(portable(resolved))).hexdigest()


def portable(value: Any) -> Any:
    """Return plain data with every number in it one that JSON has, the others as text."""
    if isinstance(value, Mapping):
        return {str(key): portable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [portable(item) for item in value]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _LARGEST else str(value)
    finite = isinstance(value, float) and abs(value) < float("inf")
    return value if finite else str(value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON whose keys are all different, as two merged locks' may not be."""
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in found if keys.count(key) > 1)
        raise ValueError(f"it has the key {twice!r} twice")
    return found


def _given(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if value is not None}


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return value


def _lock(document: Mapping[str, Any]) -> Lock:
    spec = document["spec"]
    return Lock(
        spec=LockedSpec(
            name=spec["name"],
            files=spec["files"],
            overrides=tuple(spec["overrides"]),
            sha256=spec["sha256"],
            resolved=spec["resolved"],
            directories=spec["directories"],
        ),
        sources={
            key: LockedSource(
                location=source["from"],
                content=source["content"],
                size=source.get("size"),
                sha256=source.get("sha256"),
                revision=source.get("revision"),
                plugin=source.get("plugin"),
                weights=source.get("weights"),
                seed=source.get("seed"),
                license=source.get("license"),
            )
            for key, source in document["sources"].items()
        },
        layers={
            key: LockedLayer(
                class_name=layer["class"], seed=layer["seed"], content=layer["content"]
            )
            for key, layer in document["layers"].items()
        },
        names=document["names"],
        toolchain=document["toolchain"],
        artifacts={
            key: LockedArtifact(
                size=made["size"], sha256=made["sha256"], content=made.get("content")
            )
            for key, made in document["artifacts"].items()
        },
    )
