"""The models of keras.applications and their arguments, read from Keras's source as text.

Keras takes seconds to import; its source takes milliseconds to parse. So a misspelt name or
argument is found without a process. Where a release of Keras is laid out otherwise nothing is
found here, and the Keras process, which makes the same checks, has the word.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from composer.diagnostics.suggest import nearest
from composer.errors import SourceError


def check_application(name: str, args: Mapping[str, Any]) -> None:
    """Refuse an unknown model of ``keras.applications`` or an unknown argument, without Keras.

    Raises:
        SourceError: the model or an argument is unknown; it holds the nearest known ones.
    """
    names = application_names()
    problem = unknown_name(name, names) if names else None
    arguments = application_arguments(name)
    if problem is None and arguments is not None:
        problem = unknown_argument(name, args, arguments)
    if problem is not None:
        raise problem


def unknown_name(name: str, known: Iterable[str]) -> SourceError | None:
    """Return what is wrong with ``name`` as the name of an application, or None."""
    known = sorted(known)
    if name in known:
        return None
    return SourceError("CMP505.unknown-name", name=name, nearest=nearest(name, known))


def unknown_argument(name: str, args: Iterable[str], known: Iterable[str]) -> SourceError | None:
    """Return what is wrong with the first of ``args`` that is not in ``known``, or None."""
    known = tuple(known)
    for argument in args:
        if argument not in known:
            return SourceError(
                "CMP505.unknown-argument",
                name=name,
                argument=argument,
                expected=known,
                key="args",
                nearest=nearest(argument, known),
            )
    return None


def application_names() -> tuple[str, ...]:
    """Return the models that ``keras.applications`` offers, sorted; empty where unknown."""
    return tuple(sorted(_modules()))


@cache
def application_arguments(name: str) -> tuple[str, ...] | None:
    """Return the keyword arguments of an application in their order; None where unknown."""
    module = _modules().get(name)
    tree = None if module is None else _parse(*module.split(".")[1:])
    for node in tree.body if tree is not None else ():
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return tuple(argument.arg for argument in (*node.args.args, *node.args.kwonlyargs))
    return None


@cache
def _modules() -> Mapping[str, str]:
    """Return for each application the module that defines it."""
    tree = _parse("applications", "__init__")
    return {
        alias.asname or alias.name: node.module
        for node in (tree.body if tree is not None else ())
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
        # Modules and helpers such as preprocess_input begin with a small letter.
        if node.module.startswith("keras.src.applications.") and alias.name[0].isupper()
    }


def _parse(*parts: str) -> ast.Module | None:
    """Parse a module of Keras, given below the package, without importing the package."""
    found = find_spec("keras")
    if found is None or found.origin is None:
        return None
    try:
        path = Path(found.origin).parent.joinpath(*parts).with_suffix(".py")
        return ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None
