"""The linter for prose sees phrases where they are, and not in code, links or screens."""

from __future__ import annotations

import pytest

from docs.prose.check import check, rules, texts


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("The model puts out a list.\n", [1]),
        ("One line.\nEvery weight is held\nagainst the file.\n", [2]),
        ("`puts out` is code.\n", []),
        ("```text\nputs out\n```\n", []),
        ("[a link](puts_out_left out)\n", []),
        ("Import composer, then call `composer.build`.\n", [1]),
    ],
)
def test_a_phrase_is_found_at_its_line(text, lines):
    assert [finding.line for finding in check("page.md", text, rules())] == lines


def test_each_rule_says_what_to_write_and_can_match():
    for rule in rules():
        assert rule.write
        assert rule.pattern.search("") is None


def test_pages_help_and_schemas_are_read():
    places = [place for place, _ in texts()]
    assert {"README.md", "CHANGELOG.md", "docs/language.md", "compose build --help"} <= {*places}
    assert any(place.startswith("schemas/spec.schema.json#") for place in places)
    assert any(place.endswith("pages/CMP301.md") for place in places)
