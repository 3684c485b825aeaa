"""What the SARIF renderer gives is SARIF: held against the published schema, for every code."""

from __future__ import annotations

import json
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from composer.diagnostics import Diagnostic, Edit, Note, Span
from composer.diagnostics.codes import codes, page
from composer.diagnostics.render import render
from composer.workflows.pipeline import prepare

FILE = Path(__file__).with_name("sarif-2.1.0-rtm.4.json")
SCHEMA = json.loads(FILE.read_text(encoding="utf-8-sig"))
VALIDATOR = Draft4Validator(SCHEMA, format_checker=Draft4Validator.FORMAT_CHECKER)
NEED_KERAS = {"CMP410", "CMP411", "CMP412", "CMP426"}


def log(diagnostics: list[Diagnostic] | tuple[Diagnostic, ...]) -> dict[str, Any]:
    """Return the document of diagnostics, which the schema and what it only says in words allow."""
    document: dict[str, Any] = json.loads(render(diagnostics, "sarif"))
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []
    (run,) = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        for location in (*result.get("locations", ()), *result.get("relatedLocations", ())):
            if "physicalLocation" in location:
                check_place(location["physicalLocation"])
    return document


def check_place(place: dict[str, Any]) -> None:
    uri = place["artifactLocation"]["uri"]
    parsed = urllib.parse.urlsplit(uri)
    assert uri.isascii()
    assert not set(uri) & set(' <>"{}|\\^`')
    assert parsed.scheme in ("", "file")
    assert parsed.path
    region = place["region"]
    start = region["startLine"], region["startColumn"]
    assert min(start) >= 1
    assert start <= (region["endLine"], region["endColumn"])


def span(file: str = "specs/a.yaml", **changes: Any) -> Span:
    values = {"line": 2, "column": 5, "end_line": 2, "end_column": 8, "text": ("abc xyz",)}
    return Span(file=file, **{**values, **changes})


def test_the_schema_itself_is_one_and_refuses_what_is_no_sarif() -> None:
    Draft4Validator.check_schema(SCHEMA)
    assert list(VALIDATOR.iter_errors({"version": "2.0.0", "runs": []}))
    document = log([Diagnostic(code="CMP201", message="m", span=span())])
    document["runs"][0]["results"][0]["level"] = "fatal"
    assert list(VALIDATOR.iter_errors(document))


def test_a_run_without_findings_is_sarif() -> None:
    assert log([])["runs"][0]["results"] == []


@pytest.mark.parametrize("code", codes())
def test_every_code_is_a_rule_with_its_page(code: str) -> None:
    edit = Edit(span=span(), replacement="")
    notes = (Note(message="here", span=span("/tmp/b c.yaml")), Note(message="nowhere"))
    whole = Diagnostic(
        code=code, message="m", span=span(), notes=notes, help="do this", fix=(edit,)
    )
    bare = Diagnostic(code=code, message="m", severity="warning")
    (rule,) = log([whole, bare])["runs"][0]["tool"]["driver"]["rules"]
    assert rule["id"] == code
    assert rule["help"]["text"].startswith(f"# {code}: ")


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(code, marks=pytest.mark.keras) if code in NEED_KERAS else code
        for code in codes()
        if page(code).wrong is not None
    ],
)
def test_what_the_wrong_example_of_a_page_gives_is_sarif(
    code: str, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").symlink_to(models, target_is_directory=True)
    base = Path(__file__).with_name("page_files") / "base.yaml"
    (tmp_path / "base.yaml").write_text(base.read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    (tmp_path / "spec.yaml").write_text(page(code).wrong or "")
    found = prepare("spec.yaml", deep=code in NEED_KERAS).diagnostics
    results = log(found)["runs"][0]["results"]
    assert code in {result["ruleId"] for result in results}


@given(
    file=st.text(min_size=1),
    message=st.text(),
    lines=st.integers(1, 3),
    way_out=st.none() | st.text(),
    severity=st.sampled_from(["error", "warning"]),
)
def test_every_text_and_file_name_is_sarif(file, message, lines, way_out, severity) -> None:
    where = span(file, end_line=1 + lines)
    found = Diagnostic(code="CMP201", message=message, severity=severity, span=where, help=way_out)
    document = log([found])
    assert len(document["runs"][0]["results"]) == 1


def test_what_stands_on_the_command_line_is_said_and_has_no_place_in_a_file() -> None:
    where = span("<command line>", text=("vars.n=1",))
    note = Note(message="set here", span=where)
    fix = (Edit(span=where, replacement="vars.m=1"),)
    found = Diagnostic(code="CMP131", message="m", span=where, notes=(note,), fix=fix)
    (result,) = log([found])["runs"][0]["results"]
    assert "locations" not in result
    assert "fixes" not in result
    assert result["message"]["text"] == "m\nin <command line>: vars.n=1"
    assert result["relatedLocations"] == [
        {"id": 0, "message": {"text": "set here (<command line>: vars.n=1)"}}
    ]
