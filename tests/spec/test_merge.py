"""Maps merge, everything else is replaced."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from composer.spec.overlay import merge
from composer.spec.source_text import Place, SourceText
from composer.spec.tree import Entry, ListNode, MapNode, Node, Scalar, plain

SOURCE = SourceText(file="a", text="", directory=Path())
PLACE = Place(SOURCE, 0, 0)


def tree(data: object) -> Node:
    if isinstance(data, dict):
        entries = {key: Entry(PLACE, tree(value)) for key, value in data.items()}
        return MapNode(entries=entries, place=PLACE)
    if isinstance(data, list):
        return ListNode(items=tuple(tree(item) for item in data), place=PLACE)
    return Scalar(value=data, place=PLACE, directory=Path())  # type: ignore[arg-type]


def merged(*layers: object) -> object:
    found = tree(layers[0])
    for layer in layers[1:]:
        found = merge(found, tree(layer))
    return plain(found)


MAPS = st.recursive(
    st.none() | st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


def test_maps_merge_and_lists_are_replaced() -> None:
    assert merged({"a": {"b": 1, "c": [1, 2]}, "d": 1}, {"a": {"c": [3]}, "e": {"f": 1}}) == {
        "a": {"b": 1, "c": [3]},
        "d": 1,
        "e": {"f": 1},
    }


def test_known_keys_keep_their_order_and_new_ones_follow() -> None:
    found = merged({"b": 1, "a": 1}, {"c": 1, "a": 2})
    assert isinstance(found, dict)
    assert list(found) == ["b", "a", "c"]


def test_a_map_and_a_scalar_replace_each_other() -> None:
    assert merged({"a": {"b": 1}}, {"a": 1}) == {"a": 1}
    assert merged({"a": 1}, {"a": {"b": 1}}) == {"a": {"b": 1}}


@given(MAPS)
def test_a_layer_over_itself_changes_nothing(data: object) -> None:
    assert merged(data, data) == data


@given(st.dictionaries(st.sampled_from("abc"), MAPS))
def test_the_empty_map_is_neutral(data: object) -> None:
    assert merged(data, {}) == data
    assert merged({}, data) == data


@given(
    *[
        st.dictionaries(
            st.sampled_from("abc"),
            st.integers() | st.dictionaries(st.sampled_from("xyz"), st.integers()),
        )
    ]
    * 2
)
def test_what_the_upper_layer_sets_holds(lower: dict, upper: dict) -> None:
    found = merged(lower, upper)
    for key, value in upper.items():
        if isinstance(value, dict):
            assert found[key].items() >= value.items()
        else:
            assert found[key] == value
    assert set(found) == set(lower) | set(upper)
