"""``.pre-commit-hooks.yaml``: what pre-commit takes, and what its hooks say of specs and locks."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ci.test_action import SPEC, pages

ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / ".pre-commit-hooks.yaml"
HOOKS: dict[str, dict[str, Any]] = {
    hook["id"]: hook for hook in yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
}


def pre_commit(*arguments: str, cwd: Path = ROOT, **environment: str):
    return subprocess.run(
        [sys.executable, "-m", "pre_commit", *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_pre_commit_takes_the_manifest_and_the_config_of_the_docs(tmp_path: Path) -> None:
    done = pre_commit("validate-manifest", str(MANIFEST))
    assert done.returncode == 0, done.stdout
    config = tmp_path / "config.yaml"
    config.write_text(pages()[".pre-commit-config.yaml"])
    done = pre_commit("validate-config", str(config))
    assert done.returncode == 0, done.stdout
    (repository,) = yaml.safe_load(config.read_text())["repos"]
    assert [hook["id"] for hook in repository["hooks"]] == list(HOOKS)


@pytest.mark.parametrize(
    ("hook", "file", "runs"),
    [
        ("compose-validate", "specs/a.yaml", True),
        ("compose-validate", "specs/deep/_base.yml", True),
        ("compose-validate", "docs/a.yaml", False),
        ("compose-validate", "specs/a.lock.json", False),
        ("compose-lock-check", "specs/a.yaml", True),
        ("compose-lock-check", "specs/a.lock.json", True),
        ("compose-lock-check", "models/a.keras", True),
        ("compose-lock-check", "package-lock.json", False),
    ],
)
def test_a_hook_runs_when_what_it_looks_at_changes(hook: str, file: str, runs: bool) -> None:
    assert bool(re.search(HOOKS[hook]["files"], file)) == runs


@pytest.fixture
def repository(models: Path, tmp_path: Path) -> Path:
    """Return somebody's repository with two specs, one of which has a lock."""
    work = tmp_path / "work"
    (work / "specs").mkdir(parents=True)
    shutil.copytree(models, work / "models", ignore=shutil.ignore_patterns("lock"))
    (work / "specs" / "pair.yaml").write_text(SPEC)
    (work / "specs" / "free.yaml").write_text(SPEC.replace("name: pair", "name: free"))
    assert hook(work, "compose lock specs/pair.yaml", []).returncode == 0
    return work


def environment(work: Path) -> dict[str, str]:
    commands = work.parent / "bin"
    commands.mkdir(exist_ok=True)
    (commands / "compose").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m composer "$@"\n')
    (commands / "compose").chmod(0o755)
    return {
        "PATH": f"{commands}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "COMPOSE_HOME": str(work.parent / "store"),
        "PRE_COMMIT_HOME": str(work.parent / "pre-commit"),
    }


def hook(work: Path, entry: str, arguments: list[str]):
    return subprocess.run(
        [*shlex.split(entry), *arguments],
        cwd=work,
        env={**os.environ, **environment(work)},
        capture_output=True,
        text=True,
        timeout=120,
    )


def run(work: Path, identifier: str):
    return hook(work, HOOKS[identifier]["entry"], HOOKS[identifier]["args"])


def test_the_hooks_pass_what_is_sound_and_leave_specs_without_a_lock_out(repository: Path) -> None:
    assert run(repository, "compose-validate").returncode == 0
    done = run(repository, "compose-lock-check")
    assert (done.returncode, done.stdout) == (0, "specs/pair.lock.json holds\n")


def test_the_hooks_fail_on_a_mistake_and_on_a_stale_lock(repository: Path) -> None:
    (repository / "specs" / "pair.yaml").write_text(SPEC.replace("a_", "b_"))
    assert run(repository, "compose-validate").returncode == 0
    done = run(repository, "compose-lock-check")
    assert done.returncode == 4
    assert "compose lock specs/pair.yaml" in done.stderr
    (repository / "specs" / "free.yaml").write_text("version: 1\nname: free\nlayer: {}\n")
    assert run(repository, "compose-validate").returncode == 1
    assert run(repository, "compose-lock-check").returncode == 4


def test_a_model_that_changed_makes_a_lock_stale(repository: Path) -> None:
    shutil.copy(repository / "models" / "tower_b.keras", repository / "models" / "tower.keras")
    done = run(repository, "compose-lock-check")
    assert done.returncode == 4
    assert "sources" in done.stderr


def test_without_any_lock_there_is_nothing_to_check(repository: Path) -> None:
    (repository / "specs" / "pair.lock.json").unlink()
    done = run(repository, "compose-lock-check")
    assert (done.returncode, done.stderr) == (0, "none of these specs has a lock\n")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="pre-commit needs git")
def test_pre_commit_itself_runs_the_hooks(repository: Path, tmp_path: Path) -> None:
    def git(folder: Path, *arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        command = ["git", *identity, "-C", str(folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    # The hooks as a repository of their own, run by the compose on the PATH.
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    shutil.copy(MANIFEST, hooks)
    git(hooks, "init", "-q")
    git(hooks, "add", "-A")
    git(hooks, "commit", "-q", "-m", "hooks")
    config = {
        "repos": [
            {
                "repo": str(hooks),
                "rev": git(hooks, "rev-parse", "HEAD").strip(),
                "hooks": [{"id": name, "language": "system"} for name in HOOKS],
            }
        ]
    }
    (repository / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    git(repository, "init", "-q")
    git(repository, "add", "-A")
    where = environment(repository)
    done = pre_commit("run", "--all-files", cwd=repository, **where)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Passed") == 2
    (repository / "specs" / "pair.yaml").write_text(SPEC.replace("a_", "b_"))
    git(repository, "add", "-A")
    done = pre_commit("run", cwd=repository, **where)
    assert done.returncode == 1
    assert done.stdout.count("Passed") == 1
    assert "does not match" in done.stdout
