"""Another spec as a source: it is linked into the store first, and its own artifact left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from composer.errors import SourceError
from composer.files.suffixes import SPEC_SUFFIXES
from composer.sources.existing import check_sha256, existing_file
from composer.sources.kind import SourceKind
from composer.sources.located import Located
from composer.sources.paths import file_path
from composer.spec.boundary import outside
from composer.spec.extends import read_bytes
from composer.spec.strangers import is_spec, no_spec

if TYPE_CHECKING:
    from composer.sources.context import Context
    from composer.spec.model import Source


def _locate(source: Source, context: Context) -> Located:
    """Return the linked model of the other spec; no path where Keras would have to be asked first.

    Raises:
        SourceError: the file lies outside of what belongs to this spec (``outside``), there is
            none (``missing``), it is no spec (``no-spec``), the specs lead in a circle
            (``circle``), or the other one has no such variable (``args``).
        SpecError: the other spec has errors.
        BuildError: it can't be linked.
    """
    if not context.boundary.holds(file_path(source)):
        raise outside(source.location, file_path(source)).about(source=source.id)
    path = existing_file(source, SPEC_SUFFIXES, context)
    if not is_spec(read_bytes(path)):
        raise no_spec(source.location).about(source=source.id)
    assert context.link_spec is not None
    try:
        linked = context.link_spec(path, source.args)
    except SourceError as error:
        raise error.about(source=source.id) from error
    if linked.path is not None:
        check_sha256(source, linked.path)
    return linked


KIND = SourceKind(
    title="spec",
    described="a .yaml spec (built first)",
    arguments={},
    is_fetched=False,
    is_spec=True,
    locate=_locate,
)
