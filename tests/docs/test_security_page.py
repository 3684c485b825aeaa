"""The page on security names tests, codes and variables that there are."""

from __future__ import annotations

import re

from composer.diagnostics.codes import codes
from tests.docs.pages import ROOT

TEXT = (ROOT / "docs/security.md").read_text(encoding="utf-8")


def test_every_test_that_a_promise_names_is_there() -> None:
    named = set(re.findall(r"tests/[\w/]+\.py", TEXT))
    assert len(named) >= 12
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_every_test_of_the_room_is_named() -> None:
    found = {path.name for path in (ROOT / "tests/security").glob("test_*.py")}
    assert found - {"test_weights.py"} <= set(re.findall(r"test_\w+\.py", TEXT))


def test_every_code_has_a_page() -> None:
    assert set(re.findall(r"CMP[0-9]{3}", TEXT)) <= set(codes())


def test_every_variable_is_one_that_is_read() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "composer").rglob("*.py"))
    for name in set(re.findall(r"COMPOSE_[A-Z_]+", TEXT)):
        assert f'"{name}"' in sources, name
