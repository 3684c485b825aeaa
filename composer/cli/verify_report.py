"""What verifying an artifact in Keras found, asked for and put into lines."""

from __future__ import annotations

from pathlib import Path

from composer.cli import console
from composer.cli.progress import display
from composer.cli.reporting import Report, counted
from composer.diagnostics.diagnostic import Diagnostic
from composer.diagnostics.render.terminal_text import shown, styled
from composer.files.suffixes import SPEC_SUFFIXES
from composer.record.checks import VerificationReport
from composer.workflows.named_files import readable_file

_STYLES = {"ok": "help", "failed": "error", "skipped": "warning"}


def keras_report(
    artifact: Path, spec: str | None, overrides: tuple[str, ...], report: Report
) -> VerificationReport | None:
    """Load an artifact in Keras and return what was found; None where the spec has errors."""
    from composer.keras_process.user_code import NO_CODE, code_of
    from composer.workflows.pipeline import plan_spec, prepare

    file = readable_file(str(artifact), (".keras",))
    plan, code = None, NO_CODE
    if spec is not None:
        readable_file(spec, SPEC_SUFFIXES)
        with display(f"planning {spec}") as say:
            prepared = prepare(spec, overrides, deep=True, progress=say)
        report.add(prepared.diagnostics)
        if prepared.errors:
            console.talk(f"{counted(prepared.diagnostics)} in {spec}")
            return None
        plan = plan_spec(prepared)
        # Imported here: a spec with mistakes needs none of it.
        from composer.workflows.verification import verify_artifact, verify_linked

        with display(f"verifying {artifact}"):
            alone = verify_linked(file, prepared)
        if alone is not None:
            return alone
        assert prepared.spec is not None
        code = code_of(prepared.spec)
    from composer.workflows.verification import verify_artifact

    seed = plan.seed if plan is not None else 0
    with display(f"verifying {artifact}") as say:
        return verify_artifact(file, plan, code=code, seed=seed, progress=say)


def failed_checks(report: VerificationReport) -> list[Diagnostic]:
    """Return the checks that failed, as far as no diagnostic of the report says it."""
    if report.diagnostics:
        return []
    return [
        Diagnostic(code="CMP614", message=f"{report.artifact}: {check.name}: {check.detail}")
        for check in report.checks
        if check.state == "failed"
    ]


def verification_lines(report: VerificationReport, *, color: bool) -> str:
    """Return a line a check, and the verdict."""
    width = max((len(check.name) for check in report.checks), default=0)
    lines = []
    for check in report.checks:
        state = styled(f"{check.state:<8}", _STYLES[check.state], color=color)
        lines.append(f"{state} {shown(check.name):<{width}}  {shown(check.detail)}".rstrip())
    failed = sum(check.state == "failed" for check in report.checks)
    verdict = "verified" if report.ok else f"{failed} of {len(report.checks)} checks failed"
    return "\n".join([*lines, shown(f"{report.artifact}: {verdict}")])
