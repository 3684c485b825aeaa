"""The five renderers."""

from __future__ import annotations

import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.diagnostics import Diagnostic, Edit, Note, Span
from composer.diagnostics.render import FORMATS, ordered, render


def span(line=2, column=5, length=3, *, file="a.yaml", text="abc xyz def", end_line=None):
    return Span(
        file=file,
        line=line,
        column=column,
        end_line=end_line or line,
        end_column=column + length,
        text=(text,),
    )


KEY = Diagnostic(
    code="CMP201",
    message="unknown key 'xyz'",
    path=("sources", "a", 0),
    span=span(),
    notes=(Note(message="seen from here", span=span(9, 1)), Note(message="and so on")),
    help="did you mean 'xyw'?",
    fix=(Edit(span=span(), replacement="xyw"),),
)
HOMELESS = Diagnostic(code="CMP701", message="no place", severity="warning")


def test_full_shows_the_line_with_a_caret_then_notes_then_help() -> None:
    assert render([KEY], "full") == (
        "a.yaml:2:5: error[CMP201]: unknown key 'xyz'\n"
        "   |\n"
        " 2 | abc xyz def\n"
        "   |     ^^^\n"
        "note: seen from here (a.yaml:9:1)\n"
        "   |\n"
        " 9 | abc xyz def\n"
        "   | ^^^\n"
        "note: and so on\n"
        "help: did you mean 'xyw'?\n"
        "fix: compose validate --fix does this\n"
    )


def test_concise_is_one_line_each() -> None:
    assert render([KEY, HOMELESS], "concise") == (
        "a.yaml:2:5: error[CMP201]: unknown key 'xyz'\nwarning[CMP701]: no place\n"
    )


def test_colour_adds_escapes_and_nothing_else() -> None:
    for format_ in ("full", "concise"):
        plain = render([KEY, HOMELESS], format_)
        coloured = render([KEY, HOMELESS], format_, color=True)
        assert "\x1b[" in coloured
        assert "\x1b" not in plain
        assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_diagnostics_come_by_place_and_only_once() -> None:
    first = Diagnostic(code="CMP105", message="m", span=span(1))
    same_line = Diagnostic(code="CMP105", message="m", span=span(2, 1))
    other_file = Diagnostic(code="CMP105", message="m", span=span(1, file="b.yaml"))
    found = ordered([HOMELESS, other_file, KEY, same_line, first, KEY])
    assert found == (first, same_line, KEY, other_file, HOMELESS)


def test_a_long_line_is_cut_around_the_caret() -> None:
    text = "a" * 300 + "XYZ" + "b" * 300
    wide = Diagnostic(code="CMP105", message="m", span=span(1, 301, 3, text=text))
    lines = render([wide], "full", width=60).splitlines()
    assert all(len(line) <= 60 for line in lines)
    column = lines[3].index("^")
    assert lines[2][column : column + 3] == "XYZ"
    assert lines[3].count("^") == 3


@given(st.integers(1, 200), st.integers(1, 40), st.integers(30, 200))
def test_the_caret_always_stands_under_what_is_meant(column, length, width) -> None:
    text = "".join(chr(0x4E00 + i) if i % 7 == 0 else chr(97 + i % 26) for i in range(240))
    found = Diagnostic(code="CMP105", message="m", span=span(1, column, length, text=text))
    _, _, line, carets = render([found], "full", width=width).splitlines()
    before = carets.index("^")
    columns = "".join(c * 2 if unicodedata.east_asian_width(c) == "W" else c for c in line)
    assert columns[before] == text[column - 1]
    assert len(columns) <= max(width, 24)


def test_what_a_terminal_would_obey_is_escaped() -> None:
    hostile = Diagnostic(
        code="CMP105",
        message="\x1b[2Jgone\nfake: error",
        span=span(1, 1, 1, file="\x1b[31m.yaml", text="\x1b]0;title\x07\u202e\udc80"),
        help="line one\nline two\x1b",
    )
    for format_ in FORMATS:
        text = render([hostile], format_)
        assert "\x1b" not in text
        assert "\x07" not in text
        assert "\u202e" not in text
        text.encode("utf-8")
    assert "\\x1b[2Jgone\\x0afake" in render([hostile], "concise")
    assert len(render([hostile], "concise").splitlines()) == 1


def test_tabs_do_not_shift_the_caret() -> None:
    found = Diagnostic(code="CMP104", message="m", span=span(1, 3, 1, text="\t\tx"))
    lines = render([found], "full").splitlines()
    assert lines[3].index("^") == lines[2].index("x")


def test_a_range_of_many_lines_shows_the_first_few() -> None:
    text = tuple(f"line {n}" for n in range(1, 9))
    whole = Span(file="a", line=1, column=1, end_line=8, end_column=7, text=text)
    shown = render([Diagnostic(code="CMP105", message="m", span=whole)], "full")
    assert "line 4" in shown
    assert "line 5" not in shown
    assert "…" in shown


def test_long_help_is_wrapped_and_yaml_in_it_keeps_its_lines() -> None:
    words = Diagnostic(code="CMP105", message="m", help="word " * 40)
    assert all(len(line) <= 50 for line in render([words], "full", width=50).splitlines())
    yaml = Diagnostic(code="CMP105", message="m", help="write\nlayers:\n  a: {class: Dense}")
    assert "\n      layers:\n        a: {class: Dense}\n" in render([yaml], "full", width=20)


def test_json_has_the_promised_keys() -> None:
    (found, homeless) = json.loads(render([KEY, HOMELESS], "json"))
    place = {"file": "a.yaml", "line": 2, "column": 5, "end_line": 2, "end_column": 8}
    nowhere = dict.fromkeys(place)
    assert found == {
        "code": "CMP201",
        "severity": "error",
        "message": "unknown key 'xyz'",
        "path": ["sources", "a", 0],
        **place,
        "notes": [
            {
                "message": "seen from here",
                **place,
                "line": 9,
                "column": 1,
                "end_line": 9,
                "end_column": 4,
            },
            {"message": "and so on", **nowhere},
        ],
        "help": "did you mean 'xyw'?",
        "fix": [{**place, "replacement": "xyw"}],
    }
    assert "fix" not in homeless
    assert homeless["severity"] == "warning"
    assert homeless["line"] is None
    assert json.loads(render([], "json")) == []


def test_github_commands_are_escaped() -> None:
    found = Diagnostic(
        code="CMP201", message="100% wrong\nreally", span=span(file="a,b:c.yaml"), help="fix: it"
    )
    assert render([found], "github") == (
        "::error file=a%2Cb%3Ac.yaml,line=2,endLine=2,col=5,endColumn=7,title=CMP201"
        "::100%25 wrong%0Areally%0Ahelp: fix: it\n"
    )


def read_by_the_runner(line: str) -> tuple[str, dict[str, str], str]:
    """Read a workflow command as GitHub's runner does (ActionCommand.TryParseV2)."""
    assert line.startswith("::")
    head, _, data = line[2:].partition("::")
    name, _, properties = head.partition(" ")
    found = dict(item.split("=", 1) for item in properties.split(","))

    def plain(text: str, *codes: tuple[str, str]) -> str:
        for code, character in (("%0D", "\r"), ("%0A", "\n"), *codes, ("%25", "%")):
            text = text.replace(code, character)
        return text

    in_properties = ("%3A", ":"), ("%2C", ",")
    return name, {k: plain(v, *in_properties) for k, v in found.items()}, plain(data)


@given(
    st.text(alphabet="a%:,=;\n 025ADC", min_size=1), st.text(alphabet="a%:,=.0235ACD/", min_size=1)
)
def test_the_runner_of_github_reads_what_was_meant(message, file) -> None:
    found = Diagnostic(code="CMP201", message=message, span=span(file=file), help="a: 100%, b")
    (line,) = render([found], "github").splitlines()
    name, properties, data = read_by_the_runner(line)
    assert name == "error"
    assert properties == {
        "file": file, "line": "2", "endLine": "2", "col": "5", "endColumn": "7", "title": "CMP201",
    }  # fmt: skip
    assert data == f"{message}\nhelp: a: 100%, b"


def test_a_carriage_return_begins_no_second_command() -> None:
    found = Diagnostic(code="CMP201", message="a\r::error::b\n::add-mask::c", span=span())
    text = render([found], "github")
    assert len(text.splitlines()) == 1
    assert "\r" not in text


def test_github_gets_no_file_for_the_command_line() -> None:
    found = Diagnostic(
        code="CMP131", message="m", span=span(file="<command line>", text="vars.n=1")
    )
    assert render([found], "github") == ("::error title=CMP131::m%0Ain <command line>: vars.n=1\n")


def test_sarif_names_rules_places_and_fixes() -> None:
    log = json.loads(render([KEY, HOMELESS], "sarif"))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["CMP201", "CMP701"]
    assert rules[0]["shortDescription"] == {"text": "an unknown key"}
    first, second = run["results"]
    assert rules[first["ruleIndex"]]["id"] == first["ruleId"] == "CMP201"
    assert (first["level"], second["level"]) == ("error", "warning")
    physical = first["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"] == {"uri": "a.yaml"}
    region = {"startLine": 2, "startColumn": 5, "endLine": 2, "endColumn": 8}
    assert physical["region"] == {**region, "snippet": {"text": "abc xyz def"}}
    assert first["fixes"][0]["artifactChanges"][0]["replacements"] == [
        {"deletedRegion": region, "insertedContent": {"text": "xyw"}}
    ]
    assert [item["message"]["text"] for item in first["relatedLocations"]] == [
        "seen from here",
        "and so on",
    ]
    assert "locations" not in second


def test_sarif_paths_are_uris() -> None:
    def uri(file: str) -> str:
        log = json.loads(render([Diagnostic(code="C", message="m", span=span(file=file))], "sarif"))
        location = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
        return str(location["artifactLocation"]["uri"])

    assert uri("specs/a b#1.yaml") == "specs/a%20b%231.yaml"
    assert uri("/tmp/a.yaml") == "file:///tmp/a.yaml"


def test_an_unknown_format_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'xml'"):
        render([], "xml")  # type: ignore[arg-type]
