"""Checks a function of the user's code by its text: whether it is there, and its arguments."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from composer.diagnostics.suggest import nearest
from composer.errors import SourceError


def check_function(file: Path, function: str, args: Mapping[str, Any]) -> None:
    """Refuse what the text of a module shows to be wrong, without running it.

    A name that comes from elsewhere (``from x import *``, a module's own ``__getattr__``, a
    decorator) can't be judged by the text and is left to the Keras process.

    Args:
        file: of the module.
        function: its name there.
        args: keyword arguments for it.

    Raises:
        SourceError: the file can't be parsed or holds no such name (``code``), or the function
            does not take these arguments (``unknown_argument``).
    """
    node = check_name(file, function)
    if isinstance(node, ast.FunctionDef) and not node.decorator_list:
        _check_arguments(function, node.args, args)


def check_name(file: Path, name: str) -> ast.stmt | None:
    """Return the statement that binds ``name`` in a module; None where the text can't tell.

    Raises:
        SourceError: the file can't be parsed or holds no such name (``code``).
        OSError: it can't be read.
    """
    names = _Names()
    names.read(_parse(file).body)
    if name not in names.bound and not names.open:
        raise SourceError(
            "CMP515.no-function",
            file=file.name,
            name=name,
            help=_listed(names.callables),
            nearest=nearest(name, names.callables),
        )
    return names.bound.get(name)


def _parse(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), filename=file.name)
    except SyntaxError as problem:
        raise SourceError(
            "CMP515.syntax", file=file.name, reason=problem.msg, lineno=problem.lineno
        ) from None
    except ValueError as problem:
        raise SourceError("CMP515.no-python", file=file.name, reason=str(problem)) from None


class _Names:
    """What the statements of a module bind, without following what they do."""

    def __init__(self) -> None:
        self.bound: dict[str, ast.stmt] = {}
        self.open = False

    @property
    def callables(self) -> tuple[str, ...]:
        """Functions and classes of the module's own that are not private."""
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        return tuple(
            name
            for name, node in self.bound.items()
            if isinstance(node, kinds) and not name.startswith("_")
        )

    def read(self, statements: Iterable[ast.stmt]) -> None:
        """Read statements, and those inside of ``if``, ``try``, ``with`` and loops."""
        for node in statements:
            self._one(node)

    def _one(self, node: ast.stmt) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self.bound[node.name] = node
                self.open = self.open or node.name == "__getattr__"
                return
            case ast.Import() | ast.ImportFrom():
                for alias in node.names:
                    self.open = self.open or alias.name == "*"
                    self.bound[alias.asname or alias.name.partition(".")[0]] = node
                return
        inside = ast.iter_child_nodes(node)
        for child in inside:
            match child:
                case ast.stmt():
                    self._one(child)
                case ast.ExceptHandler() | ast.match_case():
                    self.read(child.body)
                case ast.expr() | ast.withitem():
                    self._assigned(child, node)

    def _assigned(self, child: ast.AST, node: ast.stmt) -> None:
        for part in ast.walk(child):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                self.bound[part.id] = node


def _check_arguments(function: str, takes: ast.arguments, given: Mapping[str, Any]) -> None:
    plain = [*takes.posonlyargs, *takes.args]
    with_default = {a.arg for a in plain[len(plain) - len(takes.defaults) :]} | {
        argument.arg
        for argument, default in zip(takes.kwonlyargs, takes.kw_defaults, strict=True)
        if default is not None
    }
    known = [argument.arg for argument in (*takes.args, *takes.kwonlyargs)]
    for name in given:
        if name not in known and takes.kwarg is None:
            raise SourceError(
                "CMP505.argument-unknown",
                function=function,
                name=name,
                expected=known or ("no arguments",),
                key="args",
                nearest=nearest(name, known),
            )
    missing = [name for name in known if name not in with_default and name not in given]
    if missing:
        raise SourceError("CMP505.argument-missing", function=function, name=missing[0], key="args")


def _listed(names: tuple[str, ...]) -> str:
    if not names:
        return "it defines no public function or class"
    return f"it defines {', '.join(names[:8])}"
