"""The files that a run reads, and what tells that one of them changed meanwhile.

A run reads a source several times: its graph, its digests, its weights, and the weights again to
check the result. All of that is about one file only if nothing changed between the first look and
the last. The time of the last change of the inode (``ctime``), which no program can set back, says
whether it did.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from composer.container.stored import FileStamp
from composer.diagnostics.diagnostic import Diagnostic, SpecPath
from composer.errors import ComposeError, SpecError
from composer.files.file_times import settle
from composer.resolver.problems import Problems
from composer.spec.locations import is_remote, local_path, shown_location
from composer.spec.model import Positions, Source
from composer.spec.source_forms import path_in

_CODE = "CMP545"

State = FileStamp | tuple[tuple[str, FileStamp], ...] | None
"""Of a file, of all that is in a folder, or of nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A file or folder as it was at the first look, and who names it."""

    path: Path
    state: State
    source: Source
    where: SpecPath
    location: str
    positions: Positions

    def changed(self) -> bool:
        return _state(self.path) != self.state


class Watched:
    """What a run has looked at so far, with the specs that it starts from."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, SpecPath, Path], _Seen] = {}

    def watch(self, source: Source, positions: Positions, fetched: Path | None = None) -> None:
        """Take note of the files of a source, before any of them is read.

        Args:
            source: whose files they are.
            positions: of the spec that names it.
            fetched: the file that its URL gave; None for other sources.
        """
        own: SpecPath = ("sources", source.id, "from")
        named = path_in(source.location)
        file = fetched if named is None else source.directory / local_path(named)
        if file is not None:
            self._watch(file, source, own, source.location, positions)
        weights = source.weights
        if weights is not None and not is_remote(weights.file):
            path = weights.directory / local_path(weights.file)
            where: SpecPath = ("sources", source.id, "weights")
            self._watch(path, source, where, weights.file, positions)

    def watch_made(
        self, source: Source, path: Path, stamp: FileStamp, positions: Positions
    ) -> None:
        """Take note of the ``.keras`` file that the graph of a source was read from.

        Args:
            source: that it is, or was made from.
            path: of the file.
            stamp: that it had when it was read.
            positions: of the spec that names the source.
        """
        where: SpecPath = ("sources", source.id, "from")
        key = (id(positions), where, path)
        if key not in self._seen:
            self._seen[key] = _Seen(
                path=path, state=stamp, source=source, where=where,
                location=source.location, positions=positions,
            )  # fmt: skip

    def changes(self, source: Source | None = None) -> tuple[Diagnostic, ...]:
        """Return an error for each source that changed since the first look at it.

        Args:
            source: the only one to look at; None is all of them.
        """
        found: dict[tuple[int, SpecPath], Diagnostic] = {}
        for (spec, where, _), seen in self._seen.items():
            if source is not None and seen.source.id != source.id:
                continue
            if (spec, where) not in found and seen.changed():
                found[spec, where] = _changed(seen)
        return tuple(found.values())

    def check(self) -> None:
        """Refuse to go on with sources that changed.

        Raises:
            SpecError: some did (``CMP545``).
        """
        found = self.changes()
        if found:
            raise SpecError(found)

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Run a block whose failure is put down to the sources that changed, where some did.

        Raises:
            SpecError: in place of what the block raised (``CMP545``).
        """
        try:
            yield
        except (ComposeError, OSError) as error:
            found = self.changes()
            if found:
                raise SpecError(found) from error
            raise

    def _watch(
        self, path: Path, source: Source, where: SpecPath, location: str, positions: Positions
    ) -> None:
        key = (id(positions), where, path)
        if key not in self._seen:
            self._seen[key] = _Seen(
                path=path, state=_settled(path), source=source, where=where,
                location=location, positions=positions,
            )  # fmt: skip


def _changed(seen: _Seen) -> Diagnostic:
    problems = Problems(seen.positions)
    gone = not os.path.lexists(seen.path)
    problems.add(
        _CODE,
        seen.where,
        f"source {seen.source.id!r}: {shown_location(seen.location)} "
        f"{'was removed' if gone else 'changed'} while it was read",
        help="run the command again when nothing writes to it",
    )
    return problems.found[0]


def _settled(path: Path) -> State:
    """Return the state of a path once a further change of it would show."""
    state = _state(path)
    stamps = () if state is None else (state,) if isinstance(state, FileStamp) else state
    newest = max(
        (item.changed if isinstance(item, FileStamp) else item[1].changed for item in stamps),
        default=None,
    )
    return _state(path) if newest is not None and settle(newest) else state


def _state(path: Path) -> State:
    try:
        status = path.stat()
        if not path.is_dir():
            return FileStamp.of_status(status)
        return tuple(
            (file.relative_to(path).as_posix(), FileStamp.of_status(file.stat()))
            for file in sorted(path.rglob("*"))
        )
    except (OSError, ValueError, RuntimeError):
        return None
