"""Keys of data: another value or another order has another key, the same data never has."""

from __future__ import annotations

from itertools import combinations

import pytest

from composer.files.keys import key_of

DIFFERENT = [
    1, 1.0, True, "1", None, [1], [[1]], {"1": 1}, {}, [], "", "é", "\udce9", ["a", "b"], ["ab"],
    {"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": {"b": 2}}, float("inf"), 2**60, 2**60 + 1,
]  # fmt: skip


def test_different_data_has_different_keys() -> None:
    for one, other in combinations(DIFFERENT, 2):
        assert key_of(one) != key_of(other), (one, other)


def test_where_order_has_no_meaning_it_makes_no_difference() -> None:
    one, other = {"a": {"x": 1, "y": 2}, "b": 2}, {"b": 2, "a": {"y": 2, "x": 1}}
    assert key_of(one) != key_of(other)
    assert key_of(one, any_order=True) == key_of(other, any_order=True)
    assert key_of(["a", "b"], any_order=True) != key_of(["b", "a"], any_order=True)


@pytest.mark.parametrize("value", [("a", 1), {"a": ("b",)}])
def test_a_tuple_is_a_list(value: object) -> None:
    assert key_of(value) == key_of(["a", 1] if isinstance(value, tuple) else {"a": ["b"]})
