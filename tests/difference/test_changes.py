"""The comparison of plain data: every field that differs by its path, and no other."""

from __future__ import annotations

from typing import Any

import pytest

from composer.difference.changes import MISSING, changes

CASES: list[tuple[Any, Any, list[tuple[str, Any, Any]]]] = [
    ({}, {}, []),
    ({"a": 1}, {"a": 1.0}, []),
    ({"a": 1}, {"a": True}, [("a", 1, True)]),
    ({"a": [1, {"b": 0}]}, {"a": [1, {"b": False}]}, [("a", [1, {"b": 0}], [1, {"b": False}])]),
    ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3, "b": 1}}, [("a.c", 2, 3)]),
    ({"a": {}}, {"a": {"b": 1}}, [("a.b", MISSING, 1)]),
    ({"a": {"b": 1}}, {"a": {}}, [("a.b", 1, MISSING)]),
    ({"a": {}}, {}, [("a", {}, MISSING)]),
    ({"a": None}, {}, [("a", None, MISSING)]),
    ({"a": {"b": 1}}, {"a": 1}, [("a.b", 1, MISSING), ("a", MISSING, 1)]),
]


@pytest.mark.parametrize(("before", "now", "expected"), CASES)
def test_a_field_that_differs_is_found_by_its_path(
    before: Any, now: Any, expected: list[tuple[str, Any, Any]]
) -> None:
    found = changes(before, now)
    assert [(item.field, item.before, item.now) for item in found] == expected
    assert [item.in_both for item in found] == [MISSING not in item[1:] for item in expected]
    assert len(changes(now, before)) == len(found)
