"""``${…}``: filled in by OmegaConf, never calling anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from composer.spec.interpolation import interpolate
from composer.spec.limits import MAX_DEPTH
from composer.spec.positions import TreePositions
from composer.spec.source_text import SourceText
from composer.spec.tree import Broken, find, plain
from composer.spec.yaml_scalars import quoted
from composer.spec.yaml_text import parse


def filled(text: str):
    root, found = parse(SourceText(file="a.yaml", text=text, directory=Path("specs")))
    assert root is not None
    assert found == []
    return interpolate(root)


def value(text: str, rest: str = "") -> object:
    node, found = filled(f"x: {text}\n{rest}")
    assert found == []
    return plain(node)["x"]


def codes(text: str) -> list[str]:
    return [item.code for item in filled(text)[1]]


def test_a_value_is_taken_with_its_kind() -> None:
    rest = "vars: {i: 5, f: 1.5, b: true, n: null, l: [1, {a: b}], m: {k: v}, s: text}"
    for key, expected in plain(filled(rest)[0])["vars"].items():
        found = value(f"${{vars.{key}}}", rest)
        assert found == expected
        assert type(found) is type(expected)


def test_text_and_numbers_are_put_into_text() -> None:
    assert value("a_${vars.s}-${vars.i}", "vars: {s: b, i: 5}") == "a_b-5"


@pytest.mark.parametrize("text", ["\\${", "${x}", "\\${a: b}"])
def test_a_text_in_the_place_of_a_spec_is_left_as_it_is(text: str) -> None:
    root, found = filled(f"'{text}'")
    assert (plain(root), found) == (text, [])


def test_lists_are_reached_by_number() -> None:
    assert value("${vars.l.1}${vars.l[0].k}", "vars: {l: [{k: a}, b]}") == "ba"


def test_paths_go_through_values_that_are_interpolated_themselves() -> None:
    assert value("${vars.b.k.z}", "vars: {a: {k: {z: 1}}, b: '${vars.a}'}") == 1


def test_question_marks_are_only_text() -> None:
    assert value("???") == "???"
    assert value("${vars.q}", "vars: {q: '???'}") == "???"
    assert value("a${vars.q}b", "vars: {q: '???'}") == "a???b"


def test_an_escaped_interpolation_is_text() -> None:
    assert value(r"\${vars.x}") == "${vars.x}"
    assert value(r"'\${oc.env:HOME} ${vars.i}'", "vars: {i: 5}") == "${oc.env:HOME} 5"
    assert value(r"\\${vars.i}", "vars: {i: 5}") == r"\5"


def test_keys_are_never_interpolated() -> None:
    node, found = filled("vars: {i: 5}\nx: {'${vars.i}': '${vars.i}'}")
    assert found == []
    assert plain(node)["x"] == {"${vars.i}": 5}


def test_keys_with_dots_do_not_confuse() -> None:
    assert value("${vars.i}", "vars: {i: 5, 'a.b': '${vars.i}'}") == 5


def test_the_value_keeps_its_own_place_and_remembers_the_other() -> None:
    node, _ = filled("vars: {n: 5, m: '${vars.n}'}\nx: ${vars.m}\ny: a${vars.n}\n")
    positions = TreePositions(node)
    place = positions.value(("x",))
    assert place is not None
    assert place.line == 2
    assert [note.message for note in positions.origins(("x",))] == [
        "through ${vars.m}, set here",
        "through ${vars.n}, set here",
    ]
    (origin,) = positions.origins(("y",))
    assert origin.span is not None
    assert (origin.span.line, origin.span.column) == (1, 11)


def test_values_below_an_interpolated_map_remember_how_they_came_there() -> None:
    node, _ = filled("vars: {m: {k: v}}\nx: ${vars.m}\n")
    (origin,) = TreePositions(node).origins(("x", "k"))
    assert origin.message == "through ${vars.m}, set here"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("${vars.y}", "CMP140"),
        ("${vars.n.z}", "CMP140"),
        ("${x}", "CMP141"),
        ("${oc.env:HOME}", "CMP142"),
        ("${ oc.env : HOME }", "CMP142"),
        ("a ${now:%Y}", "CMP142"),
        ("${oc.decode:'1'}", "CMP142"),
        ("${vars.n", "CMP143"),
        ("${}", "CMP143"),
        ("${.vars}", "CMP143"),
        ("${vars.${vars.s}}", "CMP143"),
        ("${vars.${oc.env:HOME}}", "CMP143"),
        ("${vars n}", "CMP143"),
        ("${vars.}", "CMP143"),
        ("a${vars}", "CMP141"),
        ("a${vars.m}", "CMP144"),
        ("a${vars.none}", "CMP144"),
    ],
)
def test_what_can_not_be_filled_in_is_refused(text: str, code: str) -> None:
    rest = (
        "vars: {n: 5, s: n, m: {k: v}, none: null, back: '${x}'}"
        if code == "CMP141"
        else ("vars: {n: 5, s: n, m: {k: v}, none: null}")
    )
    node, found = filled(f"x: {quoted(text)}\n{rest}")
    assert [item.code for item in found] == [code]
    assert isinstance(find(node, ("x",)), Broken)
    assert found[0].span is not None


def test_a_circle_is_told_once_with_every_step() -> None:
    _, (found,) = filled("a: ${b}\nb: ${c}\nc: ${a}\nd: ${a}\n")
    assert found.code == "CMP141"
    assert len(found.notes) == 2


def test_what_depends_on_a_broken_value_is_not_told_again() -> None:
    node, found = filled("a: ${nothing}\nb: ${a}\nc: x${b}\nd: ${vars.k}\nvars: {k: 1}\n")
    assert [item.code for item in found] == ["CMP140"]
    assert plain(node)["d"] == 1


def test_values_can_not_grow_without_bound() -> None:
    doubling = "a0: 'xxxxxxxxxx'\n" + "".join(
        f"a{n}: '{f'${{a{n - 1}}}' * 8}'\n" for n in range(1, 10)
    )
    assert set(codes(doubling)) == {"CMP102"}
    lists = "a0: [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"a{n}: [{', '.join([f'${{a{n - 1}}}'] * 10)}]\n".replace("${", '"${').replace("}", '}"')
        for n in range(1, 8)
    )
    assert set(codes(lists)) == {"CMP102"}


def test_long_chains_and_deep_values_are_refused_before_the_stack_ends() -> None:
    chain = "".join(f"a{n}: ${{a{n + 1}}}\n" for n in range(600)) + "a600: 1\n"
    assert "CMP102" in codes(chain)
    deep = "b: " + "[" * (MAX_DEPTH - 3) + "1" + "]" * (MAX_DEPTH - 3)
    assert codes(f"a: [[['${{b}}']]]\n{deep}") == ["CMP102"]


def test_the_deepest_and_longest_that_is_allowed_is_filled_in() -> None:
    links = "".join(f"a{n}: ${{a{n + 1}}}\n" for n in range(9)) + "a9: {k: [1, 2]}\n"
    nested = "b: " + "{c: " * (MAX_DEPTH - 5) + '"${a0}"' + "}" * (MAX_DEPTH - 5)
    node, found = filled(links + nested)
    assert found == []
    data = plain(node)["b"]
    for _ in range(MAX_DEPTH - 5):
        data = data["c"]
    assert data == {"k": [1, 2]}


def test_no_resolver_is_ever_called() -> None:
    script = """
import sys
from pathlib import Path
from hypothesis import given, settings, strategies as st
from omegaconf import OmegaConf
from composer.spec import spec_from_text
from composer.spec.yaml_scalars import quoted
called = []
OmegaConf.register_new_resolver("f", lambda *a: called.append(a) or "x")
parts = st.sampled_from(["${f:1}", "\\\\", "$", "{", "}", "${", "f:", "f", ":", "vars.a", "'", " "])
@settings(max_examples=150, deadline=None)
@given(st.lists(parts, max_size=8).map("".join))
def check(text):
    spec_from_text(f"version: 1\\nname: a\\nvars: {{a: 1}}\\ndescription: {quoted(text)}\\n",
                   file="a", directory=Path())
check()
sys.exit(bool(called))
"""
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_a_spec_without_interpolation_does_not_load_omegaconf() -> None:
    script = """
import sys
from pathlib import Path
from composer.spec import spec_from_text
spec, found = spec_from_text("version: 1\\nname: a\\nsources: {a: {from: b}}\\n", file="a",
                             directory=Path())
assert spec and not found
heavy = {"omegaconf", "rapidfuzz", "tensorflow", "keras", "numpy", "h5py", "rich"}
sys.exit(", ".join(heavy & set(sys.modules)) or 0)
"""
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "${vars.a}",
                "${vars.b}",
                "${x}",
                "\\",
                "${",
                "}",
                "$",
                "{",
                "a",
                "???",
                "${vars.a[0]}",
                "'",
            ]
        ),
        max_size=6,
    ).map("".join)
)
def test_any_text_is_filled_in_or_refused(text: str) -> None:
    node, found = filled(f"x: {quoted(text)}\nvars: {{a: 1, b: '???'}}")
    assert bool(found) == isinstance(find(node, ("x",)), Broken)
    assert all(item.code in {"CMP140", "CMP141", "CMP142", "CMP143"} for item in found)
    assert not any("interpolation failed" in item.message for item in found)
