"""The files of a spec as they are on disk, and with edits in them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from composer.diagnostics.diagnostic import Edit
from composer.spec import extends

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedFile:
    """One file, before and after; ``path`` has no links, ``shown`` is what the user knows it by."""

    path: Path
    shown: str
    before: bytes
    after: bytes


class SpecTexts:
    """The files of one spec, each read once."""

    def __init__(self, spec: Path) -> None:
        self._spec = spec
        self._read: dict[Path, bytes] = {}
        self._shown: dict[Path, str] = {}

    def read(self, file: Path, changed: Mapping[Path, str]) -> bytes:
        """Return the bytes of a file, those of its changed text where it has one."""
        identity = Path(os.path.realpath(file))
        if identity not in self._read:
            self._read[identity] = extends.read_bytes(file)
        if identity in changed:
            return self._encoded(identity, changed[identity])
        return self._read[identity]

    def has(self, edits: Iterable[Edit]) -> bool:
        """Tell whether all edits are of files that were read, and readable as text."""
        return all(self._text(Path(os.path.realpath(edit.span.file))) is not None for edit in edits)

    def edited(self, changed: Mapping[Path, str], edits: Iterable[Edit]) -> dict[Path, str]:
        """Return the changed texts with edits that don't overlap."""
        result = dict(changed)
        by_file: dict[Path, list[Edit]] = {}
        for edit in edits:
            identity = Path(os.path.realpath(edit.span.file))
            self._shown.setdefault(identity, edit.span.file)
            by_file.setdefault(identity, []).append(edit)
        for identity, found in by_file.items():
            text = result.get(identity, self._text(identity)) or ""
            result[identity] = _with_edits(text, found)
        return result

    def files(self, changed: Mapping[Path, str]) -> tuple[FixedFile, ...]:
        """Return the files whose bytes are others now."""
        return tuple(
            FixedFile(
                path=identity,
                shown=self._shown[identity],
                before=self._read[identity],
                after=self._encoded(identity, text),
            )
            for identity, text in changed.items()
            if self._encoded(identity, text) != self._read[identity]
        )

    def _text(self, identity: Path) -> str | None:
        try:
            return self._read[identity].decode("utf-8-sig")
        except (KeyError, UnicodeDecodeError):
            return None

    def _encoded(self, identity: Path, text: str) -> bytes:
        mark = _BOM if self._read[identity].startswith(_BOM) else b""
        return mark + text.encode()


def _with_edits(text: str, edits: Iterable[Edit]) -> str:
    starts = [0, *(match.end() for match in _LINE_END.finditer(text))]
    placed = sorted(
        (
            starts[edit.span.line - 1] + edit.span.column - 1,
            starts[edit.span.end_line - 1] + edit.span.end_column - 1,
            edit.replacement,
        )
        for edit in edits
    )
    for start, end, replacement in reversed(placed):
        text = text[:start] + replacement + text[end:]
    return text
