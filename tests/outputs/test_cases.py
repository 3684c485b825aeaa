"""How an export is held against what Keras computed: names, shapes, and how far numbers are off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from composer.keras_process.tasks.cases import compared, names_differ, read_cases

ONE = np.array([[1.0, -4.0]], "float32")


@pytest.fixture
def compare(tmp_path: Path):
    """Return a function that compares an expected output with what a runtime gave."""

    def run(expected: Any, found: Any, name: str = "out") -> dict[str, Any]:
        path = tmp_path / "cases.npz"
        np.savez(path, **{"1/in/0": ONE, "1/out/0": expected})
        request = {"cases": str(path), "outputs": ["out"]}
        return compared(request, lambda inputs: {name: found if inputs[0].size else None})

    return run


def test_cases_come_back_as_they_were_kept(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "c.npz", **{"1/in/0": ONE, "1/out/0": ONE * 2, "3/in/0": ONE, "3/out/0": ONE}
    )
    cases = list(read_cases(str(tmp_path / "c.npz")))
    assert [(len(inputs), len(outputs)) for inputs, outputs in cases] == [(1, 1), (1, 1)]
    assert (cases[0][1][0] == ONE * 2).all()


def test_equal_bits_are_told_from_equal_numbers(compare) -> None:
    assert compare(ONE, ONE.copy())["equal"] is True
    zero = np.zeros((1, 2), "float32")
    found = compare(zero, -zero)
    assert (found["equal"], found["largest"], found["wrong"]) == (False, 0.0, None)


def test_a_difference_is_measured_by_the_largest_number_of_its_output(compare) -> None:
    found = compare(ONE, ONE + np.float32(0.5))
    assert (found["largest"], found["relative"]) == (0.5, 0.125)


@pytest.mark.parametrize(
    ("expected", "found", "name", "wrong"),
    [
        (ONE, ONE, "other", "its outputs are ['other'], expected are ['out']"),
        (ONE, ONE[0], "out", "out has shape (2,), expected is (1, 2)"),
        (ONE, ONE * np.nan, "out", "out is finite in one of the two and not in the other"),
        (ONE * np.inf, ONE, "out", "out is finite in one of the two and not in the other"),
        (np.array([3]), np.array([4]), "out", "out, whole numbers, differs by up to 1"),
        (np.array([b"a"]), np.array([b"b"], object), "out", "out differs"),
    ],
)
def test_what_is_no_matter_of_rounding_is_said_in_words(
    compare, expected, found, name, wrong
) -> None:
    assert compare(expected, found, name)["wrong"] == wrong


def test_what_is_not_finite_in_both_is_equal(compare) -> None:
    odd = np.array([[np.nan, np.inf, 1.0]], "float32")
    found = compare(odd, odd.copy())
    assert (found["wrong"], found["largest"]) == (None, 0.0)


def test_inputs_of_other_names_are_told() -> None:
    assert (
        names_differ("inputs", ["a_b"], ["a-b"]) == "its inputs are ['a_b'], expected are ['a-b']"
    )
    assert names_differ("inputs", ["b", "a"], ["a", "b"]) is None
