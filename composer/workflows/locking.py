"""Locks of specs: written, compared with what there is, and kept current."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from composer.diagnostics.diagnostic import Diagnostic, Note
from composer.difference.changes import Change
from composer.errors import BuildError, DriftError, SpecError, UsageError
from composer.files.unfinished import marked, sweep, token
from composer.outputs.write import Accept
from composer.outputs.written import WrittenFile
from composer.record.build_record import NOTHING, ArtifactRecord, BuildRecord
from composer.record.compare_records import RESULT, compare, refusals, uncaused
from composer.record.drift import exchanged, explained
from composer.record.lock_file import find_lock, lock_from_text, lock_path, lock_text, read_lock
from composer.record.record_build import record_artifact, record_build
from composer.spec.locations import is_remote
from composer.spec.model import Pin, Spec
from composer.spec.override_paths import seen_from_here
from composer.store import default_store
from composer.workflows.building import Artifact, build_spec
from composer.workflows.pipeline import Prepared, Progress, plan_spec, prepare


def pins(lock: BuildRecord | None, upgrade: Sequence[str] = ()) -> dict[str, Pin]:
    """Return what a lock holds of sources by URL, but for those to ask for anew.

    Raises:
        UsageError: ``upgrade`` names no source of the lock.
    """
    from composer.diagnostics.suggest import did_you_mean

    sources = lock.sources if lock is not None else {}
    for name in upgrade:
        if name not in sources:
            raise UsageError(
                "CMP113.lock-source",
                source_id=name,
                help=did_you_mean(name, tuple(sources)) or f"its sources are {', '.join(sources)}",
            )
    return {
        name: Pin(sha256=source.sha256, revision=source.revision)
        for name, source in sources.items()
        if source.sha256 is not None and is_remote(source.location) and name not in upgrade
    }


def record_prepared(prepared: Prepared, folder: Path, known: BuildRecord = NOTHING) -> BuildRecord:
    """Return the record of what was prepared, as a lock in ``folder`` would say it.

    Args:
        prepared: without errors.
        folder: of the lock.
        known: an earlier record; see :func:`composer.record.record_build.record_build`.

    Raises:
        SpecError: a source is damaged, or changed since it was first read.
        BuildError: a source can't be read.
    """
    spec, store = prepared.spec, prepared.store or default_store()
    assert spec is not None
    now = record_build(spec, prepared.plan, store, folder=folder, known=known)
    if prepared.watched is not None:
        prepared.watched.check()
    return now


def write_lock(
    spec: str,
    overrides: Sequence[str],
    *,
    upgrade: Sequence[str] = (),
    offline: bool = False,
    progress: Progress | None = None,
) -> tuple[Prepared, tuple[Change, ...] | None]:
    """Write the lock of a spec; the model is built for it, and not kept.

    Args:
        spec: path of the spec.
        overrides: such as ``vars.classes=5``.
        upgrade: sources by URL whose present state is taken, not the locked one.
        offline: whether nothing may be asked of the network.
        progress: called with lines of progress.

    Returns:
        What was prepared, and what the new lock changes; None where there was none.

    Raises:
        SpecError: the spec or its sources are wrong.
        UsageError: the spec can't be read, or ``upgrade`` names no source.
        BuildError: it can't be built, or the lock can't be written.
    """
    path = lock_path(spec)
    old = None
    with suppress(DriftError):  # what is no lock is written anew
        old = find_lock(spec)
    if upgrade and old is None:
        raise UsageError("CMP114.no-lock-upgrade", path=path)
    prepared = prepare(
        spec,
        overrides,
        deep=True,
        offline=offline,
        building=True,
        pins=pins(old, upgrade),
        progress=progress,
    )
    if prepared.errors or prepared.spec is None:
        raise SpecError(prepared.diagnostics)
    with default_store().scratch() as scratch:
        places = [
            scratch / str(number) / place.path.name
            for number, place in enumerate(prepared.spec.target.destinations)
        ]
        made: dict[str, ArtifactRecord] = {}

        def take(written: Sequence[WrittenFile]) -> None:
            made.update(_artifacts(written))

        build_spec(prepared, output=places, accept=take, force=True, progress=progress)
    lock = record_prepared(prepared, path.parent, replace(NOTHING, artifacts=made))
    _write(path, lock)
    return prepared, None if old is None else compare(old, lock)


def check_lock(
    spec: str, overrides: Sequence[str], *, offline: bool = False, progress: Progress | None = None
) -> Prepared:
    """Compare a spec, its sources and names with its lock, without Keras and without linking.

    Where something waits for Keras, all that can be told without it is compared first. Only where
    none of that differs, an error of code ``CMP610`` is among the diagnostics.

    Raises:
        SpecError: the spec or its sources are wrong.
        UsageError: there is no lock, or the spec can't be read.
        DriftError: they differ; it holds diagnostics.
    """
    path = lock_path(spec)
    locked = read_lock(path)
    prepared = prepare(spec, overrides, offline=offline, pins=pins(locked), progress=progress)
    if prepared.errors or prepared.spec is None:
        return prepared
    _refuse(spec, prepared, locked, record_prepared(prepared, path.parent, locked))
    if prepared.plan is not None and prepared.plan.complete:
        return prepared
    arguments = " ".join([spec, *seen_from_here(prepared.spec.overrides, path.parent)])
    unfinished = Diagnostic(
        code="CMP610",
        message=f"{path} can't be checked to the end without Keras; what files alone tell is as "
        "it was locked",
        notes=tuple(Note(message=waiting) for waiting in prepared.deferred),
        help=f"compose validate --deep {arguments} asks Keras, and remembers the answer for the "
        f"next check; compose build --locked {arguments} asks, checks and builds",
    )
    return replace(prepared, diagnostics=(*prepared.diagnostics, unfinished))


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedBuild:
    """A build that was compared with a lock, or kept one current.

    Attributes:
        artifact: what was written.
        changed: what of the lock was brought up to date; None where nothing had to be.
        remarks: what is worth saying.
    """

    artifact: Artifact
    changed: tuple[Change, ...] | None = None
    remarks: tuple[str, ...] = ()


Build = Callable[[Accept], Artifact]
"""Builds what was prepared, unless the function that it is given refuses the result."""


def build_against_lock(
    spec: str, prepared: Prepared, locked: BuildRecord, build: Build, *, frozen: bool = False
) -> LockedBuild:
    """Build what a lock says, or nothing.

    Args:
        spec: path of the spec.
        prepared: from it, with :func:`pins` of the lock.
        locked: its lock.
        build: builds it.
        frozen: whether it was prepared from the lock, so that the spec may have moved on.

    Raises:
        DriftError: anything differs; every place is left as it was.
        SpecError, BuildError: as for :func:`composer.workflows.building.build_spec`.
    """
    now = hold(spec, prepared, locked, frozen=frozen)

    def accept(written: Sequence[WrittenFile]) -> None:
        made = replace(now, artifacts=_artifacts(written))
        _refuse(spec, prepared, locked, made, frozen=frozen)

    artifact = build(accept)
    versions = [str(item) for item in compare(locked, now)]
    remarks = [f"other versions than those of the lock: {'; '.join(versions)}"] if versions else []
    return LockedBuild(artifact=artifact, remarks=tuple(remarks))


def build_and_keep_lock(
    spec: str, prepared: Prepared, locked: BuildRecord, build: Build
) -> LockedBuild:
    """Build, and bring the lock up to date where something changed.

    A build with other overrides than those of the lock leaves it alone, and so does one whose
    results differ though nothing that they are made of does.

    Raises:
        DriftError: a source gives another model than the lock says, though its file is the same;
            every place is left as it was.
        SpecError, BuildError: as for :func:`composer.workflows.building.build_spec`.
    """
    path = lock_path(spec)
    sweep(path.parent)
    assert prepared.spec is not None
    if prepared.spec.overrides != locked.spec.overrides:
        held = " ".join(locked.spec.overrides) or "none"
        said = f"{path} is left as it is: its overrides are {held}"
        return LockedBuild(artifact=build(lambda _: None), remarks=(said,))
    found: list[BuildRecord] = []

    def take(written: Sequence[WrittenFile]) -> None:
        made = _artifacts(written, locked)
        found.append(record_prepared(prepared, path.parent, replace(locked, artifacts=made)))
        _refuse_uncaused(spec, prepared, locked, found[-1])

    artifact = build(take)
    now = found[-1]
    if lock_text(now) == lock_text(locked):
        return LockedBuild(artifact=artifact)
    changed = compare(locked, now)
    if changed and all(item.meaning == RESULT for item in changed):
        fields = ", ".join(item.field for item in changed)
        said = f"{path} is left as it is: {fields} differs, and nothing that it is made of"
        return LockedBuild(artifact=artifact, remarks=(said,))
    _write(path, now)
    return LockedBuild(artifact=artifact, changed=changed)


def hold(
    spec: str, prepared: Prepared, locked: BuildRecord, *, frozen: bool = False
) -> BuildRecord:
    """Compare what was prepared with a lock, and return its own record with the lock's results.

    Args:
        spec: path of the spec.
        prepared: from it, or from the lock.
        locked: its lock.
        frozen: whether it was prepared from the lock.

    Raises:
        DriftError: anything differs; it holds diagnostics.
        SpecError, BuildError: there are errors, or it waits for Keras.
    """
    plan_spec(prepared)
    now = record_prepared(prepared, lock_path(spec).parent, locked)
    _refuse(spec, prepared, locked, now, frozen=frozen)
    return now


def _refuse(
    spec: str, prepared: Prepared, locked: BuildRecord, now: BuildRecord, *, frozen: bool = False
) -> None:
    found = refusals(compare(locked, now))
    if not found:
        return
    assert prepared.spec is not None
    diagnostics = explained(
        found,
        command=_command(spec, prepared.spec),
        locked=locked,
        now=now,
        positions=prepared.spec.positions,
        frozen=frozen,
    )
    raise DriftError("CMP601.mismatch", spec=spec, lock=lock_path(spec), differences=diagnostics)


def _refuse_uncaused(spec: str, prepared: Prepared, locked: BuildRecord, now: BuildRecord) -> None:
    found = uncaused(compare(locked, now), locked)
    if not found:
        return
    assert prepared.spec is not None
    command, positions = _command(spec, prepared.spec), prepared.spec.positions
    raise DriftError(
        "CMP614.unexplained-lock",
        path=lock_path(spec),
        differences=exchanged(found, locked, command=command, positions=positions),
    )


def _command(spec: str, read: Spec) -> str:
    """Return the command that locks a spec as it is now, as one writes it here."""
    return " ".join(["compose lock", spec, *seen_from_here(read.overrides, Path(spec).parent)])


def _artifacts(
    written: Sequence[WrittenFile], known: BuildRecord = NOTHING
) -> dict[str, ArtifactRecord]:
    """Return what a lock says of results; those of ``known`` are believed."""
    return {
        file.format: record_artifact(file, known=known.artifacts.get(file.format))
        for file in written
    }


def _write(path: Path, lock: BuildRecord) -> None:
    """Write a lock at once or not at all; an unchanged one keeps its times."""
    text = lock_text(lock)
    lock_from_text(text, str(path))
    sweep(path.parent)
    with suppress(OSError, UnicodeError):
        if path.read_text(encoding="utf-8") == text:
            return
    beginning = token(path.name)
    temporary = path.with_name(f"{beginning}.json")
    with marked(path.parent, beginning):
        try:
            with temporary.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            raise BuildError("CMP712.unwritable", path=path, reason=error.strerror) from error
        finally:
            temporary.unlink(missing_ok=True)
