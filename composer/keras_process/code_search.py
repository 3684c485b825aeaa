"""Finds the files of modules as Python would, without importing or running any of them."""

from __future__ import annotations

import os
import pkgutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import FileFinder, ModuleSpec
from pathlib import Path

_INSTALLED = {"site-packages", "dist-packages"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundModule:
    """A module, or a package with all that is in it.

    Attributes:
        name: dotted; shorter than what was looked for where that lies inside a package.
        file: of the module itself, or of the package's ``__init__``.
        folder: of the package; None for a plain module.
        installed: whether it lies where distributions are installed to.
    """

    name: str
    file: Path
    folder: Path | None
    installed: bool


class ModuleSearch:
    """Looks where the Keras process will look.

    That is the folder of the spec file first, as Python itself puts a script's folder first;
    then the interpreter's own path with PYTHONPATH; at last the folder where the command runs.

    Args:
        folders: those of the spec files that name the code.
        last: what is looked through at last; None is the folder where the command runs.
    """

    def __init__(self, *folders: Path, last: Sequence[Path] | None = None) -> None:
        behind = [str(path.absolute()) for path in ((Path.cwd(),) if last is None else last)]
        own = [str(Path(entry).absolute()) for entry in _interpreter_path()]
        first = [str(folder.absolute()) for folder in folders]
        self.path = tuple(dict.fromkeys([*first, *(p for p in own if p not in behind), *behind]))

    def file_of(self, module: str) -> Path | None:
        """Return the file of the module ``module`` itself; None where there is none."""
        spec = self._last_spec(module)
        return None if spec is None else _python_file(spec)

    def known_part(self, module: str) -> str:
        """Return the longest beginning of a dotted name that can be found; empty for none."""
        known = ""
        for part, spec in self._specs(module):
            if spec is None:
                break
            known = part
        return known

    def beside(self, module: str) -> tuple[str, ...]:
        """Return the modules that stand where ``module`` is looked for first, sorted."""
        parent = module.rpartition(".")[0]
        spec = self._last_spec(parent) if parent else None
        folders = [*(spec.submodule_search_locations or ())] if spec else [self.path[0]]
        prefix = f"{parent}." if parent else ""
        names: set[str] = set()
        for folder in folders:
            try:
                entries = list(Path(folder).iterdir())
            except OSError:
                continue
            names |= {entry.stem for entry in entries if entry.suffix == ".py"}
            names |= {entry.name for entry in entries if (entry / "__init__.py").is_file()}
        return tuple(sorted(f"{prefix}{name}" for name in names if name[:1].isalpha()))

    def unit_of(self, module: str) -> FoundModule | None:
        """Return what ``module`` is part of: its outermost package, or the module by itself.

        A folder without ``__init__`` is no package in this sense: what counts is what is imported
        from it.
        """
        for name, spec in self._specs(module):
            if spec is None:
                return None
            file = _python_file(spec)
            if file is None:
                if spec.submodule_search_locations is None:
                    return None  # built in, or compiled
                continue
            package = spec.submodule_search_locations is not None
            root = file.parent.parent if package else file.parent
            return FoundModule(
                name=name,
                file=file,
                folder=file.parent if package else None,
                installed=any(part in _INSTALLED for part in root.parts),
            )
        return None

    def _last_spec(self, module: str) -> ModuleSpec | None:
        *_, (_, last) = self._specs(module)
        return last

    def _specs(self, module: str) -> Iterator[tuple[str, ModuleSpec | None]]:
        """Yield each beginning of a dotted name with what is found for it, up to a None."""
        locations: Sequence[str] = self.path
        name = ""
        for part in module.split("."):
            name = f"{name}.{part}" if name else part
            spec = _find(name, locations)
            if spec is None and "." not in name:
                spec = _from_other_finders(name)
            yield name, spec
            if spec is None:
                return
            locations = list(spec.submodule_search_locations or ())


def _find(name: str, locations: Sequence[str]) -> ModuleSpec | None:
    """Do what ``PathFinder.find_spec`` does, which asks the parents of a name to be imported."""
    portions: list[str] = []
    for entry in locations:
        finder = pkgutil.get_importer(entry)
        if finder is None:
            continue
        if isinstance(finder, FileFinder):
            finder.invalidate_caches()  # it goes by a clock that can be too coarse
        spec = finder.find_spec(name)
        if spec is None:
            continue
        if spec.loader is not None:
            return spec
        portions.extend(spec.submodule_search_locations or ())
    if not portions:
        return None
    together = ModuleSpec(name, None, is_package=True)
    together.submodule_search_locations = portions
    return together


def _interpreter_path() -> list[str]:
    """Return where this interpreter looks, PYTHONPATH included; not the current folder."""
    inherited = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    return [*inherited, *(entry for entry in sys.path if entry)]


def _from_other_finders(name: str) -> ModuleSpec | None:
    """Ask the finders that editable installs add, which know a top-level name without a path."""
    for finder in sys.meta_path:
        if not getattr(finder, "__module__", "").startswith("__editable__"):
            continue
        found = finder.find_spec(name, None)
        if found is not None:
            return found
    return None


def _python_file(spec: ModuleSpec) -> Path | None:
    if not spec.has_location or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    file = Path(spec.origin)
    return file if file.is_file() else None  # else it lies in an archive
