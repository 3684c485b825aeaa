"""``.h5`` and ``.hdf5`` files of whole models, imported once into the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from composer.container.stored import FileStamp
from composer.errors import BuildError, FormatError, SourceError
from composer.files.suffixes import LEGACY_SUFFIXES
from composer.keras_process.h5_check import check_import
from composer.keras_process.imports import ImportRequest
from composer.keras_process.keras_classes import known_classes
from composer.legacy.h5.check_weights import check_weights
from composer.legacy.h5.put_in_place import holes, refusals
from composer.legacy.h5.read import (
    REPAIRS_VERSION,
    LegacyModel,
    read_legacy_model,
    without_holes,
)
from composer.sources.existing import checked_file
from composer.sources.kind import SourceKind
from composer.sources.located import Located
from composer.sources.remembered import remembered_sha256
from composer.spec.locations import shown_location

if TYPE_CHECKING:
    from composer.sources.context import Context
    from composer.spec.model import Source


def legacy_recipe(model: LegacyModel, sha256: str, name: str) -> ImportRequest:
    """Return the recipe of the model of an ``.h5`` file.

    Args:
        model: as it was read from the file.
        sha256: of the file.
        name: of the file, for people who look into the store.
    """
    file = model.file

    def check(saved: Path) -> None:
        if FileStamp.of_status(file.path.stat()) != file.stamp:
            raise BuildError("CMP710.changed-import", path=file.path)
        check_import(model, saved)

    return ImportRequest(
        importer="h5",
        decides={"sha256": sha256, "repairs": REPAIRS_VERSION},
        request={
            "task": "import_h5",
            "path": str(file.path.absolute()),
            "config": model.config,
            "weights": {
                name: [[tensor.name, tensor.stored.path] for tensor in tensors]
                for name, tensors in without_holes(model).items()
            },
            "aside": [[item.path, dict(item.entry)] for item in model.aside],
            "holes": {
                path: {"class": hole.class_name, "outputs": hole.outputs, "shapes": hole.shapes}
                for path, hole in holes(model.graph, model.aside).items()
            },
        },
        about={"name": name, "sha256": sha256, "wrote": file.keras_version},
        check=check,
    )


def _locate(source: Source, context: Context) -> Located:
    """Return the imported model in the store.

    The file is read as data each time, so that what is wrong with it is told at once, whether or
    not Keras may be started.

    Raises:
        SourceError: there is no such file, its bytes are not those that the spec asks for, or
            Keras refuses a layer.
        FormatError: it is no sound file of a whole model, or a layer can't be carried over.
        BuildError: the import failed for a reason outside of the spec.
    """
    path = checked_file(source, LEGACY_SUFFIXES, context)
    try:
        model = read_legacy_model(path, known_classes())
        check_weights(model)
    except FormatError as error:
        # A message names the file as the spec does, not as this machine does.
        raise error.about(path=source.location) from error
    try:
        imported = context.imported(
            legacy_recipe(
                model, remembered_sha256(path, context.store), shown_location(source.location)
            )
        )
    except SourceError as error:
        raise error.about(source=source.id, location=source.location) from error
    return Located(
        path=imported,
        wrote=f"Keras {model.file.keras_version}",
        repairs=model.graph.repairs,
        refused=refusals(model.aside),
        draft=model.graph if imported is None else None,
        warnings=model.graph.warnings,
        made_from=(path,),
    )


KIND = SourceKind(
    title=".h5 file",
    described="an .h5 file",
    holds_old_layers=True,
    locate=_locate,
)
