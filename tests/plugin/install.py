"""Installs the plug-in as pip would, without pip: its package, and its metadata beside it."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

HERE = Path(__file__).parent


def install(site: Path) -> None:
    """Put the package and what its pyproject.toml declares into a folder of Python's path."""
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    name, version = project["name"], project["version"]
    package = name.replace("-", "_")
    shutil.copytree(HERE / package, site / package, ignore=shutil.ignore_patterns("__pycache__"))
    lines = []
    for group, points in project.get("entry-points", {}).items():
        lines.append(f"[{group}]")
        lines += [f"{point} = {target}" for point, target in points.items()]
    register(site, name, version, "\n".join(lines) + "\n")


def register(site: Path, name: str, version: str, entry_points: str) -> None:
    """Write the metadata of an installed distribution."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(entry_points)
