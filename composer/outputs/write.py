"""Plan → every file and folder of a build: link, export, check, and take all places or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from composer.container.digests import digest_sums
from composer.files.finished import file_digest, flush
from composer.files.unfinished import temporary_folder
from composer.keras_process.user_code import NO_CODE, UserCode
from composer.linker.build import settled
from composer.linker.check_artifact import Computed
from composer.outputs.companions import Companions
from composer.outputs.exporting import Comparison, Export, export
from composer.outputs.output_format import Exported, Linked, WriteRequest
from composer.outputs.places import check_places, take_places, unfinished
from composer.outputs.registry import blamed, output_format
from composer.outputs.staged import StagedResult
from composer.outputs.written import WrittenFile
from composer.resolver.plan import Plan, SourceState
from composer.spec.formats import DEFAULT, beside
from composer.spec.model import Destination

Progress = Callable[[str], None]


Accept = Callable[[Sequence[WrittenFile]], None]
"""Looks at all results."""


def write_all(
    plan: Plan,
    states: Mapping[str, SourceState],
    destinations: Sequence[Destination],
    *,
    code: UserCode = NO_CODE,
    inspect: Callable[[Path], None] | None = None,
    accept: Accept | None = None,
    companions: Companions | None = None,
    unchanged: Callable[[], None] | None = None,
    progress: Progress | None = None,
) -> tuple[WrittenFile, ...]:
    """Write the model of ``plan`` to every destination.

    Each place holds what it held before, or what was read again and found right; one failure
    leaves all of them as they were.

    Args:
        plan: complete, with nothing deferred.
        states: digests of its sources, by id.
        destinations: where to, at least one, no two at one place.
        code: of the user's, for classes that Keras has to make again for an export.
        inspect: called with the linked ``.keras`` file before it takes its place; raises what
            the build is to fail with.
        accept: called with all results before they take their places; raises what the build is
            to fail with.
        companions: take their places together with the results.
        unchanged: called when nothing is left to be read of the sources; raises what the build is
            to fail with.
        progress: called with lines of progress.

    Returns:
        One result a destination, in that order.

    Raises:
        BuildError: a place can't be taken, or the model can't be written in a format.
        DriftError: what was written is not what was planned.
        FormatError: a source is damaged.
    """
    about = companions.places if companions is not None else ()
    check_places([*destinations, *about], plan.source_files)
    ways = {place.format: output_format(place.format).way for place in destinations}
    with ExitStack() as stack:
        items = stack.enter_context(unfinished(destinations))
        linked = next((item for item in items if item.place.format == DEFAULT), None)
        if linked is None and (inspect is not None or any(map(_needs_archive, ways.values()))):
            passing = Destination(path=beside(destinations[0].path, DEFAULT), format=DEFAULT)
            linked = stack.enter_context(unfinished([passing]))[0]
        archive = linked.path if linked is not None else None
        digests: dict[Path, str] = {}
        # The archive comes first: others may read it.
        for item in dict.fromkeys((*([linked] if linked is not None else ()), *items)):
            if isinstance(way := output_format(item.place.format).way, Linked):
                job = WriteRequest(
                    plan=plan,
                    states=states,
                    target=item.path,
                    linked=archive,
                    options=item.place.options,
                )
                digests[item.path] = _linked(way, job, item.place.format, progress)
            if item == linked and inspect is not None:
                inspect(item.path)
        compared: dict[Path, Comparison] = {}
        exported = [item for item in items if isinstance(ways[item.place.format], Exported)]
        if exported:
            assert archive is not None
            compared = _exported(plan, archive, exported, code=code, progress=progress)
        written = tuple(_written(item, digests, compared) for item in items)
        if accept is not None:
            accept(written)
        extra = stack.enter_context(unfinished(about))
        if companions is not None:
            companions.write(written, extra)
        if unchanged is not None:
            unchanged()
        take_places([*items, *extra])
    return written


def write_beside(companions: Companions) -> None:
    """Write the companions of results that stand in their places already.

    Raises:
        BuildError: a place can't be written.
    """
    with unfinished(companions.places) as items:
        companions.write((), items)
        take_places(items)


def check_again(
    plan: Plan, states: Mapping[str, SourceState], place: Destination, computed: Computed
) -> None:
    """Compare a result of an earlier build with what a build would write now.

    Args:
        plan: complete.
        states: digests of its sources, by id.
        place: of a format that is written without Keras.
        computed: digests of the tensors that are no copies, by their path in the artifact.

    Raises:
        DriftError: it differs.
    """
    way = output_format(place.format).way
    assert isinstance(way, Linked)
    with temporary_folder() as folder:
        archive = folder / "linked.keras" if way.from_archive else None
        if archive is not None:
            linked = output_format(DEFAULT).way
            assert isinstance(linked, Linked)
            linked.write(
                WriteRequest(plan=plan, states=states, target=archive, linked=None, options={})
            )
        job = WriteRequest(
            plan=plan,
            states=states,
            target=place.path,
            linked=archive,
            options=place.options,
            computed=computed,
        )
        with blamed(place.format):
            way.check(job)


def _needs_archive(way: Linked | Exported) -> bool:
    """Tell whether the linked ``.keras`` file is needed, whether or not it is asked for."""
    return isinstance(way, Exported) or way.from_archive


def _linked(way: Linked, job: WriteRequest, format_name: str, progress: Progress | None) -> str:
    """Write one result without Keras, check it, and return its digest."""
    say = progress or (lambda _line: None)
    what = job.plan.name if format_name == DEFAULT else f"{format_name} of {job.plan.name}"
    with blamed(format_name):
        say(f"linking {what}")
        done = replace(job, computed=way.write(job) or {})
        say(f"checking {what}")
        return settled(job.target, lambda: way.check(done))


def _exported(
    plan: Plan,
    archive: Path,
    items: Sequence[StagedResult],
    *,
    code: UserCode,
    progress: Progress | None,
) -> dict[Path, Comparison]:
    exports = [
        Export(name=item.place.format, way=way, target=item.path, options=item.place.options)
        for item in items
        if isinstance(way := output_format(item.place.format).way, Exported)
    ]
    found = export(archive, plan, exports, code=code, progress=progress)
    return {item.path: comparison for item, comparison in zip(items, found, strict=True)}


def _written(
    item: StagedResult, digests: dict[Path, str], compared: dict[Path, Comparison]
) -> WrittenFile:
    folder = item.path.is_dir()
    files = [path for path in item.path.rglob("*") if path.is_file()] if folder else [item.path]
    digest = digests.get(item.path)
    if digest is None:
        for file in files:
            flush(file)
        digest = digest_sums(item.path) if folder else file_digest(item.path)
    return WrittenFile(
        path=item.place.path,
        format=item.place.format,
        sha256=digest,
        size=sum(file.stat().st_size for file in files),
        comparison=compared.get(item.path),
        now=item.path,
        inode=item.path.stat().st_ino,
    )
