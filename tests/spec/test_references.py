"""References in their short and long form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.spec.model import Reference
from composer.spec.references import (
    is_long_form,
    long_reference,
    parse_reference,
    parse_target,
)
from composer.spec.refused import RefusedError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", Reference(name="a")),
        ("a-b_2", Reference(name="a-b_2")),
        ("a:b", Reference(name="a", layer="b")),
        ("a:b/c:d e", Reference(name="a", layer="b/c:d e")),
        ("a@x:b", Reference(name="a", call="x", layer="b")),
        ("a@x", Reference(name="a", call="x")),
        ("a:b@c", Reference(name="a", layer="b@c")),
        ("a:b#2", Reference(name="a", layer="b", node=2)),
        ("enc:lstm#0.1", Reference(name="enc", layer="lstm", node=0, output=1)),
        ("a#1", Reference(name="a", node=1)),
    ],
)
def test_the_short_form_is_read(text: str, expected: Reference) -> None:
    assert parse_reference(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        " a",
        "a ",
        "a: b",
        "a:",
        ":a",
        "a@",
        "a@:b",
        "1a",
        "a.b",
        "a/b",
        "a#",
        "a#x",
        "a:b#1.",
        "a:b#1.x",
        "a:b#c#0",
        "ä",
        "a@b@c",
        "a\n",
        "a#1234567",
    ],
)
def test_what_is_no_reference_is_refused_with_advice(text: str) -> None:
    with pytest.raises(RefusedError) as caught:
        parse_reference(text)
    assert caught.value.help


def test_a_slash_or_dot_in_the_place_of_a_colon_is_told() -> None:
    for text in ("tower.conv1", "tower/conv1"):
        with pytest.raises(RefusedError) as caught:
            parse_reference(text)
        assert caught.value.help == "a layer of a source is written tower:conv1"


IDS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,5}", fullmatch=True)


@given(
    IDS,
    st.none() | IDS,
    st.none() | st.from_regex(r"[a-z/:@.]{1,8}", fullmatch=True),
    st.none() | st.integers(0, 99),
    st.none() | st.integers(0, 99),
)
def test_a_reference_written_as_text_reads_as_itself(name, call, layer, node, output) -> None:
    if node is None:
        output = None
    reference = Reference(name=name, call=call, layer=layer, node=node, output=output)
    assert parse_reference(str(reference)) == reference


def test_the_long_form_spells_any_name() -> None:
    data = {"source": "a", "call": "x", "layer": "b#0", "node": 1, "output": 2}
    assert is_long_form(data)
    assert long_reference(data, ("outputs",)) == Reference(
        name="a", call="x", layer="b#0", node=1, output=2, path=("outputs",)
    )


@pytest.mark.parametrize(
    "data", [{"source": {"source": "a"}}, {"source": "a", "query": "b"}, {"layer": "a"}, "a", {}]
)
def test_other_maps_are_no_reference(data: object) -> None:
    assert not is_long_form(data)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("old", ("old", None, None)),
        ("old#1", ("old", 1, None)),
        ("old#1.0", ("old", 1, 0)),
        ("a/b:c", ("a/b:c", None, None)),
        ("a#b", ("a#b", None, None)),
        ("a#b#2", ("a#b", 2, None)),
        ("", ("", None, None)),
    ],
)
def test_the_target_of_a_wire_may_name_a_call(text: str, expected: object) -> None:
    assert parse_target(text) == expected
