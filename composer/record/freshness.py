"""Whether what lies in a place is what a build would write there, and if not, why."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from composer.container.digests import digest_sums
from composer.difference.changes import changes
from composer.errors import BuildError
from composer.files.file_times import TICK, settle
from composer.files.keys import key_of
from composer.outputs.written import WrittenFile
from composer.record.made_from import MadeFrom, Parts, made_from, parts_of, reasons
from composer.record.record_build import reading, record_build
from composer.resolver.plan import Plan
from composer.sources.remembered import remembered_sha256
from composer.sources.source_digests import source_states
from composer.spec.model import Destination, Spec
from composer.store import Store

State = Literal["fresh", "stale", "never built"]
_KIND: Final = "results"
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """What lies in a place.

    Attributes:
        state: ``stale`` is what a build would replace.
        file: it, if it is fresh.
        reasons: why it is stale; none where no earlier build is remembered to have written it.
    """

    place: Destination
    state: State
    file: WrittenFile | None = None
    reasons: tuple[str, ...] = ()


def look(
    plan: Plan | None,
    spec: Spec,
    places: Sequence[Destination],
    store: Store,
    waiting: Sequence[str] = (),
) -> tuple[Freshness, ...]:
    """Look at all places, and read no source where no earlier build has written.

    Args:
        plan: complete, unless something waits; None where there is none yet.
        spec: that it is the plan of.
        places: that it is written to.
        store: remembers digests of files, and what earlier builds wrote.
        waiting: what Keras has to be asked first, in words. Then what lies there counts as stale,
            and what is known to have changed is said too.

    Raises:
        FormatError: a source is damaged.
        BuildError: something can't be read.
    """
    notes = [_read_note(place, store) for place in places]
    found = [_unbuilt(*pair) for pair in zip(places, notes, strict=True)]
    if all(found):
        return tuple(filter(None, found))
    states = source_states(plan, spec, store) if plan is not None else {}
    if plan is not None and plan.complete and not waiting:
        origins = made_from(plan, states, spec, places, store)
        return tuple(freshness(*pair, store) for pair in zip(places, origins, strict=True))
    folder = Path(spec.file).parent
    parts = parts_of(record_build(spec, plan, store, folder=folder, states=states))
    return tuple(
        item or Freshness(place=place, state="stale", reasons=(*_so_far(note, parts), *waiting))
        for item, place, note in zip(found, places, notes, strict=True)
    )


def _so_far(note: Mapping[str, Any], parts: Parts) -> tuple[str, ...]:
    """Say what is known to have changed since a result was built; all the rest waits."""
    found = [item for item in changes(note["parts"], parts) if item.in_both]
    return reasons(found) if found else ()


def freshness(place: Destination, origin: MadeFrom, store: Store) -> Freshness:
    """Look at what lies in a place; its bytes are read where the store trusts no times.

    Raises:
        BuildError: it can't be read.
    """
    note = _read_note(place, store)
    unbuilt = _unbuilt(place, note)
    if unbuilt is not None:
        return unbuilt
    if origin.key is None:
        why: tuple[str, ...] = ("the code that an export runs can't be read",)
        return Freshness(place=place, state="stale", reasons=why)
    if note.get("key") != origin.key:
        why = reasons(changes(note["parts"], origin.parts))
        return Freshness(place=place, state="stale", reasons=why)
    with reading():
        stamp = _stamp(place.path)
        known = store.trusts_times and stamp is not None and stamp == note.get("stamp")
        if not known and _digest(place.path, store) != note["sha256"]:
            why = ("it was changed since it was built",)
            return Freshness(place=place, state="stale", reasons=why)
    file = WrittenFile(
        path=place.path,
        format=place.format,
        sha256=note["sha256"],
        size=note["size"],
        fresh=True,
        now=place.path,
    )
    # Taken again, so that it is not forgotten as long as it is of use.
    _take_note(file, origin, stamp, store)
    return Freshness(place=place, state="fresh", file=file)


def remember(files: Sequence[WrittenFile], origins: Sequence[MadeFrom], store: Store) -> None:
    """Remember what results were built from.

    Args:
        files: that took their places a moment ago.
        origins: one a file.
        store: what lies in it is on its way elsewhere, and not remembered.
    """
    for file, origin in zip(files, origins, strict=True):
        if file.fresh or file.path.absolute().is_relative_to(store.root):
            continue
        with suppress(OSError):
            changed = file.path.stat().st_ctime_ns
            if changed % _SECOND:  # else no stamp is taken, however long one waits
                settle(changed)
            # Another build may have taken the place since.
            if file.path.stat().st_ino == file.inode:
                _take_note(file, origin, _stamp(file.path), store)


def _unbuilt(place: Destination, note: Mapping[str, Any]) -> Freshness | None:
    """Return what is to be said of a place that holds no result of an earlier build, or None."""
    with reading():
        exists = place.path.exists()
    if not note:
        return Freshness(place=place, state="stale" if exists else "never built")
    if not exists:
        return Freshness(place=place, state="stale", reasons=("it no longer exists",))
    return None


def _read_note(place: Destination, store: Store) -> Mapping[str, Any]:
    """Return what was remembered of a place, nothing where that is damaged."""
    note = store.note(_KIND, _name(place)) or {}
    parts = note.get("parts")
    sound = (
        isinstance(parts, dict)
        and {"spec", "toolchain"} <= parts.keys()  # not one of an earlier version
        and all(isinstance(part, dict) for part in parts.values())
        and isinstance(note.get("sha256"), str)
        and isinstance(note.get("size"), int)
    )
    return note if sound else {}


def _take_note(file: WrittenFile, origin: MadeFrom, stamp: str | None, store: Store) -> None:
    place = Destination(path=file.path, format=file.format)
    content = {
        "key": origin.key,
        "parts": origin.parts,
        "sha256": file.sha256,
        "size": file.size,
        "stamp": stamp,
    }
    with suppress(BuildError):  # a store that can't be written costs a build, nothing else
        store.take_note(_KIND, _name(place), content)


def _name(place: Destination) -> str:
    return f"{place.format} {place.path.parent.resolve() / place.path.name}"


def _digest(path: Path, store: Store) -> str:
    return digest_sums(path) if path.is_dir() else remembered_sha256(path, store)


def _stamp(path: Path) -> str | None:
    """Return by what a result is known again without being read.

    Returns:
        None where a change in place might not show: within a tick of the file system's clock, or
        where that clock is a coarse one.
    """
    states = []
    before = time.time_ns() - TICK
    for file in (path, *(sorted(path.rglob("*")) if path.is_dir() else ())):
        status = file.stat()
        if not status.st_ctime_ns % _SECOND or status.st_ctime_ns > before:
            return None
        times = (status.st_mtime_ns, status.st_ctime_ns)
        name = str(file.relative_to(path))
        states.append((name, status.st_dev, status.st_ino, status.st_size, *times))
    return key_of(states)
