"""Small JSON documents on disk: written at once or not at all, read as absent when damaged."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

FORMAT = 1
"""Written into each document; one of another format counts as absent."""


def write_document(path: Path, content: Mapping[str, Any], *, lasting: bool = True) -> None:
    """Write ``content`` with the format number to ``path``; readers see the old or the new one.

    Args:
        path: of the document; its folder is made.
        content: plain JSON.
        lasting: whether to wait until the disk has it, and to lay it out for people.

    Raises:
        OSError: the file system refused.
    """
    text = json.dumps({"format": FORMAT, **content}, indent=1 if lasting else None)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        with temporary.open("x", encoding="utf-8") as stream:
            stream.write(text + "\n")
            if lasting:
                stream.flush()
                os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def read_document(path: Path) -> dict[str, Any] | None:
    """Return the document at ``path`` without its format number; None when it can't be used."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.pop("format", None) != FORMAT:
        return None
    return document
