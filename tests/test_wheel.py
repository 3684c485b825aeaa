"""What a registry would hand out holds all that the package reads at run time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.container.minimal import dense_model

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_a_wheel_works_without_the_repository(tmp_path):
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", str(tmp_path), str(ROOT)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    unpacked = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    environment = {**os.environ, "PYTHONPATH": str(unpacked), "COMPOSE_HOME": str(tmp_path / "s")}
    dense_model(tmp_path / "a.keras")
    (tmp_path / "a.yaml").write_text("version: 1\nname: wheel\nsources: {a: {from: a.keras}}\n")
    for arguments, expected in (
        (["schema"], "urn:keras-compose:schema:spec:1"),
        (["schema", "plan"], "urn:keras-compose:schema:plan:1"),
        (["explain", "CMP301"], "CMP301"),
        (["--version"], "compose"),
        (["plan", "a.yaml", "--html", "a.html"], "a = a.keras"),
        (["init", "--example"], ""),
        (["plan", "pair.yaml"], "photo = models/photo.keras"),
    ):
        shown = subprocess.run(
            [sys.executable, "-m", "composer", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert shown.returncode == 0, shown.stderr
        assert expected in shown.stdout
    assert "org.eclipse.elk" in (tmp_path / "a.html").read_text(encoding="utf-8")
    (metadata,) = unpacked.glob("*.dist-info/METADATA")
    page = metadata.read_text(encoding="utf-8").partition("\n\n")[2]
    assert "](https://github.com/keras-compose/keras-compose/blob/main/docs/tutorial.md)" in page
    assert "/main/docs/images/pair.svg)" in page
    assert not re.findall(r"\]\((?!https?:)[^)]*\)", page), "a link that leads nowhere there"
