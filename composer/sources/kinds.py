"""The table of source kinds: what a source's ``from`` looks like, and who turns it into a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from composer.errors import SourceError
from composer.sources.applications import locate_application
from composer.sources.code import locate_code
from composer.sources.context import Context
from composer.sources.h5_files import SUFFIXES, locate_h5_file
from composer.sources.keras_files import locate_keras_file
from composer.sources.located import Located
from composer.sources.saved_models import refuse_saved_model
from composer.sources.specs import SUFFIXES as SPEC_SUFFIXES
from composer.sources.specs import locate_spec
from composer.spec.model import Source

Locate = Callable[[Source, Context], Path | Located | None]
"""Returns the ``.keras`` file of a source, or None where it has to be imported first and the
context forbids that; with what is to be told of the import, where there is something.

Raises:
    SourceError: the source can't be had as the spec describes it.
    BuildError: the import failed for a reason outside of the spec.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of source.

    Attributes:
        name: for messages.
        matches: tells by the text of ``from``.
        locate: gives the ``.keras`` file.
        takes_args: whether ``args`` has a meaning for it.
    """

    name: str
    matches: Callable[[str], bool]
    locate: Locate
    takes_args: bool


def kind_of(source: Source) -> Kind:
    """Return the kind of ``source``.

    Raises:
        SourceError: no kind knows this form of ``from`` (``unknown_kind``).
    """
    for kind in KINDS:
        if kind.matches(source.location):
            return kind
    refuse_saved_model(source)
    raise SourceError(
        f"source {source.id!r}: this version can't read {source.location!r}",
        reason="unknown_kind",
        help="it reads .keras and .h5 files (models/a.keras), keras.applications (app:ResNet50) "
        "and functions of your own (py:my_models:make); save other models as .keras first",
    )


KINDS: tuple[Kind, ...] = (
    Kind(
        name="keras.applications",
        matches=lambda location: location.startswith("app:"),
        locate=locate_application,
        takes_args=True,
    ),
    Kind(
        name="function",
        matches=lambda location: location.startswith("py:"),
        locate=locate_code,
        takes_args=True,
    ),
    Kind(
        name=".h5 file",
        matches=lambda location: location.endswith(SUFFIXES) and "://" not in location,
        locate=locate_h5_file,
        takes_args=False,
    ),
    Kind(
        name="spec",
        matches=lambda location: location.endswith(SPEC_SUFFIXES) and "://" not in location,
        locate=locate_spec,
        takes_args=True,
    ),
    Kind(
        name=".keras file",
        matches=lambda location: location.endswith(".keras") and "://" not in location,
        locate=locate_keras_file,
        takes_args=False,
    ),
)
