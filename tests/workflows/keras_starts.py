"""Counts how often Keras is started by a command, in whichever process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_NOTE = """
import os, sys
if any(part.startswith("composer.keras_process.") for part in sys.orig_argv):
    with open({file!r}, "a") as starts:
        starts.write(f"{{sys.orig_argv}}\\n")
"""


class KerasStarts:
    """Python imports ``sitecustomize`` in each process that it starts; forks do not.

    Args:
        folder: for it.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._file = folder / "starts.txt"
        (folder / "sitecustomize.py").write_text(_NOTE.format(file=str(self._file)))
        path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH", "")]))
        monkeypatch.setenv("PYTHONPATH", path)

    @property
    def count(self) -> int:
        """How many processes that import Keras were started so far."""
        return len(self._file.read_text().splitlines()) if self._file.exists() else 0
