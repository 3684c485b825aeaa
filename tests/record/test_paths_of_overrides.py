"""A path on the command line begins where the command runs, and its lock holds from anywhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from composer.spec.override_paths import seen_from_here, seen_from_spec
from tests.commands import Compose, in_this_process

SPEC = "version: 1\nname: m\nsources: {a: {from: ../models/tower.keras}}\n"
OTHER = "sources.a.from=models/tower_b.keras"


@pytest.fixture
def project(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models").mkdir()
    for name in ("tower", "tower_b"):
        shutil.copy(models / f"{name}.keras", tmp_path / "models")
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "m.yaml").write_text(SPEC, encoding="utf-8")
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def compose(capsys: pytest.CaptureFixture[str]) -> Compose:
    return in_this_process(capsys)


def test_a_lock_of_an_override_holds_from_another_folder(compose, project, monkeypatch) -> None:
    assert compose("lock", "specs/m.yaml", OTHER).code == 0
    lock = json.loads((project / "specs" / "m.lock.json").read_text(encoding="utf-8"))
    assert lock["spec"]["overrides"] == ["sources.a.from=../models/tower_b.keras"]
    assert compose("build", "--locked", "specs/m.yaml", OTHER).code == 0
    for folder, spec, path in (
        ("specs", "m.yaml", "../models/tower_b.keras"),
        ("models", "../specs/m.yaml", "tower_b.keras"),
    ):
        monkeypatch.chdir(project / folder)
        override = f"sources.a.from={path}"
        assert compose("lock", "--check", spec, override).code == 0
        assert compose("build", "--locked", spec, override).code == 0
        assert compose("build", "--frozen", "--trust-lock", spec).code == 0
        assert compose("lock", "--check", spec).code == 4
        # The same text means another file here, or none.
        assert compose("build", "--locked", spec, OTHER).code == 1


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("sources.a.from=models/x.keras", "sources.a.from=../models/x.keras"),
        ("+sources.a.weights=w.h5", "+sources.a.weights=../w.h5"),
        ("sources.a.weights.file=w.h5", "sources.a.weights.file=../w.h5"),
        ("output.path=build/", "output.path=../build/"),
        ("sources.a.from=app:ResNet50", "sources.a.from=app:ResNet50"),
        ("sources.a.from=https://a.example/x.keras", "sources.a.from=https://a.example/x.keras"),
        ("sources.a.from=/tmp/x.keras", "sources.a.from=/tmp/x.keras"),
        ("vars.classes=5", "vars.classes=5"),
        ("~layers.drop", "~layers.drop"),
        ("sources.a.prefix=x/y", "sources.a.prefix=x/y"),
    ],
)
def test_texts_are_seen_from_the_spec_and_back(monkeypatch, tmp_path, text, seen) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    assert seen_from_spec([text], Path("specs")) == (seen,)
    assert seen_from_here([seen], Path("specs")) == (text,)
