"""A selector that matches nothing is told what it could have meant."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from composer.model_files.read_model import read_model
from composer.resolver.dead_selectors import where_inside, why_dead
from composer.spec.selectors import parse_selector

FIRST = (
    "'inner/first' lies inside a nested model ('inner'); flatten: true on the source opens it, "
    "and its layers go by these names"
)
BOTH = FIRST.replace("'inner/first' lies", "'inner/first', 'inner/second' lie")
WHOLE = "a regular expression has to match the whole name; {regex: "


@pytest.fixture
def operations(models: Path):
    graph = read_model(models / "nested.keras").graph
    return {operation.name: operation for operation in graph.operations}


@pytest.mark.parametrize(
    ("selector", "told"),
    [
        ("first", FIRST),
        ("fir*", FIRST),
        ({"upto": "first"}, FIRST),
        ({"from": "features", "to": "first"}, FIRST),
        ({"regex": "(first|second)"}, BOTH),
        ({"regex": "inner/.*"}, BOTH),
        ({"regex": "core|eature"}, f"{WHOLE}.*(?:core|eature).*}} matches 'features', 'scores'"),
        ({"regex": "core"}, f"{WHOLE}.*core.*}} matches 'scores'"),
        ("class: Dense", "a selector by class is a map: {class: Dense}"),
        ("regex:a.*", "a selector by regex is a map: {regex: a.*}"),
        ("firts", None),
        ({"class": "Conv2D"}, None),
        ({"regex": "nothing"}, None),
    ],
)
def test_help_says_what_is_meant(operations, selector, told) -> None:
    assert why_dead(parse_selector(selector), operations) == told


def test_a_path_into_a_nested_model_is_told_as_before(operations) -> None:
    told = why_dead(parse_selector("inner/fir*"), operations)
    assert told == "'inner' is a nested model; flatten: true on the source opens it"


def test_a_class_that_is_inside_alone_is_told_with_its_places(operations) -> None:
    del operations["scores"]
    assert why_dead(parse_selector({"class": "Dense"}), operations) == BOTH


def test_the_regular_expression_that_help_gives_matches(operations) -> None:
    told = str(why_dead(parse_selector({"regex": "core|eature"}), operations))
    given = parse_selector({"regex": told.split("{regex: ")[1].split("}", maxsplit=1)[0]})
    assert [name for name in operations if re.fullmatch(given.pattern, name)] == [
        "features", "scores"
    ]  # fmt: skip


def test_a_reference_to_a_layer_inside_says_where_it_is(operations) -> None:
    assert where_inside("first", operations) == FIRST
    assert where_inside("irst", operations) is None
