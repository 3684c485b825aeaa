"""Files of an earlier state of a git repository, read through the ``git`` command."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from composer.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class GitFile:
    """A file at a revision: ``HEAD:specs/a.yaml``.

    Attributes:
        revision: what git takes for one.
        path: where the file would be in the work tree.
        top: the folder of the work tree.
    """

    revision: str
    path: Path
    top: Path

    def read(self, path: Path | None = None) -> bytes:
        """Return the bytes of this file, or of another one at the same revision.

        Raises:
            OSError: there is no such file at that revision.
        """
        place = (path or self.path).absolute()
        # Only the way of writing it is settled: a link in the work tree is none of git's business.
        inside = _normal(place).relative_to(self.top).as_posix()
        done = _git(self.top, "show", f"{self.revision}:{inside}")
        if done.returncode:
            raise FileNotFoundError(2, f"there is no such file at {self.revision}", inside)
        return done.stdout


def git_file(argument: str) -> GitFile | None:
    """Return the file that ``REVISION:PATH`` names; None where ``argument`` has no such form.

    As for ``git show``, a path counts from the top of the work tree, and from the current folder
    where it begins with ``./`` or ``../``.

    Raises:
        UsageError: this is no git work tree, git is not installed, or there is no such revision.
    """
    revision, colon, written = argument.partition(":")
    if not colon or not revision or not written or Path(argument).exists():
        return None
    here = Path.cwd()
    try:
        found = _git(here, "rev-parse", "--show-toplevel")
    except FileNotFoundError as error:
        raise UsageError(f"{argument} needs the git command, which is not installed") from error
    if found.returncode:
        raise UsageError(
            f"{argument} names a file at a revision, and the current folder is no git work tree"
        )
    top = Path(found.stdout.decode().rstrip("\n"))
    if _git(top, "rev-parse", "--verify", "--quiet", f"{revision}^{{tree}}").returncode:
        raise UsageError(
            f"{argument}: git knows no revision {revision!r}",
            help="for instance: compose diff HEAD:specs/a.yaml specs/a.yaml",
        )
    base = here if written.startswith(("./", "../")) else top
    return GitFile(revision=revision, path=_normal(base / written), top=top)


def _normal(path: Path) -> Path:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return Path(*parts)


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - no shell
