"""Every code has a page, every page's examples do what the page says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import composer
from composer.diagnostics.codes import codes, page
from composer.spec import spec_from_text

PACKAGE = Path(composer.__file__).parent
PAGE_FILES = Path(__file__).parent / "page_files"


def _codes_of_reading(text: str) -> set[str]:
    """Return the codes that reading a spec gives; ``base.yaml`` stands beside it."""
    _, found = spec_from_text(text, file="spec.yaml", directory=PAGE_FILES)
    return {diagnostic.code for diagnostic in found}


# By the first digit of a code: what runs a page's examples. Codes of later stages need models
# and are run where these are at hand.
CHECKS: dict[str, Callable[[str], set[str]]] = {"1": _codes_of_reading, "2": _codes_of_reading}

RUNNABLE = [code for code in codes() if code[3] in CHECKS and page(code).wrong is not None]
# What the text of one spec can't show: the command line, and specs that start from others.
PROSE_ONLY = ["CMP113", "CMP114", "CMP116", "CMP117", "CMP118", "CMP119", "CMP130", "CMP131"]


@pytest.mark.parametrize("code", RUNNABLE)
def test_the_wrong_example_gives_the_code_and_the_right_one_does_not(code: str) -> None:
    found = page(code)
    assert found.wrong is not None
    assert found.right is not None
    check = CHECKS[code[3]]
    assert check(found.wrong) == {code}
    assert check(found.right) == set()


def test_only_what_no_spec_shows_has_no_example_to_run() -> None:
    prose = [code for code in codes() if code[3] in CHECKS and code not in RUNNABLE]
    assert prose == PROSE_ONLY


@pytest.mark.parametrize("code", codes())
def test_a_page_says_what_the_code_means_and_shows_an_example(code: str) -> None:
    text = page(code).text
    meaning = text.split("\n", 1)[1].split("\n## ", 1)[0]
    assert len(meaning.split()) >= 12
    assert ("## Wrong" in text and "## Right" in text) or "## Example" in text


def test_every_code_in_the_package_has_a_page_and_every_page_a_use() -> None:
    used = {
        code
        for file in PACKAGE.rglob("*.py")
        for code in re.findall(r"[\"'](CMP[0-9]{3})[\"'.]", file.read_text(encoding="utf-8"))
    }
    assert used == set(codes())
