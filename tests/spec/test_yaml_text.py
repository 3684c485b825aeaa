"""YAML text to a tree."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.diagnostics import Diagnostic
from composer.spec.limits import MAX_ALIASES, MAX_BYTES, MAX_DEPTH, MAX_NODES
from composer.spec.positions import TreePositions
from composer.spec.source_text import SourceText
from composer.spec.tree import Node, plain
from composer.spec.yaml_scalars import quoted
from composer.spec.yaml_text import decode, parse


def read(text: str) -> tuple[Node | None, list[Diagnostic]]:
    return parse(SourceText(file="a.yaml", text=text, directory=Path("specs")))


def value(text: str) -> object:
    node, found = read(f"x: {text}\n")
    assert found == []
    assert node is not None
    return plain(node)["x"]


def codes(text: str) -> list[str]:
    return [item.code for item in read(text)[1]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("012", "012"),
        ("-01", "-01"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2026-01-02", "2026-01-02"),
        ("0b1", "0b1"),
        ("=", "="),
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("nULL", "nULL"),
        ("true", True),
        ("FALSE", False),
        ("tRUE", "tRUE"),
        ("0", 0),
        ("-7", -7),
        ("+7", 7),
        ("0o14", 12),
        ("0x1F", 31),
        ("18446744073709551615", 2**64 - 1),
        ("1.5", 1.5),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-1.5E-3", -0.0015),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("'1'", "1"),
        ('"true"', "true"),
        ("???", "???"),
        ("${vars.x}", "${vars.x}"),
        ("src@left:layer#0.1", "src@left:layer#0.1"),
    ],
)
def test_plain_scalars_follow_yaml_1_2(text: str, expected: object) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


def test_not_a_number_is_read() -> None:
    found = value(".nan")
    assert isinstance(found, float)
    assert math.isnan(found)


@pytest.mark.parametrize("text", ["1" * 30, "-9223372036854775809", "0x" + "f" * 5000, "1e999"])
def test_a_number_that_would_lose_digits_is_refused(text: str) -> None:
    assert codes(f"x: {text}") == ["CMP102"]


def test_keys_are_always_text() -> None:
    node, found = read("1: a\nnull: b\ntrue: c\n012: d\n1.0: e\n")
    assert found == []
    assert node is not None
    assert plain(node) == {"1": "a", "null": "b", "true": "c", "012": "d", "1.0": "e"}


def test_positions_of_keys_and_values_are_kept() -> None:
    node, _ = read("a:\n  - b: [1, two]\n    c: |\n      text\n")
    assert node is not None
    positions = TreePositions(node)
    key, two = positions.key(("a", 0, "b")), positions.value(("a", 0, "b", 1))
    assert key is not None
    assert two is not None
    assert (key.line, key.column, key.end_column) == (2, 5, 6)
    assert (two.line, two.column, two.end_column) == (2, 12, 15)
    assert two.text == ("  - b: [1, two]",)
    block = positions.value(("a", 0, "c"))
    assert block is not None
    assert (block.line, block.end_line) == (3, 4)


def test_a_missing_place_is_that_of_the_nearest_ancestor() -> None:
    node, _ = read("a: {b: 1}\n")
    assert node is not None
    positions = TreePositions(node)
    assert positions.value(("a", "x", "y")) == positions.value(("a",))
    assert positions.key(("a", "x", "y")) == positions.value(("a",))
    assert positions.key(("a", "x")) == positions.value(("a",))


def test_columns_count_characters_and_windows_line_ends_are_no_part_of_a_line() -> None:
    node, _ = read("é: 漢字\r\nb: x\r\n")
    assert node is not None
    positions = TreePositions(node)
    first, second = positions.value(("é",)), positions.value(("b",))
    assert first is not None
    assert second is not None
    assert (first.column, first.end_column, first.text) == (4, 6, ("é: 漢字",))
    assert (second.line, second.column) == (2, 4)


def test_all_problems_of_a_text_that_can_be_read_are_told() -> None:
    text = "a: 1\na: 2\nb: !x 1\nc: {vars.x}\n? [k]\n: 1\n<<: {}\nd: " + "9" * 30
    assert codes(text) == ["CMP105", "CMP107", "CMP111", "CMP110", "CMP109", "CMP102"]


def test_a_broken_value_does_not_take_the_rest_with_it() -> None:
    node, found = read("a: !x 1\nb: 2\n")
    assert len(found) == 1
    assert node is not None
    assert plain(node) == {"a": None, "b": 2}


def test_an_alias_takes_the_value_and_remembers_the_anchor() -> None:
    node, found = read("a: &n {k: [1]}\nb: *n\n")
    assert found == []
    assert node is not None
    assert plain(node)["b"] == {"k": [1]}
    positions = TreePositions(node)
    place = positions.value(("b",))
    assert place is not None
    assert (place.line, place.column) == (2, 4)
    (origin,) = positions.origins(("b", "k", 0))
    assert origin.message == "through *n, set here"
    assert origin.span is not None
    assert origin.span.line == 1


def test_an_alias_bomb_is_refused_without_being_written_out() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert codes("\n".join(lines)) == ["CMP102"]


def test_the_number_of_aliases_and_their_depth_are_bounded() -> None:
    aliases = ", ".join(["*a"] * (MAX_ALIASES + 1))
    assert codes(f"a: &a 1\nb: [{aliases}]") == ["CMP108"]
    deep = "\n".join(f"a{n}: &a{n} [[*a{n - 1}]]" for n in range(1, 40))
    assert codes(f"a0: &a0 x\n{deep}") == ["CMP102"]


@pytest.mark.parametrize(
    "text",
    [
        "x: " + "[" * 100_000,
        "x: " + "{a: " * 50_000,
        "- " * 100_000 + "x",
        "? " * 50_000,
        "x: " + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
    ],
    ids=["lists", "maps", "block", "keys", "just too deep"],
)
def test_deep_nesting_is_refused(text: str) -> None:
    assert "CMP102" in codes(text)


def test_what_is_as_deep_as_allowed_is_read() -> None:
    depth = MAX_DEPTH - 2
    assert codes("x: " + "[" * depth + "1" + "]" * depth) == []


def test_a_huge_text_is_refused() -> None:
    assert codes("x: " + "a" * MAX_BYTES) == ["CMP102"]
    assert codes("x: [" + "1," * (MAX_NODES + 1) + "]") == ["CMP102"]


def test_bytes_that_are_not_utf8_are_located() -> None:
    source, found = decode(b"a: 1\nb: x\xff\n", file="a.yaml", directory=Path())
    (diagnostic,) = found
    assert diagnostic.code == "CMP101"
    assert diagnostic.span is not None
    assert (diagnostic.span.line, diagnostic.span.column) == (2, 5)
    assert source.file == "a.yaml"


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    source, found = decode(b"\xef\xbb\xbfa: 1\n", file="a.yaml", directory=Path())
    assert found == []
    assert source.text == "a: 1\n"


@pytest.mark.parametrize("char", ["\x00", "\x1b", "\x85", "\u2028", "\ud800", "\ufeff", "\x7f"])
def test_characters_that_hide_or_break_lines_are_refused(char: str) -> None:
    assert codes(f"a: b{char}c") == ["CMP101"]


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("a: *", '"*"'),
        ("a: [*, b]", '"*"'),
        ("a: [b, *x*/y]", '"*x*/y"'),
        ("a: *x", '"*x"'),
        ("a: {vars.x}_y", '"${vars.x}_y"'),
        ("a: {vars.x}", '"${vars.x}"'),
        ("a: [${vars.x}]", '"${vars.x}"'),
        ("a: {b: p_${vars.x}/${vars.y}, c: d}", '"p_${vars.x}/${vars.y}"'),
        ("a: [s:x[0], y]", '"s:x[0]"'),
        ("a: [x]y", '"[x]y"'),
        ("a: @x", '"@x"'),
        ("a: %x", '"%x"'),
        ("a: `x`", '"`x`"'),
        ("a: &", '"&"'),
        ("a: >x", '">x"'),
        ("a: b c: d # note", '"b c: d"'),
    ],
)
def test_what_yaml_misreads_is_told_with_the_quoted_form(text: str, needed: str) -> None:
    (found,) = read(text)[1]
    assert found.code == "CMP111"
    assert found.help == f"write {needed}"
    (edit,) = found.fix
    start, end = edit.span.column - 1, edit.span.end_column - 1
    repaired = text[:start] + edit.replacement + text[end:]
    assert codes(repaired) == []


def test_a_word_in_braces_leaves_what_was_meant_to_the_user() -> None:
    (found,) = read("a: {x}")[1]
    assert found.help == 'write "{x}" for text, {x: VALUE} for a map, [x] for a list'
    assert found.fix == ()


def test_a_call_number_read_as_a_comment_is_warned_of() -> None:
    (found,) = read("a: enc:lstm #0.1\n")[1]
    assert (found.code, found.severity) == ("CMP112", "warning")
    assert codes("a: enc:lstm # 0.1 and more\n") == []
    assert codes("a: 5 #1\n") == []


def test_an_empty_text_is_no_value_and_no_problem() -> None:
    assert read("") == (None, [])
    assert read("# only a comment\n") == (None, [])


@given(st.text())
def test_any_text_gives_a_tree_or_diagnostics(text: str) -> None:
    node, found = read(text)
    for item in found:
        assert item.span is not None
        assert item.code.startswith("CMP1")
    assert found or node is None or plain(node) == plain(node) or "nan" in text.lower()


@given(st.text(alphabet="ab:-[]{},#&*!|>'\"%@`? \n\t${}.<~01\\", max_size=60))
def test_any_yaml_like_text_gives_a_tree_or_diagnostics(text: str) -> None:
    for item in read(text)[1]:
        assert item.span is not None


@given(
    st.text(
        st.characters(
            exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="\ufeff\uffff\ufffe"
        )
    )
)
def test_quoted_text_comes_back_as_it_went_in(text: str) -> None:
    assert value(quoted(text)) == text


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=10)
)


def written(data: object) -> str:
    """Return plain data as YAML in flow style."""
    if isinstance(data, dict):
        return "{" + ", ".join(f"{quoted(k)}: {written(v)}" for k, v in data.items()) + "}"
    if isinstance(data, list):
        return "[" + ", ".join(written(item) for item in data) + "]"
    if isinstance(data, str):
        return quoted(data)
    if isinstance(data, float) and math.isinf(data):
        return ".inf" if data > 0 else "-.inf"
    return (
        {None: "null", True: "true", False: "false"}[data]
        if data is None or isinstance(data, bool)
        else repr(data)
    )


DATA = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=6),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(DATA)
def test_data_written_as_yaml_comes_back(data: object) -> None:
    assert value(written(data)) == data
