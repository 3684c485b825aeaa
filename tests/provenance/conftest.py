"""A folder with a spec of two sources, its lock and its artifact, and ``compose`` as a function."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.commands import Compose, in_this_process

PAIR = """\
version: 1
name: pair
sources:
  a: {from: models/tower.keras, prefix: a_, license: MIT, exclude: [probs]}
  head: {from: models/head.keras, inputs: a}
"""


@pytest.fixture
def folder(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder with ``models/`` and ``pair.yaml``, which is the current one."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "models").symlink_to(models, target_is_directory=True)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.chdir(folder)
    (folder / "pair.yaml").write_text(PAIR)
    return folder


@pytest.fixture
def compose(folder: Path, capsys: pytest.CaptureFixture[str]) -> Compose:
    """Return ``compose`` run in this process."""
    return in_this_process(capsys)


def repacked(source: str, target: str, old: str = "", new: str = "") -> None:
    """Write an archive of the same content in other bytes, with a text of its JSON changed."""
    with zipfile.ZipFile(source) as read, zipfile.ZipFile(target, "w") as write:
        for member in read.namelist():
            data = read.read(member)
            if member.endswith(".json") and old:
                data = data.replace(old.encode(), new.encode())
            write.writestr(member, data)
