"""Two paths change names in one step, or nothing happens."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from composer.files import exchange as module
from composer.files.exchange import exchange


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "text").write_text(name)
    return tmp_path / "one", tmp_path / "other"


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="no such step elsewhere")
def test_folders_and_files_change_names(folders, tmp_path: Path) -> None:
    if not exchange(*folders):
        pytest.skip("this disk can't")
    assert [(path / "text").read_text() for path in folders] == ["other", "one"]
    (tmp_path / "file").write_text("file")
    assert exchange(folders[0], tmp_path / "file")
    assert folders[0].read_text() == "file"
    assert (tmp_path / "file" / "text").read_text() == "other"


def test_where_the_system_has_no_such_step_nothing_happens(folders, monkeypatch) -> None:
    monkeypatch.setattr(module, "_function", lambda: None)
    assert not exchange(*folders)
    assert [(path / "text").read_text() for path in folders] == ["one", "other"]


def test_a_path_that_is_not_there_is_refused_by_name(folders, tmp_path: Path) -> None:
    if not exchange(*folders):
        pytest.skip("this disk can't")
    with pytest.raises(FileNotFoundError, match="missing"):
        exchange(folders[0], tmp_path / "missing")
