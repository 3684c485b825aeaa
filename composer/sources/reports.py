"""What is wrong with a source, or worth a warning, told where the spec names it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from composer.diagnostics.diagnostic import Diagnostic, Edit, Note, SpecPath
from composer.errors import ComposeError, FormatError, SourceError, SpecError
from composer.graphs.code_scan import Finding
from composer.graphs.graph import by_change
from composer.graphs.model_file import ModelFile
from composer.resolver.check_code import report_code
from composer.resolver.plan import Download
from composer.resolver.problems import Problems
from composer.sources.located import Located
from composer.sources.weights import Weighted, WeightsProblem
from composer.spec.locations import shown_location
from composer.spec.model import Source

_AS_OF_THE_FILE = ("CMP501", "CMP503", "CMP510", "CMP511", "CMP512", "CMP514", "CMP554")
"""Codes that mean the same for a file of weights as for the source itself."""
_SHOWN = 5


def report_failure(
    source: Source,
    error: ComposeError | WeightsProblem | OSError,
    problems: Problems,
    locked_plugin: Callable[[str], str | None],
) -> tuple[Diagnostic, ...]:
    """Report why a source can't be opened; return what is wrong with the spec that it is.

    Args:
        source: of the spec.
        error: that opening it raised.
        problems: gets the report.
        locked_plugin: returns the package that read a source when it was locked, given its id.
    """
    match error:
        case SourceError():
            reader = locked_plugin(source.id) if error.code == "CMP504" else None
            if reader is not None:
                error.own_help = f"{reader} read it when it was locked; install that package"
            _report_source(source, error, problems)
        case SpecError():
            _report_spec(source, error, problems)
            return error.diagnostics
        case FormatError():
            _report_format(source, error, problems)
        case WeightsProblem():
            _report_weights(source, error.error, problems)
        case ComposeError():
            problems.add_error(error.about(source=source.id), _from(source))
        case OSError():
            problems.add(
                "CMP501",
                _from(source),
                f"source {source.id!r}: {source.location} can't be read: {error.strerror}",
            )
    return ()


def warn(
    source: Source,
    located: Located,
    weighted: Weighted | None,
    file: ModelFile | None,
    problems: Problems,
) -> None:
    """Report what is no error and worth knowing of a source that was opened.

    Args:
        source: of the spec.
        located: what its import told.
        weighted: what taking other weights told.
        file: the model; None where Keras has to make it first.
        problems: gets the warnings.
    """
    if located.download is not None:
        _warn_of_download(source, located.download, problems)
    _warn_of_import(source, located, problems)
    _warn_of_weights(source, weighted, problems)
    if file is not None:
        _warn_of_file(source, file, problems)
        _warn_of_classes(source, file, problems)


def _from(source: Source) -> SpecPath:
    return ("sources", source.id, "from")


def _report_source(source: Source, error: SourceError, problems: Problems) -> None:
    path = ("sources", source.id, str(error.fields.get("key", "from")))
    problems.add_error(error, path, fix=_corrected(source, error, problems))


def _corrected(source: Source, error: SourceError, problems: Problems) -> tuple[Edit, ...]:
    """Return the edit for a file or a model whose name is misspelled."""
    if error.code == "CMP501":
        return problems.corrected(_from(source), source.location, error.nearest)
    if error.case == "unknown-name":
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


def _report_format(source: Source, error: FormatError, problems: Problems) -> None:
    problems.add_error(
        error.about(source=source.id),
        ("sources", source.id, "flatten") if error.code == "CMP418" else _from(source),
        help="fetch the file again, or save the model again in Keras",
    )
    # Of a file whose weights contradict its config; one of old Keras was refused before the scan.
    carried = cast("Sequence[Finding]", error.fields.get("carried", ()))
    report_code(source, carried, problems)


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
        code = "CMP523" if error.code in ("CMP520", "CMP523") else "CMP502"
        error = error.about(source=source.id).under(code)
        problems.add_error(error, path, help="fetch the file again")
        return
    if error.code == "CMP503":
        path = (*path, "sha256")
    problems.add_error(error if error.code in _AS_OF_THE_FILE else error.under("CMP523"), path)


def _warn_of_weights(source: Source, weighted: Weighted | None, problems: Problems) -> None:
    for warning in weighted.warnings if weighted is not None else ():
        problems.add(
            "CMP524",
            ("sources", source.id, "weights"),
            f"source {source.id!r}: {warning}",
            severity="warning",
            help="where names should decide: weights: {file: …, by: names}",
        )


def _warn_of_file(source: Source, file: ModelFile, problems: Problems) -> None:
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
