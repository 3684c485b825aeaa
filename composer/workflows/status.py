"""Whether results and lock of a spec are what it gives now; nothing is built for that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from composer.diagnostics.diagnostic import Diagnostic
from composer.difference.changes import Change
from composer.errors import DriftError
from composer.record.build_record import BuildRecord
from composer.record.compare_records import compare, refusals
from composer.record.freshness import Freshness, look
from composer.record.lock_file import find_lock, lock_path
from composer.store import default_store
from composer.workflows.locking import pins, record_prepared
from composer.workflows.pipeline import Prepared, Progress, prepare

State = Literal["fresh", "stale", "never built", "wrong"]
_NOT_FETCHED = "CMP514"
_UNKNOWN = "it was not built here, or so long ago that this is forgotten"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockStatus:
    """The lock of a spec.

    Attributes:
        holds: None where that can't be told before Keras was asked, and nothing differs so far.
        changed: the fields in which it does not.
        problem: what keeps it from being read.
    """

    path: Path
    holds: bool | None
    changed: tuple[Change, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Whether all that belongs to a spec is up to date.

    Attributes:
        spec: as it was named.
        results: one a file that a build writes.
        lock: None where there is none.
        diagnostics: errors of the spec and its sources; then nothing else is known.
    """

    spec: str
    results: tuple[Freshness, ...] = ()
    lock: LockStatus | None = None
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def state(self) -> State:
        """That of all results together."""
        if self.diagnostics:
            return "wrong"
        states = {result.state for result in self.results}
        return states.pop() if len(states) == 1 else "stale"

    @property
    def current(self) -> bool:
        """Whether all is fresh, and the lock holds where there is one."""
        return self.state == "fresh" and (self.lock is None or self.lock.holds is True)


def status_of(
    spec: str, overrides: Sequence[str] = (), *, progress: Progress | None = None
) -> Status:
    """Return whether all that belongs to a spec is up to date, without Keras and the network.

    Args:
        spec: its path.
        overrides: such as ``vars.classes=5``.
        progress: called with lines of progress.

    Raises:
        UsageError: it can't be read.
        FormatError: a source is damaged.
        BuildError: a source or result can't be read.
    """
    store, path = default_store(), lock_path(spec)
    lock, problem = None, None
    try:
        lock = find_lock(spec)
    except DriftError as error:
        problem = LockStatus(path=path, holds=False, problem=error.message)
    prepared = prepare(
        spec, overrides, offline=True, pins=pins(lock), store=store, progress=progress
    )
    waiting = _waiting(prepared)
    if prepared.spec is None or (prepared.errors and not waiting):
        return Status(spec=spec, diagnostics=prepared.errors)
    places = prepared.spec.target.destinations
    results = look(prepared.plan, prepared.spec, places, store, waiting)
    held = problem
    if lock is not None:
        changed = _changed(prepared, lock, path.parent, () if waiting else results)
        holds = False if changed else None if waiting else True
        held = LockStatus(path=path, holds=holds, changed=changed)
    results = tuple(
        replace(one, reasons=(_UNKNOWN,)) if one.state == "stale" and not one.reasons else one
        for one in results
    )
    return Status(spec=spec, results=results, lock=held)


def _waiting(prepared: Prepared) -> tuple[str, ...]:
    """Return what has to be asked of Keras or the network first; nothing where errors are worse."""
    if any(error.code != _NOT_FETCHED for error in prepared.errors):
        return ()
    missing = [f"source {error.path[1]!r} must first be fetched" for error in prepared.errors]
    return (*missing, *prepared.deferred)


def _changed(
    prepared: Prepared, lock: BuildRecord, folder: Path, results: Sequence[Freshness]
) -> tuple[Change, ...]:
    """Return what a lock says otherwise; of what is not fresh there is nothing to compare."""
    made = dict(lock.artifacts)
    for found in results:
        old = lock.artifacts.get(found.place.format)
        if found.file is not None and old is not None:
            made[found.place.format] = replace(old, size=found.file.size, sha256=found.file.sha256)
    return refusals(compare(lock, record_prepared(prepared, folder, replace(lock, artifacts=made))))
