"""Which files a spec may lead to: those of its repository, and what the environment allows."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from composer.errors import SourceError

ALLOW_READ = "COMPOSE_ALLOW_READ"
"""Folders outside of the repository from which specs may be read, separated as in ``PATH``."""
ALLOW_WRITE = "COMPOSE_ALLOW_WRITE"
"""Folders outside of the repository to which a spec's own ``output`` may write in CI."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """Folders whose files count as the spec's own, without symbolic links in their paths."""

    roots: tuple[Path, ...]

    def holds(self, path: Path) -> bool:
        """Tell whether a path, its symbolic links followed, lies in one of the folders."""
        try:
            target = Path(os.path.realpath(path))
        except (OSError, ValueError):
            return False
        return any(target.is_relative_to(root) for root in self.roots)


ANYWHERE = Boundary((Path(os.sep),))
"""For what a user names on the command line."""


def boundary_of(directory: Path, allowed_by: str = ALLOW_READ) -> Boundary:
    """Return what belongs to the specs of a folder: the git repository that holds it.

    Without a repository that is the folder itself and, where it lies below the folder in which
    the command runs, that one.

    Args:
        directory: of a spec.
        allowed_by: variable of the environment that names more folders.
    """
    folder = Path(os.path.realpath(directory))
    repository = _repository(folder)
    return Boundary(
        tuple(
            dict.fromkeys([*([repository] if repository else _around(folder)), *_named(allowed_by)])
        )
    )


def outside(written: str, path: Path) -> SourceError:
    """Return the error about a spec that lies outside of what belongs to another.

    Args:
        written: how the other one names it.
        path: that this means.
    """
    if path.is_symlink():
        return SourceError("CMP550.link", location=written)
    return SourceError("CMP550.outside", location=written)


def _repository(folder: Path) -> Path | None:
    """Return the nearest folder, from ``folder`` upwards, that git takes for a work tree."""
    with suppress(OSError):
        for parent in (folder, *folder.parents):
            if (parent / ".git").exists():
                return parent
    return None


def _around(folder: Path) -> Iterable[Path]:
    yield folder
    with suppress(OSError):  # a working folder that was removed
        here = Path(os.path.realpath(Path.cwd()))
        # Whoever stands in / does not say by that that all of the machine is theirs.
        if folder.is_relative_to(here) and here != Path(here.anchor):
            yield here


def _named(variable: str) -> Iterable[Path]:
    for name in os.environ.get(variable, "").split(os.pathsep):
        if name:
            yield Path(os.path.realpath(name))
