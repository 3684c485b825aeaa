"""The table of source kinds: what a source's ``from`` looks like, and who turns it into a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from composer.errors import SourceError
from composer.files.suffixes import KERAS_SUFFIXES, LEGACY_SUFFIXES, SPEC_SUFFIXES
from composer.keras_process.programs import program_folder, saved_model_folder
from composer.sources.context import Context
from composer.sources.h5_files import locate_h5_file
from composer.sources.keras_files import locate_keras_file
from composer.sources.located import Located
from composer.sources.made_by_keras import locate_application, locate_code, locate_preset
from composer.sources.paths import is_path
from composer.sources.programs import locate_program
from composer.sources.saved_models import locate_saved_model
from composer.sources.specs import locate_spec
from composer.spec.locations import is_remote, names_file
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
    if is_remote(source.location):
        raise SourceError(
            f"source {source.id!r}: what is at a URL has to be a .keras or .h5 file, and "
            f"{source.location!r} does not end like one",
            reason="unknown_kind",
            help="where only the address is odd, say what it gives: '#model.keras' behind it",
        )
    if program_folder(source) is not None:
        return PROGRAM
    if saved_model_folder(source) is not None:
        return SAVED_MODEL
    raise SourceError(
        f"source {source.id!r}: this version can't read {source.location!r}",
        reason="unknown_kind",
        help="it reads .keras and .h5 files (models/a.keras), other specs (a.yaml), "
        "keras.applications (app:ResNet50), KerasHub (hub:./preset) and functions of your own "
        "(py:my_models:make); save other models as .keras first",
    )


SAVED_MODEL = Kind(
    name="SavedModel folder",
    matches=lambda _location: False,  # what lies in the folder tells
    locate=locate_saved_model,
    takes_args=False,
)

PROGRAM = Kind(
    name="SavedModel folder without layers",
    matches=lambda _location: False,
    locate=locate_program,
    takes_args=True,
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
        name="preset",
        matches=lambda location: location.startswith("hub:"),
        locate=locate_preset,
        takes_args=True,
    ),
    Kind(
        name=".h5 file",
        matches=lambda location: names_file(location, LEGACY_SUFFIXES),
        locate=locate_h5_file,
        takes_args=False,
    ),
    Kind(
        name="spec",
        matches=lambda location: is_path(location, SPEC_SUFFIXES),
        locate=locate_spec,
        takes_args=True,
    ),
    Kind(
        name=".keras file",
        matches=lambda location: names_file(location, KERAS_SUFFIXES),
        locate=locate_keras_file,
        takes_args=False,
    ),
)
