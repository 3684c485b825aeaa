"""What decides a function's result: its package, what that imports, and nothing else."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from composer.keras_process.code_content import CodeContent, code_content
from composer.keras_process.code_search import ModuleSearch


@pytest.fixture
def content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that writes files and gives the content of a module among them."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    folder = tmp_path / "spec"

    def of(module: str, **files: str) -> CodeContent:
        for name, text in files.items():
            file = folder / f"{name.replace('__', '/').replace('INIT', '__init__')}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return code_content(module, ModuleSearch(folder))

    return of


def test_every_file_of_the_package_counts_imported_or_not(content) -> None:
    found = content("pkg.make", pkg__INIT="", pkg__make="", pkg__sub__INIT="", pkg__sub__far="")
    assert set(found.digests) == {
        "pkg/__init__.py", "pkg/make.py", "pkg/sub/__init__.py", "pkg/sub/far.py"
    }  # fmt: skip
    changed = content("pkg.make", pkg__sub__far="x = 1\n")
    assert changed.digests != found.digests


def test_of_a_plain_module_only_what_it_imports_counts(content) -> None:
    found = content(
        "make",
        make="import os\nfrom helper import f\n",
        helper="def f():\n    import deep\n",
        deep="",
        stranger="",
    )
    assert set(found.digests) == {"make.py", "helper.py", "deep.py"}
    assert content("make", stranger="x = 1\n").digests == found.digests
    assert content("make", deep="x = 1\n").digests != found.digests


def test_modules_of_a_folder_without_init_are_followed_one_by_one(content) -> None:
    found = content(
        "nets.make",
        nets__make="from . import parts\nfrom .more import y\nfrom nets import third\n",
        nets__parts="",
        nets__more="y = 1\n",
        nets__third="",
        nets__stranger="",
    )
    assert set(found.digests) == {
        "nets/make.py", "nets/parts.py", "nets/more.py", "nets/third.py"
    }  # fmt: skip


def test_installed_packages_count_by_version_and_the_standard_library_not_at_all(content) -> None:
    found = content("make", make="import json, yaml, click.core\nimport not_there_at_all\n")
    assert set(found.digests) == {"make.py"}
    assert found.distributions == {
        "click": f"click {metadata.version('click')}",
        "yaml": f"PyYAML {metadata.version('PyYAML')}",
    }


def test_modules_that_import_each_other_are_read_once(content) -> None:
    found = content("a", a="import b\n", b="import a\nimport b\n")
    assert set(found.digests) == {"a.py", "b.py"}
    assert len(found.places) == 2


def test_code_is_the_same_wherever_it_lies(content, tmp_path: Path) -> None:
    here = content("make", make="import helper\n", helper="")
    (tmp_path / "spec").rename(tmp_path / "moved")
    there = code_content("make", ModuleSearch(tmp_path / "moved"))
    assert here.digests == there.digests
    assert here.places != there.places


def test_a_helper_that_is_no_python_counts_by_its_bytes(content) -> None:
    found = content("make", make="import helper\n", helper="def broken(:\n")
    assert set(found.digests) == {"make.py", "helper.py"}
