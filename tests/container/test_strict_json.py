"""JSON of archives."""

from __future__ import annotations

import json
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.container import strict_json
from composer.container.strict_json import MAX_DEPTH, read_object
from composer.errors import FormatError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("ab[]{}\\\""), inner),
    max_leaves=20,
)  # fmt: skip


def case_of(data: bytes) -> str:
    with pytest.raises(FormatError) as caught:
        read_object(data, "m.keras: config.json")
    assert caught.value.fields["what"] == "m.keras: config.json"
    return caught.value.case


@given(st.dictionaries(st.text('ab[]{}\\"'), VALUES))
def test_what_json_writes_is_read_back(value):
    assert read_object(json.dumps(value).encode(), "x") == value


@given(st.binary(max_size=40))
def test_any_bytes_give_an_object_or_a_format_error(data):
    try:
        assert isinstance(read_object(data, "x"), dict)
    except FormatError as error:
        assert error.case.startswith("json")


def test_depth_is_allowed_up_to_the_limit_and_refused_beyond():
    def nested(levels):
        return b'{"a":' * (levels - 1) + b"{}" + b"}" * (levels - 1)

    assert read_object(nested(MAX_DEPTH), "x")
    assert case_of(nested(MAX_DEPTH + 1)) == "json-depth"
    assert case_of(b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}") == "json-depth"


def test_brackets_in_text_are_no_depth():
    assert read_object(b'{"a": "' + b"[" * 1000 + b'\\"' + b"{" * 1000 + b'"}', "x")


def test_the_first_key_that_comes_twice_is_named():
    with pytest.raises(FormatError) as caught:
        read_object(b'{"c": {"name": 1, "x": 2, "name": 1}}', "x")
    assert caught.value.fields["name"] == "name"


def test_infinity_passes_because_keras_writes_it_and_nan_does_not():
    assert read_object(b'{"a": -Infinity}', "x") == {"a": -math.inf}
    assert case_of(b'{"a": NaN}') == "json-nan"


@pytest.mark.parametrize("data", [b"", b"{} {}", b'{"a": "\\ud800"}', b'{"a": 1',
                                  b'{"a": ' + b"9" * 5000 + b"}"])  # fmt: skip
def test_what_is_no_json_object_of_text_is_refused(data):
    assert case_of(data) == "json"


@pytest.mark.parametrize("data", [b"null", b"[]"])
def test_json_of_another_kind_is_refused(data):
    assert case_of(data) == "json-object"


def test_a_text_beyond_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr(strict_json, "MAX_BYTES", 10)
    assert case_of(b'{"a": 12345}') == "json-size"


def test_a_key_that_stands_twice_among_very_many_is_found_at_once() -> None:
    keys = [*range(300_000), 299_999]
    data = ("{" + ",".join(f'"{key}":0' for key in keys) + "}").encode()
    start = time.perf_counter()
    with pytest.raises(FormatError) as caught:
        read_object(data, "config.json")
    assert caught.value.fields["name"] == "299999"
    assert time.perf_counter() - start < 20
