"""Reads what decides how a piece of the user's code behaves: the code itself, by content.

The code is read as text; nothing of it is imported or run.
"""

from __future__ import annotations

import ast
import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from composer.keras_process.code_search import FoundModule, ModuleSearch


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeContent:
    """What a module and all that it imports consist of.

    Attributes:
        digests: for each source file, named by its package and its path inside, its SHA-256.
        distributions: for each installed package that is imported its name and version.
        places: the folders and files that ``digests`` is about, on this machine.
    """

    digests: Mapping[str, str]
    distributions: Mapping[str, str]
    places: tuple[Path, ...]


def code_content(module: str, search: ModuleSearch) -> CodeContent:
    """Return what ``module`` consists of.

    That is every ``.py`` file of the package that it belongs to, or the file of the module where
    it belongs to none; the same for whatever these import that is not installed; and the versions
    of the installed packages that they import. The standard library does not count.

    Args:
        module: dotted name of a module that can be found.
        search: where to look.

    Raises:
        OSError: a file can't be read.
    """
    digests: dict[str, str] = {}
    distributions: dict[str, str] = {}
    places: list[Path] = []
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        top = name.partition(".")[0]
        if top in seen or name in seen:
            continue
        unit = search.unit_of(name)
        if unit is None or unit.name in seen:
            continue
        seen |= {unit.name, name}
        # What stands in front of the standard library on the path hides it.
        if top in sys.stdlib_module_names and not _hides_standard_library(unit):
            continue
        version = _version(top) if unit.installed else None
        if version is not None:
            distributions[top] = version
            continue
        places.append(unit.folder or unit.file)
        for package, shown, file in _files(unit):
            content = file.read_bytes()
            digests[shown] = hashlib.sha256(content).hexdigest()
            waiting.extend(_imported(content, package))
    return CodeContent(
        digests=dict(sorted(digests.items())),
        distributions=dict(sorted(distributions.items())),
        places=tuple(places),
    )


def _files(unit: FoundModule) -> Iterator[tuple[str, str, Path]]:
    """Yield for each file of a unit its package, a name that is the same everywhere, its path."""
    if unit.folder is None:
        yield unit.name.rpartition(".")[0], f"{unit.name.replace('.', '/')}.py", unit.file
        return
    start = unit.name.replace(".", "/")
    for folder, folders, names in os.walk(unit.folder):
        # Folders that no import statement can name hold no modules of the package.
        folders[:] = sorted(name for name in folders if name.isidentifier())
        inside = Path(folder).relative_to(unit.folder)
        package = ".".join((unit.name, *inside.parts))
        for name in sorted(names):
            if name.endswith(".py"):
                yield package, (start / inside / name).as_posix(), Path(folder) / name


def _imported(content: bytes, package: str) -> Iterator[str]:
    """Yield the dotted names that a file imports, wherever in it the statement stands.

    ``from a import b`` may import a module ``a.b`` or take a name out of ``a``: both are given.
    """
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return  # Python will say so when it is imported, if it is
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".") if package else []
                parents = parts[: len(parts) - node.level + 1]
                base = ".".join([*parents, *([base] if base else [])])
            if base:
                yield base
                yield from (f"{base}.{alias.name}" for alias in node.names)


def _hides_standard_library(unit: FoundModule) -> bool:
    library = Path(os.__file__).resolve().parent
    return not unit.file.resolve().is_relative_to(library)


def _version(top: str) -> str | None:
    """Return name and version of the distribution that a package belongs to; None for none."""
    try:
        return f"{top} {metadata.version(top)}"
    except metadata.PackageNotFoundError:
        # Only where the two names differ, since this reads all that is installed.
        owners = sorted(set(metadata.packages_distributions().get(top, ())))
        return ", ".join(f"{owner} {metadata.version(owner)}" for owner in owners) or None
