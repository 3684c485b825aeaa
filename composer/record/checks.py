"""What was looked at of an artifact, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from composer.diagnostics.diagnostic import Diagnostic
from composer.difference.compare import ModelDifference

State = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One thing that was looked at.

    Attributes:
        name: what, in a few words.
        state: ``skipped`` when it could not be looked at, which is no failure of the artifact.
        detail: what was found.
    """

    name: str
    state: State
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationReport:
    """All checks of one artifact.

    Attributes:
        diagnostics: what failed, told field by field where there are fields.
        difference: layer by layer, where the artifact was compared with another model.
    """

    artifact: Path
    checks: tuple[CheckResult, ...]
    diagnostics: tuple[Diagnostic, ...] = ()
    difference: ModelDifference | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return all(check.state != "failed" for check in self.checks)

    def joined(self, other: VerificationReport) -> VerificationReport:
        """Return this report with the checks of another one of the same artifact."""
        return VerificationReport(
            artifact=self.artifact,
            checks=(*self.checks, *other.checks),
            diagnostics=(*self.diagnostics, *other.diagnostics),
            difference=other.difference or self.difference,
        )
