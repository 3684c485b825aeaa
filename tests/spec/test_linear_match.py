"""Patterns are matched in proportion to their length and the name's, as Python matches them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from composer.spec import linear_match, pattern_program
from composer.spec.linear_match import Pattern, TooCostlyError, pattern
from composer.spec.refused import RefusedError
from composer.spec.selectors import glob_pattern, regex_pattern

ATOMS = st.sampled_from(
    ["a", "b", ".", "[ab]", "[^a]", r"\d", r"\w", "1", "_", "^", "$", r"\b", r"\B", "(?=a)", "(?!b)",
     "(?<=a)", "(?<!1)", "(?i:A)"]
)  # fmt: skip
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.tuples(inner, inner).map(lambda two: f"(?:{two[0]}|{two[1]})"),
        inner.map(lambda one: f"({one})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "*?", "+?", "??"])).map(
            lambda two: f"(?:{two[0]}){two[1]}"
        ),
    ),
    max_leaves=8,
)
NAMES = st.text(alphabet="ab1_A/é\n", max_size=8)


def on_the_machine(text: str, flags: int = 0) -> Pattern | None:
    """Return a pattern that never asks Python's engine; None for one that is refused."""
    try:
        found = pattern(text, flags)
        found.machine()
    except TooCostlyError:
        return None
    return found


@settings(max_examples=400, deadline=None)
@given(PATTERNS, NAMES)
def test_the_machine_finds_what_python_finds(text: str, name: str) -> None:
    found = on_the_machine(text)
    if found is None:
        return
    python = re.compile(text)
    for mine, theirs in (
        (found._run(name, (0,), whole=True), python.fullmatch(name)),
        (found._run(name, range(len(name) + 1), whole=False), python.search(name)),
    ):
        assert (mine is None) == (theirs is None)
        if mine is not None:
            assert (mine.start, mine.end) == theirs.span()
            groups = [theirs.span(number + 1) for number in range(python.groups)]
            assert [span or (-1, -1) for span in mine.groups] == groups


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab*?/[]!-", max_size=10), st.text(alphabet="ab/-*", max_size=8))
def test_globs_match_on_the_machine_as_in_python(glob: str, name: str) -> None:
    try:
        found = glob_pattern(glob)
    except RefusedError:
        return
    mine = found._run(name, (0,), whole=True)
    assert (mine is None) == (re.compile(found.text, re.DOTALL).fullmatch(name) is None)


@pytest.mark.parametrize(
    "make",
    [
        lambda: regex_pattern("(a+)+$"),
        lambda: regex_pattern("(a|aa)+b"),
        lambda: regex_pattern("(?:a?){40}(?:a?)*b"),
        lambda: regex_pattern("(x+x+)+y|(a|a|a)*b"),
        lambda: regex_pattern("(?!(?:a+)+b).*c"),
        lambda: glob_pattern("*a" * 20 + "*b"),
        lambda: glob_pattern("**a" * 20 + "**b"),
        lambda: glob_pattern("*a**a" * 10 + "b"),
    ],
)
def test_steps_grow_with_the_length_of_the_name(make) -> None:
    steps = []
    for length in (100, 200, 400):
        pattern.cache_clear()
        found = make()
        found.fullmatch("a" * length)
        steps.append(found.steps)
        assert found.steps <= len(found.machine().program) * (length + 1)
    assert steps[2] - steps[1] <= 2.2 * (steps[1] - steps[0]) + 10


def test_few_ways_are_left_to_python() -> None:
    found = pattern("conv[0-9]+_.*")
    assert found.fullmatch("conv5_block1_out")
    assert found.steps == 0


@pytest.mark.parametrize(
    ("text", "template", "name", "expected"),
    [
        ("a|ab", r"x\g<0>", "ab", "xab"),  # the whole name counts, not the first way
        (r"(?P<block>b\d+)_(.*)", r"\2_\g<block>", "b12_conv", "conv_b12"),
        ("(?:(a)|b)+", r"[\1]", "bb", "[]"),
        ("(a|aa)+(b?)", r"\1-\2", "a" * 60, "a-"),
        (r"(.*)/(.*)/(.*)", r"\1_\2_\3", "a/b\n/c", None),
        ("((a)b)+", r"\1\2", "abab", "aba"),
    ],
)
def test_templates_are_filled_in(text: str, template: str, name: str, expected: str | None) -> None:
    assert pattern(text).expand(template, name) == expected


@pytest.mark.parametrize(
    "text",
    [r"(a+)\1+b", "(a)?(?(1)b|c)*", "(?>a+)+b", "(a*)*b", "(?:(?:a{70}){70}){70}b", "(?=(a+)+)*b"],
)
def test_what_has_no_bound_is_refused(text: str) -> None:
    with pytest.raises(RefusedError) as refused:
        regex_pattern(text)
    assert refused.value.code == "CMP115"


def test_a_pattern_and_a_name_that_are_too_large_together_are_refused() -> None:
    found = pattern("(?:ab|a)*c" * 3)
    with pytest.raises(TooCostlyError):
        found.fullmatch("a" * pattern_program.MOST_STEPS)


def test_no_advice_of_python_on_patterns_reaches_the_terminal(recwarn) -> None:
    linear_match.pattern("[[a]")
    assert not recwarn.list
