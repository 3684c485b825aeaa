"""Opens all sources of a spec; what can't be opened becomes a located diagnostic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from composer.container.stored import FileStamp, Listing
from composer.diagnostics.diagnostic import Diagnostic, Edit, Note, SpecPath
from composer.errors import FormatError, SourceError, SpecError
from composer.graphs.code_scan import Finding, scan
from composer.graphs.flatten import flattened
from composer.graphs.graph import by_change
from composer.graphs.layer_places import NAMES_CONTRADICT
from composer.graphs.model_file import ModelFile
from composer.graphs.pair_weights import MISFIT
from composer.graphs.state_check import STATE_CONTRADICTS
from composer.keras_process.programs import program_folder
from composer.model_files.nest import nested
from composer.model_files.opaque import read_opaque_model
from composer.model_files.read_model import read_model
from composer.resolver.check_code import report_code
from composer.resolver.plan import Download
from composer.resolver.problems import Problems
from composer.sources.context import Context
from composer.sources.keras_files import check_sha256
from composer.sources.kinds import Kind, kind_of
from composer.sources.listings import RememberedListings
from composer.sources.located import Located
from composer.sources.objects import check_objects
from composer.sources.weights import Weighted, WeightsProblem, with_weights
from composer.spec.locations import is_remote, shown_location
from composer.spec.model import Source, Spec

_AS_OF_THE_FILE = ("missing", "sha256", "fetch", "range", "extra", "unsafe", "inside", "offline")
"""Reasons that mean the same for a file of weights as for the source itself."""
_SHOWN = 5

_SHOWN = 5


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
    files: dict[str, ModelFile] = {}
    downloads: dict[str, Download] = {}
    deferred: list[str] = []
    drafts: dict[str, ModelFile] = {}
    elsewhere: list[Diagnostic] = []
    for source in spec.sources:
        try:
            opened = _open(source, spec, context)
        except (SourceError, SpecError, FormatError, WeightsProblem, OSError) as error:
            # What is wrong with a file that changes under the reader says nothing of the file.
            changed = context.watched.changes(source)
            elsewhere.extend(changed or _reported(source, error, problems))
        else:
            located = opened.located
            elsewhere.extend(located.diagnostics)
            if located.download is not None:
                downloads[source.id] = located.download
                _warn_of_download(source, located.download, problems)
            _warn_of_import(source, located, problems)
            _warn_of_weights(source, opened.weighted, problems)
            if opened.file is None:
                deferred.append(source.id)
                if opened.draft is not None:
                    drafts[source.id] = opened.draft
                continue
            files[source.id] = opened.file
            _warn(source, opened.file, problems)
            _warn_of_classes(source, opened.file, problems)
    return OpenedSources(
        files=files,
        downloads=downloads,
        deferred=tuple(deferred),
        drafts=drafts,
        diagnostics=_once((*elsewhere, *problems.found)),
    )


def _reported(
    source: Source,
    error: SourceError | SpecError | FormatError | WeightsProblem | OSError,
    problems: Problems,
) -> tuple[Diagnostic, ...]:
    """Report why a source can't be opened; return what is wrong with the spec that it is."""
    match error:
        case SourceError():
            _report_source(source, error, problems)
        case SpecError():
            _report_spec(source, error, problems)
            return error.diagnostics
        case FormatError():
            _report_format(source, error, problems)
        case WeightsProblem():
            _report_weights(source, error.error, problems)
        case OSError():
            problems.add(
                "CMP501",
                _from(source),
                f"source {source.id!r}: {source.location} can't be read: {error.strerror}",
            )
    return ()


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
    if source.args and not kind.takes_args:
        raise SourceError(
            f"source {source.id!r}: args have no meaning for a {kind.name}",
            reason="args",
            help="remove args",
        )
    check_objects(source)
    if is_remote(source.location):
        return _open_fetched(source, spec, kind, context)
    return _open_located(source, spec, kind, context)


def _open_fetched(source: Source, spec: Spec, kind: Kind, context: Context) -> _Opened:
    """Open what a URL gives, as a file of its kind; messages name the URL."""
    pin = source.pin if source.sha256 in (None, source.pin and source.pin.sha256) else None
    try:
        fetched = context.fetcher.fetch(
            source.location,
            source.sha256 or (pin.sha256 if pin is not None else None),
            revision=pin.revision if pin is not None else None,
        )
    except SourceError as error:
        if error.reason == "sha256" and source.sha256 is None and pin is not None:
            raise SourceError(
                f"source {source.id!r}: the URL gives other bytes now than when it was locked: "
                f"sources.{source.id}.sha256 was {pin.sha256}",
                reason="locked",
                help=f"compose lock {spec.file} --upgrade {source.id} takes what it gives now",
            ) from error
        raise error.about(f"source {source.id!r}") from error
    try:
        opened = _open_located(source, spec, kind, replace(context, fetched=fetched.path))
    except FormatError as error:
        message = error.message.replace(str(fetched.path), source.location)
        raise FormatError(message, reason=error.reason, help=error.help, code=error.code) from error
    return replace(opened, located=replace(opened.located, download=fetched.download))


def _open_located(source: Source, spec: Spec, kind: Kind, context: Context) -> _Opened:
    context.watched.watch(source, spec.positions, context.fetched)
    located = kind.locate(source, context)
    if not isinstance(located, Located):
        if located is not None and context.fetched is None:
            check_sha256(source, located)
        located = Located(path=located)
    path = located.path
    weighted = None
    if source.weights is not None:
        if path is not None and not source.nested:
            # What is wrong with the architecture is told of it, not of the weights.
            read_model(path, RememberedListings(context.store))
        weighted = with_weights(source, path, context)
        path = weighted.path
    if path is None:
        return _Opened(located=located, weighted=weighted, file=None, draft=_draft(source, located))
    file = _read(source, located, path, context)
    context.watched.watch_made(source, path, file.listing.stamp, spec.positions)
    made_from = located.made_from
    if weighted is not None:
        architecture = () if located.path is None else (located.path,)
        made_from = (weighted.file, *architecture, *made_from)
    file = replace(file, made_from=made_from)
    return _Opened(located=located, weighted=weighted, file=file)


class _Contradiction(FormatError):  # noqa: N818 - it is told with what the file carries
    """A file whose weights contradict its config, and what its config holds that is no data."""

    def __init__(self, error: FormatError, carried: Sequence[Finding]) -> None:
        super().__init__(error.message, reason=error.reason, help=error.help)
        self.carried = carried


def _carried(path: Path) -> Sequence[Finding]:
    # Imported here: few files contradict themselves.
    from composer.container.archive import open_archive

    with open_archive(path) as archive:
        return tuple(scan(archive.config))


def _read(source: Source, located: Located, path: Path, context: Context) -> ModelFile:
    try:
        file = read_model(path, RememberedListings(context.store))
    except FormatError as error:
        if error.reason in (NAMES_CONTRADICT, STATE_CONTRADICTS):
            raise _Contradiction(error, _carried(path)) from error
        if error.reason != "no-graph" or source.nested is None:
            raise
        return _opaque(source, path, source.nested)
    if source.nested is not None and _whole_by_class(source, file):
        return _opaque(source, path, source.nested)
    if located.repairs:
        file = replace(file, graph=replace(file.graph, repairs=located.repairs))
    if located.refused:
        # Imported here: few sources are old files.
        from composer.legacy.h5.put_in_place import marked

        file = replace(file, graph=marked(file.graph, located.refused))
    return _arranged(source, file)


def _draft(source: Source, located: Located) -> ModelFile | None:
    """Return what is known of a model before Keras made it, if some of it can't be linked."""
    if located.draft is None or not located.refused:
        return None
    place = located.made_from[0]
    listing = Listing(place, FileStamp.of_status(place.stat()), ())
    file = ModelFile(path=place, graph=located.draft, states={}, listing=listing)
    try:
        return _arranged(source, file)
    except FormatError:  # told when the model is made
        return None


def _arranged(source: Source, file: ModelFile) -> ModelFile:
    """Return a file as its source wants it: flat, or as one layer."""
    if source.flatten:
        file = flattened(file)
    # A program has no layers, so that it is always the one that it is named for.
    name = source.nested or (source.id if program_folder(source) is not None else None)
    if name is not None:
        file = nested(file, name)
    return file


def _whole_by_class(source: Source, file: ModelFile) -> bool:
    """Tell whether the spec names the model's own class, so that its code runs and not its graph's.

    What ``call`` of a subclass does beside its layers is in no file.
    """
    named = {entry.rpartition(":")[2] for entry in source.objects}
    return not named.isdisjoint(file.graph.own_classes)


def _opaque(source: Source, path: Path, name: str) -> ModelFile:
    """Read a model without a graph as one layer.

    Raises:
        FormatError: it would be called more than once. Keras counts the calls of subclasses of
            its Functional in another way than those of other models, and the file does not say
            which of the two this is.
    """
    if len(source.calls) > 1:
        raise FormatError(
            "a model that records no graph can be called once only, and calls has "
            f"{len(source.calls)}",
            reason="no-graph",
            help="use the source once; or save it wrapped again as "
            "keras.Model(model.inputs, model.outputs)",
        )
    wires = [*source.inputs, *(wire for call in source.calls for wire in call.inputs)]
    return read_opaque_model(
        path,
        name,
        wired=any(wire.target is None for wire in wires),
        named=[wire.target for wire in wires if wire.target is not None],
    )


def _from(source: Source) -> SpecPath:
    return ("sources", source.id, "from")


def _report_source(source: Source, error: SourceError, problems: Problems) -> None:
    path = _from(source)
    if error.reason == "sha256":
        path = ("sources", source.id, "sha256")
    elif error.reason == "objects":
        path = ("sources", source.id, "objects")
    elif error.reason in ("args", "refused", "unknown_argument", "unknown_file"):
        path = ("sources", source.id, "args")
    suggestion = f"did you mean {error.nearest[0]!r}?" if error.nearest else None
    problems.add(
        error.code,
        path,
        error.message,
        fix=_corrected(source, error, problems),
        help="\n".join(part for part in (suggestion, error.help) if part) or None,
    )


def _corrected(source: Source, error: SourceError, problems: Problems) -> tuple[Edit, ...]:
    """Return the edit for a file or a model whose name is misspelled."""
    if error.reason == "missing":
        return problems.corrected(_from(source), source.location, error.nearest)
    if error.reason == "unknown_name":
        kind, colon, name = source.location.partition(":")
        return problems.corrected(_from(source), name, error.nearest, f"{kind}{colon}{{}}")
    return ()


def _report_spec(source: Source, error: SpecError, problems: Problems) -> None:
    count = sum(found.severity == "error" for found in error.diagnostics)
    problems.add(
        "CMP505",
        _from(source),
        f"source {source.id!r}: {source.location} can't be linked, since it has "
        f"{'an error' if count == 1 else f'{count} errors'} of its own",
        help=f"compose validate {source.location} shows them alone",
    )


def _once(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Leave out repetitions: two sources may start from one spec."""
    return tuple({(d.code, d.message, d.span): d for d in diagnostics}.values())


def _report_format(source: Source, error: FormatError, problems: Problems) -> None:
    code = error.code
    problems.add(
        code,
        ("sources", source.id, "flatten") if code == "CMP418" else _from(source),
        f"source {source.id!r}: {error.message}",
        help=error.help or "fetch the file again, or save the model again in Keras",
    )
    if isinstance(error, _Contradiction):
        report_code(source, error.carried, problems)


def _report_weights(
    source: Source, error: SourceError | FormatError | OSError, problems: Problems
) -> None:
    """Report what is wrong with the file that ``weights`` names, where it stands."""
    assert source.weights is not None
    path: SpecPath = ("sources", source.id, "weights")
    if isinstance(error, OSError):
        message = f"source {source.id!r}: {source.weights.file} can't be read: {error.strerror}"
        problems.add("CMP501", path, message)
        return
    if isinstance(error, FormatError):
        code = "CMP523" if error.reason in (MISFIT, "h5-refused", "h5") else "CMP502"
        message = f"source {source.id!r}: {error.message}"
        problems.add(code, path, message, help=error.help or "fetch the file again")
        return
    suggestion = f"did you mean {error.nearest[0]!r}?" if error.nearest else None
    if error.reason == "sha256":
        path = (*path, "sha256")
    problems.add(
        error.code if error.reason in _AS_OF_THE_FILE else "CMP523",
        path,
        error.message,
        help="\n".join(part for part in (suggestion, error.help) if part) or None,
    )


def _warn_of_weights(source: Source, weighted: Weighted | None, problems: Problems) -> None:
    for warning in weighted.warnings if weighted is not None else ():
        problems.add(
            "CMP524",
            ("sources", source.id, "weights"),
            f"source {source.id!r}: {warning}",
            severity="warning",
            help="where names should decide: weights: {file: …, by: names}",
        )


def _warn(source: Source, file: ModelFile, problems: Problems) -> None:
    for warning in file.warnings:
        problems.add(
            "CMP507",
            _from(source),
            f"source {source.id!r}: {warning}",
            severity="warning",
            help="to load the source itself in Keras, build it alone and load the result",
        )

    if file.unclaimed:
        several = len(file.unclaimed) > 1
        more = len(file.unclaimed) - _SHOWN
        problems.add(
            "CMP537",
            _from(source),
            f"source {source.id!r}: {', '.join(file.unclaimed[:_SHOWN])}"
            f"{f' and {more} more' if more > 0 else ''} {'belong' if several else 'belongs'} to "
            f"no layer of the model, so {'their' if several else 'its'} weights are ignored, as in "
            "Keras",
            severity="warning",
            help="load the source in Keras and save it again, which leaves them out",
        )


def _warn_of_classes(source: Source, file: ModelFile, problems: Problems) -> None:
    """Say whose own code is left out where the layers of a model are taken one by one."""
    for name in file.graph.own_classes:
        problems.add(
            "CMP422",
            _from(source),
            f"source {source.id!r}: {name} is a class of its own, of which the layers and their "
            "wiring are taken; what its code does besides is not in the file",
            severity="warning",
            help=f"where {name} has a call() of its own, take the model whole by its class: "
            f"nested: NAME and objects: [package.module:{name}]",
        )


def _warn_of_download(source: Source, download: Download, problems: Problems) -> None:
    if download.validator is None and source.sha256 is None and source.pin is None:
        problems.add(
            "CMP513",
            _from(source),
            f"source {source.id!r}: nothing comes with {shown_location(source.location)} by which "
            "a change could be seen, so it is fetched again by each run",
            severity="warning",
            help=f"pin what came this time, and it is fetched once:\nsha256: {download.sha256}",
        )


def _warn_of_import(source: Source, located: Located, problems: Problems) -> None:
    """Say what an import changed: a note a kind of change, with the layers that it is about."""
    if located.repairs:
        problems.add(
            "CMP521",
            _from(source),
            f"source {source.id!r}: {source.location} was saved by {located.wrote}; today's Keras "
            "reads it with these changes, which change no number",
            severity="warning",
            notes=[Note(message=text) for text in by_change(located.repairs)],
            help="nothing needs to be done; a source that is saved again as .keras needs no repair",
        )
    for warning in located.warnings:
        problems.add(
            "CMP521",
            _from(source),
            f"source {source.id!r}: {warning}",
            severity="warning",
            help="compare what the built model computes with what the old one did",
        )
