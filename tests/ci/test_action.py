"""``action.yml`` and the workflow of docs/ci.md: sound by GitHub's schemas, and their steps run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
DEFAULTS = {name: value.get("default", "") for name, value in ACTION["inputs"].items()}
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}
BLOCK = re.compile(r'^```yaml title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
SPEC = """\
version: 1
name: pair
sources:
  a: {from: ../models/tower.keras, exclude: [probs], prefix: a_}
  head: {from: ../models/head.keras, inputs: a}
"""
WARNING_FREE = SPEC.replace("name: pair", "name: other")
RECORDER = """\
#!/bin/sh
if [ "$1" = -m ]; then printf '%s\\n' "$@" > "$RECORD"; else exec {python} "$@"; fi
"""


class Done(NamedTuple):
    """How a step ended: exit code, what it printed, its outputs."""

    code: int
    out: str
    err: str
    outputs: str


@pytest.fixture
def folder(models: Path, tmp_path: Path) -> Path:
    """Return a checkout of somebody's repository: specs, models, and ``compose`` on the PATH."""
    work = tmp_path / "work"
    (work / "specs").mkdir(parents=True)
    (work / "models").symlink_to(models, target_is_directory=True)
    (work / "specs" / "pair.yaml").write_text(SPEC)
    (work / "specs" / "other.yaml").write_text(WARNING_FREE)
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "compose").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m composer "$@"\n')
    (commands / "compose").chmod(0o755)
    (commands / "python").symlink_to(sys.executable)
    return work


@pytest.fixture
def step(folder: Path, tmp_path: Path):
    """Return a function that runs a step as GitHub's runner does."""

    def run(name: str, path: str | None = None, **inputs: str) -> Done:
        given = {**DEFAULTS, **{key.replace("_", "-"): value for key, value in inputs.items()}}
        values = {f"inputs.{key}": value for key, value in given.items()}
        values["github.action_path"] = str(ROOT)
        environment = {
            key: re.sub(r"\$\{\{ (.*?) \}\}", lambda found: values[found[1]], value)
            for key, value in STEPS[name]["env"].items()
        }
        script = tmp_path / "step.sh"
        script.write_text(STEPS[name]["run"])
        outputs = tmp_path / "outputs"
        outputs.touch()
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
            cwd=folder,
            env={
                **os.environ,
                "PATH": path or f"{tmp_path / 'bin'}:{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
                "COMPOSE_HOME": str(tmp_path / "store"),
                "GITHUB_ACTIONS": "true",
                "GITHUB_OUTPUT": str(outputs),
                "GITHUB_WORKSPACE": str(folder),
                "CI": "true",
                "RECORD": str(tmp_path / "record"),
                **environment,
            },
            capture_output=True,
            encoding="utf-8",
            timeout=300,
        )
        return Done(done.returncode, done.stdout, done.stderr, outputs.read_text())

    return run


def check(schema: str, *files: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    done = subprocess.run([*command, *map(str, files)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def pages() -> dict[str, str]:
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    return {Path(name).name: block for name, block in BLOCK.findall(text)}


def test_the_action_and_the_workflow_are_what_github_takes(tmp_path: Path) -> None:
    check("vendor.github-actions", ROOT / "action.yml")
    workflow = tmp_path / "models.yml"
    workflow.write_text(pages()["models.yml"])
    check("vendor.github-workflows", workflow)
    used = yaml.safe_load(workflow.read_text())["jobs"]["models"]["steps"]
    (ours,) = [item for item in used if "keras-compose/" in item.get("uses", "")]
    assert set(ours["with"]) <= set(DEFAULTS)


def test_every_input_is_used_and_described_in_the_docs() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs" / "ci.md").read_text(), re.MULTILINE)
    assert set(rows) == set(DEFAULTS)
    text = str(ACTION["runs"])
    assert set(re.findall(r"inputs\.([a-z-]+)", text)) == set(DEFAULTS)


def test_no_input_is_pasted_into_a_script() -> None:
    for item in STEPS.values():
        assert "${{" not in item.get("run", "")


def test_sound_specs_pass_without_annotations(step) -> None:
    done = step("Validate")
    assert done.code == 0, done.err
    assert "::" not in done.out
    assert "specs/pair.yaml: fine" in done.err


def test_a_mistake_is_annotated_where_it_stands_and_fails_the_step(step, folder: Path) -> None:
    (folder / "specs" / "pair.yaml").write_text(SPEC.replace("inputs: a", "inputs: b"))
    done = step("Validate")
    assert done.code == 1
    (line,) = [line for line in done.out.splitlines() if line.startswith("::")]
    assert line.startswith("::error file=specs/pair.yaml,line=5,endLine=5,col=")


def test_several_specs_and_overrides_may_stand_on_lines_of_their_own(step, folder: Path) -> None:
    done = step("Validate", specs="specs/pair.yaml\n  specs/other.yaml\nsources.a.prefix=b_\n")
    assert done.code == 0, done.err
    assert "other.yaml: fine" in done.err
    assert step("Validate", specs="specs/pair.yaml $(touch${IFS}injected)").code == 2
    assert not (folder / "injected").exists()


def test_deep_reaches_the_command(step) -> None:
    # There is no such spec, so nothing is asked; an option that is not known is code 2 as well.
    done = step("Validate", specs="missing.yaml", deep="true")
    assert "there is no file missing.yaml" in done.err


def test_a_locked_build_gives_the_model_or_an_annotation(step, folder: Path, tmp_path) -> None:
    missing = step("Build")
    assert missing.code == 2
    assert "there is no lock" in missing.err
    for name in ("pair", "other"):
        locked = subprocess.run(
            [str(tmp_path / "bin" / "compose"), "lock", f"specs/{name}.yaml"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "COMPOSE_HOME": str(tmp_path / "store")},
        )
        assert locked.returncode == 0
    assert step("Build").code == 0
    assert sorted(path.name for path in (folder / "build").glob("*.keras")) == [
        "other.keras",
        "pair.keras",
    ]
    (folder / "specs" / "pair.yaml").write_text(SPEC.replace("a_", "b_"))
    shutil.rmtree(folder / "build")
    drift = step("Build")
    assert drift.code == 4
    assert drift.out.startswith("::error title=CMP601::")
    assert "compose lock specs/pair.yaml accepts the change" in drift.out
    assert (folder / "build" / "other.keras").exists()
    assert not (folder / "build" / "pair.keras").exists()
    assert step("Build", build="plain").code == 0


def test_an_unknown_way_to_build_is_refused(step) -> None:
    done = step("Build", build="lock")
    assert (done.code, done.out) == (2, "::error::build is lock; expected locked, plain or none\n")


def test_what_is_installed_already_is_taken_where_no_python_is_set_up(step, tmp_path) -> None:
    done = step("Install keras-compose", python_version="none")
    assert done.code == 0, done.err
    assert done.out.startswith("compose, version") or done.out.startswith("compose ")
    assert done.outputs == f"store={tmp_path / 'store'}\n"


@pytest.mark.parametrize(
    ("inputs", "arguments"),
    [
        ({}, [str(ROOT)]),
        ({"extras": "onnx,remote"}, [f"{ROOT}[onnx,remote]"]),
        ({"version": "0.1.0", "extras": "hf"}, ["keras-compose[hf]==0.1.0"]),
        ({"version": ">=0.1,<0.2"}, ["keras-compose>=0.1,<0.2"]),
        (
            {"version": "0.1.0", "requirements": "a b.txt"},
            ["keras-compose==0.1.0", "-r", "a b.txt"],
        ),
        ({"python_version": "none", "extras": "hf"}, [f"{ROOT}[hf]"]),
    ],
    ids=str,
)
def test_what_is_asked_for_is_installed(step, tmp_path: Path, inputs, arguments) -> None:
    recorder = tmp_path / "recorder"
    recorder.mkdir()
    (recorder / "python").write_text(RECORDER.format(python=sys.executable))
    (recorder / "python").chmod(0o755)
    path = f"{recorder}:{tmp_path / 'bin'}:{os.environ['PATH']}"
    assert step("Install keras-compose", path=path, **inputs).code == 0
    lines = (tmp_path / "record").read_text().splitlines()
    assert lines == ["-m", "pip", "install", "--quiet", *arguments]
