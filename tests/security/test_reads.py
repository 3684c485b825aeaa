"""Which files a spec of a stranger reads, and what of them is shown."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from composer.spec.boundary import boundary_of
from composer.workflows.pipeline import prepare
from tests.commands import Compose, in_this_process
from tests.container.minimal import dense_model

SECRET = "hunter2"
NETRC = f"machine example.org login me password {SECRET}\n"
FORMATS = ("full", "concise", "json", "github", "sarif")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository with a secret beside it and one in it; it is the current folder."""
    folder = tmp_path / "repository"
    (folder / ".git").mkdir(parents=True)
    (folder / "specs").mkdir()
    (tmp_path / ".netrc").write_text(NETRC)
    (tmp_path / "beside.yaml").write_text(f"vars: {{password: {SECRET}}}\nsauces: {SECRET}\n")
    (folder / ".env").write_text(f"PASSWORD={SECRET}\n")
    (folder / "secrets.yaml").write_text(f"name: prod\npassword: {SECRET}\n")
    dense_model(folder / "a.keras")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    return folder


@pytest.fixture
def compose(folder: Path, capsys: pytest.CaptureFixture[str]) -> Compose:
    return in_this_process(capsys)


def link_to(target: str) -> str:
    Path("specs/link.yaml").symlink_to(target)
    return "link.yaml"


NAMED = {
    "absolute": lambda folder: (str(folder.parent / ".netrc"), "CMP550"),
    "climbing": lambda _: ("../../.netrc", "CMP550"),
    "a spec outside": lambda _: ("../../beside.yaml", "CMP550"),
    "missing": lambda _: ("../../nothing.yaml", "CMP550"),
    "a device": lambda _: ("/dev/stdin", "CMP550"),
    "a link": lambda folder: (link_to(str(folder.parent / "beside.yaml")), "CMP550"),
    "settings inside": lambda _: ("../.env", "CMP551"),
    "a map inside": lambda _: ("../secrets.yaml", "CMP551"),
    "a link inside": lambda folder: (link_to(str(folder / ".env")), "CMP551"),
}


@pytest.mark.parametrize("case", NAMED)
def test_what_is_extended_is_a_spec_of_the_repository(
    compose: Compose, folder: Path, case: str
) -> None:
    named, code = NAMED[case](folder)
    Path("specs/a.yaml").write_text(
        f"version: 1\nname: m\nextends: {named}\nsources: {{a: {{from: ../a.keras}}}}\n"
    )
    for form in FORMATS:
        result = compose("validate", "specs/a.yaml", "--output-format", form)
        assert result.code == 1
        assert SECRET not in result.out + result.err
        assert code in result.out + result.err
    (found,) = [d for d in prepare("specs/a.yaml").errors if d.code != "CMP416"]
    assert (found.code, found.path) == (code, ("extends",))
    assert found.span is not None
    assert (found.span.file, found.span.line) == ("specs/a.yaml", 3)
    assert "nothing" not in (found.help or "")


@pytest.mark.parametrize("case", [name for name in NAMED if name not in ("settings inside",
                                                                        "absolute", "climbing",
                                                                        "a device")])  # fmt: skip
def test_so_is_what_a_source_starts_from(compose: Compose, folder: Path, case: str) -> None:
    named, code = NAMED[case](folder)
    Path("specs/a.yaml").write_text(f"version: 1\nname: m\nsources: {{a: {{from: {named}}}}}\n")
    for form in FORMATS:
        result = compose("validate", "specs/a.yaml", "--output-format", form)
        assert SECRET not in result.out + result.err
    (found,) = [d for d in prepare("specs/a.yaml").errors if d.code != "CMP416"]
    assert (found.code, found.path) == (code, ("sources", "a", "from"))


def test_an_allowed_folder_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder.parent / "shared").mkdir()
    (folder.parent / "shared/base.yaml").write_text("seed: 3\n")
    Path("specs/a.yaml").write_text(
        "version: 1\nname: m\nextends: ../../shared/base.yaml\nsources: {a: {from: ../a.keras}}\n"
    )
    assert [found.code for found in prepare("specs/a.yaml").errors] == ["CMP550"]
    allowed = os.pathsep.join(["/nowhere", str(folder.parent / "shared")])
    monkeypatch.setenv("COMPOSE_ALLOW_READ", allowed)
    assert prepare("specs/a.yaml").errors == ()


def test_a_link_in_the_place_of_a_spec_shows_nothing_of_another_file(compose: Compose) -> None:
    Path("specs/x.yaml").symlink_to(Path("../.netrc").absolute())
    result = compose("validate", "specs")
    assert (result.code, SECRET in result.out + result.err) == (2, False)


def test_the_boundary_is_the_repository_else_the_folder_and_the_current_one(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert boundary_of(folder / "specs").roots == (folder,)
    bare = tmp_path / "bare/specs"
    bare.mkdir(parents=True)
    assert boundary_of(bare).roots == (bare,)
    monkeypatch.chdir(tmp_path / "bare")
    assert boundary_of(Path("specs")).roots == (bare, tmp_path / "bare")
    monkeypatch.chdir("/")
    assert boundary_of(bare).roots == (bare,)
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert boundary_of(bare).roots == (bare,)


@pytest.mark.parametrize("key", ["from: link.keras", "from: ../a.keras, weights: link.keras"])
def test_a_digest_is_no_way_to_learn_of_other_files(folder: Path, key: str) -> None:
    Path("specs/link.keras").symlink_to(folder.parent / ".netrc")
    digest = hashlib.sha256(NETRC.encode()).hexdigest()
    wrong = "0" * 64
    text = key.replace("link.keras", "{file: link.keras, sha256: '%s'}") if "weights" in key else (
        f"{key}, sha256: '%s'"
    )  # fmt: skip
    Path("specs/a.yaml").write_text(f"version: 1\nname: m\nsources: {{a: {{{text % wrong}}}}}\n")
    found = prepare("specs/a.yaml").errors
    assert "CMP503" in [one.code for one in found]
    assert digest not in json.dumps([one.message for one in found])
