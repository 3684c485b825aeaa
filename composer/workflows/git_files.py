"""Files of an earlier state of a git repository, read through the ``git`` command."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from composer.container.digests import digest_file
from composer.errors import UsageError

_MOST_LINKS = 8
_LARGEST_POINTER = 1024
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n"
    rb"(?:[a-z0-9.-]+ .*\n)*?oid sha256:([0-9a-f]{64})\n"
)


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
        inside = self._inside(path or self.path)
        done = _git(self.top, "show", f"{self.revision}:{inside}")
        if done.returncode:
            raise FileNotFoundError(2, f"there is no such file at {self.revision}", inside)
        return done.stdout

    def files(self, path: Path) -> Iterator[Path]:
        """Yield where the files at or below a path would be in the work tree.

        There are none where git has nothing there, or what it has belongs to another repository.
        """
        if not normal(path.absolute()).is_relative_to(self.top):
            return
        listing = ("ls-tree", "-r", "-z", "--full-tree", self.revision, "--", self._inside(path))
        done = _git(self.top, "--literal-pathspecs", *listing)
        for line in done.stdout.split(b"\0"):
            about, tab, name = line.partition(b"\t")
            if tab and about.split()[1] == b"blob":
                yield self.top / os.fsdecode(name)

    def write(self, path: Path, target: Path) -> None:
        """Write a file at this revision to ``target``, its real bytes where git-LFS keeps them.

        Raises:
            OSError: there is no such file, or ``target`` can't be written.
            UsageError: git-LFS keeps it, and its bytes are not on this machine.
        """
        for _ in range(_MOST_LINKS):
            if not self._is_link(path):
                break
            path = normal(path.parent / os.fsdecode(self.read(path)))
        inside = self._inside(path)
        with target.open("xb") as file:
            done = subprocess.run(  # noqa: S603 - no shell
                ["git", "-C", str(self.top), "cat-file", "blob", f"{self.revision}:{inside}"],  # noqa: S607
                stdout=file, stderr=subprocess.DEVNULL, check=False,
            )  # fmt: skip
        if done.returncode:
            target.unlink()
            raise FileNotFoundError(2, f"there is no such file at {self.revision}", inside)
        if target.stat().st_size <= _LARGEST_POINTER:
            digest = pointed_at(target.read_bytes())
            if digest is not None:
                target.unlink()
                shutil.copyfile(self._large_file(path, digest), target)

    def _large_file(self, path: Path, digest: str) -> Path:
        """Return a file with the bytes that a pointer of git-LFS stands for."""
        common = _git(self.top, "rev-parse", "--git-common-dir").stdout.decode().rstrip("\n")
        kept = self.top / common / "lfs" / "objects" / digest[:2] / digest[2:4] / digest
        if kept.is_file():
            return kept
        if path.is_file() and digest_file(path) == digest:
            return path
        raise UsageError(
            "CMP119.lfs", revision=self.revision, path=self._inside(path), digest=digest[:12]
        )

    def _is_link(self, path: Path) -> bool:
        listing = ("ls-tree", "--full-tree", self.revision, "--", self._inside(path))
        return _git(self.top, "--literal-pathspecs", *listing).stdout.startswith(b"120000")

    def _inside(self, path: Path) -> str:
        # Only the way of writing it is settled: a link in the work tree is none of git's business.
        return normal(path.absolute()).relative_to(self.top).as_posix()


def pointed_at(data: bytes) -> str | None:
    """Return the SHA-256 of the file that a pointer of git-LFS stands for; None for other bytes.

    The form is that of https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md.
    """
    found = _POINTER.match(data)
    return None if found is None else found[1].decode()


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
        raise UsageError("CMP119.no-git", path=argument) from error
    if found.returncode:
        raise UsageError("CMP119.no-work-tree", path=argument)
    top = Path(found.stdout.decode().rstrip("\n"))
    if _git(top, "rev-parse", "--verify", "--quiet", f"{revision}^{{tree}}").returncode:
        raise UsageError("CMP119.revision", path=argument, revision=revision)
    base = here if written.startswith(("./", "../")) else top
    return GitFile(revision=revision, path=normal(base / written), top=top)


def normal(path: Path) -> Path:
    """Return a path without ``..``, as it is written: no link is followed."""
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
