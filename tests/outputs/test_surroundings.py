"""Results outside of the repository, or over files of others: said, and refused in CI."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from composer.workflows.pipeline import prepare
from tests.commands import Compose, in_this_process
from tests.container.minimal import dense_model

SPEC = "version: 1\nname: net\nsources: {a: {from: ../a.keras}}\noutput: {path: %s}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "repository"
    (folder / ".git").mkdir(parents=True)
    (folder / "specs").mkdir()
    dense_model(folder / "a.keras")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    return folder


@pytest.fixture
def compose(folder: Path, capsys: pytest.CaptureFixture[str]) -> Compose:
    return in_this_process(capsys)


def write(path: str) -> None:
    Path("specs/net.yaml").write_text(SPEC % path)


def linked(folder: Path) -> str:
    (folder / "out").symlink_to(folder.parent)
    return "../out/net.keras"


def trained(folder: Path) -> str:
    dense_model(folder / "mine.keras")
    return "../mine.keras"


def text(name: str, folder: Path) -> str:
    (folder / name).write_text("notes\n")
    return f"../{name}"


CASES = {
    "absolute": lambda folder: (str(folder.parent / "net.keras"), "CMP715"),
    "climbing": lambda _: ("../../net.keras", "CMP715"),
    "a linked folder": lambda folder: (linked(folder), "CMP715"),
    "a model of somebody else": lambda folder: (trained(folder), "CMP716"),
    "a text": lambda folder: (text("notes.keras", folder), "CMP716"),
    "a text as weights": lambda folder: (text("notes.weights.h5", folder), "CMP716"),
    "a text as lite": lambda folder: (text("notes.tflite", folder), "CMP716"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("ci", ["", "false", "true", "1"])
def test_it_is_said_and_in_ci_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, case: str, ci: str
) -> None:
    path, code = CASES[case](folder)
    monkeypatch.setenv("CI", ci)
    write(path)
    found = [one for one in prepare("specs/net.yaml").diagnostics if one.code != "CMP705"]
    severity = "error" if ci in ("true", "1") else "warning"
    assert [(one.code, one.severity) for one in found] == [(code, severity)]
    assert found[0].span is not None
    assert found[0].span.line == 4


def test_a_format_beside_the_path_hides_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    write("../../net, format: [keras, weights]")
    assert {one.code for one in prepare("specs/net.yaml").errors} == {"CMP715"}


def test_what_is_there_stays_in_ci(
    compose: Compose, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    write(trained(folder))
    before = (folder / "mine.keras").read_bytes()
    for verb in ("validate", "plan", "build"):
        assert compose(verb, "specs/net.yaml").code == 1
    assert (folder / "mine.keras").read_bytes() == before
    assert compose("build", "specs/net.yaml", "-o", "mine.keras").code == 0
    assert compose("build", "specs/net.yaml", "--force").code == 0  # now it is one of ours
    write("../../net.keras")
    assert compose("build", "specs/net.yaml").code == 1
    monkeypatch.setenv("COMPOSE_ALLOW_WRITE", os.pathsep.join(["/nowhere", str(folder.parent)]))
    assert compose("build", "specs/net.yaml").code == 0


def test_a_link_that_is_replaced_leads_nowhere(
    compose: Compose, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    dense_model(folder.parent / "other.keras")
    (folder / "net.keras").symlink_to(folder.parent / "other.keras")
    before = (folder.parent / "other.keras").read_bytes()
    write("../net.keras")
    assert compose("build", "specs/net.yaml").code == 1
    assert compose("build", "specs/net.yaml", "-o", "net.keras").code == 0
    assert (folder.parent / "other.keras").read_bytes() == before


def test_the_folder_where_the_command_runs_is_no_word_of_the_spec(
    compose: Compose, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    write("../build/net.keras")
    spec = folder / "specs/net.yaml"
    spec.write_text(spec.read_text().partition("output")[0])
    monkeypatch.chdir(folder.parent)
    assert compose("build", str(spec)).code == 0
    assert Path("build/net.keras").exists()


def test_the_usual_place_is_no_matter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    write("../build/net.keras")
    assert prepare("specs/net.yaml").diagnostics == ()
