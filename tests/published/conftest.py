"""Packages with models in them, downloaded once a run into a folder that is thrown away."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that gives the unpacked wheel of a requirement; without one it skips."""
    unpacked: dict[str, Path | str] = {}

    def get(requirement: str) -> Path:
        if requirement not in unpacked:
            unpacked[requirement] = download(requirement, tmp_path_factory.mktemp("package"))
        found = unpacked[requirement]
        if isinstance(found, str):
            pytest.skip(found)
        return found

    return get


def download(requirement: str, folder: Path) -> Path | str:
    """Return where the wheel was unpacked, or why there is none."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
    options = ["--only-binary", ":all:", "--retries", "1", "--dest", str(folder), requirement]
    try:
        done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=180)
    except subprocess.TimeoutExpired:
        return f"pip did not get {requirement} within three minutes"
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        return f"pip can't get {requirement}: {(done.stderr.strip() or 'no wheel')[-200:]}"
    target = folder / "unpacked"
    with zipfile.ZipFile(wheels[0]) as wheel:
        wheel.extractall(target)
    return target


def run(script: str, *arguments: Path) -> None:
    """Run a script of this folder in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name(script)), *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
