"""Installs a plug-in as pip would, without pip: its package, and its metadata beside it.

As a program it takes pip's words, ``install FOLDER``, and installs into :data:`SITE` of the current
folder.
"""

from __future__ import annotations

import shutil
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
SITE = ".site"


def install(site: Path, folder: Path = HERE) -> None:
    """Put a package and what its pyproject.toml declares into a folder of Python's path."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    name, version = project["name"], project["version"]
    package = name.replace("-", "_")
    shutil.copytree(folder / package, site / package, ignore=shutil.ignore_patterns("__pycache__"))
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


if __name__ == "__main__":
    assert sys.argv[1] == "install"
    Path(SITE).mkdir(exist_ok=True)
    install(Path(SITE), Path(sys.argv[2]))
