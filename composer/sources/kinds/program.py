"""SavedModel folders that hold a TensorFlow program alone: one layer, trusted, for a SavedModel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from composer.container.digests import digest_folder, digest_sums
from composer.errors import SourceError
from composer.keras_process.imports import ImportRequest
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
            "CMP527.untrusted",
            source=source.id,
            location=source.location,
            name=folder.name or "model",
        )
    _check_use(source)
    _check_sha256(source, folder)
    signature = source.args.get("signature", SIGNATURE)
    try:
        made = context.imported(_recipe(folder, signature))
    except SourceError as error:
        raise error.about(source=source.id, location=source.location) from error
    return Located(path=made, made_from=(folder,))


def _check_sha256(source: Source, folder: Path) -> None:
    if source.sha256 is None:
        return
    found = digest_sums(folder)
    if found != source.sha256.lower():
        raise SourceError(
            "CMP503.folder-digest",
            source=source.id,
            location=source.location,
            found=found,
            expected=source.sha256,
            key="sha256",
        )


def _check_use(source: Source) -> None:
    for key in _keys_about_layers(source):
        raise SourceError(
            "CMP529.program-key", source=source.id, name=key, location=source.location
        )
    unknown = [key for key in source.args if key != "signature"]
    signature = source.args.get("signature", SIGNATURE)
    if unknown or not isinstance(signature, str):
        raise SourceError(
            "CMP505.program-args",
            source=source.id,
            found=repr(unknown[0]) if unknown else f"{signature!r} as a name",
            key="args",
        )


def _keys_about_layers(source: Source) -> Iterator[str]:
    """Yield the keys of a source that say something of the layers inside of it."""
    if source.include is not None:
        yield "include"
    for key in ("exclude", "bypass", "freeze", "unfreeze", "flatten", "weights"):
        if getattr(source, key):
            yield key


def _recipe(folder: Path, signature: str) -> ImportRequest:
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
            "CMP529.unreadable", path=problem.filename, reason=problem.strerror
        ) from problem
    return ImportRequest(
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
