"""The ``args`` of a source against what its kind says that it takes, told where they stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from composer.diagnostics.diagnostic import Diagnostic, SpecPath
from composer.errors import PluginError
from composer.spec.model import Source
from composer.spec.positions import TreePositions
from composer.spec.schema_problems import problems_in
from composer.spec.schema_words import told
from composer.spec.source_forms import SourceForm, entry_of


def check_arguments(source: Source, positions: TreePositions) -> Iterator[Diagnostic]:
    """Yield what is wrong with the arguments of one source, or with the plug-in that takes them.

    Args:
        source: as it was lowered.
        positions: of the whole spec.
    """
    at: SpecPath = ("sources", source.id, "from")
    try:
        entry = entry_of(source.location, source.directory)
        if entry is None or entry.is_ours:  # importing checks what ours take
            return
        form: SourceForm = entry.load(SourceForm)
    except PluginError as error:
        message = error.about(source=source.id).message
        yield positions.problem(error.code, at, message, error.help)
        return
    if not form.arguments:
        return
    path: SpecPath = ("sources", source.id, "args")
    try:
        found = tuple(problems_in(dict(source.args), form.arguments))
    except Exception as error:  # noqa: BLE001 - whatever a schema that is none makes a reader do
        yield positions.problem(
            "CMP560",
            at,
            f"source '{source.id}': the plug-in {entry.provider} describes its arguments by "
            f"something that is no JSON Schema: {type(error).__name__}",
            f"update or uninstall {entry.package}",
        )
        return
    for problem in found:
        yield told(replace(problem, path=(*path, *problem.path)), positions)
