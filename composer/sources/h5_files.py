"""``.h5`` and ``.hdf5`` files of whole models, imported once into the store."""

from __future__ import annotations

from composer.errors import FormatError, SourceError
from composer.files.suffixes import LEGACY_SUFFIXES
from composer.sources.context import Context
from composer.sources.keras_files import check_sha256, existing_file
from composer.sources.located import Located
from composer.sources.remembered import remembered_sha256
from composer.spec.locations import shown_location
from composer.spec.model import Source


def locate_h5_file(source: Source, context: Context) -> Located:
    """Return the imported model in the store.

    The file is read as data each time, so that what is wrong with it is told at once, whether or
    not Keras may be started.

    Raises:
        SourceError: there is no such file, its bytes are not those that the spec asks for, or
            Keras refuses a layer.
        FormatError: it is no sound file of a whole model, or a layer can't be carried over.
        BuildError: the import failed for a reason outside of the spec.
    """
    path = existing_file(source, LEGACY_SUFFIXES, context)
    if context.fetched is None:  # else its digest was checked when it was fetched
        check_sha256(source, path)
    # Imported here: most specs have no such source.
    from composer.keras_process.h5_imports import legacy_recipe
    from composer.keras_process.keras_classes import known_classes
    from composer.legacy.h5.check_weights import check_weights
    from composer.legacy.h5.put_in_place import refusals
    from composer.legacy.h5.read import read_legacy_model

    try:
        model = read_legacy_model(path, known_classes())
        check_weights(model)
    except FormatError as error:
        # A message names the file as the spec does, not as this machine does.
        message = error.message.replace(str(path), source.location)
        raise FormatError(message, reason=error.reason, help=error.help, code=error.code) from error
    try:
        imported = context.imported(
            legacy_recipe(
                model, remembered_sha256(path, context.store), shown_location(source.location)
            )
        )
    except SourceError as error:
        raise error.about(f"source {source.id!r}: {source.location}") from error
    return Located(
        path=imported,
        wrote=f"Keras {model.file.keras_version}",
        repairs=model.graph.repairs,
        refused=refusals(model.aside),
        draft=model.graph if imported is None else None,
        warnings=model.graph.warnings,
        made_from=(path,),
    )
