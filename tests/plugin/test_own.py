"""What compose registers itself is what its pyproject.toml says."""

from __future__ import annotations

import tomllib
from pathlib import Path

from composer.plugins.own_entry_points import OWN_ENTRY_POINTS


def test_our_own_entry_points_are_those_of_the_package() -> None:
    file = Path(__file__).parents[2] / "pyproject.toml"
    assert tomllib.loads(file.read_text())["project"]["entry-points"] == OWN_ENTRY_POINTS
