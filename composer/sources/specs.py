"""Another spec as a source: it is linked into the store first, and its own artifact left alone."""

from __future__ import annotations

from composer.errors import SourceError
from composer.sources.context import Context
from composer.sources.keras_files import check_sha256, existing_file
from composer.sources.located import Located
from composer.spec.model import Source

SUFFIXES = (".yaml", ".yml")


def locate_spec(source: Source, context: Context) -> Located:
    """Return the linked model of the other spec; no path where Keras would have to be asked first.

    Raises:
        SourceError: there is no such file (``missing``), the specs lead in a circle
            (``circle``), or the other one has no such variable (``args``).
        SpecError: the other spec has errors.
        BuildError: it can't be linked.
    """
    path = existing_file(source, SUFFIXES)
    assert context.link_spec is not None
    try:
        linked, diagnostics = context.link_spec(path, source.args)
    except SourceError as error:
        raise SourceError(
            f"source {source.id!r}: {error.message}", reason=error.reason, help=error.help
        ) from error
    if linked is not None:
        check_sha256(source, linked)
    return Located(path=linked, diagnostics=diagnostics)
