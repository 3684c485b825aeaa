"""What README.md promises beyond its blocks, which tests/docs runs with those of all pages."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from composer import errors
from composer.authoring.example import SPEC, content
from composer.errors import ComposeError

ROOT = Path(__file__).parents[2]
CONSOLE = re.compile(r"^```console[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def console(number: int) -> list[str]:
    """Return the last command of a console block: those before it make the environment."""
    line = CONSOLE.findall((ROOT / "README.md").read_text(encoding="utf-8"))[number].strip()
    assert line.startswith("$ ")
    assert "\n" not in line
    return shlex.split(line.split(" && ")[-1])


@pytest.fixture
def folder(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of specs/ beside models/, which is the current folder."""
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    (tmp_path / "models").symlink_to(models, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    return tmp_path


def run(*arguments: str, timeout: int = 300) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


@pytest.mark.keras
@pytest.mark.slow
def test_the_commands_of_the_readme_make_a_model_that_keras_loads(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    for arguments in (["init", "--example"], ["build", "pair.yaml"]):
        done = run("composer", *arguments, timeout=900)
        assert done.returncode == 0, done.stderr
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    load = re.search(r"`(keras\.saving\.load_model\(.*?\))`", readme)
    assert load is not None
    loaded = subprocess.run(
        [sys.executable, "-c", f"import keras\nprint(len({load[1]}.layers))"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert loaded.returncode == 0, loaded.stderr
    assert int(loaded.stdout) == 8


def test_the_recipe_of_the_readme_is_that_of_the_example():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.search(r'```yaml title="pair.yaml"\n(.*?)```', readme, re.DOTALL)
    assert shown is not None
    written = content(SPEC).decode()
    assert shown[1] == re.sub(r"(?m)^#.*\n", "", written)


def test_the_test_command_of_the_readme_finds_the_tests():
    program, *arguments = console(-1)
    assert program == ".venv/bin/pytest"
    os_environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, "--collect-only", "-q", "tests/readme"],
        cwd=ROOT,
        env=os_environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def table_commands() -> list[str]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return [row[1] for row in re.finditer(r"^\| `(compose [^`]+)` \|", readme, re.MULTILINE)]


@pytest.mark.keras
def test_the_commands_of_the_readmes_table_run_as_they_stand(folder):
    assert len(table_commands()) >= 5
    words = {"SPEC": "specs/suffix_clone.yaml", "MODEL": "models/tower.keras"}
    words["CODE"] = "CMP301"
    words["B"] = "build/suffix_clone.keras"
    words["A"] = words["SPEC"]
    for command in table_commands():
        shown = re.sub(r" \[[^\]]*\]", "", command)
        arguments = [words.get(word.rstrip("…"), word) for word in shlex.split(shown)[1:]]
        done = run("composer", *arguments)
        assert done.returncode == 0, f"{command}: {done.stderr}"


def test_the_language_page_lists_the_keys_that_the_schema_has():
    schema = json.loads((ROOT / "schemas" / "spec.schema.json").read_text(encoding="utf-8"))
    text = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
    sources = text[text.index("## Sources") : text.index("### Models from your own code")]
    rows = re.findall(r"^\| (`[^|]+`) \|", sources, re.MULTILINE)
    listed = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    assert listed | {"from"} == set(schema["$defs"]["source"]["properties"])
    sentence = re.search(r"Top-level keys: (.*?)\. An unknown", text, re.DOTALL)
    assert sentence is not None
    assert set(re.findall(r"`(\w+)`", sentence[1])) == set(schema["properties"])


def test_the_exit_codes_that_the_readme_names_are_those_of_the_command_line():
    readme = (ROOT / "README.md").read_text(encoding="utf-8").replace("\n", " ")
    named = re.search(r"Exit codes: (.*?)\.", readme)
    assert named is not None
    named_codes = {int(number) for number in re.findall(r"(\d) ", named[1])}
    raised = {
        value.exit_code
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, ComposeError)
    }
    assert named_codes == {0, *raised}
