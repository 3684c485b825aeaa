"""Imports models that Keras makes into the store, each by one fresh process, each once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from composer.errors import SourceError
from composer.keras_process.applications import check_application
from composer.keras_process.client import keras_version, run
from composer.store import Store


def import_application(
    name: str,
    args: Mapping[str, Any],
    seed: int,
    store: Store,
    *,
    directory: Path | None = None,
    timeout: float | None = None,
    progress: Callable[[str], None] | None = None,
) -> str:
    """Return the digest of a model of ``keras.applications`` in the store, made if need be.

    Several processes that want the same model make it once; the others wait.

    Args:
        name: such as ``ResNet50``.
        args: keyword arguments of that function, plain JSON. ``weights`` may be the path of a
            file, whose content then decides with the rest.
        seed: for weights that are not loaded; 0 to 2**32 - 1.
        store: where the model is kept, in canonical form.
        directory: the folder that a relative ``weights`` path belongs to; None is the folder
            where one is.
        timeout: seconds for the Keras process.
        progress: called with lines of progress.

    Returns:
        SHA-256 of the stored ``.keras`` file.

    Raises:
        SourceError: no such model (``unknown_name``), argument (``unknown_argument``) or file of
            weights (``unknown_file``), or Keras refuses the arguments (``refused``).
        BuildError: weights can't be downloaded, or the store can't be written.
        KerasProcessError: the Keras process failed.
    """
    recipe = _recipe(name, args, seed, directory)
    key = recipe.key
    known = store.recipe(key)
    if known is not None:
        return known
    with ExitStack() as locks:
        locks.enter_context(store.making(key))
        known = store.recipe(key)  # another process may have made it while this one waited
        if known is not None:
            return known
        if recipe.downloads:
            # Keras itself does not expect two downloads of one file at the same time.
            locks.enter_context(store.making(f"download of keras.applications.{name}"))
        request = {"task": "import_app", "name": name, "args": recipe.arguments, "seed": seed}
        digest = _import(
            request,
            store,
            downloads=recipe.downloads,
            timeout=timeout,
            progress=progress,
        )
        about = {"importer": "app", "name": name, "args": dict(args), "seed": seed}
        store.remember_recipe(key, digest, {**about, "keras": keras_version()})
    return digest


def find_application(
    name: str,
    args: Mapping[str, Any],
    seed: int,
    store: Store,
    *,
    directory: Path | None = None,
) -> str | None:
    """Return the digest of a model that :func:`import_application` made before, or None.

    Starts no process. Arguments and errors are those of :func:`import_application`.
    """
    return store.recipe(_recipe(name, args, seed, directory).key)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recipe:
    """What an import is remembered under.

    Attributes:
        key: of the recipe in the store.
        arguments: for Keras, with the path of a file of weights made absolute.
        downloads: whether Keras may download weights.
    """

    key: str
    arguments: Mapping[str, Any]
    downloads: bool


def _recipe(name: str, args: Mapping[str, Any], seed: int, directory: Path | None) -> _Recipe:
    check_application(name, args)
    arguments = dict(args)
    recipe: dict[str, Any] = {
        "format": 1,
        "importer": "app",
        "name": name,
        "args": dict(args),
        "seed": seed,
        "keras": keras_version(),
        "weights": None,
    }
    downloads = False
    if arguments.get("weights", "imagenet") == "imagenet":
        downloads = True  # keras.applications loads these weights where nothing is said
    elif isinstance(arguments["weights"], str):
        file = (directory or Path.cwd()) / Path(arguments["weights"]).expanduser()
        arguments["weights"] = str(file.absolute())
        # The content counts, not where it lies.
        recipe["weights"] = _digest(name, file)
        recipe["args"] = {**dict(args), "weights": None}
    text = json.dumps(recipe, sort_keys=True, separators=(",", ":"))
    key = hashlib.sha256(text.encode()).hexdigest()
    return _Recipe(key=key, arguments=arguments, downloads=downloads)


def _import(
    request: Mapping[str, Any],
    store: Store,
    *,
    downloads: bool,
    timeout: float | None,
    progress: Callable[[str], None] | None,
) -> str:
    """Run one import task; put what it saved into canonical form and into the store."""
    # Imported here: rewriting archives needs h5py, which finding a recipe does not.
    from composer.keras_format.canonical import canonicalise

    with store.scratch() as folder:
        saved, canonical = folder / "saved.keras", folder / "canonical.keras"
        run(
            {**request, "target": str(saved)},
            timeout=timeout,
            progress=progress,
            share_downloads=downloads,
        )
        canonicalise(saved, canonical)
        return store.add(canonical)


def _digest(name: str, file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as problem:
        raise SourceError(
            f"the weights of {name} can't be read from {file}: {problem.strerror}",
            reason="unknown_file",
            help="`weights` is null, imagenet, or the path of a file",
        ) from problem
