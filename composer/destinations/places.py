"""Takes the places that a build writes to, all of them or none: checks, unfinished forms, moves."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from composer.builder.target import check_target
from composer.errors import BuildError
from composer.spec.formats import FORMATS
from composer.spec.model import Destination

_STEM = 32
"""How much of a name its unfinished form shows: a name that fits stays one that fits."""

_OURS = frozenset({"saved_model.pb", "fingerprint.pb", "variables", "assets", "assets.extra"})
"""What TensorFlow writes into a SavedModel folder."""


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
        if place.format == "saved_model":
            _check_folder(place.path, sources)
        else:
            check_target(place.path, sources, suffix=FORMATS[place.format].suffix)


def _check_folder(folder: Path, sources: Sequence[Path]) -> None:
    help_ = "name a folder of its own: -o build/model.saved_model"
    if folder.is_symlink():
        raise BuildError(f"{folder} is a link, and a folder would take its place", help=help_)
    if not folder.exists():
        return
    if not folder.is_dir():
        raise BuildError(f"{folder} is a file, and a SavedModel is a folder", help=help_)
    for source in sources:
        if folder.resolve() in (source.resolve(), *source.resolve().parents):
            raise BuildError(
                f"{folder} is, or holds, a source of this model and would be replaced", help=help_
            )
    try:
        held = sorted(entry.name for entry in folder.iterdir())
    except OSError as error:
        raise BuildError(f"{folder} can't be read: {error.strerror}") from error
    strange = [name for name in held if name not in _OURS]
    if strange or (held and "saved_model.pb" not in held):
        raise BuildError(
            f"the folder {folder} is no SavedModel, and would be replaced: it holds "
            f"{', '.join((strange or held)[:3])}",
            help=help_,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A place, and the path beside it where what shall stand there is written first."""

    place: Destination
    path: Path


@contextmanager
def unfinished(destinations: Sequence[Destination]) -> Iterator[tuple[Unfinished, ...]]:
    """Give a path for each place, on its own disk, and remove what is left there at the end.

    Raises:
        BuildError: a folder can't be made.
    """
    items = tuple(Unfinished(place=place, path=_beside(place)) for place in destinations)
    try:
        for item in items:
            _make_folder(item.path.parent)
        yield items
    finally:
        for item in items:
            _remove(item.path)


def take_places(items: Sequence[Unfinished]) -> None:
    """Give everything its name; when one can't have it, none has, and all is as before.

    A reader sees the old file or the new one. A folder can't be replaced in one step: for a
    moment there is none.

    Raises:
        BuildError: a place can't be written.
    """
    steps: list[_Step] = []
    try:
        for item in items:
            step = _Step(item.place.path, new=not os.path.lexists(item.place.path))
            steps.append(step)
            step.keep(alone=len(items) == 1)
            item.path.replace(step.target)
            step.done = True
    except OSError as error:
        for step in reversed(steps):
            step.undo()
        raise BuildError(
            f"{error.filename2 or error.filename} can't be written: {error.strerror}",
            help="all was left as it was" if len(items) > 1 else None,
        ) from error
    for step in steps:
        if step.kept is not None:
            _remove(step.kept)


@dataclass(slots=True)
class _Step:
    """One move of a new result to its place.

    Attributes:
        new: whether nothing stood there before.
        kept: where the old result is meanwhile.
        done: whether the new one has arrived.
    """

    target: Path
    new: bool
    kept: Path | None = None
    done: bool = False

    def keep(self, *, alone: bool) -> None:
        """Keep what stands there, if the move can fail, or a later one, once it is gone."""
        target = self.target
        folder = target.is_dir()
        if self.new or (alone and not folder):
            return  # one file is replaced in one step
        kept = target.with_name(f".{target.name[:_STEM]}.{secrets.token_hex(4)}.old")
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
        if self.done and (self.new or self.target.is_dir()):
            _remove(self.target)
        if self.kept is not None:
            with suppress(OSError):
                self.kept.replace(self.target)
                # Two names of one file are left both by a rename.
                self.kept.unlink(missing_ok=True)


def _beside(place: Destination) -> Path:
    suffix = FORMATS[place.format].suffix
    stem = place.path.name.removesuffix(suffix)[:_STEM]
    return place.path.with_name(f".{stem}.{secrets.token_hex(4)}{suffix}")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BuildError(f"the folder {folder} can't be made: {error.strerror}") from error


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
