"""The register of codes."""

from __future__ import annotations

import pytest

from composer.diagnostics import codes


def test_codes_are_in_ascending_order_and_each_has_a_page() -> None:
    found = codes.codes()
    assert list(found) == sorted(found)
    assert [codes.page(code).code for code in found] == list(found)


def test_a_page_has_a_title_and_its_examples() -> None:
    page = codes.page("CMP201")
    assert page.title == "an unknown key"
    assert page.text.startswith("# CMP201: an unknown key\n")
    assert page.wrong is not None
    assert "prefx: a_" in page.wrong
    assert page.right is not None
    assert "prefix: a_" in page.right


def test_a_page_without_a_spec_that_provokes_it_has_no_examples_to_run() -> None:
    page = codes.page("CMP130")
    assert (page.wrong, page.right) == (None, None)


def test_codes_are_found_in_any_case() -> None:
    assert codes.page(" cmp201 ") is codes.page(" cmp201 ")
    assert codes.page("cmp201").code == "CMP201"


def test_an_unknown_code_has_no_page() -> None:
    with pytest.raises(KeyError):
        codes.page("CMP20")


def test_the_title_of_a_code_without_a_page_is_none() -> None:
    assert codes.title("CMP000") is None
    assert codes.title("CMP105") == "a duplicate key"
