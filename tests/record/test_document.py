"""Lock files as text: stable, readable, and refused where they are none."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from composer.errors import DriftError, UsageError
from composer.record.lock_file import (
    lock_from_text,
    lock_path,
    lock_text,
    read_lock,
    resolved_sha256,
)
from tests.record.locks import LOCK


def test_a_lock_reads_back_as_it_was_written() -> None:
    assert lock_from_text(lock_text(LOCK), "a.lock.json") == LOCK


def test_the_text_does_not_depend_on_the_order_of_its_maps() -> None:
    turned = replace(LOCK, names=dict(reversed(LOCK.names.items())))
    assert lock_text(turned) == lock_text(LOCK)


def test_the_order_of_the_resolved_spec_is_kept() -> None:
    document = json.loads(lock_text(LOCK))
    assert list(document["spec"]["resolved"]["sources"]) == ["tower", "base"]
    assert list(document["sources"]) == ["base", "tower"]


def test_the_lock_lies_beside_its_spec(tmp_path) -> None:
    assert lock_path(tmp_path / "a.b.yaml") == tmp_path / "a.b.lock.json"


def test_the_digest_of_a_resolved_spec_is_that_of_rfc_8785() -> None:
    # Section 3.2.2 of the RFC: keys by UTF-16 code units, numbers as ECMAScript writes them.
    assert resolved_sha256({"b": 1.0, "a": [None, True, 1e21]}) == resolved_sha256(
        {"a": [None, True, 1e21], "b": 1}
    )
    assert resolved_sha256({"a": 2**70, "b": float("inf")}) != resolved_sha256({"a": 0, "b": 0})


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("{", "CMP118.not-a-lock"),
        ("[]", "CMP118.invalid-lock"),
        ('{"format": 2}', "CMP118.lock-format"),
        ('{"format": 1}', "CMP118.invalid-lock"),
        ("[" * 100_000, "CMP118.not-a-lock"),
    ],
)
def test_what_is_no_lock_is_refused_with_the_way_out(text: str, key: str) -> None:
    with pytest.raises(DriftError, check=lambda error: error.key == key) as caught:
        lock_from_text(text, "a.lock.json")
    assert caught.value.help == "compose lock SPEC writes a new one"


def test_a_missing_lock_is_said_to_be_missing(tmp_path) -> None:
    with pytest.raises(UsageError, check=lambda error: error.key == "CMP114.no-lock") as caught:
        read_lock(tmp_path / "a.lock.json")
    assert "compose lock" in str(caught.value.help)


def test_every_field_of_the_types_is_in_the_document() -> None:
    lock = lock_from_text(lock_text(LOCK), "a")
    assert lock.sources["tower"].revision == "v1"
    assert lock.sources["tower"].license == "MIT"
    assert lock.spec.directories == {"sources.tower": ".."}
