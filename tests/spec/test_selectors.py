"""Selectors."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from composer.spec.model import Selector
from composer.spec.refused import RefusedError
from composer.spec.selectors import (
    check_replacement,
    glob_pattern,
    parse_selector,
    regex_pattern,
)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("conv*", Selector(kind="glob", pattern="conv*")),
        ({"regex": "a+"}, Selector(kind="regex", pattern="a+")),
        ({"class": "Dropout"}, Selector(kind="class", pattern="Dropout")),
        ({"from": "a", "to": "b"}, Selector(kind="between", pattern="a", to="b")),
        ({"upto": "a"}, Selector(kind="upto", pattern="a")),
        ({"after": "a"}, Selector(kind="after", pattern="a")),
    ],
)
def test_every_form_is_read(data, expected: Selector) -> None:
    assert parse_selector(data) == expected


@pytest.mark.parametrize(
    ("glob", "matching", "other"),
    [
        ("conv1", ["conv1"], ["conv12", "xconv1"]),
        ("conv*", ["conv", "conv5_out"], ["conv/a", "a_conv"]),
        ("**", ["", "a", "a/b"], []),
        ("a/**", ["a/b", "a/b/c"], ["a", "b/a"]),
        ("**/b", ["a/b", "a/c/b"], ["b"]),
        ("a?c", ["abc"], ["a/c", "ac"]),
        ("b[12]", ["b1", "b2"], ["b3", "b12"]),
        ("b[!12]", ["b3"], ["b1"]),
        ("b[a-c]", ["bb"], ["bd"]),
        ("a.b", ["a.b"], ["axb"]),
        ("x[]]", ["x]"], ["x"]),
        ("é*", ["éa"], ["ea"]),
    ],
)
def test_globs_match_whole_names(glob: str, matching: list[str], other: list[str]) -> None:
    pattern = glob_pattern(glob)
    assert [name for name in (*matching, *other) if pattern.fullmatch(name)] == matching


@pytest.mark.parametrize("glob", ["a[", "a[!", "[z-a]"])
def test_a_glob_that_can_not_be_read_is_refused(glob: str) -> None:
    with pytest.raises(RefusedError, match="glob"):
        parse_selector(glob)


def test_many_stars_do_not_make_a_match_slow() -> None:
    assert glob_pattern("*" * 500 + "b").fullmatch("a" * 2000) is None


@given(st.text(st.characters(exclude_characters="*?["), max_size=20))
def test_a_name_without_wildcards_matches_itself_only(name: str) -> None:
    pattern = glob_pattern(name)
    assert pattern.fullmatch(name)
    assert not pattern.fullmatch(name + "x")


@given(st.text(max_size=20))
def test_any_text_is_a_glob_or_refused(text: str) -> None:
    try:
        glob_pattern(text)
    except RefusedError as error:
        assert "[" in text
        assert error.message


@given(st.text(alphabet="ab[]-^\\&|~!*?", max_size=12), st.text(alphabet="ab[]-^", max_size=6))
@example("[?--]", "-")
def test_a_set_never_reads_as_another_construct(text: str, name: str) -> None:
    try:
        pattern = glob_pattern(text)
    except RefusedError:
        return
    pattern.fullmatch(name)


def test_a_regular_expression_that_can_not_be_compiled_is_refused() -> None:
    with pytest.raises(RefusedError, match="'\\(' is not a valid regular expression"):
        regex_pattern("(")


def test_a_replacement_may_only_name_groups_that_exist() -> None:
    check_replacement("a(b)", r"\1\g<0>x")
    for to in (r"\2", r"\g<name>", r"\q"):
        with pytest.raises(RefusedError, match="can't replace"):
            check_replacement("a(b)", to)
