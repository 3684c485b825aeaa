"""Locks of specs: made, held against what there is, and kept current."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from composer.diagnostics.diagnostic import Diagnostic, Note
from composer.errors import BuildError, DriftError, SpecError, UsageError
from composer.files.unfinished import marked, sweep, token
from composer.outputs.registry import output_format
from composer.outputs.write import Accept
from composer.outputs.written import WrittenFile
from composer.record.causes import only_results, refused, uncaused
from composer.record.compare import Difference, differences, explained, refusals
from composer.record.document import lock_from_text, lock_path, lock_text, read_lock
from composer.record.model import Lock, LockedArtifact
from composer.spec.locations import is_remote
from composer.spec.model import Pin, Spec
from composer.spec.override_paths import seen_from_here
from composer.store import default_store
from composer.workflows.building import Artifact, build_spec
from composer.workflows.describing import describe, describe_so_far
from composer.workflows.pipeline import Prepared, Progress, prepare


def find_lock(spec: str | Path) -> Lock | None:
    """Return the lock that lies beside a spec, or None.

    Raises:
        UsageError: it can't be read.
        DriftError: it is no lock.
    """
    path = lock_path(Path(spec))
    return read_lock(path) if path.exists() else None


def pins(lock: Lock, upgrade: Sequence[str] = ()) -> dict[str, Pin]:
    """Return what a lock holds of sources by URL, but for those to ask for anew.

    Raises:
        UsageError: ``upgrade`` names no source of the lock.
    """
    from composer.diagnostics.suggest import did_you_mean

    for name in upgrade:
        if name not in lock.sources:
            raise UsageError(
                f"the lock holds no source {name!r}",
                help=did_you_mean(name, tuple(lock.sources))
                or f"its sources are {', '.join(lock.sources)}",
            )
    return {
        name: Pin(sha256=source.sha256, revision=source.revision)
        for name, source in lock.sources.items()
        if source.sha256 is not None and is_remote(source.location) and name not in upgrade
    }


def write_lock(
    spec: str,
    overrides: Sequence[str],
    *,
    upgrade: Sequence[str] = (),
    offline: bool = False,
    progress: Progress | None = None,
) -> tuple[Prepared, tuple[Difference, ...] | None]:
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
    path = lock_path(Path(spec))
    old = None
    with suppress(DriftError):  # what is no lock is written anew
        old = find_lock(spec)
    if upgrade and old is None:
        raise UsageError(f"there is no lock {path} to upgrade a source in", code="CMP114")
    prepared = prepare(
        spec,
        overrides,
        deep=True,
        offline=offline,
        building=True,
        pins=pins(old, upgrade) if old is not None else {},
        progress=progress,
    )
    if prepared.errors or prepared.spec is None:
        raise SpecError(prepared.diagnostics)
    with default_store().scratch() as scratch:
        places = [
            scratch / str(number) / place.path.name
            for number, place in enumerate(prepared.spec.target.destinations)
        ]
        made: dict[str, LockedArtifact] = {}

        def take(written: Sequence[WrittenFile]) -> None:
            made.update(_artifacts(written))

        build_spec(prepared, output=places, accept=take, force=True, progress=progress)
    lock = _described(prepared, path.parent, made)
    _write(path, lock)
    return prepared, None if old is None else differences(old, lock)


def check_lock(
    spec: str, overrides: Sequence[str], *, offline: bool = False, progress: Progress | None = None
) -> Prepared:
    """Hold a spec, its sources and names against its lock, without Keras and without linking.

    Where something waits for Keras, all that can be told without it is compared first. Only where
    none of that differs, an error of code ``CMP610`` is among the diagnostics.

    Raises:
        SpecError: the spec or its sources are wrong.
        UsageError: there is no lock, or the spec can't be read.
        DriftError: they differ; it holds diagnostics.
    """
    path = lock_path(Path(spec))
    locked = read_lock(path)
    prepared = prepare(spec, overrides, offline=offline, pins=pins(locked), progress=progress)
    if prepared.errors or prepared.spec is None:
        return prepared
    if prepared.plan is not None and prepared.plan.complete:
        hold(spec, prepared, locked)
        return prepared
    _refuse(spec, prepared, locked, describe_so_far(prepared, path.parent, locked))
    unfinished = _unfinished(path, spec, prepared)
    return replace(prepared, diagnostics=(*prepared.diagnostics, unfinished))


def _unfinished(path: Path, spec: str, prepared: Prepared) -> Diagnostic:
    assert prepared.spec is not None
    arguments = " ".join([spec, *seen_from_here(prepared.spec.overrides, path.parent)])
    return Diagnostic(
        code="CMP610",
        message=f"{path} can't be checked to the end without Keras; what files alone tell is as "
        "it was locked",
        notes=tuple(Note(message=waiting) for waiting in prepared.deferred),
        help=f"compose validate --deep {arguments} asks Keras, and remembers the answer for the "
        f"next check; compose build --locked {arguments} asks, checks and builds",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedBuild:
    """A build that was held against a lock, or kept one current.

    Attributes:
        artifact: what was written.
        changed: what of the lock was brought up to date; None where nothing had to be.
        remarks: what is worth saying.
    """

    artifact: Artifact
    changed: tuple[Difference, ...] | None = None
    remarks: tuple[str, ...] = ()


Build = Callable[[Accept], Artifact]
"""Builds what was prepared, unless the function that it is given refuses the result."""


def build_against_lock(
    spec: str, prepared: Prepared, locked: Lock, build: Build, *, frozen: bool = False
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
    versions = [str(item) for item in differences(locked, now)]
    remarks = [f"other versions than those of the lock: {'; '.join(versions)}"] if versions else []
    return LockedBuild(artifact=artifact, remarks=tuple(remarks))


def build_and_keep_lock(spec: str, prepared: Prepared, locked: Lock, build: Build) -> LockedBuild:
    """Build, and bring the lock up to date where something changed.

    A build with other overrides than those of the lock leaves it alone, and so does one whose
    results differ though nothing that they are made of does.

    Raises:
        DriftError: a source gives another model than the lock says, though its file is the same;
            every place is left as it was.
        SpecError, BuildError: as for :func:`composer.workflows.building.build_spec`.
    """
    path = lock_path(Path(spec))
    sweep(path.parent)
    assert prepared.spec is not None
    same_overrides = prepared.spec.overrides == locked.spec.overrides
    described: list[Lock] = []

    def take(written: Sequence[WrittenFile]) -> None:
        if same_overrides:
            made = _artifacts(written, known=locked)
            described.append(_described(prepared, path.parent, made))
            _refuse_uncaused(spec, prepared, locked, described[-1])

    artifact = build(take)
    if not same_overrides:
        held = " ".join(locked.spec.overrides) or "none"
        return LockedBuild(
            artifact=artifact, remarks=(f"{path} is left as it is: its overrides are {held}",)
        )
    now = described[-1]
    if lock_text(now) == lock_text(locked):
        return LockedBuild(artifact=artifact)
    changed = differences(locked, now)
    if only_results(changed):
        fields = ", ".join(".".join(item.path) for item in changed)
        return LockedBuild(
            artifact=artifact,
            remarks=(f"{path} is left as it is: {fields} differs, and nothing that it is made of",),
        )
    _write(path, now)
    return LockedBuild(artifact=artifact, changed=changed)


def _refuse_uncaused(spec: str, prepared: Prepared, locked: Lock, now: Lock) -> None:
    sources = uncaused(differences(locked, now), locked, now)
    if not sources:
        return
    assert prepared.spec is not None
    command = _command(spec, prepared.spec)
    raise DriftError(
        f"{lock_path(Path(spec))} would say something that nothing explains",
        diagnostics=refused(
            sources, locked, now, command=command, positions=prepared.spec.positions
        ),
    )


def hold(spec: str, prepared: Prepared, locked: Lock, *, frozen: bool = False) -> Lock:
    """Hold what was prepared against a lock, and return its own, with the results of that lock.

    Args:
        spec: path of the spec.
        prepared: from it, or from the lock.
        locked: its lock.
        frozen: whether it was prepared from the lock.

    Raises:
        DriftError: anything differs; it holds diagnostics.
    """
    now = _described(prepared, lock_path(Path(spec)).parent, locked.artifacts)
    _refuse(spec, prepared, locked, now, frozen=frozen)
    return now


def _described(prepared: Prepared, folder: Path, artifacts: Mapping[str, LockedArtifact]) -> Lock:
    """Return the lock of what was prepared, of the very files that it was prepared from.

    Raises:
        SpecError: a source changed since it was first read.
    """
    now = describe(prepared, folder, artifacts)
    if prepared.watched is not None:
        prepared.watched.check()
    return now


def _refuse(
    spec: str, prepared: Prepared, locked: Lock, now: Lock, *, frozen: bool = False
) -> None:
    path = lock_path(Path(spec))
    found = refusals(differences(locked, now))
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
    raise DriftError(f"{spec} does not match {path}", diagnostics=diagnostics, code="CMP601")


def _command(spec: str, read: Spec) -> str:
    """Return the command that locks a spec as it is now, as one writes it here."""
    return " ".join(["compose lock", spec, *seen_from_here(read.overrides, Path(spec).parent)])


def _artifacts(
    written: Sequence[WrittenFile], *, known: Lock | None = None
) -> dict[str, LockedArtifact]:
    """Return what a lock says of results.

    Args:
        written: all results.
        known: a lock that is believed: where it has the same bytes, they have the same content.
    """
    found = {}
    for made in written:
        content = None
        take_content = output_format(made.format).content
        if take_content is not None:
            old = known.artifacts.get(made.format) if known is not None else None
            same = old is not None and (old.size, old.sha256) == (made.size, made.sha256)
            content = old.content if old is not None and same else take_content(made.now)
        found[made.format] = LockedArtifact(size=made.size, sha256=made.sha256, content=content)
    return found


def _write(path: Path, lock: Lock) -> None:
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
            raise BuildError(f"{path} can't be written: {error.strerror}", code="CMP712") from error
        finally:
            temporary.unlink(missing_ok=True)
