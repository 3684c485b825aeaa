"""Every spec that ships is built as the command line builds it, loaded and run by Keras."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPECS = sorted(path.stem for path in (ROOT / "specs").glob("*.yaml"))
WITHOUT_KERAS = ("selected_layers", "suffix_clone")


def compose(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "composer", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=900,
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> str:
    """One store for all specs of this process, as a user has one."""
    return str(tmp_path_factory.mktemp("store"))


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.parametrize("name", SPECS)
def test_a_spec_that_ships_builds_and_verifies(name, store, tmp_path):
    target = tmp_path / f"{name}.keras"
    built = compose(
        "build", f"specs/{name}.yaml", "-o", str(target), "--verify", COMPOSE_HOME=store
    )
    assert built.returncode == 0, built.stderr
    assert target.exists()
    assert "failed" not in built.stdout
    first = target.read_bytes()
    again = compose("build", f"specs/{name}.yaml", "-o", str(target), COMPOSE_HOME=store)
    assert again.returncode == 0, again.stderr
    assert target.read_bytes() == first


@pytest.mark.parametrize("name", WITHOUT_KERAS)
def test_a_spec_of_files_alone_builds_without_keras(name, tmp_path):
    target = tmp_path / f"{name}.keras"
    code = (
        "import sys; from composer.cli import main\n"
        f"sys.argv = ['compose', 'build', {str(ROOT / 'specs' / f'{name}.yaml')!r}, "
        f"'-o', {str(target)!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT), "COMPOSE_HOME": str(tmp_path / "store")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert target.exists()
    assert not (tmp_path / "store").exists() or not list((tmp_path / "store").rglob("*.keras"))


def test_first_and_last_layer_of_a_perceptron_cannot_be_joined_and_the_reason_is_shown(tmp_path):
    done = compose(
        "validate",
        "specs/selected_layers.yaml",
        "sources.mlp.include=[dense_input, dense_output]",
        COMPOSE_HOME=str(tmp_path),
    )
    assert done.returncode == 1
    assert "error[CMP404]" in done.stderr
    assert "(None, 64)" in done.stderr
    assert "(None, 128)" in done.stderr
