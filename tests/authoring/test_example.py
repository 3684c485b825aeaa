"""``compose init --example``: sound files, written only where nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from composer.authoring.example import FILES
from tests.commands import Compose, in_this_process


@pytest.fixture
def compose(tmp_path: Path, monkeypatch, capsys) -> Compose:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    return in_this_process(capsys)


def test_the_example_is_valid(compose, tmp_path):
    assert compose("init", "--example").code == 0
    assert all((tmp_path / name).is_file() for name in FILES)
    assert (tmp_path / "schemas/spec.schema.json").is_file()
    assert compose("validate", "pair.yaml").code == 0


@pytest.mark.parametrize("name", FILES)
def test_the_example_replaces_nothing_and_then_writes_nothing(compose, tmp_path, name):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("mine")
    result = compose("init", "--example")
    assert result.code == 2
    assert file.read_text() == "mine"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]


@pytest.mark.parametrize("more", [["a.keras"], ["-o", "a.yaml"], ["--name", "other"]])
def test_the_example_takes_nothing_else(compose, tmp_path, more):
    assert compose("init", "--example", *more).code == 2
    assert not list(tmp_path.iterdir())
