"""A folder with files that are called like modules: none of them is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from composer.keras_process.user_code import code_of
from composer.spec import load_spec
from tests.container.minimal import dense_model

ROOT = Path(__file__).parents[2]
# Not among them: importlib and what else the interpreter imports before it comes to composer.
NAMES = (
    "yaml", "json", "typing", "gc", "numpy", "h5py", "click", "rich", "pathlib", "dataclasses",
    "multiprocessing", "selectors", "fqdn", "webcolors", "fsspec", "jsonschema", "omegaconf",
    "keras", "tensorflow", "scipy",
)  # fmt: skip
SPEC = "version: 1\nname: {0}\nvars: {{f: a}}\nsources: {{m: {{from: '${{vars.f}}.keras'}}}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'marker')!r}, 'a').write('x')\n")
    dense_model(folder / "a.keras")
    for name in ("one", "two"):
        (folder / f"{name}.yaml").write_text(SPEC.format(name))
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COMPOSE_HOME": str(folder.parent / "store")}
    environment.pop("PYTHONSAFEPATH", None)
    return subprocess.run(
        [sys.executable, "-m", "composer", *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    "arguments", [("validate", "one.yaml"), ("build", "one.yaml", "two.yaml", "-j", "2")]
)
def test_python_m_composer_imports_nothing_of_the_folder(
    folder: Path, arguments: tuple[str, ...]
) -> None:
    done = run(folder, *arguments)
    assert (done.returncode, (folder.parent / "marker").exists()) == (0, False), done.stderr


def test_a_checkout_runs_in_its_own_folder(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "composer", "--version"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_folder_of_a_spec_that_names_no_code_is_none_of_keras(folder: Path) -> None:
    spec = folder / "one.yaml"
    assert (code_of(load_spec(spec)).first, code_of(load_spec(spec)).last) == ((), ())
    spec.write_text(f"{SPEC.format('one')}layers: {{x: {{class: 'mine:X', inputs: m}}}}\n")
    assert code_of(load_spec(spec)).first == (folder,)
