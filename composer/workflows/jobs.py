"""A build as a value: a job goes in and its outcome comes out as data, in whichever process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from composer.errors import ComposeError, DriftError, SpecError, exit_code
from composer.files.suffixes import SPEC_SUFFIXES
from composer.keras_process.shared_process import shared_keras
from composer.workflows.named_files import readable_file

if TYPE_CHECKING:
    from composer.diagnostics.diagnostic import Diagnostic
    from composer.difference.changes import Change
    from composer.outputs.companions import Companions
    from composer.outputs.write import Accept
    from composer.outputs.written import WrittenFile
    from composer.record.build_record import BuildRecord
    from composer.record.checks import CheckResult
    from composer.record.outdated import Outdated
    from composer.resolver.plan import Plan
    from composer.spec.model import Destination
    from composer.workflows.building import Artifact
    from composer.workflows.pipeline import Prepared

Progress = Callable[[str], None]
Status = Literal["built", "fresh", "planned", "failed", "not tried"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A spec to build, and how. It can be handed from process to process.

    Attributes:
        spec: its path as the user gave it.
        overrides: such as ``vars.classes=5``.
        outputs: where the result goes; none is what the spec says.
        verify: whether Keras loads and runs it before it is saved.
        dry_run: whether everything is done but writing.
        offline: whether nothing may be asked of the network.
        locked: whether the build fails if anything differs from the lock.
        force: whether results that are up to date are built too.
        frozen: whether it is built from its lock, even if the spec has changed.
        trust_lock: whether that lock may let in what the spec does not.
        provenance: whether an in-toto Statement is written beside the result.
        sbom: whether a CycloneDX bill of materials is written beside the result.
        sign: private key by which each file that is written is signed.
    """

    spec: str
    overrides: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    verify: bool = False
    dry_run: bool = False
    offline: bool = False
    locked: bool = False
    force: bool = False
    frozen: bool = False
    trust_lock: bool = False
    provenance: bool = False
    sbom: bool = False
    sign: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How large a model is, and what it was linked from.

    Attributes:
        new_layers: those that Keras made.
        nbytes: of all weights.
    """

    operations: int
    sources: int
    new_layers: int
    parameters: int
    nbytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    """A result that a dry run would write, or leave alone since it is fresh."""

    place: Destination
    fresh: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOutcome:
    """What became of the lock of a spec.

    Attributes:
        held: whether the build was checked against it, and everything matches.
        changed: what of it was brought up to date; None where nothing had to be.
        remarks: what else there is to say of it.
    """

    path: Path
    held: bool = False
    changed: tuple[Change, ...] | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a job ended. It can be handed from process to process.

    Attributes:
        code: exit code of a command that does this job alone; 0 for what was not tried.
        diagnostics: errors and warnings about the spec.
        problem: what else it failed of.
        remarks: what is worth saying besides.
        files: what was written, or was fresh and left alone.
        planned: the same for a dry run.
        companions: what was written beside the files.
        outdated: what stands beside them and is about other bytes.
        counts: None where there is no plan.
        checks: what Keras was asked to verify.
        lock: None where the spec has none, or the build leaves it alone.
        seconds: that the job took.
    """

    job: Job
    status: Status
    code: int = 0
    diagnostics: tuple[Diagnostic, ...] = ()
    problem: Diagnostic | None = None
    remarks: tuple[str, ...] = ()
    files: tuple[WrittenFile, ...] = ()
    planned: tuple[PlannedFile, ...] = ()
    companions: tuple[Destination, ...] = ()
    outdated: tuple[Outdated, ...] = ()
    counts: Counts | None = None
    checks: tuple[CheckResult, ...] = ()
    lock: LockOutcome | None = None
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON, for other programs."""
        from composer.diagnostics.render.json_document import as_json

        def written(file: WrittenFile) -> dict[str, Any]:
            return {
                "path": str(file.path),
                "format": file.format,
                "sha256": file.sha256,
                "size": file.size,
                "fresh": file.fresh,
                "stale": list(file.stale),
                "comparison": None if file.comparison is None else asdict(file.comparison),
            }

        return {
            "job": asdict(self.job),
            "status": self.status,
            "code": self.code,
            "diagnostics": [as_json(found) for found in self.diagnostics],
            "problem": None if self.problem is None else as_json(self.problem),
            "remarks": list(self.remarks),
            "files": [written(file) for file in self.files],
            "planned": [
                {"path": str(file.place.path), "format": file.place.format, "fresh": file.fresh}
                for file in self.planned
            ],
            "companions": [
                {"path": str(place.path), "format": place.format} for place in self.companions
            ],
            "outdated": [str(found.path) for found in self.outdated],
            "counts": None if self.counts is None else asdict(self.counts),
            "checks": [asdict(check) for check in self.checks],
            "lock": None
            if self.lock is None
            else {
                "path": str(self.lock.path),
                "held": self.lock.held,
                "changed": [found.field for found in self.lock.changed or ()],
            },
            "seconds": self.seconds,
        }


def run(job: Job, *, progress: Progress | None = None) -> Outcome:
    """Plan, link and save the model of one spec; what is wrong with it is part of the outcome.

    Args:
        job: what to do.
        progress: called with lines of progress.
    """
    started = time.monotonic()
    with shared_keras():
        outcome = _outcome(job, progress or (lambda _line: None))
    return replace(outcome, seconds=time.monotonic() - started)


def _outcome(job: Job, progress: Progress) -> Outcome:
    found = Outcome(job=job, status="failed")
    try:
        lock = _lock(job)
        progress(f"planning {job.spec}")
        prepared = _prepare(job, lock, progress)
        found = replace(found, diagnostics=prepared.diagnostics, remarks=prepared.remarks)
        if prepared.errors:
            return replace(found, code=exit_code(prepared.diagnostics))
        if job.dry_run:
            if lock is not None and (job.locked or job.frozen):
                from composer.workflows.locking import hold

                hold(job.spec, prepared, lock, frozen=job.frozen)
            return _planned(found, prepared)
        return _built(found, prepared, lock, progress)
    except SpecError as error:
        return Outcome(
            job=job, status="failed", code=error.exit_code, diagnostics=error.diagnostics
        )
    except ComposeError as error:
        told = error.differences if isinstance(error, DriftError) else ()
        return replace(
            found,
            code=error.exit_code,
            diagnostics=(*found.diagnostics, *told),
            problem=error.summary,
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


def _prepare(job: Job, lock: BuildRecord | None, progress: Progress) -> Prepared:
    from composer.store import default_store
    from composer.workflows.pipeline import prepare

    # What a lock promises is about bytes, not about the times of files.
    store = default_store(trusts_times=not (job.locked or job.frozen))
    output = job.outputs or None
    if lock is not None and job.frozen:
        from composer.workflows.build_from_lock import prepare_frozen

        return prepare_frozen(
            job.spec,
            lock,
            offline=job.offline,
            output=output,
            trust_lock=job.trust_lock,
            store=store,
            progress=progress,
        )
    from composer.workflows.locking import pins

    readable_file(job.spec, SPEC_SUFFIXES)
    return prepare(
        job.spec,
        job.overrides,
        deep=True,
        offline=job.offline,
        output=output,
        building=True,
        pins=pins(lock),
        store=store,
        progress=progress,
    )


def _planned(found: Outcome, prepared: Prepared) -> Outcome:
    from composer.outputs.chosen import destinations_of
    from composer.outputs.places import check_places
    from composer.record.freshness import look
    from composer.workflows.pipeline import plan_spec

    plan = plan_spec(prepared)
    assert prepared.spec is not None
    assert prepared.store is not None
    places = destinations_of(prepared.spec, found.job.outputs or None)
    check_places(places, plan.source_files)
    stand = () if found.job.force else look(plan, prepared.spec, places, prepared.store)
    fresh = {item.place.path for item in stand if item.file is not None}
    planned = (PlannedFile(place=place, fresh=place.path in fresh) for place in places)
    return replace(found, status="planned", planned=tuple(planned), counts=_counts(plan))


def _built(
    found: Outcome, prepared: Prepared, lock: BuildRecord | None, progress: Progress
) -> Outcome:
    from composer.record.outdated import outdated
    from composer.workflows.building import build_spec

    job = found.job
    output = job.outputs or None
    checks: list[CheckResult] = []
    assert prepared.plan is not None
    companions = _companions(prepared, job)
    progress(f"linking {prepared.plan.name}")

    def build(accept: Accept | None) -> Artifact:
        if not job.verify:
            return build_spec(
                prepared,
                output=output,
                accept=accept,
                force=job.force,
                companions=companions,
                progress=progress,
            )
        from composer.workflows.verified_building import build_verified

        made, report = build_verified(
            prepared, output=output, accept=accept, companions=companions, progress=progress
        )
        checks.extend(report.checks)
        return made

    kept = None
    if lock is None or (job.outputs and not (job.locked or job.frozen)):
        artifact = build(None)
    else:
        artifact, kept = _built_with_lock(prepared, job, lock, build)
    return replace(
        found,
        status="fresh" if artifact.fresh else "built",
        files=artifact.files,
        companions=artifact.companions,
        outdated=outdated(artifact.files, [place.path for place in artifact.companions]),
        counts=_counts(artifact.plan),
        checks=tuple(checks),
        lock=kept,
    )


def _built_with_lock(
    prepared: Prepared, job: Job, lock: BuildRecord, build: Callable[[Accept | None], Artifact]
) -> tuple[Artifact, LockOutcome]:
    from composer.record.lock_file import lock_path
    from composer.workflows.locking import build_against_lock, build_and_keep_lock

    held = job.locked or job.frozen
    if held:
        done = build_against_lock(job.spec, prepared, lock, build, frozen=job.frozen)
    else:
        done = build_and_keep_lock(job.spec, prepared, lock, build)
    return done.artifact, LockOutcome(
        path=lock_path(Path(job.spec)), held=held, changed=done.changed, remarks=done.remarks
    )


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


def _counts(plan: Plan) -> Counts:
    return Counts(
        operations=len(plan.graph.operations),
        sources=len(plan.sources),
        new_layers=sum(made.kind == "layer" for made in plan.origins.values()),
        parameters=plan.parameters,
        nbytes=plan.nbytes,
    )
