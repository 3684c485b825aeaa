"""Whether results and lock of a spec are what it gives now; nothing is built for that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from composer.diagnostics.diagnostic import Diagnostic
from composer.errors import DriftError
from composer.outputs.results import Standing, look, look_before_keras
from composer.record.compare import Difference, differences, refusals
from composer.record.document import lock_path
from composer.record.model import Lock
from composer.spec.model import Spec
from composer.store import Store, default_store
from composer.workflows.describing import describe, describe_so_far
from composer.workflows.locking import find_lock, pins
from composer.workflows.pipeline import Prepared, Progress, prepare

State = Literal["fresh", "stale", "never built", "wrong"]
_NOT_FETCHED = "CMP514"
_UNKNOWN = "it was not built here, or so long ago that this is forgotten"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One result of a spec.

    Attributes:
        reasons: why it is stale, in words.
    """

    path: Path
    format: str
    state: State
    reasons: tuple[str, ...] = ()


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
    changed: tuple[Difference, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a spec stands.

    Attributes:
        spec: as it was named.
        results: one a file that a build writes.
        lock: None where there is none.
        diagnostics: errors of the spec and its sources; then nothing else is known.
    """

    spec: str
    results: tuple[Result, ...] = ()
    lock: LockStatus | None = None
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def state(self) -> State:
        """That of all results together."""
        if self.diagnostics:
            return "wrong"
        states = {result.state for result in self.results}
        order: tuple[State, ...] = ("stale", "never built", "fresh")
        if states == {"fresh", "never built"}:
            return "stale"
        return next(state for state in order if state in states)

    @property
    def current(self) -> bool:
        """Whether all is fresh, and the lock holds where there is one."""
        return self.state == "fresh" and (self.lock is None or self.lock.holds is True)


def status_of(
    spec: str, overrides: Sequence[str] = (), *, progress: Progress | None = None
) -> Status:
    """Return how a spec stands; neither Keras nor the network is asked.

    Args:
        spec: its path.
        overrides: such as ``vars.classes=5``.
        progress: called with lines of progress.

    Raises:
        UsageError: it can't be read.
        FormatError: a source is damaged.
        BuildError: a source or result can't be read.
    """
    store = default_store()
    lock, problem = _lock(spec)
    prepared = prepare(
        spec,
        overrides,
        offline=True,
        pins=pins(lock) if lock is not None else {},
        store=store,
        progress=progress,
    )
    waiting = _waiting(prepared)
    if prepared.spec is None or (prepared.errors and not waiting):
        return Status(spec=spec, diagnostics=prepared.errors)
    results = _results(prepared, prepared.spec, waiting, store)
    held = None
    if lock is not None:
        changed = _changed(spec, prepared, lock, () if waiting else results)
        held = LockStatus(
            path=lock_path(Path(spec)),
            holds=False if changed else None if waiting else True,
            changed=changed,
        )
    elif problem is not None:
        held = LockStatus(path=lock_path(Path(spec)), holds=False, problem=problem)
    return Status(spec=spec, results=tuple(map(_result, results)), lock=held)


def _lock(spec: str) -> tuple[Lock | None, str | None]:
    try:
        return find_lock(spec), None
    except DriftError as error:
        return None, error.message


def _waiting(prepared: Prepared) -> tuple[str, ...]:
    """Return what has to be asked of Keras or the network first; nothing where errors are worse."""
    if any(error.code != _NOT_FETCHED for error in prepared.errors):
        return ()
    missing = [f"source {error.path[1]!r} must first be fetched" for error in prepared.errors]
    return (*missing, *prepared.deferred)


def _results(
    prepared: Prepared, spec: Spec, waiting: Sequence[str], store: Store
) -> tuple[Standing, ...]:
    places = spec.target.destinations
    if prepared.plan is not None and prepared.plan.complete and not waiting:
        return look(prepared.plan, spec, places, store)
    return look_before_keras(prepared.plan, spec, places, store, waiting)


def _result(found: Standing) -> Result:
    state: State = "stale"
    reasons = found.reasons
    if found.file is not None:
        state = "fresh"
    elif not found.built and not found.place.path.exists():
        state = "never built"
    elif not found.built:
        reasons = (_UNKNOWN,)
    return Result(path=found.place.path, format=found.place.format, state=state, reasons=reasons)


def _changed(
    spec: str, prepared: Prepared, lock: Lock, results: Sequence[Standing]
) -> tuple[Difference, ...]:
    """Return what a lock says otherwise; of what is not fresh there is nothing to compare."""
    made = dict(lock.artifacts)
    for found in results:
        old = lock.artifacts.get(found.place.format)
        if found.file is not None and old is not None:
            made[found.place.format] = replace(old, size=found.file.size, sha256=found.file.sha256)
    folder = lock_path(Path(spec)).parent
    told = not prepared.errors and prepared.plan is not None and prepared.plan.complete
    now = describe(prepared, folder, made) if told else describe_so_far(prepared, folder, lock)
    return refusals(differences(lock, now))
