"""SavedModel folders: one of Keras 2 is taken apart, a trusted program goes in whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from composer.container.digests import digest_file, digest_folder
from composer.errors import FormatError, SourceError
from composer.graphs.graph import Json
from composer.keras_process.client import keras_version, run
from composer.keras_process.keras_classes import known_classes
from composer.keras_process.programs import program_folder, saved_model_folder
from composer.legacy.h5.put_in_place import refusals
from composer.legacy.h5.read import REPAIRS_VERSION, read_legacy_model, rewritten
from composer.legacy.keras_metadata import read_metadata
from composer.sources.existing import check_sha256
from composer.sources.kind import SourceKind, no_arguments
from composer.sources.kinds.h5_file import legacy_recipe
from composer.sources.kinds.program import locate_program
from composer.sources.located import Located

if TYPE_CHECKING:
    from composer.sources.context import Context
    from composer.spec.model import Source

_TRANSCRIPTION = 1
"""Goes up whenever a folder is written down otherwise, so that it is imported again."""


def _locate(source: Source, context: Context) -> Located:
    program = program_folder(source)
    if program is not None:
        return locate_program(source, program, context)
    folder = saved_model_folder(source)
    assert folder is not None
    if source.args:
        raise no_arguments(source, KIND.title)
    return _taken_apart(source, folder, context)


def _taken_apart(source: Source, folder: Path, context: Context) -> Located:
    """Return the model of a SavedModel folder that Keras 2 wrote, imported once into the store.

    Such a folder holds a TensorFlow program, and beside it the config of the model that it was
    made from. Where that is a graph, it is written down as the ``.h5`` file which the same Keras
    would have saved, and that is imported. The program is not run.

    Raises:
        SourceError: its variables are not those of the layers.
        FormatError: the model is no graph (``saved-model``), or a layer can't be carried over.
        BuildError: the import failed for a reason outside of the spec.
    """
    try:
        model, names = read_metadata(folder)
        found = rewritten(model, 2, known_classes())
    except FormatError as error:
        # A message names the folder as the spec does, not as this machine does.
        raise error.about(path=source.location) from error
    try:
        path = _imported(folder, model, names, context)
    except SourceError as error:
        raise error.about(source=source.id, location=source.location) from error
    if path is not None:
        check_sha256(source, path)
    return Located(
        path=path,
        wrote="Keras 2",
        repairs=found.graph.repairs,
        refused=refusals(found.aside),
        draft=found.graph if path is None else None,
        warnings=found.graph.warnings,
        made_from=(folder,),
    )


def _imported(
    folder: Path, model: dict[str, Json], names: dict[str, str], context: Context
) -> Path | None:
    decides = {
        "folder": digest_folder(folder),
        "transcription": _TRANSCRIPTION,
        "repairs": REPAIRS_VERSION,
        "keras": keras_version(),
    }

    def make(scratch: Path) -> Path:
        written = scratch / f"{folder.name}.h5"
        run(
            {
                "task": "transcribe_saved_model",
                "folder": str(folder.absolute()),
                "model": model,
                "names": names,
                "target": str(written),
            },
            progress=context.progress,
        )
        recipe = legacy_recipe(
            read_legacy_model(written, known_classes()), digest_file(written), folder.name
        )
        imported = context.imported(recipe)
        assert imported is not None
        return imported

    return context.made(
        "saved_model", decides, {"name": folder.name}, make if context.may_import else None
    )


KIND = SourceKind(
    title="SavedModel folder",
    described="a SavedModel folder",
    arguments={},
    holds_old_layers=True,
    locate=_locate,
)
