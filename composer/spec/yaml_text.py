"""YAML text to a tree with positions, by YAML 1.2 rules and within fixed bounds.

PyYAML scans and parses; what it would do with the events (composing without bounds, resolving by
YAML 1.1, expanding aliases, keeping the last of two equal keys) is done in ``yaml_builder``.
"""

from __future__ import annotations

import re
from pathlib import Path

from composer.diagnostics.diagnostic import Diagnostic
from composer.spec.limits import MAX_BYTES
from composer.spec.source_text import Place, SourceText
from composer.spec.tree import Node

_UNPRINTABLE = re.compile(
    r"[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


def decode(data: bytes, *, file: str, directory: Path) -> tuple[SourceText, list[Diagnostic]]:
    """Return the bytes of a spec as text, and what is wrong with them as text.

    Args:
        data: UTF-8, with or without a byte order mark.
        file: name for diagnostics.
        directory: what relative paths in the text belong to.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        text = data.decode("utf-8-sig", errors="replace")
        start = len(data[: error.start].decode("utf-8-sig"))
        source = SourceText(file=file, text=text, directory=directory)
        place = Place(source, start, start + 1)
        return source, [
            Diagnostic(
                code="CMP101",
                message=f"a spec is UTF-8 text; the byte 0x{data[error.start]:02x} is not",
                span=place.span,
                help="save the file as UTF-8",
            )
        ]
    return SourceText(file=file, text=text, directory=directory), []


def parse(source: SourceText, *, start: int = 0) -> tuple[Node | None, list[Diagnostic]]:
    """Return the tree of the YAML document in ``source``, and every problem found on the way.

    Args:
        source: the text.
        start: where the YAML begins in it; an override has a path in front.

    Returns:
        The root, or None when the text holds no value that can be used, and the diagnostics.
        A value that can't be read is :class:`Broken` in the tree.
    """
    # Imported here: a command that reads no spec does not pay for PyYAML.
    from composer.spec.yaml_builder import Builder

    builder = Builder(source, start)
    text = source.text[start:]
    if len(text.encode("utf-8", errors="replace")) > MAX_BYTES:
        place = Place(source, start, start)
        builder.report(
            "CMP102", f"a spec holds at most {MAX_BYTES} bytes; this one is larger", place
        )
        return None, builder.diagnostics
    for match in _UNPRINTABLE.finditer(text):
        place = Place(source, start + match.start(), start + match.end())
        builder.report(
            "CMP101",
            f"the character U+{ord(match[0]):04X} isn't allowed in a spec",
            place,
            help="remove it, or write it as an escape in double quotes",
        )
        return None, builder.diagnostics
    return builder.build(text)
