"""Differences of locks: every field counts, each is named, and what it means is said."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from composer.record.compare_records import compare, refusals
from composer.record.drift import explained
from composer.record.lock_file import lock_from_text, lock_text
from tests.record.locks import LOCK

DOCUMENT = json.loads(lock_text(LOCK))


def fields(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, item in value.items():
        if isinstance(item, dict):
            yield from fields(item, (*path, key))
        elif (*path, key) != ("format",):
            yield (*path, key)


def changed(path: tuple[str, ...]):
    document = copy.deepcopy(DOCUMENT)
    place = document
    for key in path[:-1]:
        place = place[key]
    value = place[path[-1]]
    if isinstance(value, str):
        other = "1" if value.startswith("0") else "0"
        place[path[-1]] = other + value[1:] if len(value) == 64 else f"{value}x"
    elif isinstance(value, int):
        place[path[-1]] = value + 1
    else:
        place[path[-1]] = [*value, "vars.more=1"]
    return lock_from_text(json.dumps(document), "changed")


@pytest.mark.parametrize("path", list(fields(DOCUMENT)), ids=".".join)
def test_a_change_of_any_field_is_found_by_its_name(path: tuple[str, ...]) -> None:
    found = compare(LOCK, changed(path))
    assert path in [item.path for item in found]
    expected = {path}
    if path[0] == "toolchain" and path[1] in ("composer", "h5py", "hdf5"):
        expected = {path}  # digests of files hold for these versions, and are equal here
    assert {item.path for item in found} == expected
    assert bool(refusals(found)) == (path[0] != "toolchain")
    shown = explained(found, command="compose lock net.yaml", locked=LOCK, now=changed(path))
    assert ".".join(path) in shown[0].message
    assert shown[0].help == "compose lock net.yaml accepts the change"


def test_what_comes_or_goes_is_a_difference_too() -> None:
    fewer = replace(LOCK, layers={})
    assert {item.field for item in compare(LOCK, fewer)} >= {"layers.probs.content"}
    assert compare(fewer, LOCK)
    assert "found nothing" in str(compare(LOCK, fewer)[0])


def test_equal_locks_have_none() -> None:
    assert compare(LOCK, lock_from_text(lock_text(LOCK), "same")) == ()


def test_file_digests_are_not_compared_between_versions_of_the_libraries() -> None:
    made = replace(LOCK.artifacts["keras"], sha256="3" * 64, size=21)
    other = replace(LOCK, toolchain={**LOCK.toolchain, "hdf5": "2.0.0"}, artifacts={"keras": made})
    assert [item.field for item in compare(LOCK, other)] == ["toolchain.hdf5"]
    content = replace(made, content="4" * 64)
    other = replace(other, artifacts={"keras": content})
    assert [item.field for item in refusals(compare(LOCK, other))] == ["artifacts.keras.content"]


def notes_of(now) -> str:
    found = compare(LOCK, now)
    shown = explained(found, command="compose lock a.yaml", locked=LOCK, now=now)
    return "\n".join(note.message for diagnostic in shown for note in diagnostic.notes)


def test_fresh_weights_of_another_processor_are_said_to_be_that() -> None:
    layer = replace(LOCK.layers["probs"], content="0" * 64)
    now = replace(LOCK, layers={"probs": layer})
    assert "processors of different types" in notes_of(now)
    base = replace(LOCK.sources["base"], content="0" * 64)
    assert "processors" in notes_of(replace(LOCK, sources={**LOCK.sources, "base": base}))
    tower = replace(LOCK.sources["tower"], content="0" * 64)
    assert "processors" not in notes_of(replace(LOCK, sources={**LOCK.sources, "tower": tower}))
    newer = replace(now, toolchain={**LOCK.toolchain, "keras": "4.0"})
    assert "keras 3.15.1 then, 4.0 now" in notes_of(newer)


def test_no_processor_is_blamed_where_anything_else_changed() -> None:
    layer = replace(LOCK.layers["probs"], content="0" * 64)
    now = replace(LOCK, layers={"probs": layer})
    for changed in (
        replace(now, spec=replace(LOCK.spec, sha256="0" * 64)),
        replace(now, spec=replace(LOCK.spec, overrides=())),
        replace(now, layers={"probs": replace(layer, seed=8)}),
        replace(now, names={**LOCK.names, "more": "tower:more"}),
        replace(
            now,
            sources={**LOCK.sources, "tower": replace(LOCK.sources["tower"], sha256="0" * 64)},
        ),
    ):
        assert "drawn afresh" not in notes_of(changed)
    comment = replace(LOCK.spec, files={**LOCK.spec.files, "net.yaml": "0" * 64})
    assert "processors of different types" in notes_of(replace(now, spec=comment))


def test_code_of_ones_own_is_named_where_it_can_have_changed() -> None:
    own = {"probs": {"class": "my_layers:Scale"}}
    sources = {"tower": {"from": "tower.keras"}, "base": {"from": "py:made:base"}}
    spec = replace(LOCK.spec, resolved={**LOCK.spec.resolved, "layers": own, "sources": sources})
    locked = replace(LOCK, spec=spec)
    layer = replace(LOCK.layers["probs"], content="0" * 64)
    base = replace(LOCK.sources["base"], content="0" * 64)
    now = replace(locked, layers={"probs": layer}, sources={**LOCK.sources, "base": base})
    found = compare(locked, now)
    shown = explained(found, command="compose lock a.yaml", locked=locked, now=now)
    notes = "\n".join(note.message for diagnostic in shown for note in diagnostic.notes)
    assert "by the code of my_layers:Scale: it changed, or a processor" in notes
    assert "by the code of made:base: it changed, or a processor" in notes


def test_a_changed_comment_is_said_to_change_nothing_else() -> None:
    spec = replace(LOCK.spec, files={**LOCK.spec.files, "net.yaml": "0" * 64})
    assert "the resolved spec is the same" in notes_of(replace(LOCK, spec=spec))


def test_each_part_is_told_once_whatever_the_lock_has_no_field_of() -> None:
    resolved = {**LOCK.spec.resolved, "seed": 1}
    layer = replace(LOCK.layers["probs"], seed=8)
    now = replace(
        LOCK, spec=replace(LOCK.spec, resolved=resolved, sha256="0" * 64), layers={"probs": layer}
    )
    found = compare(LOCK, now)
    shown = explained(found, command="compose lock a.yaml", locked=LOCK, now=now)
    assert [diagnostic.code for diagnostic in shown] == ["CMP601", "CMP604"]


def test_many_differences_of_a_kind_are_counted() -> None:
    names = {f"layer{number}": "tower:x" for number in range(30)}
    text = notes_of(replace(LOCK, names=names))
    assert "and 24 more fields" in text
