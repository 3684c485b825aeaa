"""A lock as one of two models that are compared: names and origins, and its fields as facts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from composer.difference.changes import leaves
from composer.difference.compared_model import ComparedModel, Layer
from composer.record.build_record import BuildRecord
from composer.record.lock_file import lock_document

_OF_THE_SPEC = (("sources", "from"), ("sources", "license"), ("layers", "class"))
"""Fields of a lock that repeat what its spec says, so that they are told once."""


def view_of_lock(lock: BuildRecord, shown: str) -> ComparedModel:
    """View a lock: names and origins of layers, and its other fields as facts."""
    parts = ("spec", "sources", "layers", "toolchain", "artifacts")
    return ComparedModel(
        shown=shown,
        layers={name: Layer(name=name, origin=origin) for name, origin in lock.names.items()},
        facts=_facts(lock, parts),
        whole=frozenset(parts),
    )


def beside_lock(view: ComparedModel, now: BuildRecord, *, unmade: Iterable[str]) -> ComparedModel:
    """Return the view of a spec with what a lock of it would say, to compare it with a lock.

    Args:
        view: of the spec.
        now: the record of the spec as it is, without what a build would give.
        unmade: ids of new layers of which nobody knows the content yet.
    """
    parts = ("spec", "sources", "layers")
    unclear = {f"layers.{name}.content": None for name in unmade}
    return replace(view, facts={**_facts(now, parts), **unclear}, whole=frozenset(parts))


def _facts(record: BuildRecord, parts: Iterable[str]) -> dict[str, Any]:
    document = lock_document(record)
    # Not the digests of the spec's files: a comment is no difference.
    document["spec"] = document["spec"]["resolved"]
    for part, key in _OF_THE_SPEC:
        for entry in document[part].values():
            entry.pop(key, None)
    return {
        ".".join(path): value
        for part in parts
        for path, value in leaves(document[part], (part,))
        if value != {}
    }
