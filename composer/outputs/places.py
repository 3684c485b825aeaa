"""Takes the places that a build writes to, all of them or none: checks, unfinished forms, moves."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from composer.errors import BuildError
from composer.files.exchange import exchange
from composer.files.unfinished import discard, marked, sweep, token
from composer.linker.target import check_target
from composer.outputs.companions import is_companion, place_suffix
from composer.outputs.output_format import Folder
from composer.outputs.registry import output_format
from composer.outputs.staged import StagedResult
from composer.spec.model import Destination


def check_places(destinations: Sequence[Destination], sources: Sequence[Path]) -> None:
    """Refuse places that a build would have to destroy something for.

    Args:
        destinations: where the result shall go.
        sources: files and folders that it is made from.

    Raises:
        BuildError: a place is taken by something that is no older result of this format, or is
            one of the sources.
    """
    for place in destinations:
        kind = None if is_companion(place) else output_format(place.format).folder
        if kind is not None:
            _check_folder(place, kind, sources)
        else:
            check_target(place.path, sources, suffix=place_suffix(place))


def _check_folder(place: Destination, kind: Folder, sources: Sequence[Path]) -> None:
    folder, help_ = place.path, f"name a folder of its own: -o build/model{place_suffix(place)}"
    if folder.is_symlink():
        raise BuildError("CMP709.link", path=folder, help=help_)
    if not folder.exists():
        return
    if not folder.is_dir():
        raise BuildError("CMP709.file-for-folder", path=folder, format=place.format, help=help_)
    for source in sources:
        if folder.resolve() in (source.resolve(), *source.resolve().parents):
            raise BuildError("CMP709.own-source-folder", path=folder, help=help_)
    try:
        held = sorted(entry.name for entry in folder.iterdir())
    except OSError as error:
        raise BuildError("CMP712.unreadable", path=folder, reason=error.strerror) from error
    strange = [name for name in held if name not in kind.members]
    if strange or (held and kind.marker not in held):
        raise BuildError(
            "CMP709.other-folder",
            path=folder,
            format=place.format,
            found=strange or held,
            help=help_,
        )


@contextmanager
def unfinished(destinations: Sequence[Destination]) -> Iterator[tuple[StagedResult, ...]]:
    """Give a path for each place, on its own disk, and remove what is left there at the end.

    What builds that were killed left in the same folders is removed first.

    Raises:
        BuildError: a folder can't be made.
    """
    with ExitStack() as stack:
        items = []
        for place in destinations:
            folder, suffix = place.path.parent, place_suffix(place)
            _make_folder(folder)
            sweep(folder)
            beginning = token(place.path.name.removesuffix(suffix))
            stack.enter_context(marked(folder, beginning, place.path.name))
            items.append(StagedResult(place=place, path=folder / f"{beginning}{suffix}"))
            stack.callback(discard, items[-1].path)
        yield tuple(items)


def take_places(items: Sequence[StagedResult]) -> None:
    """Give everything its name; when one can't have it, none has, and all is as before.

    A reader sees the old file or the new one. Where the system can't exchange two names in one
    step, there is no folder for a moment while another takes its place. Of two builds of the same
    places one takes all of them before the other does.

    Raises:
        BuildError: a place can't be written.
    """
    with _one_at_a_time({item.path.parent for item in items}):
        _take(items)


@contextmanager
def _one_at_a_time(folders: Collection[Path]) -> Iterator[None]:
    """Hold the locks of folders, always in the same order, for moments; a disk may have none."""
    with ExitStack() as stack:
        for _, folder in sorted((folder.stat().st_ino, folder) for folder in folders):
            with suppress(OSError):
                descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
                stack.callback(os.close, descriptor)
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def _take(items: Sequence[StagedResult]) -> None:
    steps: list[_Step] = []
    try:
        for item in items:
            step = _Step(item.path, item.place, new=not os.path.lexists(item.place.path))
            steps.append(step)
            step.take(alone=len(items) == 1)
    except OSError as error:
        for step in reversed(steps):
            step.undo()
        raise BuildError(
            "CMP712.unwritable",
            path=error.filename2 or error.filename,
            reason=error.strerror,
            help="all was left as it was" if len(items) > 1 else None,
        ) from error
    for step in steps:
        if step.kept is not None:
            discard(step.kept)


@dataclass(slots=True)
class _Step:
    """One move of a new result to its place.

    Attributes:
        path: where the new result is.
        place: where it goes.
        new: whether nothing stood there before.
        kept: where the old result is meanwhile.
        done: whether the new one has arrived.
    """

    path: Path
    place: Destination
    new: bool
    kept: Path | None = None
    done: bool = False

    def take(self, *, alone: bool) -> None:
        """Move, and keep what stood there if a later move can fail, or half of this one."""
        target = self.place.path
        folder = target.is_dir()
        if self.new or (alone and not folder):
            self.path.replace(target)  # one file is replaced in one step
        elif exchange(self.path, target):
            self.kept = self.path
        else:
            self._keep(target, folder=folder)
            self.path.replace(target)
        self.done = True

    def _keep(self, target: Path, *, folder: bool) -> None:
        suffix = place_suffix(self.place)
        kept = self.path.with_name(f"{self.path.name.removesuffix(suffix)}.old")
        try:
            if folder:
                target.rename(kept)
            else:
                kept.hardlink_to(target)
        except OSError:
            if folder:
                raise
            target.rename(kept)  # a disk without hard links
        self.kept = kept

    def undo(self) -> None:
        target = self.place.path
        if self.done and (self.new or target.is_dir()):
            discard(target)
        if self.kept is not None:
            with suppress(OSError):
                self.kept.replace(target)
                # Two names of one file are left both by a rename.
                self.kept.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BuildError("CMP712.no-folder", path=folder, reason=error.strerror) from error
