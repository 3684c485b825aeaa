"""Models that a function of the user's own code returns, as recipes of imports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from composer.diagnostics.suggest import nearest
from composer.errors import SourceError
from composer.keras_process.code_content import code_content
from composer.keras_process.code_function import CODE, check_function, check_name
from composer.keras_process.code_search import ModuleSearch
from composer.keras_process.imports import Recipe

_TARGET = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*):([^\W\d]\w*)")


def code_recipe(target: str, args: Mapping[str, Any], seed: int, *, directory: Path) -> Recipe:
    """Return the recipe of the model that a function returns; the code is read and not run.

    Args:
        target: ``package.module:function``.
        args: keyword arguments of that function, plain JSON.
        seed: set before the function is called; 0 to 2**32 - 1.
        directory: the folder of the spec that names it: modules are looked for there first, and
            it is the current folder while the function runs.

    Raises:
        SourceError: ``target`` is malformed, or there is no such module or function (``code``),
            or it takes other arguments (``unknown_argument``).
    """
    module, function = parse_target(target)
    search = ModuleSearch(directory)
    file = _file_of(module, search)
    try:
        check_function(file, function, args)
        content = code_content(module, search)
    except OSError as problem:
        raise SourceError(
            f"{problem.filename} can't be read: {problem.strerror}", reason=CODE
        ) from problem
    return Recipe(
        importer="py",
        decides={
            "target": target,
            "args": dict(args),
            "seed": seed,
            "code": dict(content.digests),
            "distributions": dict(content.distributions),
        },
        request={
            "task": "import_code",
            "module": module,
            "function": function,
            "args": dict(args),
            "seed": seed,
            "file": str(file.resolve()),
            "folder": str(directory.absolute()),
            "path": list(search.path),
            "own": [str(place.resolve()) for place in content.places],
        },
        about={"target": target, "args": dict(args), "seed": seed},
        downloads=f"py:{target}",
    )


def check_target(target: str, directory: Path) -> None:
    """Refuse ``package.module:name`` where the text of the module shows that it is not there.

    Args:
        target: of a function or class.
        directory: the folder of the spec that names it.

    Raises:
        SourceError: it is malformed, or there is no such module or name (``code``).
    """
    module, name = parse_target(target)
    file = _file_of(module, ModuleSearch(directory))
    try:
        check_name(file, name)
    except OSError as problem:
        raise SourceError(f"{file} can't be read: {problem.strerror}", reason=CODE) from problem


def parse_target(target: str) -> tuple[str, str]:
    """Return module and name of ``package.module:name``.

    Raises:
        SourceError: it is written otherwise.
    """
    match = _TARGET.fullmatch(target)
    if match is not None:
        return match[1], match[2]
    raise SourceError(
        f"{target!r} names no function or class: expected package.module:name",
        reason=CODE,
        help=_rewritten(target),
    )


def _rewritten(target: str) -> str:
    path, colon, function = target.rpartition(":")
    if not colon:
        path, _, function = target.removesuffix(".py").rpartition(".")
        function = function if path else "function"
        path = path or target
    dotted = path.removesuffix(".py").strip("./").replace("/", ".")
    fitting = f"{dotted}:{function.removesuffix('()')}"
    if _TARGET.fullmatch(fitting):
        return f"for example: {fitting}"
    return "for example: my_models:make, for the function make of my_models.py"


def _file_of(module: str, search: ModuleSearch) -> Path:
    file = search.file_of(module)
    if file is not None:
        return file
    known = search.known_part(module)
    if known == module:
        raise SourceError(
            f"the module {module} has no Python file of its own that could be read",
            reason=CODE,
            help="name the module that defines the function",
        )
    looked = "looked in the folder of the spec, on Python's own path, and in the current folder"
    parts = module.split(".")
    missing = ".".join(parts[: known.count(".") + 2]) if known else parts[0]
    where = f" in {known}" if known else ""
    raise SourceError(
        f"there is no module {missing}{where}",
        reason=CODE,
        nearest=nearest(missing, search.beside(missing)),
        help=looked if not known else f"{known} was found in {_folder_of(known, search)}",
    )


def _folder_of(known: str, search: ModuleSearch) -> str:
    file = search.file_of(known)
    return "a folder without __init__.py" if file is None else str(file.parent)
