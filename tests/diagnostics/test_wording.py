"""Every error names its words where it is raised, and has the fields that they need."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import composer
from composer.diagnostics.codes import codes
from composer.diagnostics.wording import message, names, words
from composer.errors import ComposeError, FormatError, SourceError, about
from composer.sources.remote import transport

ROOT = Path(composer.__file__).parent
WORDS = ROOT / "diagnostics" / "words"
assert transport  # it defines an error of its own


def _classes(kind: type = ComposeError) -> Iterator[type]:
    for below in kind.__subclasses__():
        yield below
        yield from _classes(below)


NAMES = {kind.__name__ for kind in _classes()} - {"SpecError"}
OPTIONS = {"help", "differences", "again", "after"}


def _raised() -> Iterator[tuple[str, ast.Call]]:
    for file in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            call = node if isinstance(node, ast.Call) else None
            if call and isinstance(call.func, ast.Name) and call.func.id in NAMES:
                yield f"{file.relative_to(ROOT)}:{call.lineno}:{call.col_offset}", call


RAISED = dict(_raised())
TEMPLATES = {
    f"{file.stem}.{case}": template
    for file in sorted(WORDS.glob("*.toml"))
    for case, template in words(file.stem).items()
}


def _key(call: ast.Call) -> object:
    return call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None


def test_every_error_has_words_and_all_their_fields() -> None:
    problems = []
    for place, call in RAISED.items():
        given = {item.arg for item in call.keywords} - OPTIONS
        template = TEMPLATES.get(str(_key(call)), {"says": "{a case with words}"})
        missing = {name for text in template.values() for name in names(text)} - given
        if missing:
            problems.append((place, _key(call), sorted(missing)))
    assert not problems


def test_all_words_are_used() -> None:
    assert set(TEMPLATES) <= {_key(call) for call in RAISED.values()}


def test_all_words_belong_to_a_page() -> None:
    assert {key.partition(".")[0] for key in TEMPLATES} <= set(codes())
    assert all({"says"} <= set(template) <= {"says", "help"} for template in TEMPLATES.values())


def test_what_an_error_is_about_comes_in_front() -> None:
    error = FormatError("CMP502.json-nan", what="config.json")
    assert error.message.startswith("config.json")
    held = error.message
    assert error.about(path="a.keras").message == f"a.keras: {held}"
    assert error.about(source="a", location="x").message == f"source 'a': x: {held}"
    assert error.about(source="a", location=None).message == f"source 'a': {held}"
    with pytest.raises(FormatError) as caught, about(path="b.keras"):
        raise error.about(path="a.keras")
    assert caught.value.fields == {"what": "config.json", "path": "b.keras"}
    assert error.fields == {"what": "config.json"}


def test_a_field_in_the_message_is_not_said_twice() -> None:
    assert message("CMP502.not-regular", {"path": "a.keras"}).count("a.keras") == 1


def test_an_error_told_under_another_code_keeps_its_words() -> None:
    error = FormatError("CMP502.json-nan", what="x")
    assert error.under("CMP523").code == "CMP523"
    assert error.under("CMP523").message == error.message


def test_several_values_are_listed_and_cut() -> None:
    error = SourceError("CMP505.unknown-argument", name="f", argument="x", expected=("a", "b"))
    assert "a, b" in error.message
    many = SourceError("CMP526.own-variables", variables=["a", "b", "c", "d", "e"])
    assert "'a', 'b', 'c' (and 2 more)" in many.message


def test_what_may_have_been_meant_is_part_of_the_help() -> None:
    error = SourceError("CMP505.unknown-name", name="x", nearest=("ResNet50", "ResNet50V2"))
    assert "'ResNet50'" in str(error.help)
    assert "V2" not in str(error.help)
