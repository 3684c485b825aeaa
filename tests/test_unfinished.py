"""Marks: what a killed process left goes, what a living one writes stays, what is not ours too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from composer.files.unfinished import MARK, marked, sweep, temporary_folder, token

KILLED = """
import os, signal, sys
from pathlib import Path
from composer.files.unfinished import marked
folder, name, target = Path(sys.argv[1]), *sys.argv[2:]
with marked(folder, name, target):
    (folder / f"{name}.keras").write_bytes(b"half")
    (folder / name).mkdir()
    (folder / name / "more").write_bytes(b"half")
    if target and (folder / target).exists():
        (folder / target).rename(folder / f"{name}.old")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(folder: Path, name: str, target: str = "") -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder), name, target])
    assert done.returncode == -signal.SIGKILL
    assert (folder / f"{name}{MARK}").exists()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    name = token("model")
    killed(tmp_path, name, "model.keras")
    (tmp_path / "mine.keras").write_bytes(b"mine")
    assert [path.name for path in sweep(tmp_path, remove=False)] == [name, f"{name}.keras"]
    assert len(names(tmp_path)) == 4
    sweep(tmp_path)
    assert names(tmp_path) == ["mine.keras"]
    assert sweep(tmp_path) == ()


def test_what_was_moved_out_of_the_way_comes_back(tmp_path: Path) -> None:
    (tmp_path / "model.saved_model").mkdir()
    (tmp_path / "model.saved_model" / "saved_model.pb").write_bytes(b"old")
    killed(tmp_path, token("model"), "model.saved_model")
    assert not (tmp_path / "model.saved_model").exists()
    sweep(tmp_path)
    assert names(tmp_path) == ["model.saved_model"]
    assert (tmp_path / "model.saved_model" / "saved_model.pb").read_bytes() == b"old"


def test_what_was_moved_stays_away_where_something_new_has_its_name(tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(b"old")
    killed(tmp_path, token("model"), "model.keras")
    (tmp_path / "model.keras").write_bytes(b"new")
    sweep(tmp_path)
    assert names(tmp_path) == ["model.keras"]
    assert (tmp_path / "model.keras").read_bytes() == b"new"


def test_what_a_living_process_writes_stays(tmp_path: Path) -> None:
    name = token("model")
    with marked(tmp_path, name, "model.keras"):
        (tmp_path / f"{name}.keras").write_bytes(b"half")
        assert sweep(tmp_path) == ()
        code = "import sys; from pathlib import Path; from composer.files.unfinished import sweep\n"
        code += "assert sweep(Path(sys.argv[1])) == ()"
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
        assert names(tmp_path) == sorted([f"{name}.keras", f"{name}{MARK}"])
    assert names(tmp_path) == [f"{name}.keras"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".model.0badcafe.unfinished", "somebody else's\n"),
        ("notes.unfinished", "keras-compose\n\n"),
        (".model.xyz.unfinished", "keras-compose\n\n"),
        (".model.0badcafe.unfinished", "keras-compose\n../other.keras\n"),
    ],
)
def test_files_of_others_stay_whatever_they_are_called(tmp_path: Path, name, text) -> None:
    (tmp_path / name).write_text(text)
    (tmp_path / ".model.0badcafe.keras").write_bytes(b"mine")
    assert sweep(tmp_path) == ()
    assert names(tmp_path) == sorted([name, ".model.0badcafe.keras"])


def test_a_process_killed_before_it_wrote_its_mark_leaves_nothing_either(tmp_path: Path) -> None:
    (tmp_path / f"{token('model')}{MARK}").touch()
    sweep(tmp_path)
    assert names(tmp_path) == []


def test_a_folder_that_is_not_there_or_can_not_be_written_is_no_error(tmp_path: Path) -> None:
    assert sweep(tmp_path / "missing") == ()
    with marked(tmp_path / "missing", token("model")):
        pass


@pytest.mark.parametrize("name", ["m", "a" * 300, "ü" * 200, "a\nb", os.fsdecode(b"\xff")])
def test_every_name_can_be_marked(tmp_path: Path, name: str) -> None:
    beginning = token(name)
    with marked(tmp_path, beginning, name):
        assert names(tmp_path) == [f"{beginning}{MARK}"]
    assert names(tmp_path) == []


def test_temporary_folders_are_private_and_those_of_killed_processes_go(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    killed(tmp_path, token("keras-compose"))
    with temporary_folder() as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert len(names(tmp_path)) == 2
        (folder / "more").touch()
    assert names(tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_another_user_left_among_temporary_files_is_not_looked_at(tmp_path: Path) -> None:
    name = token("keras-compose")
    killed(tmp_path, name)
    os.chown(tmp_path / f"{name}{MARK}", 1234, 1234)
    assert sweep(tmp_path, only_own=True) == ()
    assert (tmp_path / f"{name}.keras").exists()
