"""Imports models that Keras makes into the store, each by one fresh process, each once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from composer.files.keys import key_of
from composer.keras_process.client import keras_version, run, versions
from composer.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """An import: what decides its result, and what to ask of the Keras process.

    Attributes:
        importer: short name of the kind, such as ``app``.
        decides: plain JSON; everything besides the installed Keras that the result depends on,
            by content where it is a file. Two recipes of equal ``decides`` are the same.
        request: for the Keras process: ``task`` and what that task takes. The path to save the
            model to is added as ``target``.
        about: what to show people who look into the store.
        downloads: whether Keras may download files into its own folder, and under which name no
            other process may do that at the same time; None where it downloads nothing.
        check: looks at the made file, in canonical form, before the store takes it; raises what
            the import is to fail with. None where nothing is to be held against it.
    """

    importer: str
    decides: Mapping[str, Any]
    request: Mapping[str, Any]
    about: Mapping[str, Any] = field(default_factory=dict)
    downloads: str | None = None
    check: Callable[[Path], None] | None = field(default=None, compare=False)

    @property
    def key(self) -> str:
        """What the store remembers the result under."""
        recipe = {
            "format": 1, "importer": self.importer, "keras": versions(), **self.decides
        }  # fmt: skip
        return key_of(recipe, any_order=True)


def import_model(
    recipe: ImportRequest,
    store: Store,
    *,
    timeout: float | None = None,
    progress: Callable[[str], None] | None = None,
) -> str:
    """Return the digest of the model that ``recipe`` makes, made if the store does not have it.

    Several processes that want the same model make it once; the others wait.

    Args:
        recipe: what to make.
        store: where the model is kept, in canonical form.
        timeout: seconds for the Keras process.
        progress: called with lines of progress.

    Returns:
        SHA-256 of the stored ``.keras`` file.

    Raises:
        SourceError: what the Keras process refused.
        BuildError: a download failed, or the store can't be written.
        KerasProcessError: the Keras process failed.
    """
    key = recipe.key
    known = store.recipe(key)
    if known is not None:
        return known
    with ExitStack() as locks:
        locks.enter_context(store.making(key))
        known = store.recipe(key)  # another process may have made it while this one waited
        if known is not None:
            return known
        if recipe.downloads is not None:
            # Keras itself does not expect two downloads of one file at the same time.
            locks.enter_context(store.making(f"download of {recipe.downloads}"))
        digest = _import(recipe, store, timeout=timeout, progress=progress)
        about = {"importer": recipe.importer, **recipe.about, "keras": keras_version()}
        store.remember_recipe(key, digest, about)
    return digest


def find_model(recipe: ImportRequest, store: Store) -> str | None:
    """Return the digest of a model that :func:`import_model` made before, or None.

    Starts no process.
    """
    return store.recipe(recipe.key)


def _import(
    recipe: ImportRequest,
    store: Store,
    *,
    timeout: float | None,
    progress: Callable[[str], None] | None,
) -> str:
    """Run one import task; put what it saved into canonical form and into the store."""
    # Imported here: rewriting archives needs h5py, which finding a recipe does not.
    from composer.model_files.canonical_file import canonicalise

    with store.scratch() as folder:
        saved, canonical = folder / "saved.keras", folder / "canonical.keras"
        run(
            {**recipe.request, "target": str(saved)},
            timeout=timeout,
            progress=progress,
            share_downloads=recipe.downloads is not None,
        )
        canonicalise(saved, canonical)
        if recipe.check is not None:
            recipe.check(canonical)
        return store.add(canonical)
