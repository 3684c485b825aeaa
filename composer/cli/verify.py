"""``compose verify``: whether an artifact is what it should be, in Keras itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from composer.cli import console, options
from composer.file_suffixes import SPEC_SUFFIXES

if TYPE_CHECKING:
    from composer.diagnostics.render import Format
    from composer.verification import VerificationReport

DRIFT = 4
_STYLES = {"ok": "help", "failed": "error", "skipped": "warning"}


@click.command(name="verify", short_help="Load an artifact in Keras and compare it.")
@click.argument("artifact")
@click.argument("overrides", nargs=-1, metavar="[OVERRIDE...]", type=click.UNPROCESSED)
@click.option("--spec", metavar="SPEC", help="What the artifact was built from.")
@options.output_format
def command(
    artifact: str,
    overrides: tuple[str, ...],
    *,
    spec: str | None,
    format: Format,  # noqa: A002
) -> int:
    """Load a .keras file in Keras, in a process of its own, and run it.

    With --spec every tensor is compared with its source bit for bit, and what a source computes
    by itself with what it computes in the artifact. An OVERRIDE is one of those of the build.
    """
    from composer.cli.progress import display
    from composer.cli.reporting import Report, counted
    from composer.errors import UsageError
    from composer.keras_process.user_code import NO_CODE, code_of
    from composer.pipeline import plan_spec, prepare

    strangers = [argument for argument in overrides if not options.is_override(argument)]
    if strangers:
        raise UsageError(
            f"one artifact is verified at a time; found also {' '.join(strangers)}",
            help="an override holds '=' or begins with '+' or '~'",
        )
    if overrides and spec is None:
        raise UsageError(
            f"overrides change a spec, and none is named; found {' '.join(overrides)}",
            help="name it: compose verify ARTIFACT --spec SPEC OVERRIDE…",
        )
    file = options.readable_file(artifact, (".keras",))
    with Report(format) as report:
        plan, code = None, NO_CODE
        if spec is not None:
            options.readable_file(spec, SPEC_SUFFIXES)
            with display(f"planning {spec}") as say:
                prepared = prepare(spec, overrides, deep=True, progress=say)
            report.add(prepared.diagnostics)
            if prepared.errors:
                console.talk(f"{counted(prepared.diagnostics)} in {spec}")
                return 1
            plan = plan_spec(prepared)
            assert prepared.spec is not None
            code = code_of(prepared.spec)
        # Imported here: a spec with mistakes needs none of it.
        from composer.verification import verify_artifact

        seed = plan.seed if plan is not None else 0
        with display(f"verifying {artifact}") as say:
            found = verify_artifact(file, plan, code=code, seed=seed, progress=say)
        report.say(_lines(found, color=console.terminal(report.stream).color))
    return 0 if found.ok else DRIFT


def _lines(report: VerificationReport, *, color: bool) -> str:
    from composer.diagnostics.render.terminal_text import shown, styled

    width = max((len(check.name) for check in report.checks), default=0)
    lines = []
    for check in report.checks:
        state = styled(f"{check.state:<8}", _STYLES[check.state], color=color)
        lines.append(f"{state} {shown(check.name):<{width}}  {shown(check.detail)}".rstrip())
    failed = sum(check.state == "failed" for check in report.checks)
    verdict = "verified" if report.ok else f"{failed} of {len(report.checks)} checks failed"
    return "\n".join([*lines, f"{report.artifact}: {verdict}"])
