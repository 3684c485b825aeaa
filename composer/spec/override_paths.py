"""Paths on the command line, as the spec's own folder sees them, and back.

A relative path in an override belongs to the folder in which the command runs. A lock is used from
other folders too: what it records, and what is compared with it, is relative to the spec.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from composer.diagnostics.diagnostic import SpecPath
from composer.spec.source_text import COMMAND_LINE
from composer.spec.tree import Leaf, Node, Scalar, mapped

_SIMPLE = re.compile(
    r"""(?P<key>\+?(?:sources\.[^.=\[\]"']+\.(?:from|weights|weights\.file)|output\.path))"""
    r"""=(?P<path>[^\s'"\[{|>&*!%@`#:,]+)"""
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def beside_spec(root: Node, folder: Path) -> Node:
    """Return a spec whose paths of the command line are relative to the spec's folder.

    Args:
        root: the tree of the spec, with overrides applied.
        folder: of the spec.
    """

    def beside(leaf: Leaf, path: SpecPath) -> Leaf:
        if leaf.place.source.file != COMMAND_LINE or not _is_path(path):
            return leaf
        if not isinstance(leaf, Scalar) or not isinstance(leaf.value, str):
            return leaf
        value = _moved(leaf.value, leaf.directory, folder)
        return leaf if value is None else replace(leaf, value=value, directory=folder)

    return mapped(root, beside)


def seen_from_spec(overrides: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Return overrides with paths that begin at the spec's folder, as a lock records them."""
    return tuple(_rewritten(text, Path(), folder) for text in overrides)


def seen_from_here(overrides: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Return what a lock records as one would write it where the command runs."""
    return tuple(_rewritten(text, folder, Path()) for text in overrides)


def _is_path(path: SpecPath) -> bool:
    match path:
        case ("sources", _, "from" | "weights") | ("sources", _, "weights", "file"):
            return True
        case ("output", "path") | ("output", "path", int()):
            return True
        case _:
            return False


def _rewritten(text: str, start: Path, end: Path) -> str:
    found = _SIMPLE.fullmatch(text)
    moved = None if found is None else _moved(found["path"], start, end)
    return text if found is None or moved is None else f"{found['key']}={moved}"


def _moved(path: str, start: Path, end: Path) -> str | None:
    """Return a relative path that began at one folder as seen from another; None for others."""
    if not path or "${" in path or path.startswith(("/", "~", "$")) or _SCHEME.match(path):
        return None
    if start.resolve() == end.resolve():
        return None
    moved = Path(os.path.relpath(start.resolve() / path, end.resolve())).as_posix()
    return f"{moved}/" if path.endswith("/") else moved
