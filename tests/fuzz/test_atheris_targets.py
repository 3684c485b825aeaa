"""Fuzzing guided by coverage runs, and finds nothing in a few seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("target", ["spec", "config", "archive", "hdf5", "weights"])
def test_a_target_holds_for_a_bounded_number_of_inputs(target: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris has no wheel for this machine: extra 'fuzz'")
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.atheris_targets", target, "-runs=60", "-seed=1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done 60 runs" in done.stderr
    assert list(tmp_path.iterdir()) == []
