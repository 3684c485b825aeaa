"""What the command line imports: never Keras where it needs none, and little to answer --help."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.legacy.h5.handmade import two_dense, two_dense_weights, write_h5

ROOT = Path(__file__).parents[2]
SPEC = """\
version: 1
name: pair
sources:
  a: {from: models/tower.keras, prefix: a_, exclude: [probs]}
  head: {from: models/head.keras, inputs: a}
"""
BROKEN = SPEC.replace("inputs: a", "inputs: b")
RUN = """
import json, sys
from composer.cli.running import run
code = run(sys.argv[1:])
sys.stdout.flush()
print(json.dumps([code, sorted({name.split('.')[0] for name in sys.modules})]), file=sys.stderr)
"""
KERAS = {"keras", "tensorflow", "tf_keras"}
HEAVY = {"h5py", "numpy", "rich", "omegaconf", "jsonschema", "rapidfuzz", "yaml"}


def _imported(*arguments: str) -> tuple[int, set[str]]:
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=120,
        env={"PYTHONPATH": str(ROOT), "COMPOSE_HOME": "store", "PATH": ""},
    )
    code, modules = json.loads(done.stderr.splitlines()[-1])
    return code, set(modules)


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (0, ["init", "models/tower.keras", "old.h5", "-o", "first.yaml"]),
        (0, ["validate", "spec.yaml"]),
        (1, ["validate", "broken.yaml"]),
        (0, ["plan", "spec.yaml"]),
        (0, ["plan", "spec.yaml", "--json"]),
        (0, ["plan", "spec.yaml", "--html", "plan.html"]),
        (4, ["diff", "spec.yaml", "models/head.keras", "--html", "diff.html"]),
        (0, ["graph", "spec.yaml", "--all"]),
        (0, ["graph", "models/tower.keras", "-o", "tower.png"]),
        (0, ["inspect", "models/tower.keras"]),
        (0, ["inspect", "models/nested.keras", "--json", "--select", "{class: Dense}"]),
        (0, ["inspect", "old.h5", "--json"]),
        (4, ["diff", "models/tower.keras", "models/tower_b.keras"]),
        (0, ["validate", "old.yaml"]),
        # Nothing new and no shape that changes: a build is copying.
        (0, ["build", "spec.yaml"]),
        (0, ["build", "spec.yaml", "--dry-run"]),
        (4, ["status", "spec.yaml"]),
        (4, ["status", "--json"]),
        (0, ["schema", "plan"]),
        (0, ["explain", "CMP301"]),
        (0, ["explain"]),
        (0, ["--help"]),
        (2, ["verify", "missing.keras"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_verb_that_needs_no_keras_imports_none(workspace, code, arguments):
    (workspace / "spec.yaml").write_text(SPEC)
    (workspace / "broken.yaml").write_text(BROKEN)
    (workspace / "old.yaml").write_text("version: 1\nname: m\nsources: {a: {from: old.h5}}\n")
    write_h5(workspace / "old.h5", two_dense(), two_dense_weights())
    found, modules = _imported(*arguments)
    assert found == code
    assert not modules & KERAS


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["build", "--help"]])
def test_help_and_version_start_fast(workspace, arguments):
    code, modules = _imported(*arguments)
    assert code == 0
    assert not modules & (KERAS | HEAVY)


def test_importing_composer_imports_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-c", "import composer, sys; print(*sys.modules)"],
        capture_output=True,
        encoding="utf-8",
        check=True,
        env={"PYTHONPATH": str(ROOT)},
    )
    modules = {name.split(".")[0] for name in done.stdout.split()}
    assert not modules & (KERAS | HEAVY | {"click"})


def test_a_spec_with_mistakes_in_its_text_is_refused_without_reading_models(workspace):
    (workspace / "spec.yaml").write_text("version: 1\nname: model\nlayer: {}\n")
    code, modules = _imported("validate", "spec.yaml")
    assert code == 1
    assert "h5py" not in modules


def test_what_jsonschema_would_import_to_check_formats_is_not_waited_for(workspace):
    (workspace / "spec.yaml").write_text(SPEC)
    (workspace / "slow").mkdir()
    slow = 'from pathlib import Path\nPath("imported").touch()\n'
    (workspace / "slow" / "rfc3987_syntax.py").write_text(slow)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["slow", str(ROOT)])}
    for command, imported in (
        (["-c", "import jsonschema"], True),
        (["-m", "composer", "validate", "spec.yaml"], False),
    ):
        subprocess.run([sys.executable, *command], check=True, capture_output=True, env=environment)
        assert (workspace / "imported").exists() is imported
        (workspace / "imported").unlink(missing_ok=True)
