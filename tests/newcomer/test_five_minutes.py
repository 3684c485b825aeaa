"""Someone with two files whose names collide gets to a verified model in three commands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def compose(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "composer", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COMPOSE_HOME": str(folder / "store")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.keras
def test_init_an_edit_and_a_build_give_a_verified_model(models: Path, tmp_path: Path) -> None:
    for name in ("tower", "tower_b"):
        (tmp_path / f"{name}.keras").write_bytes((models / f"{name}.keras").read_bytes())
    first = compose(tmp_path, "init", "tower.keras", "tower_b.keras")
    assert first.returncode == 0, first.stderr
    assert "2 with a prefix" in first.stdout
    # The edit: take the suggestions, which is to delete the # in front of them.
    spec = tmp_path / "tower_tower_b.yaml"
    lines = spec.read_text().splitlines()
    kept = [line.replace("#", "", 1) if _is_suggestion(line) else line for line in lines]
    assert kept != lines
    spec.write_text("\n".join(kept) + "\n")
    second = compose(tmp_path, "validate", spec.name)
    assert second.returncode == 0, second.stderr
    third = compose(tmp_path, "build", "--verify", spec.name)
    assert third.returncode == 0, third.stderr
    assert "verified" in third.stdout
    assert (tmp_path / "build/tower_tower_b.keras").is_file()


def _is_suggestion(line: str) -> bool:
    bare = line.lstrip()
    return bare.startswith("#") and (bare[1:2] not in ("", " ") or bare.startswith("#  "))
