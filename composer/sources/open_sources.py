"""Opens all sources of a spec; what can't be opened becomes a located diagnostic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from composer.diagnostics.diagnostic import Diagnostic
from composer.errors import FormatError, PluginError, SourceError, SpecError
from composer.graphs.model_file import ModelFile
from composer.model_files.read_model import read_model
from composer.resolver.plan import Download
from composer.resolver.problems import Problems
from composer.sources.context import Context
from composer.sources.kind import SourceKind, kind_of
from composer.sources.listings import RememberedListings
from composer.sources.located import Located
from composer.sources.objects import check_objects
from composer.sources.reading import draft, read
from composer.sources.reports import report_failure, warn
from composer.sources.weights import Weighted, WeightsProblem, with_weights
from composer.spec.locations import is_remote
from composer.spec.model import Source, Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSources:
    """What opening gave.

    Attributes:
        files: by source id; a source with a problem, or one that waits for Keras, is missing.
        downloads: by id of sources that are URLs, what those gave.
        deferred: ids of sources that Keras has to import first.
        drafts: of these the ones whose graphs are known, without weights.
        diagnostics: errors and warnings.
    """

    files: Mapping[str, ModelFile]
    downloads: Mapping[str, Download]
    deferred: tuple[str, ...]
    drafts: Mapping[str, ModelFile]
    diagnostics: tuple[Diagnostic, ...]


def open_sources(spec: Spec, context: Context) -> OpenedSources:
    """Locate, check and read every source of ``spec``.

    Raises:
        BuildError: an import failed for a reason outside of the spec (no network, a full disk).
    """
    problems = Problems(spec.positions)
    opened: dict[str, _Opened] = {}
    elsewhere: list[Diagnostic] = []
    for source in spec.sources:
        try:
            found = _open(source, spec, context)
        except (
            SourceError, SpecError, FormatError, PluginError, WeightsProblem, OSError
        ) as error:  # fmt: skip
            # What is wrong with a file that changes under the reader says nothing of the file.
            changed = context.watched.changes(source)
            elsewhere.extend(
                changed or report_failure(source, error, problems, context.locked_plugin)
            )
        else:
            opened[source.id] = found
            elsewhere.extend(found.located.diagnostics)
            warn(source, found.located, found.weighted, found.file, problems)
    return OpenedSources(
        files={key: one.file for key, one in opened.items() if one.file is not None},
        downloads={
            key: one.located.download
            for key, one in opened.items()
            if one.located.download is not None
        },
        deferred=tuple(key for key, one in opened.items() if one.file is None),
        drafts={key: one.draft for key, one in opened.items() if one.draft is not None},
        diagnostics=_once((*elsewhere, *problems.found)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """A source that was found, with other weights where the spec names them.

    Attributes:
        file: None where Keras has to import it first.
        draft: its graph then, where that is known.
    """

    located: Located
    weighted: Weighted | None
    file: ModelFile | None
    draft: ModelFile | None = None


def _open(source: Source, spec: Spec, context: Context) -> _Opened:
    kind = kind_of(source)
    check_objects(source)
    if is_remote(source.location):
        return _open_fetched(source, spec, kind, context)
    return _open_located(source, spec, kind, context)


def _open_fetched(source: Source, spec: Spec, kind: SourceKind, context: Context) -> _Opened:
    """Open what a URL gives, as a file of its kind; messages name the URL."""
    pin = source.pin if source.sha256 in (None, source.pin and source.pin.sha256) else None
    try:
        fetched = context.fetcher.fetch(
            source.location,
            source.sha256 or (pin.sha256 if pin is not None else None),
            revision=pin.revision if pin is not None else None,
        )
    except SourceError as error:
        if error.code == "CMP503" and source.sha256 is None and pin is not None:
            raise SourceError(
                "CMP602.changed", source=source.id, expected=pin.sha256, spec_file=spec.file
            ) from error
        raise error.about(source=source.id) from error
    try:
        opened = _open_located(source, spec, kind, replace(context, fetched=fetched.path))
    except FormatError as error:
        raise error.about(path=source.location) from error
    return replace(opened, located=replace(opened.located, download=fetched.download))


def _open_located(source: Source, spec: Spec, kind: SourceKind, context: Context) -> _Opened:
    context.watched.watch(source, spec.positions, context.fetched)
    located = kind.locate(source, context)
    path = located.path
    weighted = None
    if source.weights is not None:
        if path is not None and not source.nested:
            # What is wrong with the architecture is told of it, not of the weights.
            read_model(path, RememberedListings(context.store))
        weighted = with_weights(source, path, context)
        path = weighted.path
    if path is None:
        return _Opened(located=located, weighted=weighted, file=None, draft=draft(source, located))
    file = read(source, located, path, context.store)
    context.watched.watch_made(source, path, file.listing.stamp, spec.positions)
    made_from = located.made_from
    if weighted is not None:
        architecture = () if located.path is None else (located.path,)
        made_from = (weighted.file, *architecture, *made_from)
    file = replace(file, made_from=made_from)
    return _Opened(located=located, weighted=weighted, file=file)


def _once(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Leave out repetitions: two sources may start from one spec."""
    return tuple({(d.code, d.message, d.span): d for d in diagnostics}.values())
