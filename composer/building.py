"""What was prepared → the files and folders of a build, in their places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from composer.destinations.chosen import Output, destinations_of
from composer.diagnostics.diagnostic import Diagnostic
from composer.errors import SpecError
from composer.pipeline import Prepared, Progress, plan_spec
from composer.resolver.plan import Plan

if TYPE_CHECKING:
    from composer.destinations.write import Accept, WrittenFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A built model.

    Attributes:
        files: all that was written, in the order of the spec; at least one.
        plan: that it was built from.
        diagnostics: warnings of the build.
    """

    files: tuple[WrittenFile, ...]
    plan: Plan
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def path(self) -> Path:
        """The first of the files, which is the only one unless several were asked for."""
        return self.files[0].path

    @property
    def sha256(self) -> str:
        """SHA-256 of the first of the files."""
        return self.files[0].sha256


def build_spec(
    prepared: Prepared,
    *,
    output: Output = None,
    inspect: Callable[[Path], None] | None = None,
    accept: Accept | None = None,
    progress: Progress | None = None,
) -> Artifact:
    """Link what was prepared, write it in all formats, check that, and move it into place.

    Args:
        prepared: a spec with everything that Keras had to answer.
        output: one path or several, instead of those of the spec; their endings say the formats.
        inspect: called with the linked ``.keras`` file before anything takes its place.
        accept: see :func:`composer.destinations.write.write_all`.
        progress: called with lines of progress.

    Raises:
        SpecError: there are errors, or a format can't hold the model.
        BuildError: it waits for Keras, or can't be written.
        DriftError: what was written is not what was planned; every place is left as it was.
    """
    from composer.destinations.fitness import missing_packages, unfit
    from composer.destinations.programs import misplaced_programs
    from composer.destinations.write import write_all
    from composer.keras_process.user_code import code_of
    from composer.sources.states import with_states
    from composer.store import default_store

    plan = plan_spec(prepared)
    spec = prepared.spec
    assert spec is not None
    destinations = destinations_of(spec, output)
    problems = missing_packages(spec, destinations, severity="error")
    problems += misplaced_programs(spec, destinations)
    problems += unfit(spec, plan, destinations)
    if any(problem.severity == "error" for problem in problems):
        raise SpecError(problems)
    files = write_all(
        with_states(plan, spec, prepared.store or default_store()),
        destinations,
        code=code_of(spec),
        inspect=inspect,
        accept=accept,
        progress=progress,
    )
    return Artifact(
        files=files, plan=plan, diagnostics=tuple(dict.fromkeys((*prepared.diagnostics, *problems)))
    )
