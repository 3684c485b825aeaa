"""Makes the user's own code importable in the Keras process, and tells where it failed."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
)
from pathlib import Path
from types import ModuleType
from typing import Any

import keras

from composer.graphs.foreign import ForeignClass
from composer.keras_process.tasks.explain import explain, is_of_tensorflow


def extend_path(*, first: Sequence[str], last: Sequence[str], own: Sequence[str] = ()) -> None:
    """Let modules be found in more folders.

    Keras is imported by now, so that no file beside a spec can take its place.

    Args:
        first: folders that come before all others.
        last: folders that come behind all others.
        own: files and folders whose modules are compiled from their source in any case.
    """
    sys.dont_write_bytecode = True  # the user's folders are read, and left as they are
    sys.path[:] = list(dict.fromkeys([*first, *sys.path, *last]))
    if own:
        sys.path_hooks.insert(0, _own_code_hook(tuple(map(Path, own))))
        sys.path_importer_cache.clear()
    importlib.invalidate_caches()


class _UncachedLoader(SourceFileLoader):
    """Compiles a module from its source and keeps no bytecode.

    Python takes a ``.pyc`` for good when size and second of the source's last change are the
    same, which two quick edits can be. What a model is made from is decided by content here.
    """

    def path_stats(self, path: Any) -> Any:
        # SourceLoader.get_code neither reads nor writes bytecode for a source without these.
        raise OSError(f"bytecode of {path!r} is not used")


def _own_code_hook(own: Sequence[Path]) -> Any:
    """Return a hook for folders that lie in one of ``own``, or hold one of them."""
    make = FileFinder.path_hook(
        (ExtensionFileLoader, EXTENSION_SUFFIXES), (_UncachedLoader, SOURCE_SUFFIXES)
    )
    above = {place.parent for place in own}

    def hook(entry: str) -> Any:
        folder = Path(entry).resolve()
        if folder in above or any(folder.is_relative_to(place) for place in own):
            return make(entry)
        raise ImportError(f"{entry} holds none of the user's code")

    return hook


def register_classes(code: Mapping[str, Any]) -> None:
    """Import the modules that a spec names, so that Keras knows the classes in them.

    Args:
        code: a ``UserCode`` as plain JSON.

    Raises:
        UserCodeError: one can't be imported, or holds no such class.
    """
    if code["programs"]:
        # Imported here: few specs have one, and what is not imported is not registered.
        from composer.keras_process.tasks.saved_program import allow_programs

        allow_programs(code["programs"])
    for name in code["modules"]:
        _imported(name)
    for target in code["objects"]:
        name, _, class_name = target.partition(":")
        found = getattr(_imported(name), class_name, None)
        if found is None:
            raise UserCodeError(f"{name} holds no {class_name!r}, which objects names")
        if keras.saving.get_registered_object(keras.saving.get_registered_name(found)) is None:
            keras.saving.get_custom_objects()[class_name] = found


def is_known(foreign: ForeignClass) -> bool:
    """Tell whether Keras finds a class that is not its own."""
    name = foreign.registered_name or foreign.name
    return foreign.found_by_keras or keras.saving.get_registered_object(name) is not None


def refuse_unknown(classes: Sequence[ForeignClass]) -> None:
    """Say how a spec names classes that Keras does not find.

    Raises:
        UnknownClassError: there is one.
    """
    for foreign in classes:
        if not is_known(foreign):
            raise UnknownClassError(
                f"Keras does not know the class {foreign}; name it in the source that holds it, "
                f"objects: [{foreign.module}:{foreign.name}], so that it is imported"
            )


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as problem:
        raise UserCodeError(
            f"the module {name}, which the spec names, can't be imported: {explain(problem)}"
        ) from problem


class UserCodeError(ValueError):
    """A module of the user's failed while it was imported."""


class UnknownClassError(ValueError):
    """Keras finds no class of that name, since nobody registered one."""


def failure(problem: BaseException, own: Sequence[str], folder: str) -> str:
    """Return type and message of what the user's code raised, and the last place in it.

    Args:
        problem: the exception.
        own: the files and folders that are the user's code.
        folder: that places are shown relative to.
    """
    kind = type(problem).__name__
    text = explain(problem)
    if text != kind and not text.startswith(f"{kind}: ") and not is_of_tensorflow(problem):
        text = f"{kind}: {text}"
    where = place(problem, own, Path(folder))
    return f"{text} ({where})" if where else text


def place(problem: BaseException, own: Sequence[str], folder: Path) -> str | None:
    """Return file and line of the last place in the user's code that an exception came through.

    Args:
        problem: the exception.
        own: the files and folders that are the user's code.
        folder: that the file is shown relative to.
    """
    places = [(frame.filename, frame.lineno) for frame in _frames(problem)]
    if isinstance(problem, SyntaxError) and problem.filename is not None:
        places.append((problem.filename, problem.lineno))
    roots = [Path(entry) for entry in own]
    for filename, line in reversed(places):
        file = Path(filename).resolve()
        if any(file.is_relative_to(root) for root in roots):
            resolved = folder.resolve()
            shown = file.relative_to(resolved) if file.is_relative_to(resolved) else file
            return f"{shown}:{line}"
    return None


def _frames(problem: BaseException) -> Sequence[traceback.FrameSummary]:
    return traceback.extract_tb(problem.__traceback__)
