"""A folder with the fixture models in it, and ``compose`` as a function."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Compose, Result, in_this_process

ROOT = Path(__file__).parents[2]


@pytest.fixture
def workspace(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder with ``models/`` in it, which is the current one."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "models").symlink_to(models, target_is_directory=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("NO_COLOR", "FORCE_COLOR", "COMPOSE_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def compose(workspace: Path, capsys: pytest.CaptureFixture[str]) -> Compose:
    """Return ``compose`` run in this process."""
    return in_this_process(capsys)


@pytest.fixture
def compose_process(workspace: Path) -> Callable[..., Result]:
    """Return ``compose`` run as a process of its own, with ``environment`` added to this one's."""

    def call(*arguments: str, **environment: str) -> Result:
        done = subprocess.run(
            [sys.executable, "-m", "composer", *arguments],
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=120,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def changed_model(workspace: Path) -> Callable[..., Path]:
    """Return a function that copies a fixture model with another ``config.json``."""

    def change(name: str, target: str, edit: Callable[[dict[str, Any]], object]) -> Path:
        with (
            zipfile.ZipFile(workspace / "models" / f"{name}.keras") as source,
            zipfile.ZipFile(workspace / target, "w") as copy,
        ):
            for member in source.namelist():
                data = source.read(member)
                if member == "config.json":
                    config = json.loads(data)
                    edit(config)
                    data = json.dumps(config).encode()
                copy.writestr(member, data)
        return workspace / target

    return change
