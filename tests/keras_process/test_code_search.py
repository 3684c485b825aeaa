"""Modules are found as Python would find them, and none of them is run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from composer.keras_process.code_search import ModuleSearch

BOOM = 'raise RuntimeError("a module was run")\n'


def write(folder: Path, *names: str) -> None:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(BOOM, encoding="utf-8")


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Three folders: of the spec, on PYTHONPATH, and the current one."""
    found = {name: tmp_path / name for name in ("spec", "path", "here")}
    for folder in found.values():
        folder.mkdir()
    monkeypatch.chdir(found["here"])
    monkeypatch.setenv("PYTHONPATH", str(found["path"]))
    return found


def test_the_folder_of_the_spec_comes_first_and_the_current_one_last(places) -> None:
    write(places["spec"], "a.py")
    write(places["path"], "a.py", "b.py")
    write(places["here"], "a.py", "b.py", "c.py")
    search = ModuleSearch(places["spec"])
    assert search.file_of("a") == places["spec"] / "a.py"
    assert search.file_of("b") == places["path"] / "b.py"
    assert search.file_of("c") == places["here"] / "c.py"
    assert search.file_of("d") is None
    assert search.path[0] == str(places["spec"])
    assert search.path[-1] == str(places["here"])


def test_a_package_that_would_fail_is_found_and_not_run(places) -> None:
    write(places["spec"], "pkg/__init__.py", "pkg/sub/__init__.py", "pkg/sub/mod.py")
    search = ModuleSearch(places["spec"])
    assert search.file_of("pkg.sub.mod") == places["spec"] / "pkg/sub/mod.py"
    assert search.file_of("pkg.sub") == places["spec"] / "pkg/sub/__init__.py"
    unit = search.unit_of("pkg.sub.mod")
    assert unit is not None
    assert (unit.name, unit.folder) == ("pkg", places["spec"] / "pkg")
    assert "pkg" not in sys.modules


def test_in_a_folder_without_init_each_module_stands_for_itself(places) -> None:
    write(places["spec"], "nets/deep/mod.py", "nets/deep/other.py")
    search = ModuleSearch(places["spec"])
    unit = search.unit_of("nets.deep.mod")
    assert unit is not None
    assert (unit.name, unit.folder) == ("nets.deep.mod", None)
    assert search.unit_of("nets.deep") is None


def test_a_real_package_wins_over_a_folder_without_init_as_in_python(places) -> None:
    write(places["spec"], "models/notes.py")
    write(places["path"], "models/__init__.py", "models/make.py")
    search = ModuleSearch(places["spec"])
    assert search.file_of("models.make") == places["path"] / "models/make.py"
    assert search.file_of("models.notes") is None


def test_how_far_a_name_is_known_and_what_stands_beside_it(places) -> None:
    write(places["spec"], "pkg/__init__.py", "pkg/towers.py", "pkg/parts/__init__.py")
    search = ModuleSearch(places["spec"])
    assert search.known_part("pkg.tower.x") == "pkg"
    assert search.known_part("nothing.at.all") == ""
    assert search.beside("pkg.tower") == ("pkg.parts", "pkg.towers")


def test_a_module_made_a_moment_ago_is_seen(places) -> None:
    search = ModuleSearch(places["spec"])
    assert search.file_of("late") is None
    write(places["spec"], "late.py")
    assert search.file_of("late") is not None


def test_what_is_installed_is_told_apart(places) -> None:
    search = ModuleSearch(places["spec"])
    click = search.unit_of("click.core")
    assert click is not None
    assert click.installed
    write(places["spec"], "mine.py")
    mine = search.unit_of("mine")
    assert mine is not None
    assert not mine.installed
    assert search.unit_of("math") is None
