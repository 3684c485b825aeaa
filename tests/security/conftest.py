"""A folder with a malicious file in it, and every verb that reads it, watched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WATCHED = Path(__file__).with_name("watched.py")
VERBS = ("validate", "plan", "inspect", "build")
SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a verb ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """A folder to build a malicious file in.

    Attributes:
        folder: where the file and the spec lie; the current one while verbs run.
        canary: nobody may make this file.
        pipe: a named pipe that nobody writes to; whoever opens it to read hangs and is found.
    """

    folder: Path
    canary: Path
    pipe: Path

    def run(self, file: str, keys: str = "", verbs: tuple[str, ...] = VERBS) -> dict[str, Ending]:
        """Let every verb read ``file``, and check that none did more than read.

        Args:
            file: in the folder.
            keys: of the source, behind ``from``.
            verbs: to run, one after the other.
        """
        spec = f"version: 1\nname: m\nsources:\n  evil: {{from: {file}{keys}}}\n"
        (self.folder / "spec.yaml").write_text(spec, encoding="utf-8")
        before = sorted(self.folder.rglob("*"))
        commands = [
            ["inspect", file] if verb == "inspect" else [verb, "spec.yaml"] for verb in verbs
        ]
        result = self.folder.parent / "result.json"
        store = self.folder.parent / "store"
        done = subprocess.run(
            [sys.executable, str(WATCHED), str(result), *map(json.dumps, commands)],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{self.folder}",
                 "COMPOSE_HOME": str(store), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        told = json.loads(result.read_text())
        assert [event for event in told["events"] if not _in_store(event, store)] == []
        assert not self.canary.exists()
        with pytest.raises(OSError, match="No such device"):  # nobody has opened the other end
            os.open(self.pipe, os.O_WRONLY | os.O_NONBLOCK)
        assert sorted(self.folder.rglob("*")) == before
        return {verb: Ending(**end) for verb, end in zip(verbs, told["ends"], strict=True)}

    def refused(self, file: str, code: str, *words: str, keys: str = "") -> None:
        """Let every verb read ``file``; all but inspect have to refuse it, by the code."""
        for verb, end in self.run(file, keys).items():
            # How lines are broken depends on the width of the terminal.
            text = " ".join((end.out + end.err).split())
            assert "this is a bug" not in text
            if verb == "inspect":
                assert end.code in (0, 1, 2)
                continue
            assert end.code == 1, text
            assert f"error[{code}]" in text
            for word in words:
                assert word in text, (word, text)


def _in_store(event: str, store: Path) -> bool:
    return event.startswith("write ") and event.removeprefix("write ").startswith(str(store))


@pytest.fixture
def attack(tmp_path: Path) -> Iterator[Attack]:
    """Return an empty folder to attack composer from."""
    folder = tmp_path / "work"
    folder.mkdir()
    pipe = tmp_path / "secret_pipe"
    os.mkfifo(pipe)
    yield Attack(folder=folder, canary=tmp_path / "canary", pipe=pipe)
