"""Overrides from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.diagnostics import Diagnostic
from composer.spec.overlay import merge
from composer.spec.overrides import apply
from composer.spec.positions import TreePositions
from composer.spec.source_text import SourceText
from composer.spec.tree import path_text, plain
from composer.spec.yaml_text import parse

BASE = 'vars: {n: 5, m: {a: 1, b: 2}, l: [1, 2], "x.y": 3}\nlayers: {drop: {}, keep: {}}\n'


def root(text: str = BASE):
    node, found = parse(SourceText(file="a.yaml", text=text, directory=Path("specs")))
    assert node is not None
    assert found == []
    return node


def changed(*overrides: str) -> dict:
    node, found = apply(root(), overrides)
    assert found == []
    return plain(node)


def refused(override: str) -> Diagnostic:
    node, found = apply(root(), [override])
    assert plain(node) == plain(root())
    (diagnostic,) = found
    assert diagnostic.span is not None
    assert diagnostic.span.file == "<command line>"
    assert diagnostic.span.text == (override,)
    return diagnostic


def test_an_existing_value_is_set() -> None:
    assert changed("vars.n=7")["vars"]["n"] == 7


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[a, {b: c}]", ["a", {"b": "c"}]),
        ("on", "on"),
        ('"5"', "5"),
        ("", None),
        ("${vars.m}", "${vars.m}"),
        ("a=b", "a=b"),
        ("x: y", {"x": "y"}),
    ],
)
def test_values_are_yaml(text: str, value: object) -> None:
    assert changed(f"vars.n={text}")["vars"]["n"] == value


def test_a_map_merges_and_a_list_is_replaced() -> None:
    found = changed("vars.m={b: 3, c: 4}", "vars.l=[9]")
    assert found["vars"]["m"] == {"a": 1, "b": 3, "c": 4}
    assert found["vars"]["l"] == [9]


def test_plus_adds_with_all_that_lies_between() -> None:
    assert changed("+sources.b.trainable=true")["sources"] == {"b": {"trainable": True}}


def test_tilde_deletes() -> None:
    assert changed("~layers.drop")["layers"] == {"keep": {}}


def test_keys_with_dots_stand_in_brackets() -> None:
    assert changed('vars["x.y"]=4')["vars"]["x.y"] == 4
    assert changed("+vars['a b']=4")["vars"]["a b"] == 4
    assert changed(r'+vars["a\"b"]=4')["vars"]['a"b'] == 4


def test_items_of_lists_are_set_added_and_deleted() -> None:
    assert changed("vars.l[0]=9")["vars"]["l"] == [9, 2]
    assert changed("vars.l.1=9")["vars"]["l"] == [1, 9]
    assert changed("+vars.l[2]=9")["vars"]["l"] == [1, 2, 9]
    assert changed("~vars.l[0]")["vars"]["l"] == [2]


def test_overrides_apply_in_order() -> None:
    assert changed("vars.n=1", "vars.n=2", "~vars.n", "+vars.n=3")["vars"]["n"] == 3


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("foo", 4),
        ("=3", 1),
        ("a..b=1", 3),
        ("a.=1", 3),
        ("~a=1", 3),
        ('a["b=1', 2),
        ("++a=1", 2),
        ("", 1),
        ("a b=1", 2),
    ],
)
def test_a_malformed_override_is_located(text: str, column: int) -> None:
    found = refused(text)
    assert found.code == "CMP130"
    assert found.span is not None
    assert found.span.column == column


def test_setting_what_does_not_exist_is_refused_with_a_suggestion() -> None:
    assert refused("vars.N=1").help == "did you mean 'vars.n'?"
    assert refused("vars.other=1").help == "to add it: +vars.other=1"


@pytest.mark.parametrize(
    "text", ["+vars.n=1", "~vars.q", "vars.n.x=1", "vars.l[2]=1", "+vars.l[3]=1", "+vars.l.x=1"]
)
def test_what_does_not_fit_is_refused(text: str) -> None:
    assert refused(text).code == "CMP131"


@pytest.mark.parametrize("text", ["extends=a.yaml", "+extends=a.yaml", "~extends"])
def test_extends_can_not_be_changed(text: str) -> None:
    assert "read before overrides" in refused(text).message


def test_problems_in_a_value_are_located_in_the_override() -> None:
    found = refused("vars.n=[a, *b]")
    assert found.code == "CMP111"
    assert found.span is not None
    assert found.span.column == 12


def test_a_replaced_value_is_remembered() -> None:
    node, _ = apply(root(), ["vars.m={a: 9}"])
    positions = TreePositions(node)
    place = positions.value(("vars", "m", "a"))
    assert place is not None
    assert (place.file, place.column) == ("<command line>", 12)
    (origin,) = positions.origins(("vars", "m", "a"))
    assert origin.message == "it replaces the value set here"
    assert origin.span is not None
    assert (origin.span.file, origin.span.line) == ("a.yaml", 1)


def test_paths_in_overrides_belong_to_where_the_command_runs() -> None:
    node, _ = apply(root(), ["vars.n=x.keras"])
    found = node.entries["vars"].node.entries["n"].node  # type: ignore[union-attr]
    assert found.directory == Path()


@given(
    st.sampled_from([("vars", "n"), ("vars", "m"), ("vars", "l"), ("vars", "x.y"), ("layers",)]),
    st.sampled_from(["1", "{a: 5, z: 6}", "[1]", "null"]),
)
def test_setting_is_merging_a_map_of_one_key(path: tuple[str, ...], text: str) -> None:
    layer = text
    for key in reversed(path):
        layer = f'{{"{key}": {layer}}}'
    assert changed(f"{path_text(path)}={text}") == plain(merge(root(), root(layer)))


@given(st.text(max_size=30))
def test_any_override_is_applied_or_refused(text: str) -> None:
    node, found = apply(root(), [text])
    assert found or plain(node) != plain(root()) or "=" in text


@given(st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=3))
def test_any_path_can_be_written_and_read_back(path: list[str]) -> None:
    node, found = apply(root("{}"), [f"+{path_text(tuple(path))}=1"])
    if path[0] == "extends":
        return
    assert found == []
    data = plain(node)
    for key in path:
        data = data[key]
    assert data == 1
