"""A spec of an earlier revision, with the files that it starts from as git has them there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from composer.diagnostics.diagnostic import Diagnostic, Span
from composer.spec.boundary import Boundary, boundary_of
from composer.spec.locations import is_remote, local_path, shown_location
from composer.spec.model import Source, Spec
from composer.spec.reading import spec_from_text
from composer.spec.source_forms import is_spec, path_in, runs_code
from composer.workflows.git_files import GitFile, normal


@dataclass(frozen=True, slots=True, kw_only=True)
class OldSpec:
    """A spec as it was.

    Attributes:
        spec: None where it is too broken; its sources are those of its revision as far as git has
            them.
        diagnostics: its problems.
        notes: what was taken as it is now, in words.
        boundary: what specs that it starts from have to lie in.
    """

    spec: Spec | None
    diagnostics: tuple[Diagnostic, ...]
    notes: tuple[str, ...]
    boundary: Boundary


def read_old_spec(argument: str, file: GitFile, overrides: Sequence[str], folder: Path) -> OldSpec:
    """Read a spec of a revision, and lay the files that it starts from into a folder.

    Files lie there as they lie on this machine, so that every relative path in specs leads to
    them; where git has none at that revision, a link leads to what is there now.

    Args:
        argument: what the user called it.
        file: the spec.
        overrides: such as ``vars.classes=5``.
        folder: an empty one of ours; it has to stay until the sources were read.

    Raises:
        OSError: git has no such spec, or the folder can't be written.
        ValueError: it lies outside of the repository.
        UsageError: git has only a pointer in the place of a file, and git-LFS not its bytes here.
    """
    data = file.read()
    tree = _Tree(file, folder)
    spec, found = tree.read(data, argument, file.path, overrides)
    if spec is not None:
        sources = tuple(map(tree.with_files, spec.sources))
        # Code that it names is looked for beside the spec, and is nothing that git is asked for.
        spec = replace(spec, file=str(file.path), sources=sources)
        names = sorted({item.class_name for item in spec.layers if ":" in item.class_name})
        tree.notes.extend(
            f"class {name} of {file.revision} is code; it was taken as it is now" for name in names
        )
    return OldSpec(
        spec=spec, diagnostics=found, notes=tuple(dict.fromkeys(tree.notes)), boundary=tree.boundary
    )


def as_git_says(
    diagnostics: Iterable[Diagnostic], file: GitFile, folder: Path
) -> tuple[Diagnostic, ...]:
    """Return diagnostics with ``HEAD:specs/a.yaml`` in the place of our copies' paths."""
    ours = folder / file.top.relative_to(file.top.anchor)

    def said(text: str) -> str:
        text = text.replace(f"{ours}/", f"{file.revision}:")
        return text.replace(f"{folder}/", file.top.anchor)

    def place(span: Span) -> Span:
        return replace(span, file=said(span.file))

    # Without fixes: nobody mends what was.
    return tuple(replace(item, fix=()).reworded(said, place) for item in diagnostics)


@dataclass(slots=True)
class _Tree:
    """The folder with the files of a revision.

    Attributes:
        read_specs: of which the sources are there.
    """

    git: GitFile
    folder: Path
    notes: list[str] = field(default_factory=list)
    read_specs: set[tuple[Path, tuple[str, ...]]] = field(default_factory=set)

    @property
    def boundary(self) -> Boundary:
        """The repository, as it is and as it was."""
        now = boundary_of(self.git.path.parent)
        was = Path(os.path.realpath(self._place(self.git.top)))
        return Boundary((*now.roots, Path(os.path.realpath(self.git.top)), was))

    def read(
        self, data: bytes, shown: str, path: Path, overrides: Sequence[str]
    ) -> tuple[Spec | None, tuple[Diagnostic, ...]]:
        """Read a spec with what it extends, as git has them; ``path`` is where it is now."""
        place = self._place(path)
        _make_folders(place)
        return spec_from_text(
            data,
            file=shown,
            directory=place.parent,
            overrides=overrides,
            read=self._read_base,
            boundary=self.boundary,
        )

    def with_files(self, source: Source) -> Source:
        """Lay down what a source is made from, and return it with the folder where that lies."""
        if runs_code(source) or source.objects:
            self._note(source, source.location, "runs code")
        weights = source.weights
        if weights is not None and not is_remote(weights.file):
            path = weights.directory / local_path(weights.file)
            if not self._lay(path, source, weights.file):
                weights = replace(weights, directory=self._now(weights.directory))
        directory = source.directory
        found = _path(source)
        if found is None or not self._lay(found, source, source.location):
            directory = self._now(directory)
        elif is_spec(source):
            self._lay_sources(found, source)
        return replace(source, directory=directory, weights=weights)

    def _lay_sources(self, path: Path, source: Source) -> None:
        """Lay down the sources of a spec that is a source."""
        place = self._place(self._now(path))
        overrides = tuple(f"vars.{key}={json.dumps(item)}" for key, item in source.args.items())
        if (place, overrides) in self.read_specs:
            return
        self.read_specs.add((place, overrides))
        with suppress(OSError):  # whoever reads it next tells
            spec, _ = self.read(place.read_bytes(), str(place), self._now(path), overrides)
            for inner in spec.sources if spec is not None else ():
                self.with_files(inner)

    def _lay(self, path: Path, source: Source, location: str) -> bool:
        """Lay down a file or folder of a source; False where there is none, then or now."""
        if self._is_outside(path):
            if not path.is_relative_to(self.folder) and path.is_absolute():
                self._note(source, location, "is a path of this machine")
            return True
        _make_folders(path)
        real = self._now(path)
        place = self._place(real)
        if os.path.lexists(place) or self._from_git(real, place):
            return True
        if not real.exists():
            return False
        self._note(source, location, "is not in git there")
        place.symlink_to(real)
        return True

    def _read_base(self, path: Path) -> bytes:
        """Return the bytes of a file that a spec extends."""
        if self._is_outside(path):
            return path.read_bytes()
        real = self._now(path)
        place = self._place(real)
        _make_folders(path)
        _make_folders(place)
        if not os.path.lexists(place) and not self._from_git(real, place):
            return self.git.read(real)
        return place.read_bytes()

    def _from_git(self, real: Path, place: Path) -> bool:
        """Write what git has of a file or of all files of a folder; tell whether it has any."""
        found = False
        for path in self.git.files(real):
            target = place / path.relative_to(real) if path != real else place
            target.parent.mkdir(parents=True, exist_ok=True)
            self.git.write(path, target)
            found = True
        return found

    def _note(self, source: Source, location: str, why: str) -> None:
        what = f"source {source.id!r} ({shown_location(location)}) of {self.git.revision}"
        self.notes.append(f"{what} {why}; it was taken as it is now")

    def _place(self, real: Path) -> Path:
        """Return where the copy of a file lies."""
        real = real.absolute()
        return self.folder / real.relative_to(real.anchor)

    def _now(self, path: Path) -> Path:
        """Return what a path below the folder stands for; another one as it is."""
        if self._is_outside(path):
            return path
        return normal(Path(path.anchor) / path.relative_to(self.folder))

    def _is_outside(self, path: Path) -> bool:
        return not path.is_relative_to(self.folder)


def _path(source: Source) -> Path | None:
    """Return the path of a source that is a file or folder of this machine."""
    path = path_in(source.location)
    return None if path is None else source.directory / local_path(path)


def _make_folders(path: Path) -> None:
    """Make every folder that a path goes through, those that it leaves by ``..`` too."""
    for folder in _folders(path):
        folder.mkdir(exist_ok=True)


def _folders(path: Path) -> Iterator[Path]:
    at = Path(path.anchor)
    for part in path.parent.parts[1:]:
        at = at.parent if part == ".." else at / part
        if not os.path.lexists(at):
            yield at
