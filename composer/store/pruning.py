"""Which entries of a store go, and their removal. The caller holds the store's lock."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from composer.store.json_files import read_document

if TYPE_CHECKING:
    from composer.store.store import StoredObject

IN_USE = timedelta(hours=1)
"""An object that was asked for this recently may be open in some build."""

NOTED = timedelta(days=30)
"""How long notes are kept; they are taken again when they are needed."""

ABANDONED = timedelta(days=1)
"""A temporary file or folder this old belongs to a process that crashed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What a pruning did.

    Attributes:
        removed: the digests of the removed objects, in order of removal.
        freed: their size in bytes.
        kept: size in bytes of the objects that stay.
    """

    removed: tuple[str, ...] = ()
    freed: int = 0
    kept: int = 0


def prune_store(
    root: Path,
    objects: Sequence[StoredObject],
    *,
    max_age: timedelta | None,
    max_bytes: int | None,
    now: datetime,
) -> Pruned:
    """Remove objects and all that leads nowhere without them; see :meth:`Store.prune`.

    Raises:
        OSError: an entry could not be removed.
    """
    going = choose(objects, max_age=max_age, max_bytes=max_bytes, now=now)
    for item in going:
        item.path.unlink(missing_ok=True)
        item.path.with_suffix(".json").unlink(missing_ok=True)
    gone = {item.digest for item in going}
    staying = {item.digest for item in objects} - gone
    for path in (*_orphans(root, staying, now), *_forgettable(root, now)):
        path.unlink(missing_ok=True)
    for folder in root.glob("scratch/*"):
        if _older(folder, now - ABANDONED):
            shutil.rmtree(folder, ignore_errors=True)
    return Pruned(
        removed=tuple(item.digest for item in going),
        freed=sum(item.size for item in going),
        kept=sum(item.size for item in objects if item.digest in staying),
    )


def choose(
    objects: Sequence[StoredObject],
    *,
    max_age: timedelta | None,
    max_bytes: int | None,
    now: datetime,
) -> tuple[StoredObject, ...]:
    """Return the objects to remove, the least recently used first."""
    by_use = sorted(objects, key=lambda item: (item.used, item.digest))
    total = sum(item.size for item in by_use)
    going = []
    for item in by_use:
        if now - item.used < IN_USE:
            break
        too_old = max_age is not None and now - item.used > max_age
        too_much = max_bytes is not None and total > max_bytes
        if too_old or too_much:
            going.append(item)
            total -= item.size
    return tuple(going)


def _orphans(root: Path, staying: set[str], now: datetime) -> Iterator[Path]:
    """Yield damaged entries, entries that lead to no object, and what crashes left behind."""
    for path in root.glob("recipes/*/*.json"):
        recipe = read_document(path)
        if recipe is None or recipe.get("digest") not in staying:
            yield path
    for path in root.glob("facts/*/*.json"):
        document = read_document(path)
        fact = document.get("fact") if document else None
        leads_to = fact.get("object") if isinstance(fact, dict) else False
        if leads_to is not None and str(leads_to) not in staying:
            yield path
    for path in (*root.glob("objects/*/*.keras"), *root.glob("objects/*/*.json")):
        if path.parent.name + path.stem not in staying:
            yield path
    for path in root.glob("*/*/.*.tmp"):
        if _older(path, now - ABANDONED):
            yield path


def _forgettable(root: Path, now: datetime) -> Iterator[Path]:
    """Yield notes so old that the files they are about have most likely changed or moved."""
    for path in (*root.glob("listings/*/*.json"), *root.glob("digests/*/*.json")):
        if _older(path, now - NOTED):
            yield path


def _older(path: Path, moment: datetime) -> bool:
    with suppress(OSError):
        return datetime.fromtimestamp(path.stat().st_mtime, UTC) < moment
    return False
