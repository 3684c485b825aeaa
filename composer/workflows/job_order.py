"""Which of several jobs starts from which other, by their specs and by what they build."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

from composer.errors import ComposeError, UsageError

if TYPE_CHECKING:
    from composer.spec.model import Spec
    from composer.workflows.jobs import Job

Makers = Mapping[Path, Sequence["Job"]]
"""By the path of a spec or a result the jobs that build it."""


def starts_from(jobs: Sequence[Job]) -> dict[Job, tuple[Job, ...]]:
    """Return for each job those that it starts from: by their spec, or by what they build.

    A spec that can't be read starts from none, and so do all where they start from each other in
    a circle: what is wrong with them is told when they are built.

    Raises:
        UsageError: two would be written to one place.
    """
    if len(jobs) == 1:
        return {jobs[0]: ()}
    from composer.outputs.chosen import destinations_of

    read = {job: _read(job) for job in jobs}
    makers: dict[Path, list[Job]] = {}
    for job in jobs:
        makers.setdefault(Path(job.spec).resolve(), []).append(job)
    for job, spec in read.items():
        for place in destinations_of(spec, job.outputs or None) if spec is not None else ():
            others = makers.setdefault(place.path.resolve(), [job])
            if others != [job]:
                raise UsageError(
                    "CMP704.specs-share-output",
                    name=job.spec,
                    other=others[0].spec,
                    path=place.path,
                )
    found = {job: tuple(dict.fromkeys(_before(job, read[job], makers))) for job in jobs}
    try:
        TopologicalSorter(found).prepare()
    except CycleError:
        return dict.fromkeys(jobs, ())
    return found


def _read(job: Job) -> Spec | None:
    from composer.spec import read_spec

    try:
        return read_spec(job.spec, job.overrides)[0]
    except ComposeError:
        return None


def _before(job: Job, spec: Spec | None, makers: Makers) -> Iterator[Job]:
    for path in _files(spec) if spec is not None else ():
        yield from (other for other in makers.get(path.resolve(), ()) if other.spec != job.spec)


def _files(spec: Spec) -> Iterator[Path]:
    """Yield the files that a spec starts from."""
    from composer.sources.paths import file_path
    from composer.spec.source_forms import names_local_file

    for source in spec.sources:
        if names_local_file(source.location):
            yield file_path(source)
        if source.weights is not None:
            yield source.weights.directory / source.weights.file
