"""Which entries of a store go, and their removal. The caller holds the store's lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from composer.files.json_files import read_document
from composer.files.unfinished import MARK, discard, sweep
from composer.store.in_use import nobody_holds

if TYPE_CHECKING:
    from composer.store.objects import StoredObject

IN_USE = timedelta(hours=1)
"""An object that was asked for this recently may be open in some build."""

NOTED = timedelta(days=30)
"""How long notes are kept; they are taken again when they are needed."""

ABANDONED = timedelta(days=1)
"""A download that has not grown for this long is not waited for any more; it could go on."""

WRITTEN = timedelta(hours=1)
"""A note takes far less to be written; one this old belongs to a process that was killed."""

DOWNLOAD = "unfinished-"
"""How the folders of unfinished downloads are called below ``scratch``."""

_NO_NOTES = frozenset({"objects", "recipes", "facts", "scratch", "locks"})
"""Folders of all but notes, which can be taken again at any time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What a pruning did, or would do.

    Attributes:
        removed: the digests of the removed objects, in order of removal.
        freed: their size in bytes.
        kept: size in bytes of the objects that stay.
        in_use: digests of objects that were to go, and are used by another process.
        recent: of those that were to go, and were used within the last hour.
        leftovers: what killed processes left: files and folders.
        leftover_bytes: their size.
        entries: how many recipes, facts and notes went.
    """

    removed: tuple[str, ...] = ()
    freed: int = 0
    kept: int = 0
    in_use: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()
    leftovers: int = 0
    leftover_bytes: int = 0
    entries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What may stay.

    Attributes:
        max_age: objects not used for longer go; None keeps all ages.
        max_bytes: then the least recently used go until the rest is no larger; None is no limit.
        everything: all goes that no other process is using, however recently it was used.
        now: the time to count from.
    """

    max_age: timedelta | None = None
    max_bytes: int | None = None
    everything: bool = False
    now: datetime


def prune_store(
    root: Path,
    objects: Sequence[StoredObject],
    limits: Limits,
    *,
    free: Callable[[str], bool],
    remove: bool = True,
) -> Pruned:
    """Remove objects and all that leads nowhere without them; see :meth:`Store.prune`.

    Args:
        root: of the store.
        objects: all of it.
        limits: what may stay.
        free: tells for the name of an unfinished download that nobody is at it.
        remove: False only looks.

    Raises:
        OSError: an entry could not be removed.
    """
    gone: list[StoredObject] = []
    in_use: list[StoredObject] = []
    going, recent = choose(objects, limits)
    for item in going:
        with nobody_holds(item.path.with_suffix(".json")) as unused:
            (gone if unused else in_use).append(item)
            if unused and remove:
                item.path.unlink(missing_ok=True)
                item.path.with_suffix(".json").unlink(missing_ok=True)
    staying = {item.digest for item in objects} - {item.digest for item in gone}
    entries = (*_orphans(root, staying, limits), *_forgettable(root, limits))
    lost = _lost(root, {item.digest for item in objects}, limits, free)
    sizes = sum(size_of(path) for path in lost)
    if remove:
        for path in entries:
            path.unlink(missing_ok=True)
        for path in lost:
            discard(path)
        sweep(root / "scratch")
    return Pruned(
        removed=tuple(item.digest for item in gone),
        freed=sum(item.size for item in gone),
        kept=sum(item.size for item in objects if item.digest in staying),
        in_use=tuple(item.digest for item in in_use),
        recent=tuple(item.digest for item in recent),
        leftovers=len(lost),
        leftover_bytes=sizes,
        entries=len(entries),
    )


def choose(
    objects: Sequence[StoredObject], limits: Limits
) -> tuple[tuple[StoredObject, ...], tuple[StoredObject, ...]]:
    """Return the objects to remove, the least recently used first, and those used too recently."""
    by_use = sorted(objects, key=lambda item: (item.used, item.digest))
    if limits.everything:
        return tuple(by_use), ()
    total = sum(item.size for item in by_use)
    going: list[StoredObject] = []
    recent: list[StoredObject] = []
    for item in by_use:
        age = limits.now - item.used
        too_old = limits.max_age is not None and age > limits.max_age
        too_much = limits.max_bytes is not None and total > limits.max_bytes
        if too_old or too_much:
            (recent if age < IN_USE else going).append(item)
            total -= item.size
    return tuple(going), tuple(recent)


def _orphans(root: Path, staying: set[str], limits: Limits) -> Iterator[Path]:
    """Yield damaged recipes and facts, and those that lead to no object that stays."""
    for path in sorted(root.glob("recipes/*/*.json")):
        recipe = read_document(path)
        if recipe is None or recipe.get("digest") not in staying:
            yield path
    for path in sorted(root.glob("facts/*/*.json")):
        document = read_document(path)
        fact = document.get("fact") if document else None
        leads_to = fact.get("object") if isinstance(fact, dict) else False
        if leads_to is None:
            if limits.everything:
                yield path
        elif str(leads_to) not in staying:
            yield path


def _forgettable(root: Path, limits: Limits) -> Iterator[Path]:
    """Yield notes so old that the files they are about have most likely changed or moved."""
    for path in notes(root):
        if limits.everything or _older(path, limits.now - NOTED):
            yield path


def notes(root: Path) -> Iterator[Path]:
    """Yield the notes of a store, by kind."""
    for folder in sorted(root.glob("*")):
        if folder.name not in _NO_NOTES:
            yield from sorted(folder.glob("*/*.json"))


def _lost(
    root: Path, known: set[str], limits: Limits, free: Callable[[str], bool]
) -> tuple[Path, ...]:
    """Return damaged objects and what killed processes left behind."""
    found = [
        path
        for path in (*root.glob("objects/*/*.keras"), *root.glob("objects/*/*.json"))
        if path.parent.name + path.stem not in known
    ]
    for path in root.glob("*/*/.*.tmp"):
        # All but notes are written under the lock that this process holds now.
        noted = path.parents[1].name not in _NO_NOTES
        if not noted or _older(path, limits.now - WRITTEN):
            found.append(path)
    found.extend(_lost_scratch(root / "scratch", limits, free))
    return tuple(sorted(found))


def _lost_scratch(scratch: Path, limits: Limits, free: Callable[[str], bool]) -> Iterator[Path]:
    abandoned = sweep(scratch, remove=False)
    yield from abandoned
    entries = set(scratch.glob("*"))
    for path in entries - {*abandoned}:
        if path.suffix == MARK or path.with_name(f"{path.name}{MARK}") in entries:
            continue  # somebody is at it
        old = _older(path, limits.now - ABANDONED)
        if path.name.startswith(DOWNLOAD):
            if (limits.everything or old) and free(path.name):
                yield path
        elif old:  # of a disk without locks
            yield path


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    total = 0
    for file in (path, *path.rglob("*")):
        with suppress(OSError):
            total += file.lstat().st_size if file.is_file() else 0
    return total


def _older(path: Path, moment: datetime) -> bool:
    with suppress(OSError):
        return datetime.fromtimestamp(path.stat().st_mtime, UTC) < moment
    return False
