"""What the text of ``from`` says, and what of it may be shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from composer.diagnostics.diagnostic import Diagnostic, Edit, Note, Span
from composer.spec import spec_from_text
from composer.spec.covered import covered
from composer.spec.locations import (
    identity,
    is_remote,
    local_path,
    names_file,
    parts,
    scheme,
    schemes,
    shown_location,
    without_secrets,
)
from composer.spec.model import Source


@pytest.mark.parametrize(
    "location",
    [
        "https://host/a.keras",
        "s3://bucket/a.keras",
        "hf://owner/repository/a.keras",
        "simplecache::s3://bucket/a.keras",
        "zip://a.keras::https://host/b.zip",
        "HTTPS://host/a.keras",
    ],
)
def test_urls_lead_off_this_machine(location: str) -> None:
    assert is_remote(location)


@pytest.mark.parametrize(
    "location",
    [
        "models/a.keras",
        "/models/a.keras",
        "app:ResNet50",
        "py:module:function",
        "hub:bert",
        "hub:hf://owner/preset",
        "file:///models/a.keras",
        "file://localhost/models/a.keras",
        "local:///a.keras",
        "a::b.keras",
        "C:\\a.keras",
    ],
)
def test_everything_else_does_not(location: str) -> None:
    assert not is_remote(location)


@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("https://host/a.keras", True),
        ("https://host/a.keras?download=true", True),
        ("https://host/a%2Ekeras", True),
        ("https://host/get?file=a.keras", False),
        ("https://host/get?id=7#a.keras", True),
        ("https://host/a.keras#part", True),
        ("https://host/a.keras/", False),
        ("https://[::1/a.keras", True),
        ("http://[fe80::a:1]:8000/a.keras", True),
        ("simplecache::zip://a.keras::s3://bucket/b.zip", True),
        ("s3://bucket/a.keras", True),
        ("s3://bucket/a.keras?versionId=x.y", True),
        ("s3://bucket/a.keras#old", False),
        ("s3://bucket/a#b.keras", True),
        ("zip://a.keras::https://host/b.zip", True),
        ("zip://a.txt::https://host/b.keras", False),
        ("simplecache::s3://bucket/a.keras", True),
        ("models/a.keras", True),
        ("models/a#b.keras?x", False),
    ],
)
def test_the_name_of_the_file_decides_its_kind(location: str, named: bool) -> None:
    assert names_file(location, ".keras") is named


def test_schemes_of_a_chain() -> None:
    assert scheme("simplecache::S3://bucket/a.keras") == "s3"
    assert schemes("zip://a.keras::http://host/b.zip") == ("zip", "http")
    assert parts("zip://a.keras::http://[::1]/b.zip") == ("zip://a.keras", "http://[::1]/b.zip")
    assert parts("zip://a.keras::/b.zip") == ("zip://a.keras", "/b.zip")
    assert scheme("simplecache::filecache::s3://b/a.keras") == "s3"


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("a b.keras", "a b.keras"),
        ("a%20b.keras", "a%20b.keras"),
        ("file:///a%20b.keras", "/a b.keras"),
        ("file://localhost/a.keras", "/a.keras"),
        ("file://localhosts/a.keras", "localhosts/a.keras"),
    ],
)
def test_paths_on_this_machine(location: str, path: str) -> None:
    assert local_path(location) == Path(path)


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://host/a.keras", "https://host/a.keras"),
        ("https://me:pass@host/a.keras", "https://***@host/a.keras"),
        ("https://ghp_token@host/a.keras", "https://***@host/a.keras"),
        ("https://me:p@ss@host/a.keras", "https://***@host/a.keras"),
        ("https://host/a.keras?sig=a,b}c d&raw=1", "https://host/a.keras?sig=***&raw=1"),
        ("https://host/a.keras?sig=abc#b.keras", "https://host/a.keras?sig=***#b.keras"),
        ("zip://a.keras::https://me:pass@host/b", "zip://a.keras::https://***@host/b"),
        ("hf://gpt@main/a.keras", "hf://gpt@main/a.keras"),
        ("github://owner:repository@sha/a.keras", "github://owner:repository@sha/a.keras"),
        ("abfs://box@account/a.keras", "abfs://box@account/a.keras"),
        ("sftp://me:pass@host/a.keras", "sftp://***@host/a.keras"),
        ("hf://owner/repository@main/a.keras", "hf://owner/repository@main/a.keras"),
        ("models/a?b=c.keras", "models/a?b=c.keras"),
    ],
)
def test_what_is_shown_of_a_location(location: str, shown: str) -> None:
    assert shown_location(location) == shown


def test_text_keeps_its_columns_when_secrets_are_covered() -> None:
    line = '  tower: {from: "https://me:hunter2@host/a.keras?sig=abcdef", prefix: a_}'
    found = without_secrets(line)
    assert found == '  tower: {from: "https://**********@host/a.keras?sig=******", prefix: a_}'
    assert len(found) == len(line)


def test_text_without_a_url_is_left_alone() -> None:
    assert without_secrets("a@b is ?c=d") == "a@b is ?c=d"


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("https://host/a?sig=1", "https://host/a?sig=2", True),
        ("https://host/a?X-Amz-Date=1&id=7", "https://host/a?X-Amz-Date=2&id=7", True),
        ("https://host/a?id=7", "https://host/a?id=8", False),
        ("https://me:old@host/a", "https://me:new@host/a", True),
        ("https://me:old@host/a", "https://you:old@host/a", False),
        ("https://token1@host/a", "https://token2@host/a", True),
        ("https://host/a", "https://host/b", False),
        ("github://owner:one@main/a", "github://owner:two@main/a", False),
        ("other://owner:one@main/a", "other://owner:two@main/a", False),
    ],
)
def test_secrets_do_not_tell_urls_apart_and_all_else_does(
    first: str, second: str, same: bool
) -> None:
    assert (identity(first) == identity(second)) is same
    assert "token1" not in identity("https://token1@host/a")


def test_every_part_of_a_diagnostic_is_covered() -> None:
    secret = "https://me:hunter2222@host/a.keras"
    span = Span(file="a", line=1, column=1, end_line=1, end_column=2, text=("pass: hunter2222",))
    source = Source(id="a", location=secret, directory=Path())
    spec, _ = spec_from_text("version: 1\ninputs: {a: {shape: [2]}}", file="a", directory=Path())
    assert spec is not None
    (found,) = covered(
        [
            Diagnostic(
                code="CMP510",
                message=secret,
                span=span,
                notes=(Note(message="hunter2222", span=span), Note(message="none")),
                help=secret,
                fix=(Edit(span=span, replacement="x"),),
            )
        ],
        replace(spec, sources=(source,)),
    )
    assert "hunter2222" not in repr(found)
    assert found.span is not None
    assert found.span.text == ("pass: **********",)
