"""What ``output`` says to places with their formats, and where its parts contradict each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from composer.diagnostics.diagnostic import Diagnostic, Edit, Note, SpecPath
from composer.diagnostics.suggest import nearest
from composer.errors import PluginError
from composer.spec.formats import (
    BARE_FOLDER,
    DEFAULT,
    FormatForm,
    beside,
    endings,
    format_named,
    format_of,
    known_formats,
    overlap,
    stem,
)
from composer.spec.model import Destination, Target
from composer.spec.positions import TreePositions
from composer.spec.schema_problems import problems_in
from composer.spec.schema_words import told
from composer.spec.tree import MapNode, Scalar, find

_PATH: SpecPath = ("output", "path")
_FORMAT: SpecPath = ("output", "format")


def target(
    tree: MapNode, data: Mapping[str, Any], positions: TreePositions, *, name: str
) -> tuple[Target, tuple[Diagnostic, ...]]:
    """Return where the result goes, and what is wrong with what the spec says of it.

    Args:
        tree: the whole spec.
        data: its ``output`` as plain data.
        positions: of the spec.
        name: of the result, for the place that the spec leaves open.
    """
    lowered = _Output(tree, positions, data.get("options", {}))
    lowered.read(data, name)
    lowered.check_options()
    found = Target(
        destinations=tuple(lowered.found),
        directory=lowered.directory,
        signature=data.get("signature"),
        options=data.get("options", {}),
    )
    return found, tuple(lowered.diagnostics)


@dataclass(slots=True)
class _Output:
    tree: MapNode
    positions: TreePositions
    options: Mapping[str, Mapping[str, Any]]
    found: list[Destination] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    directory: Path | None = None

    def read(self, data: Mapping[str, Any], name: str) -> None:
        path = data.get("path")
        said = data.get("format")
        if isinstance(path, list):
            if said is not None:
                self._report(
                    "CMP703",
                    _FORMAT,
                    "'format' can't be combined with a list of paths, whose extensions set it",
                    help=f"leave it out, and let each path end in one of {endings()}",
                    notes=(Note(message="the paths are set here", span=self.positions.key(_PATH)),),
                )
                return
            for index in range(len(path)):
                self._by_ending((*_PATH, index))
        elif path is None:
            formats = [said or DEFAULT] if not isinstance(said, list) else said
            for index, format_name in enumerate(formats):
                at = (*_FORMAT, index) if isinstance(said, list) else _FORMAT
                place = beside(Path("build") / name, format_name)
                self._add(place, format_name, at if said else ("output",))
        elif said is None:
            self._by_ending(_PATH)
        else:
            self._by_format(said)

    def check_options(self) -> None:
        """Report options that their format does not take.

        A plug-in that can't be loaded is told at the place that asks for its format.
        """
        for name, options in self.options.items():
            path: SpecPath = ("output", "options", name)
            entry = format_named(name).registered
            try:
                form: FormatForm = entry.load(FormatForm)
            except PluginError:
                continue
            if form.options is None:
                self._report("CMP201", path, f"{name} has no options", help="leave them out")
                continue
            try:
                found = tuple(problems_in(options, form.options))
            except Exception as error:  # noqa: BLE001 - whatever a schema that is none leads to
                self._report(
                    "CMP560",
                    path,
                    f"the plug-in {entry.provider} describes its options by something that is no "
                    f"JSON Schema: {type(error).__name__}",
                    help=f"update or uninstall {entry.package}",
                )
                continue
            for problem in found:
                located = replace(problem, path=(*path, *problem.path))
                self.diagnostics.append(told(located, self.positions))

    def _by_ending(self, at: SpecPath) -> None:
        text, path = self._path(at)
        ending = format_of(text)
        if ending is None:
            self._report(
                "CMP701",
                at,
                f"'{text}' has no known extension; use {endings()}",
                help=f"name it {_meant(path)}, or set output.format",
            )
            return
        self._add(path, ending.name, at)

    def _by_format(self, said: str | list[str]) -> None:
        text, path = self._path(_PATH)
        ending = format_of(text)
        names = [said] if isinstance(said, str) else said
        if ending is not None and ending.name not in names:
            self._contradiction(text, path, ending.name, said)
            return
        for index, name in enumerate(names):
            at = _FORMAT if isinstance(said, str) else (*_FORMAT, index)
            whole = name == BARE_FOLDER and (ending is None or text.endswith("/"))
            # A folder alone needs no ending: serving/model/1 is what TensorFlow Serving wants.
            place = path if whole and len(names) == 1 else beside(path, name)
            self._add(place, name, at)

    def _contradiction(self, text: str, path: Path, ending: str, said: str | list[str]) -> None:
        if isinstance(said, str):
            better = beside(path, said).name
            message = f"the extension of '{text}' means {ending}, but format is {said}"
            help_ = f"name it {better}, or say format: {ending}"
            fix = self._replacement(_FORMAT, ending)
        else:
            bare = stem(path.name)
            listed = ", ".join([ending, *said])
            message = f"the extension of '{text}' means {ending}, which is not in format"
            help_ = f"name it {bare}, or add it: format: [{listed}]"
            fix = self._replacement(_FORMAT, f"[{listed}]")
        self._report(
            "CMP702",
            _PATH,
            message,
            help=help_,
            notes=(Note(message="the format is set here", span=self.positions.value(_FORMAT)),),
            fix=fix,
        )

    def _add(self, path: Path, format_name: str, at: SpecPath) -> None:
        for other in self.found:
            if overlap(other.path, path):
                self._report(
                    "CMP704",
                    at,
                    f"two results would be written to one place, {path.name}",
                    help="leave one of them out",
                    notes=(
                        Note(message="the other one is here", span=self.positions.value(other.at)),
                    ),
                )
                return
        options = self.options.get(format_name, {})
        self.found.append(Destination(path=path, format=format_name, options=options, at=at))

    def _path(self, at: SpecPath) -> tuple[str, Path]:
        node = find(self.tree, at)
        assert isinstance(node, Scalar)
        self.directory = node.directory
        return str(node.value), node.directory / str(node.value)

    def _replacement(self, at: SpecPath, text: str) -> tuple[Edit, ...]:
        span = self.positions.value(at)
        # What came through ${…}, extends or an override stands where others may rely on it.
        if span is None or self.positions.origins(at):
            return ()
        return (Edit(span=span, replacement=text),)

    def _report(
        self,
        code: str,
        at: SpecPath,
        message: str,
        *,
        help: str,  # noqa: A002
        notes: tuple[Note, ...] = (),
        fix: tuple[Edit, ...] = (),
    ) -> None:
        self.diagnostics.append(
            Diagnostic(
                code=code,
                message=message,
                path=at,
                span=self.positions.value(at),
                notes=(*notes, *self.positions.origins(at)),
                help=help,
                fix=fix,
            )
        )


def _meant(path: Path) -> str:
    """Return the name that a path with an unknown ending was probably meant to have."""
    near = nearest(path.suffix, [form.suffix for form in known_formats().values()], limit=1)
    if near:
        return f"{path.stem}{near[0]}"
    # The 2 of v1.2 is part of a name, the pt of model.pt another format.
    return f"{path.stem if path.suffix[1:].isalpha() else path.name}.keras"
