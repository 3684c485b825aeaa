"""Tells files that are no specs: of those no text is shown, since it may be anything.

A spec names other files, and its diagnostics show the lines that they are about. So a file that a
spec leads to has to look like one before it is read as one.
"""

from __future__ import annotations

import re
from typing import Final

from composer.errors import SourceError

_TELLING: Final = "extends|vars|inputs|sources|layers|outputs|output|seed"
"""Keys of a spec that hardly another file has; ``version`` and ``name`` are everybody's."""
_BLOCK: Final = re.compile(
    rf"""^(?:{_TELLING}|["'](?:{_TELLING})["'])[ \t]*:(?:\s|$)""", re.MULTILINE
)
_FLOW: Final = re.compile(rf"""[{{,]\s*["']?(?:{_TELLING})["']?[ \t]*:""")
_COMMON: Final = re.compile(r"(?:version|name|description)[ \t]*:(?:\s|$)")
_NOTHING: Final = re.compile(r"\s*(?:#.*)?|---|\.\.\.|%YAML.*")


def reads_like_spec(text: str) -> bool:
    """Tell whether a text may be a spec, or a part of one that others extend."""
    plain = text.removeprefix("\ufeff")
    if plain.lstrip().startswith("{"):
        return _FLOW.search(plain) is not None
    if _BLOCK.search(plain) is not None:
        return True
    # A part that says no more than a version, a name or a description.
    lines = [line for line in plain.splitlines() if not _NOTHING.fullmatch(line)]
    return not lines or (
        _COMMON.match(lines[0]) is not None
        and all(line[0].isspace() or _COMMON.match(line) for line in lines)
    )


def is_spec(data: bytes) -> bool:
    """Tell the same of the bytes of a file."""
    return reads_like_spec(data.decode("utf-8-sig", errors="replace"))


def no_spec(written: str) -> SourceError:
    """Return the error about a file that is no spec; nothing of its text is in it."""
    return SourceError("CMP551.not-a-spec", location=written)
