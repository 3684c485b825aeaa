"""``.keras`` files of this machine, or by URL: linked as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from composer.files.suffixes import KERAS_SUFFIXES
from composer.sources.existing import checked_file
from composer.sources.kind import SourceKind
from composer.sources.located import Located

if TYPE_CHECKING:
    from composer.sources.context import Context
    from composer.spec.model import Source


def _locate(source: Source, context: Context) -> Located:
    return Located(path=checked_file(source, KERAS_SUFFIXES, context))


KIND = SourceKind(
    title=".keras file",
    described="a .keras file",
    asks_keras=False,
    locate=_locate,
)
