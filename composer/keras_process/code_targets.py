"""``package.module:name`` of the user's own code: parsed, and found without running it."""

from __future__ import annotations

import re
from pathlib import Path

from composer.diagnostics.suggest import nearest
from composer.errors import SourceError
from composer.keras_process.code_function import check_name
from composer.keras_process.code_search import ModuleSearch

_TARGET = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*):([^\W\d]\w*)")


def check_target(target: str, directory: Path) -> None:
    """Refuse ``package.module:name`` where the text of the module shows that it is not there.

    Args:
        target: of a function or class.
        directory: the folder of the spec that names it.

    Raises:
        SourceError: it is malformed, or there is no such module or name (``code``).
    """
    module, name = parse_target(target)
    file = file_of_module(module, ModuleSearch(directory))
    try:
        check_name(file, name)
    except OSError as problem:
        raise SourceError("CMP515.unreadable", path=file, reason=problem.strerror) from problem


def parse_target(target: str) -> tuple[str, str]:
    """Return module and name of ``package.module:name``.

    Raises:
        SourceError: it is written otherwise.
    """
    match = _TARGET.fullmatch(target)
    if match is not None:
        return match[1], match[2]
    raise SourceError("CMP515.target", target=target, help=_rewritten(target))


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


def file_of_module(module: str, search: ModuleSearch) -> Path:
    """Return the file of a module's text.

    Raises:
        SourceError: there is no such module, or it has no text (``code``).
    """
    file = search.file_of(module)
    if file is not None:
        return file
    known = search.known_part(module)
    if known == module:
        raise SourceError("CMP515.no-file", module=module)
    looked = "looked in the folder of the spec, on Python's own path, and in the current folder"
    parts = module.split(".")
    missing = ".".join(parts[: known.count(".") + 2]) if known else parts[0]
    raise SourceError(
        "CMP515.no-module",
        name=missing,
        help=looked if not known else f"{known} was found in {_folder_of(known, search)}",
        nearest=nearest(missing, search.beside(missing)),
    )


def _folder_of(known: str, search: ModuleSearch) -> str:
    file = search.file_of(known)
    return "a folder without __init__.py" if file is None else str(file.parent)
