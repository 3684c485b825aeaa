"""The build of one spec from beginning to end, as a value: what there is to be said of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from composer.cli import options
from composer.cli.progress import display
from composer.cli.reporting import exit_code, not_told_yet
from composer.errors import ComposeError, DriftError, SpecError
from composer.files.suffixes import SPEC_SUFFIXES

if TYPE_CHECKING:
    from composer.diagnostics.diagnostic import Diagnostic
    from composer.outputs.companions import Companions
    from composer.outputs.write import Accept
    from composer.record.build_record import BuildRecord
    from composer.workflows.building import Artifact
    from composer.workflows.pipeline import Prepared


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A spec to build, and how.

    Attributes:
        spec: its path as the user gave it.
        overrides: such as ``vars.classes=5``.
        outputs: where the result goes; none is what the spec says.
        verify: whether Keras loads and runs it before it takes its name.
        dry_run: whether everything is done but writing.
        offline: whether nothing may be asked of the network.
        locked: whether the build fails when anything is not as the lock says.
        force: whether what is fresh is built too.
        frozen: whether it is built from its lock, whatever the spec says by now.
        trust_lock: whether that lock may let in what the spec does not.
        provenance: whether an in-toto Statement is written beside the result.
        sbom: whether a CycloneDX bill of materials is written beside the result.
        sign: private key by which each file that is written is signed.
    """

    spec: str
    overrides: tuple[str, ...]
    outputs: tuple[str, ...]
    verify: bool
    dry_run: bool
    offline: bool = False
    locked: bool = False
    force: bool = False
    frozen: bool = False
    trust_lock: bool = False
    provenance: bool = False
    sbom: bool = False
    sign: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the build of a spec ended. It can be handed from process to process.

    Attributes:
        job: that was done.
        code: exit code.
        diagnostics: errors and warnings about the spec.
        said: lines that the command is asked for; None where it failed.
        problem: what else it failed of.
        remarks: what is worth saying besides.
        fresh: whether all stood there already, so that nothing was written.
    """

    job: Job
    code: int
    diagnostics: tuple[Diagnostic, ...] = ()
    said: str | None = None
    problem: Diagnostic | None = None
    remarks: tuple[str, ...] = ()
    fresh: bool = False


def build_one(job: Job) -> Outcome:
    """Plan, link and save the model of one spec."""
    started = time.monotonic()
    diagnostics: tuple[Diagnostic, ...] = ()
    remarks: tuple[str, ...] = ()
    try:
        lock = _lock(job)
        prepared = _prepare(job, lock)
        diagnostics, remarks = prepared.diagnostics, prepared.remarks
        if prepared.errors:
            code = exit_code(diagnostics)
            return Outcome(job=job, code=code, diagnostics=diagnostics, remarks=remarks)
        if job.dry_run:
            if lock is not None and (job.locked or job.frozen):
                from composer.workflows.locking import hold

                hold(job.spec, prepared, lock, frozen=job.frozen)
            said, fresh = _planned(prepared, job), False
        else:
            said, fresh, more = _built(prepared, job, lock, started)
            remarks = (*remarks, *more)
    except DriftError as error:
        return Outcome(
            job=job,
            code=error.exit_code,
            diagnostics=(*diagnostics, *error.diagnostics),
            problem=not_told_yet(error),
            remarks=remarks,
        )
    except SpecError as error:
        return Outcome(job=job, code=error.exit_code, diagnostics=error.diagnostics)
    except ComposeError as error:
        problem = not_told_yet(error)
        return Outcome(
            job=job,
            code=error.exit_code,
            diagnostics=diagnostics,
            problem=problem,
            remarks=remarks,
        )
    return Outcome(
        job=job, code=0, diagnostics=diagnostics, said=said, remarks=remarks, fresh=fresh
    )


def _lock(job: Job) -> BuildRecord | None:
    """Return the lock of the spec, where there is one.

    Raises:
        UsageError: there is none, and the build is to be held against it.
        DriftError: it is no lock.
    """
    from composer.record.lock_file import lock_path

    path = lock_path(Path(job.spec))
    if not (job.locked or job.frozen) and not path.exists():
        return None
    from composer.record.lock_file import read_lock

    return read_lock(path)


def _prepare(job: Job, lock: BuildRecord | None) -> Prepared:
    from composer.store import default_store
    from composer.workflows.pipeline import prepare

    # What a lock promises is about bytes, not about the times of files.
    store = default_store(trusts_times=not (job.locked or job.frozen))
    output = job.outputs or None
    if lock is not None and job.frozen:
        from composer.workflows.frozen import prepare_frozen

        with display(f"planning {job.spec}") as say:
            return prepare_frozen(
                job.spec,
                lock,
                offline=job.offline,
                output=output,
                trust_lock=job.trust_lock,
                store=store,
                progress=say,
            )
    from composer.workflows.locking import pins

    options.readable_file(job.spec, SPEC_SUFFIXES)
    with display(f"planning {job.spec}") as say:
        return prepare(
            job.spec,
            job.overrides,
            deep=True,
            offline=job.offline,
            output=output,
            building=True,
            pins=pins(lock),
            store=store,
            progress=say,
        )


def _planned(prepared: Prepared, job: Job) -> str:
    from composer.cli.build_screen import planned
    from composer.outputs.chosen import destinations_of
    from composer.outputs.places import check_places
    from composer.record.freshness import look
    from composer.workflows.pipeline import plan_spec

    plan = plan_spec(prepared)
    assert prepared.spec is not None
    assert prepared.store is not None
    places = destinations_of(prepared.spec, job.outputs or None)
    check_places(places, plan.source_files)
    stand = () if job.force else look(plan, prepared.spec, places, prepared.store)
    return planned(plan, places, {item.place.path for item in stand if item.file is not None})


def _built(
    prepared: Prepared, job: Job, lock: BuildRecord | None, started: float
) -> tuple[str, bool, tuple[str, ...]]:
    """Build; return what is shown of it, whether all was fresh, and what else is worth saying."""
    from composer.cli.build_screen import built, outdated
    from composer.workflows.building import build_spec

    output = job.outputs or None
    checks: list[str] = []
    remarks: tuple[str, ...] = ()
    assert prepared.plan is not None
    companions = _companions(prepared, job)
    with display(f"linking {prepared.plan.name}") as say:

        def build(accept: Accept | None) -> Artifact:
            if not job.verify:
                return build_spec(
                    prepared,
                    output=output,
                    accept=accept,
                    force=job.force,
                    companions=companions,
                    progress=say,
                )
            from composer.workflows.verified_building import build_verified

            made, report = build_verified(
                prepared, output=output, accept=accept, companions=companions, progress=say
            )
            checks.extend(f"{check.name} {check.state}" for check in report.checks)
            return made

        if lock is None:
            artifact = build(None)
        else:
            artifact, remarks = _built_with_lock(prepared, job, lock, build)
    took = time.monotonic() - started
    remarks = (*remarks, *outdated(artifact))
    return built(artifact, checks, took), artifact.fresh, remarks


def _companions(prepared: Prepared, job: Job) -> Companions | None:
    if not (job.provenance or job.sbom or job.sign is not None):
        return None
    from composer.workflows.attesting import attestations

    return attestations(
        prepared,
        output=job.outputs or None,
        provenance=job.provenance,
        sbom=job.sbom,
        key=None if job.sign is None else Path(job.sign),
    )


def _built_with_lock(
    prepared: Prepared, job: Job, lock: BuildRecord, build: Callable[[Accept | None], Artifact]
) -> tuple[Artifact, tuple[str, ...]]:
    from composer.record.lock_file import lock_path
    from composer.workflows.locking import build_against_lock, build_and_keep_lock

    if job.locked or job.frozen:
        done = build_against_lock(job.spec, prepared, lock, build, frozen=job.frozen)
        said = f"everything matches {lock_path(Path(job.spec))}"
        if job.frozen:
            said += "; built from the lock, not from the current spec"
        return done.artifact, (said, *done.remarks)
    if job.outputs:
        return build(None), ()
    done = build_and_keep_lock(job.spec, prepared, lock, build)
    if done.changed is None:
        return done.artifact, done.remarks
    fields = ", ".join(dict.fromkeys(item.path[0] for item in done.changed)) or "its text"
    return done.artifact, (f"{lock_path(Path(job.spec))} brought up to date: {fields}",)
