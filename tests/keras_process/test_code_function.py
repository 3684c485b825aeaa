"""What the text of a module tells of a function, before anything is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from composer.errors import SourceError
from composer.keras_process.code_function import check_function


def check(tmp_path: Path, text: str, function: str = "make", **args: Any) -> SourceError | None:
    file = tmp_path / "nets.py"
    file.write_text(text, encoding="utf-8")
    try:
        check_function(file, function, args)
    except SourceError as error:
        return error
    return None


def test_a_misspelt_function_is_refused_with_the_nearest(tmp_path: Path) -> None:
    error = check(tmp_path, "def make_tower(): ...\ndef _make_x(): ...\n", "make_towr")
    assert error is not None
    assert error.code == "CMP515"
    assert error.nearest == ("make_tower",)
    assert error.own_help == "it defines make_tower"


@pytest.mark.parametrize(
    "text",
    [
        "def make(): ...\n",
        "class make: ...\n",
        "make = lambda: None\n",
        "make: object = 1\n",
        "from .x import build as make\n",
        "try:\n    import a\nexcept ImportError:\n    def make(): ...\n",
        "if True:\n    pass\nelse:\n    def make(): ...\n",
        "with open('x') as make: pass\n",
        "a, (make, b) = 1, (2, 3)\n",
        "match 1:\n    case 1:\n        def make(): ...\n",
        "from .x import *\n",
        "def __getattr__(name): ...\n",
    ],
)
def test_a_name_that_is_or_may_be_bound_is_let_through(tmp_path: Path, text: str) -> None:
    assert check(tmp_path, text) is None


@pytest.mark.parametrize(
    "text", ["def outer():\n    def make(): ...\n", "class A:\n    make = 1\n", "print(make)\n", ""]
)
def test_a_name_inside_of_something_else_is_no_function_of_the_module(
    tmp_path: Path, text: str
) -> None:
    error = check(tmp_path, text)
    assert error is not None
    assert (error.case, error.fields["name"]) == ("no-function", "make")


def test_a_file_that_can_not_be_parsed_is_refused_with_its_line(tmp_path: Path) -> None:
    error = check(tmp_path, "x = 1\ndef make(:\n")
    assert error is not None
    assert (error.fields["file"], error.fields["lineno"]) == ("nets.py", 2)


def test_an_argument_that_the_function_does_not_take_is_refused(tmp_path: Path) -> None:
    error = check(tmp_path, "def make(units, *, depth=2): ...\n", units=1, dept=3)
    assert error is not None
    assert error.case == "argument-unknown"
    assert error.nearest == ("depth",)


def test_an_argument_that_is_missing_is_refused(tmp_path: Path) -> None:
    text = "def make(a, b=1, *, c, d=2): ...\n"
    error = check(tmp_path, text, a=1)
    assert error is not None
    assert (error.case, error.fields["name"]) == ("argument-missing", "c")
    assert check(tmp_path, text, a=1, c=2) is None


def test_keyword_arguments_and_decorators_are_left_to_the_function(tmp_path: Path) -> None:
    assert check(tmp_path, "def make(a, **more): ...\n", a=1, b=2) is None
    assert check(tmp_path, "@wrapped\ndef make(a): ...\n", b=2) is None
