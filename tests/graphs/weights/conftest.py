"""One process of Keras saves all that the tests of this room read or damage."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def run(module: str, *arguments: object) -> None:
    """Run a module of this room in a process of its own."""
    subprocess.run(
        [sys.executable, "-m", f"tests.graphs.weights.{module}", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
        check=True,
        capture_output=True,
        timeout=600,
    )


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with models of every structure, and below ``layers`` of every layer."""
    folder = tmp_path_factory.mktemp("weights")
    run("layer_models", folder)
    return folder
