"""SavedModel folders that hold a TensorFlow program alone: one layer, trusted, for a SavedModel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from composer.container.digests import digest_folder, digest_sums
from composer.errors import SourceError
from composer.keras_process.imports import Recipe
from composer.keras_process.programs import PROGRAM
from composer.sources.located import Located

if TYPE_CHECKING:
    from composer.sources.context import Context
    from composer.spec.model import Source

UNTRUSTED = "program-untrusted"
"""The reason of a program that may not run."""
SIGNATURE = "serving_default"
_VERSION = 1
"""Goes up whenever a program is written down otherwise, so that it is imported again."""


def locate_program(source: Source, folder: Path, context: Context) -> Located:
    """Return a model of one layer that runs the program, imported once into the store.

    Args:
        source: a SavedModel.
        folder: of it.
        context: of the import.

    Raises:
        SourceError: the source is not trusted (:data:`UNTRUSTED`), or the folder holds other bytes
            than the spec wants (``sha256``); it asks for what a program
            has not, or TensorFlow does not take the folder (:data:`PROGRAM`).
        BuildError: the import failed for a reason outside of the spec.
    """
    if not source.trust:
        raise SourceError(
            f"source {source.id!r}: {source.location} is a SavedModel, which holds a TensorFlow "
            "program and no layers that could be named, cut or linked; a .keras file could only "
            "point to the folder (TFSMLayer), by a path of this machine, and not load in safe mode",
            reason=UNTRUSTED,
            help=f"save the model that was exported as a file: "
            f"model.save('{folder.name or 'model'}.keras')\nor, if you know who made the folder, "
            "let the program in whole, as one layer of a SavedModel: trust: true, with "
            "output: {format: saved_model}",
        )
    _check_use(source)
    _check_sha256(source, folder)
    signature = source.args.get("signature", SIGNATURE)
    try:
        made = context.imported(_recipe(folder, signature))
    except SourceError as error:
        raise error.about(f"source {source.id!r}: {source.location}") from error
    return Located(path=made, made_from=(folder,))


def _check_sha256(source: Source, folder: Path) -> None:
    if source.sha256 is None:
        return
    found = digest_sums(folder)
    if found != source.sha256.lower():
        raise SourceError(
            f"source {source.id!r}: the files of {source.location} are not those that the spec "
            f"asks for: the sha256 of their sums is {found}, expected {source.sha256}",
            reason="sha256",
            help="get the right folder, or accept this one by changing sha256 in the spec",
        )


def _check_use(source: Source) -> None:
    for key in _keys_about_layers(source):
        raise SourceError(
            f"source {source.id!r}: {key} has no meaning for {source.location}, a SavedModel that "
            "goes in whole, as one layer: it has no layers to name",
            reason=PROGRAM,
            help=f"remove {key}",
        )
    unknown = [key for key in source.args if key != "signature"]
    signature = source.args.get("signature", SIGNATURE)
    if unknown or not isinstance(signature, str):
        raise SourceError(
            f"source {source.id!r}: args of a SavedModel is {{signature: NAME}}, found "
            + (repr(unknown[0]) if unknown else f"{signature!r} as a name"),
            reason="args",
            help=f"without args it is the signature {SIGNATURE!r}",
        )


def _keys_about_layers(source: Source) -> Iterator[str]:
    """Yield the keys of a source that say something of the layers inside of it."""
    if source.include is not None:
        yield "include"
    for key in ("exclude", "bypass", "freeze", "unfreeze", "flatten", "weights"):
        if getattr(source, key):
            yield key


def _recipe(folder: Path, signature: str) -> Recipe:
    """Return the recipe of a ``.keras`` file with one layer that runs a program.

    Args:
        folder: of the SavedModel.
        signature: which of its functions.

    Raises:
        SourceError: the folder can't be read (:data:`PROGRAM`).
    """
    try:
        content = digest_folder(folder)
    except OSError as problem:
        raise SourceError(
            f"{problem.filename} can't be read: {problem.strerror}", reason=PROGRAM
        ) from problem
    return Recipe(
        importer="program",
        decides={"folder": content, "signature": signature, "version": _VERSION},
        request={
            "task": "import_program",
            "folder": str(folder.absolute()),
            "digest": content,
            "signature": signature,
        },
        about={"name": folder.name, "signature": signature},
    )
