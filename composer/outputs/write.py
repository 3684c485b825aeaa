"""Plan → every file and folder of a build: link, export, check, and take all places or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from composer.container.digests import digest_sums
from composer.keras_process.user_code import NO_CODE, UserCode
from composer.linker.build import file_digest, flush, link_checked, link_weights_checked
from composer.outputs.companions import Companions
from composer.outputs.exporting import Comparison, export
from composer.outputs.places import Unfinished, check_places, take_places, unfinished
from composer.outputs.written import WrittenFile
from composer.resolver.plan import Plan, SourceState
from composer.spec.formats import FORMATS, beside
from composer.spec.model import Destination

Progress = Callable[[str], None]


Accept = Callable[[Path | None, Sequence[WrittenFile]], None]
"""Looks at the linked ``.keras`` file, None where all results are fresh, and at all results."""


def write_all(
    plan: Plan,
    states: Mapping[str, SourceState],
    destinations: Sequence[Destination],
    *,
    code: UserCode = NO_CODE,
    inspect: Callable[[Path], None] | None = None,
    accept: Accept | None = None,
    companions: Companions | None = None,
    settled: Callable[[], None] | None = None,
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
        accept: called with the same file and all results before they take their places; raises
            what the build is to fail with.
        companions: take their places together with the results.
        settled: called when nothing is left to be read; raises what the build is to fail with.
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
    exports = any(FORMATS[place.format].exported for place in destinations)
    with ExitStack() as stack:
        items = stack.enter_context(unfinished(destinations))
        linked = next((item.path for item in items if item.place.format == "keras"), None)
        digests: dict[Path, str] = {}
        if linked is None and (exports or inspect is not None or accept is not None):
            # Needed on the way, whether or not it is asked for.
            passing = Destination(
                path=beside(destinations[0].path, FORMATS["keras"]), format="keras"
            )
            linked = stack.enter_context(unfinished([passing]))[0].path
        if linked is not None:
            digests[linked] = link_checked(plan, states, linked, progress=progress)
            if inspect is not None:
                inspect(linked)
        for item in items:
            if item.place.format == "weights":
                digests[item.path] = link_weights_checked(plan, item.path, progress=progress)
        compared: dict[Path, Comparison] = {}
        if exports and linked is not None:
            compared = _exported(plan, linked, items, code=code, progress=progress)
        written = tuple(_written(item, digests, compared) for item in items)
        if accept is not None:
            assert linked is not None
            accept(linked, written)
        extra = stack.enter_context(unfinished(about))
        if companions is not None:
            companions.write(written, items, extra)
        if settled is not None:
            settled()
        take_places([*items, *extra])
    return written


def write_beside(companions: Companions) -> None:
    """Write the companions of results that stand in their places already.

    Raises:
        BuildError: a place can't be written.
    """
    with unfinished(companions.places) as items:
        companions.write((), (), items)
        take_places(items)


def _exported(
    plan: Plan,
    linked: Path,
    items: Sequence[Unfinished],
    *,
    code: UserCode,
    progress: Progress | None,
) -> dict[Path, Comparison]:
    wanted = [item for item in items if FORMATS[item.place.format].exported]
    found = export(
        linked,
        plan,
        [(item.place.format, item.path) for item in wanted],
        code=code,
        progress=progress,
    )
    return {item.path: comparison for item, comparison in zip(wanted, found, strict=True)}


def _written(
    item: Unfinished, digests: dict[Path, str], compared: dict[Path, Comparison]
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
        inode=item.path.stat().st_ino,
    )
