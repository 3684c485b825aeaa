"""Processes that are killed while they fetch, and processes that want the same file at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.container.minimal import dense_model
from tests.sources.remote.file_server import FileServer, Served

ROOT = Path(__file__).parents[3]
NAME = "/tower.keras"


@pytest.fixture
def data(server: FileServer, tmp_path: Path) -> bytes:
    """Return the bytes of a model of 8 MB, which the server gives slowly at first."""
    found = dense_model(tmp_path / "tower.keras", (64, 1400, 1400, 4)).read_bytes()
    server.files[NAME] = Served(found)
    (tmp_path / "spec.yaml").write_text(
        f'version: 1\nname: model\nsources:\n  tower: {{from: "{server.url}{NAME}"}}\n'
    )
    return found


def start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "composer", "validate", "spec.yaml"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COMPOSE_HOME": str(folder / "store")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def part_of(folder: Path) -> int:
    """Return how many bytes of a download lie in the store."""
    return sum(path.stat().st_size for path in folder.glob("store/scratch/unfinished-*/part"))


def test_a_killed_process_leaves_its_part_to_the_next(
    server: FileServer, data: bytes, tmp_path: Path
) -> None:
    server.stall = 4_000_000
    first = start(tmp_path)
    deadline = time.monotonic() + 30
    while part_of(tmp_path) < 3_900_000 and time.monotonic() < deadline:
        time.sleep(0.02)
    first.kill()
    first.communicate()
    arrived = part_of(tmp_path)
    assert 3_900_000 <= arrived <= 4_000_000
    server.stall = None
    second = start(tmp_path)
    out, err = second.communicate(timeout=60)
    assert second.returncode == 0, err
    assert "fine" in out
    assert server.requests[-1].headers["Range"] == f"bytes={arrived}-"
    assert server.requests[-1].sent == len(data) - arrived
    assert not list(tmp_path.glob("store/scratch/*"))


def test_two_processes_fetch_one_file_once(server: FileServer, data: bytes, tmp_path: Path) -> None:
    runs = [start(tmp_path) for _ in range(2)]
    for run in runs:
        _, err = run.communicate(timeout=60)
        assert run.returncode == 0, err
    assert sorted(request.status for request in server.requests) == [200, 304]
    assert server.sent == len(data)
