"""The comparison of two records of a build: which fields differ, and what each of them means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from composer.difference.changes import Change, changes
from composer.record.build_record import BuildRecord
from composer.record.lock_file import lock_document
from composer.record.toolchain import WRITERS, other_versions
from composer.spec.source_forms import is_decided_by_text

TEXT: Final = "text"
"""A file of the spec has other bytes, which need not mean anything."""
CAUSE: Final = "cause"
"""The spec says something else."""
VERSION: Final = "version"
"""Another version takes part: what it makes is compared, and no refusal by itself."""
MADE_FROM: Final = "made from"
"""A source, a new layer or a name is another."""
DRAWN: Final = "drawn"
"""Weights that are drawn from a seed are others."""
RESULT: Final = "result"
"""What was built is another."""
_MEANINGS: Final = {"spec": CAUSE, "toolchain": VERSION, "artifacts": RESULT}


def compare(before: BuildRecord, now: BuildRecord) -> tuple[Change, ...]:
    """Return all fields of a lock in which ``now`` is not ``before``, in the lock's own order.

    Digests of files are left out where other versions of the libraries write them: then the
    content digests are what is promised.
    """
    others = set(other_versions(before.toolchain, now.toolchain))
    unpromised = {
        ("artifacts", key, value)
        for key, made in before.artifacts.items()
        for value in ("sha256", "size")
        # What is linked depends on what writes it, and an export on all that takes part.
        if others & set(WRITERS if made.content is not None else others)
    }
    return tuple(
        replace(item, meaning=_meaning(item, before))
        for item in changes(lock_document(before), lock_document(now))
        if item.path not in unpromised
    )


def refusals(found: Sequence[Change]) -> tuple[Change, ...]:
    """Return the changes that make a locked build fail."""
    return tuple(item for item in found if item.meaning != VERSION)


def uncaused(found: Sequence[Change], before: BuildRecord) -> tuple[Change, ...]:
    """Return the contents of sources that are others, for no reason that a record knows.

    The same files, read by the same versions, give the same models. Where they do not, what was
    kept of them was exchanged, or a program is not what it seems to be.
    """
    if any(item.meaning in (CAUSE, TEXT, VERSION) for item in found):
        return ()
    changed = {item.path for item in found}

    def is_uncaused(item: Change) -> bool:
        if item.path[0] != "sources" or item.path[2:] != ("content",) or not item.in_both:
            return False
        key = item.path[1]
        source = before.sources[key]
        if source.sha256 is None and not is_decided_by_text(source.location):
            return False  # the record does not know all that decides it
        return changed.isdisjoint(
            ("sources", key, name) for name in ("from", "plugin", "weights", "seed", "sha256")
        )

    return tuple(filter(is_uncaused, found))


def _meaning(item: Change, before: BuildRecord) -> str:
    part = item.path[0]
    if item.path[:2] == ("spec", "files"):
        return TEXT
    if item.path[2:] == ("content",) and part in ("sources", "layers") and item.in_both:
        seeded = part == "layers" or before.sources[item.path[1]].seed is not None
        return DRAWN if seeded else MADE_FROM
    return _MEANINGS.get(part, MADE_FROM)
