"""Suggestions of known words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from composer.diagnostics.suggest import did_you_mean, nearest

KEYS = ("from", "prefix", "suffix", "include", "exclude", "trainable")


def test_one_typing_error_is_seen_through() -> None:
    assert nearest("prefx", KEYS)[0] == "prefix"
    assert nearest("exlude", KEYS)[0] == "exclude"
    assert nearest("form", KEYS)[0] == "from"


def test_case_does_not_matter() -> None:
    assert nearest("PREFIX", KEYS)[0] == "prefix"


def test_a_part_of_a_name_is_near_to_the_whole() -> None:
    assert "conv5_block1_out" in nearest("conv5", ["conv5_block1_out", "fc"])


def test_what_has_nothing_in_common_is_not_suggested() -> None:
    assert nearest("wobble", KEYS) == ()
    assert did_you_mean("wobble", KEYS) is None
    assert nearest("m", ["n"]) == ()


def test_the_question_names_one_or_several() -> None:
    assert did_you_mean("prefx", ["prefix"]) == "did you mean 'prefix'?"
    assert did_you_mean("abc1", ["abc2", "abc3"]) == "did you mean 'abc2' or 'abc3'?"


def test_among_equals_the_order_given_decides() -> None:
    assert nearest("layer_x", ["layer_b", "layer_a", "layer_b"]) == ("layer_b", "layer_a")


@given(st.text(max_size=20), st.lists(st.text(max_size=20), max_size=10), st.integers(0, 4))
def test_suggestions_are_candidates_and_never_more_than_asked(word, candidates, limit) -> None:
    found = nearest(word, candidates, limit)
    assert len(found) <= limit
    assert set(found) <= set(candidates)


@given(st.text(min_size=1, max_size=20))
def test_a_known_word_is_nearest_to_itself(word) -> None:
    assert nearest(word, ["x y z", word])[0] == word
