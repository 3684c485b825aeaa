"""What was prepared → the files and folders of a build, in their places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING

from composer.diagnostics.diagnostic import Diagnostic
from composer.errors import SpecError
from composer.outputs.chosen import Output, destinations_of
from composer.resolver.plan import Plan
from composer.spec.model import Destination
from composer.workflows.pipeline import Prepared, Progress, plan_spec

if TYPE_CHECKING:
    from composer.outputs.companions import Companions
    from composer.outputs.write import Accept
    from composer.outputs.written import WrittenFile
    from composer.sources.watched import Watched


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A built model.

    Attributes:
        files: all results, in the order of the spec; at least one.
        plan: that it was built from.
        diagnostics: warnings of the build.
        companions: what was written beside the files; the format of each says what it is.
    """

    files: tuple[WrittenFile, ...]
    plan: Plan
    diagnostics: tuple[Diagnostic, ...] = ()
    companions: tuple[Destination, ...] = ()

    @property
    def fresh(self) -> bool:
        """Whether all of it stood there already, so that nothing was written."""
        return all(file.fresh for file in self.files)

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
    force: bool = False,
    companions: Companions | None = None,
    progress: Progress | None = None,
) -> Artifact:
    """Link what was prepared, write it in all formats, check that, and move it into place.

    What an earlier build left in a place and would be written there again is left alone.

    Args:
        prepared: a spec with everything that Keras had to answer.
        output: one path or several, instead of those of the spec; their endings say the formats.
        inspect: called with the linked ``.keras`` file before anything takes its place; all is
            built then.
        accept: see :func:`composer.outputs.write.write_all`; of what is fresh too.
        force: whether all is built, also what is fresh.
        companions: files to write beside the results, also beside fresh ones; or none of all.
        progress: called with lines of progress.

    Raises:
        SpecError: there are errors, a format can't hold the model, or a source changed since it
            was first read; every place is left as it was.
        BuildError: it waits for Keras, or can't be written.
        DriftError: what was written is not what was planned; every place is left as it was.
    """
    from composer.sources.watched import Watched

    watched = prepared.watched or Watched()
    with watched.blamed():
        return _build(
            prepared,
            watched,
            output=output,
            inspect=inspect,
            accept=accept,
            force=force,
            companions=companions,
            progress=progress,
        )


def _build(
    prepared: Prepared,
    watched: Watched,
    *,
    output: Output,
    inspect: Callable[[Path], None] | None,
    accept: Accept | None,
    force: bool,
    companions: Companions | None,
    progress: Progress | None,
) -> Artifact:
    from composer.files.unfinished import sweep
    from composer.keras_process.user_code import code_of
    from composer.outputs.places import check_places
    from composer.outputs.write import write_all, write_beside
    from composer.record.freshness import Freshness, freshness, remember
    from composer.record.made_from import made_from
    from composer.sources.source_digests import source_states
    from composer.store import default_store

    plan, destinations, problems = _fit(prepared, output)
    spec, store = prepared.spec, prepared.store or default_store()
    assert spec is not None
    about = companions.places if companions is not None else ()
    check_places([*destinations, *about], plan.source_files)
    # Also where all turns out to be fresh, so that nothing is written.
    for folder in {place.path.parent for place in (*destinations, *about)}:
        sweep(folder)
    sweep(store.root / "scratch")
    states = source_states(plan, spec, store)
    origins = made_from(plan, states, spec, destinations, store)
    if force or inspect is not None:
        found = tuple(Freshness(place=place, state="never built") for place in destinations)
    else:
        found = tuple(map(freshness, destinations, origins, repeat(store)))

    def together(written: Sequence[WrittenFile]) -> tuple[WrittenFile, ...]:
        new = iter(written)
        return tuple(item.file or replace(next(new), stale=item.reasons) for item in found)

    beside = companions and replace(
        companions, make=lambda written: companions.make(together(written))
    )
    wanted = [item.place for item in found if item.file is None]
    if wanted:
        files = together(
            write_all(
                plan,
                states,
                wanted,
                code=code_of(spec),
                inspect=inspect,
                accept=accept and (lambda written: accept(together(written))),
                companions=beside,
                unchanged=watched.check,
                progress=progress,
            )
        )
        remember(files, origins, store)
    else:
        files = together(())
        if accept is not None:
            accept(files)
        watched.check()
        if beside is not None:
            write_beside(beside)
    return Artifact(
        files=files,
        plan=plan,
        diagnostics=tuple(dict.fromkeys((*prepared.diagnostics, *problems))),
        companions=about,
    )


def _fit(
    prepared: Prepared, output: Output
) -> tuple[Plan, tuple[Destination, ...], tuple[Diagnostic, ...]]:
    """Return the plan, where it goes, and what there is to be said of that.

    Raises:
        SpecError: there are errors, or a format can't hold the model.
        BuildError: it waits for Keras.
    """
    from composer.outputs.fitness import unfit, unwritable

    plan = plan_spec(prepared)
    spec = prepared.spec
    assert spec is not None
    destinations = destinations_of(spec, output)
    problems = unwritable(spec, destinations, severity="error")
    if not any(problem.severity == "error" for problem in problems):
        problems += unfit(spec, plan, destinations)
    if any(problem.severity == "error" for problem in problems):
        raise SpecError(problems)
    return plan, destinations, problems
