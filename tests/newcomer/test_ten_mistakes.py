"""The mistakes that people make first, what the screen says to each, and the edit that it names.

``mistakes/NAME/`` holds the wrong spec, the screen, and the spec as someone writes it who has read
nothing but the screen. Every word of the edit stands on the screen.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from composer.cli.running import run

MISTAKES = Path(__file__).with_name("mistakes")
NAMES = sorted(path.name for path in MISTAKES.iterdir())
FIXED = {
    "class_unknown", "collision", "colon_missing", "file_missing", "indent_layers_in_sources",
    "indent_source_in_source", "indent_too_deep", "indent_too_shallow", "indent_uneven",
    "key_misspelt", "selector_dead", "tab",
}  # fmt: skip
"""Those that ``--fix`` puts right by itself, as the right spec has it."""
_WORD = re.compile(r"[\w./]+")


@pytest.fixture
def folder(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models").symlink_to(models, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_the_edit_stands_on_the_screen(name: str, folder: Path, golden, capsys) -> None:
    wrong, right = ((MISTAKES / name / f"{which}.yaml").read_text() for which in ("wrong", "right"))
    spec = folder / "spec.yaml"
    spec.write_text(wrong)
    assert run(["validate", "spec.yaml"]) == 1
    screen = capsys.readouterr().err
    golden(MISTAKES / name / "screen.txt", screen)
    added = set(_WORD.findall(right)) - set(_WORD.findall(wrong))
    assert added <= set(_WORD.findall(screen))
    spec.write_text(right)
    assert run(["validate", "spec.yaml"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_what_leaves_no_doubt_is_put_right_by_itself(name: str, folder: Path, capsys) -> None:
    spec = folder / "spec.yaml"
    spec.write_text((MISTAKES / name / "wrong.yaml").read_text())
    code = run(["validate", "--fix", "spec.yaml"])
    expected = "right" if name in FIXED else "wrong"
    assert spec.read_text() == (MISTAKES / name / f"{expected}.yaml").read_text()
    assert code == (name not in FIXED)
    assert ("fixable" in (MISTAKES / name / "screen.txt").read_text()) == (name in FIXED)


@pytest.mark.keras
@pytest.mark.parametrize("name", ["shape_seam", "class_unknown"])
def test_a_layer_that_the_screen_proposes_is_one_that_keras_takes(name: str, folder: Path) -> None:
    (folder / "spec.yaml").write_text((MISTAKES / name / "right.yaml").read_text())
    assert run(["build", "spec.yaml"]) == 0
