"""Files that a spec builds on: read, checked for cycles, laid under the spec from left to right."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from composer.diagnostics.diagnostic import Diagnostic, Edit, Note
from composer.diagnostics.suggest import certain, nearest, question
from composer.errors import SourceError
from composer.files.regular import read_regular
from composer.files.suffixes import SPEC_SUFFIXES
from composer.spec.boundary import Boundary, boundary_of, outside
from composer.spec.limits import MAX_BYTES
from composer.spec.model import SpecFile
from composer.spec.overlay import merge
from composer.spec.source_text import COMMAND_LINE, Place, SourceText
from composer.spec.strangers import no_spec, reads_like_spec
from composer.spec.tree import (
    Broken,
    HistoryStep,
    ListNode,
    MapNode,
    Node,
    Scalar,
    with_origins,
    without,
)
from composer.spec.trust import Grant, grants
from composer.spec.yaml_text import decode, parse

ReadBytes = Callable[[Path], bytes]
"""Gives the bytes of a spec file, or raises OSError or ValueError."""

_LONGEST_CHAIN = 16
_MOST_FILES = 100


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a spec file, at most one more than a spec may have.

    Raises:
        OSError: the file can't be read.
        ValueError: the path can't name a file, or names a pipe, a device or a terminal.
    """
    return read_regular(path, MAX_BYTES + 1)


def read_named_bytes(path: Path) -> bytes:
    """Do the same for a spec that the command line names; that may be a pipe, as ``<(…)`` is.

    Raises:
        OSError: the file can't be read.
        ValueError: the path can't name a file.
    """
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extended:
    """A spec laid over what it extends.

    Attributes:
        root: a tree without ``extends``. What could not be read is left out of it.
        files: that were read, in that order.
        grants: what each of these texts, and the spec itself, trusts.
        diagnostics: the problems found.
    """

    root: Node
    files: tuple[SpecFile, ...]
    grants: frozenset[Grant]
    diagnostics: tuple[Diagnostic, ...]


def spec_file(path: Path, data: bytes) -> SpecFile:
    """Return what identifies a file of which all bytes were read."""
    return SpecFile(path=path, sha256=hashlib.sha256(data).hexdigest())


def with_bases(
    root: Node,
    source: SourceText,
    read: ReadBytes = read_bytes,
    boundary: Boundary | None = None,
) -> Extended:
    """Return ``root`` laid over all that its ``extends`` names.

    Args:
        root: the tree of a spec.
        source: its text. Paths in ``extends`` are relative to the file that contains them.
        read: gives the bytes of the other files.
        boundary: what other files have to lie in; None is what belongs to the spec's folder.
    """
    reader = _Reader(read, boundary or boundary_of(source.directory))
    own = Path(os.path.realpath(source.directory / Path(source.file).name))
    extended = reader.extended(root, source, (own,))
    return Extended(
        root=extended,
        files=tuple(reader.files),
        grants=frozenset(reader.grants),
        diagnostics=tuple(reader.diagnostics),
    )


class _Reader:
    def __init__(self, read: ReadBytes, boundary: Boundary) -> None:
        self._read_bytes = read
        self._boundary = boundary
        self.diagnostics: list[Diagnostic] = []
        self.files: list[SpecFile] = []
        self.grants: set[Grant] = set()
        self._read: dict[Path, Node | None] = {}

    def extended(self, root: Node, source: SourceText, chain: tuple[Path, ...]) -> Node:
        """Return ``root`` over its bases; ``chain`` holds the files from the spec down to it."""
        if not isinstance(root, MapNode):
            return root
        merged = self._merged(root, source, chain)
        self.grants |= grants(root, merged)
        return merged

    def _merged(self, root: MapNode, source: SourceText, chain: tuple[Path, ...]) -> Node:
        if "extends" not in root.entries:
            return root
        named = self._named(root.entries["extends"].node)
        own = without(root, ("extends",))
        merged: Node | None = None
        for name in named:
            base = self._base(name, source, chain)
            if base is None:
                continue
            base = with_origins(base, (HistoryStep("extends", name.place),))
            merged = base if merged is None else merge(merged, base)
        return own if merged is None else merge(merged, own)

    def _named(self, node: Node) -> list[Scalar]:
        items = node.items if isinstance(node, ListNode) else (node,)
        named = []
        for item in items:
            if isinstance(item, Scalar) and isinstance(item.value, str):
                named.append(item)
            elif not isinstance(item, Broken):
                self._report(
                    "CMP203",
                    "'extends' should be a path or a list of paths",
                    item.place,
                    help="for example: extends: base.yaml",
                )
        return named

    def _base(self, name: Scalar, source: SourceText, chain: tuple[Path, ...]) -> Node | None:
        written = str(name.value)
        if "${" in written:
            self._report(
                "CMP143",
                "'extends' is read before interpolation; it takes no ${…}",
                name.place,
            )
            return None
        path = name.directory / written
        identity = Path(os.path.realpath(path))
        if identity in chain:
            self._report(
                "CMP121",
                f"'{written}' extends itself"
                if identity == chain[-1]
                else f"'{written}' is extended in a circle",
                name.place,
                help="remove one of the 'extends' in the circle",
                notes=tuple(
                    Note(message=f"by way of '{step.name}'")
                    for step in chain[chain.index(identity) + 1 :]
                ),
            )
            return None
        if identity in self._read:
            return self._read[identity]
        if not self._boundary.holds(path):
            # Before it is looked for: whether it exists is nobody's business either.
            self._refuse(outside(written, path), name.place)
            return None
        if len(chain) > _LONGEST_CHAIN or len(self._read) >= _MOST_FILES:
            self._report(
                "CMP120",
                f"a spec extends at most {_MOST_FILES} files, {_LONGEST_CHAIN} in a chain",
                name.place,
            )
            return None
        # A file that is reached a second time gives no second set of diagnostics.
        self._read[identity] = None
        self._read[identity] = self._file(path, written, name.place, source, (*chain, identity))
        return self._read[identity]

    def _file(
        self, path: Path, written: str, place: Place, source: SourceText, chain: tuple[Path, ...]
    ) -> Node | None:
        try:
            data = self._read_bytes(path)
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            self._report(
                "CMP120",
                f"'{written}' can't be read: {reason[:1].lower()}{reason[1:]}",
                place,
                help=_near_files(path, written),
                fix=_corrected(path, written, place),
            )
            return None
        self.files.append(spec_file(path, data))
        # Not resolved: the user knows the file by the way that leads to it.
        shown = os.path.normpath(Path(source.file).parent / written)
        text, found = decode(data, file=shown, directory=path.parent)
        if not reads_like_spec(text.text):
            self._refuse(no_spec(written), place)
            return None
        self.diagnostics += found
        if found:
            return None
        root, found = parse(text)
        self.diagnostics += found
        if root is None:
            return None
        if not isinstance(root, MapNode):
            if not isinstance(root, Broken):
                self._report("CMP203", "a spec should be a map", root.place)
            return None
        return self.extended(root, text, chain)

    def _refuse(self, error: SourceError, place: Place) -> None:
        self._report(error.code, error.message, place, help=error.help)

    def _report(
        self,
        code: str,
        message: str,
        place: Place,
        *,
        help: str | None = None,  # noqa: A002
        notes: tuple[Note, ...] = (),
        fix: tuple[Edit, ...] = (),
    ) -> None:
        self.diagnostics.append(
            Diagnostic(
                code=code,
                message=message,
                path=("extends",),
                span=place.span,
                help=help,
                notes=notes,
                fix=fix,
            )
        )


def _near_files(path: Path, written: str) -> str:
    """Return a suggestion from the YAML files that stand where ``path`` was looked for."""
    relative = "paths in 'extends' are relative to the file that contains them"
    found = nearest(path.name, _files_beside(path))
    return question([str(Path(written).parent / name) for name in found]) or relative


def _files_beside(path: Path) -> list[str]:
    try:
        return sorted(
            entry.name for entry in os.scandir(path.parent) if entry.name.endswith(SPEC_SUFFIXES)
        )
    except (OSError, ValueError):
        return []


def _corrected(path: Path, written: str, place: Place) -> tuple[Edit, ...]:
    """Return the edit for the name of a file that is misspelled."""
    meant = certain(path.name, _files_beside(path))
    if meant is None or place.text != written or place.source.file == COMMAND_LINE:
        return ()
    return (Edit(span=place.span, replacement=f"{written.removesuffix(path.name)}{meant}"),)
