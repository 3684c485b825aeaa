"""The checks of ``compose verify`` that are about bytes: a lock, a new build."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from composer.cli import console
from composer.cli.progress import display
from composer.cli.verify_report import failed_checks, keras_report, verification_lines
from composer.errors import DriftError, SpecError, UsageError
from composer.files.suffixes import SPEC_SUFFIXES
from composer.workflows.named_files import readable_file

if TYPE_CHECKING:
    from composer.cli.reporting import Report
    from composer.diagnostics.diagnostic import Diagnostic
    from composer.record.build_record import BuildRecord
    from composer.record.checks import VerificationReport


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest:
    """What to look at.

    Attributes:
        spec: that the artifact was built from.
        artifact: None stands for all that the spec builds.
        overrides: those of the build.
        lock: path of a lock, or of a spec that it lies beside.
        rebuild: whether the spec is built again.
        public_key: that the signature has to be of; None looks at no signature.
        signature: None is the one beside the artifact.
    """

    spec: str | None
    artifact: str | None
    overrides: tuple[str, ...]
    lock: str | None
    rebuild: bool
    public_key: str | None = None
    signature: str | None = None


def verify_files(wanted: VerifyRequest, report: Report) -> int:
    """Look at one artifact, or at all of a spec, show what was found, return the exit code."""
    lock_file, lock = _lock(wanted)
    spec = wanted.spec or (_spec_beside(lock_file, lock) if wanted.rebuild else None)
    overrides = wanted.overrides or _of_lock(lock, lock_file)
    artifacts = _artifacts(wanted, overrides)
    found = [_quick(artifact, lock, lock_file, wanted) for artifact in artifacts]
    if wanted.rebuild:
        assert spec is not None
        refused = _refused(spec, lock) if lock is not None and not wanted.overrides else ()
        if refused:
            report.add(refused)
            return DriftError.exit_code
        code, built = _rebuilt(spec, overrides, artifacts, lock, report)
        if code:
            return code
        found = [one.joined(again) for one, again in zip(found, built, strict=True)]
    elif wanted.spec is not None and wanted.artifact is not None:
        in_keras = keras_report(artifacts[0], wanted.spec, wanted.overrides, report)
        if in_keras is None:
            return 1
        found = [found[0].joined(in_keras)]
    color = console.terminal(report.stream).color
    for one in found:
        report.add(one.diagnostics)
        report.for_programs(failed_checks(one))
        report.say("\n".join([*_difference(one), verification_lines(one, color=color)]))
    return 0 if all(one.ok for one in found) else DriftError.exit_code


def _of_lock(lock: BuildRecord | None, lock_file: Path | None) -> tuple[str, ...]:
    """Return the overrides of a lock as one would write them here."""
    from composer.spec.override_paths import seen_from_here

    if lock is None or lock_file is None:
        return ()
    return seen_from_here(lock.spec.overrides, lock_file.parent)


def _refused(spec: str, lock: BuildRecord) -> tuple[Diagnostic, ...]:
    """Return what the overrides of a lock let in: code would run by a file that few people read."""
    from composer.diagnostics.diagnostic import Diagnostic
    from composer.record.authority import only_overridden
    from composer.spec.override_paths import seen_from_here
    from composer.spec.reading import read_spec
    from composer.spec.tree import path_text

    overrides = seen_from_here(lock.spec.overrides, Path(spec).parent)
    read, _ = read_spec(spec, overrides)
    given = " ".join(overrides)
    return tuple(
        Diagnostic(
            code="CMP620",
            message=f"{path_text(claim.path)} is {claim.shown} by an override of the lock",
            path=claim.path,
            help=f"if you know who wrote the lock, give its overrides yourself: {given}",
        )
        for claim in (only_overridden(read) if read is not None else ())
    )


def _lock(wanted: VerifyRequest) -> tuple[Path | None, BuildRecord | None]:
    if wanted.lock is None:
        return None, None
    from composer.record.lock_file import lock_path, read_lock

    path = Path(wanted.lock)
    if wanted.lock.endswith(SPEC_SUFFIXES):
        path = lock_path(path)
    return path, read_lock(path)


def _spec_beside(lock_file: Path | None, lock: BuildRecord | None) -> str:
    """Return the spec that a lock was written for."""
    from composer.workflows.lock_verification import spec_of

    assert lock_file is not None
    assert lock is not None
    spec = spec_of(lock, lock_file)
    if spec is not None:
        return str(spec)
    raise UsageError("CMP114.lock-elsewhere", path=lock_file)


def _artifacts(wanted: VerifyRequest, overrides: tuple[str, ...]) -> list[Path]:
    if wanted.artifact is not None:
        paths = [Path(wanted.artifact)]
    else:
        assert wanted.spec is not None
        paths = _results(wanted.spec, overrides)
    for path in paths:
        if path.is_dir():
            from composer.outputs.registry import artifact_format

            artifact_format(path)
        else:
            readable_file(str(path), (".keras",))
    return paths


def _results(spec: str, overrides: tuple[str, ...]) -> list[Path]:
    from composer.cli.build_screen import shown
    from composer.spec.reading import read_spec

    readable_file(spec, SPEC_SUFFIXES)
    read, diagnostics = read_spec(spec, overrides)
    if read is None or any(item.severity == "error" for item in diagnostics):
        raise SpecError(diagnostics)
    return [Path(shown(place.path)) for place in read.target.destinations]


def _quick(
    artifact: Path, lock: BuildRecord | None, lock_file: Path | None, wanted: VerifyRequest
) -> VerificationReport:
    """Hold an artifact against its signature and its lock, where they are asked for."""
    from composer.record.checks import VerificationReport

    found = VerificationReport(artifact=artifact, checks=())
    with display(f"verifying {artifact}"):
        if wanted.public_key is not None:
            found = found.joined(_signed(artifact, Path(wanted.public_key), wanted.signature))
        if lock is not None:
            from composer.workflows.lock_verification import verify_against_lock

            found = found.joined(verify_against_lock(artifact, lock, str(lock_file)))
    return found


def _signed(artifact: Path, key: Path, named: str | None) -> VerificationReport:
    from composer.outputs.companions import signature
    from composer.record.signing import check_signature

    beside = signature(artifact).path if named is None else Path(named)
    return check_signature(artifact, beside, key)


def _rebuilt(
    spec: str,
    overrides: tuple[str, ...],
    artifacts: list[Path],
    lock: BuildRecord | None,
    report: Report,
) -> tuple[int, tuple[VerificationReport, ...]]:
    from composer.record.toolchain import WRITERS, installed
    from composer.workflows.rebuilding import rebuild

    readable_file(spec, SPEC_SUFFIXES)
    now = installed(WRITERS)
    with display(f"building {spec} again") as say:
        done = rebuild(
            spec,
            overrides,
            artifacts,
            locked=lock is not None,
            other_versions=lock is not None
            and any(lock.toolchain.get(name) != now.get(name) for name in WRITERS),
            progress=say,
        )
    if done.code:
        report.remark(done.said.splitlines())
        from composer.diagnostics.diagnostic import Diagnostic

        problem = f"{spec} could not be built again; nothing was compared"
        report.for_programs([Diagnostic(code="CMP710", message=problem)])
        console.talk(problem)
    return done.code, done.results


def _difference(found: VerificationReport) -> Iterator[str]:
    if found.difference is not None:
        from composer.cli.diff_text import diff_lines

        yield from diff_lines(found.difference)
