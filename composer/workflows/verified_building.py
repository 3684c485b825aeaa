"""What was prepared → a build that takes its places only after Keras has loaded and run it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from composer.errors import DriftError
from composer.keras_process.user_code import code_of
from composer.outputs.chosen import Output, destinations_of
from composer.outputs.companions import Companions
from composer.outputs.write import Accept
from composer.record.checks import VerificationReport
from composer.workflows.building import Artifact, build_spec
from composer.workflows.pipeline import Prepared, Progress, plan_spec
from composer.workflows.verification import verify_artifact


def build_verified(
    prepared: Prepared,
    *,
    output: Output = None,
    accept: Accept | None = None,
    companions: Companions | None = None,
    progress: Progress | None = None,
) -> tuple[Artifact, VerificationReport]:
    """Build, and let nothing take its place before Keras has loaded and run the linked model.

    Args:
        prepared: a spec with everything that Keras had to answer.
        output: as for :func:`build`.
        accept: see :func:`composer.outputs.write.write_all`.
        companions: files to write beside the results.
        progress: called with lines of progress.

    Raises:
        SpecError: there are errors.
        BuildError: it waits for Keras, Keras failed, or a target can't be written.
        DriftError: a check failed; every target is left as it was.
    """
    planned = plan_spec(prepared)
    spec = prepared.spec
    assert spec is not None
    reports: list[VerificationReport] = []

    def inspect(linked: Path) -> None:
        report = verify_artifact(
            linked, planned, code=code_of(spec), seed=planned.seed, progress=progress
        )
        failed = [check for check in report.checks if check.state == "failed"]
        if failed:
            places = destinations_of(spec, output)
            raise DriftError(
                "CMP614.unverified",
                path=places[0].path.name,
                problems=tuple(f"{check.name}: {check.detail}" for check in failed),
                paths=tuple(str(place.path) for place in places),
            )
        reports.append(report)

    artifact = build_spec(
        prepared,
        output=output,
        inspect=inspect,
        accept=accept,
        companions=companions,
        progress=progress,
    )
    return artifact, replace(reports[0], artifact=artifact.path)
