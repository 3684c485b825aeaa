"""The schema for editors: all that compose accepts, and the arguments of each class of Keras."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from composer.signatures import layer_names, signature_of
from composer.spec import editor_schema
from composer.spec.editor_schema import editor_schema_text
from composer.spec.schema_file import schema_text
from tests.spec.test_layer_arguments import HEAD, RIGHT

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.yaml"))
SCHEMA = json.loads(editor_schema_text())
VALIDATOR = Draft202012Validator(SCHEMA)


def layer(text: str) -> bool:
    """Tell whether an editor is content with a spec of one new layer."""
    return VALIDATOR.is_valid(yaml.safe_load(HEAD + text))


def test_it_is_a_valid_schema_that_holds_all_of_the_other():
    Draft202012Validator.check_schema(SCHEMA)
    base = json.loads(schema_text("spec"))
    assert SCHEMA["properties"] == base["properties"]
    for name, part in base["$defs"].items():
        found = {key: value for key, value in SCHEMA["$defs"][name].items() if key != "allOf"}
        assert found == part
    assert len(editor_schema_text()) < 250_000


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_a_shipped_spec_is_right(spec):
    assert VALIDATOR.is_valid(yaml.safe_load(spec.read_text(encoding="utf-8")))


@pytest.mark.parametrize("text", RIGHT)
def test_what_compose_accepts_an_editor_accepts(text):
    assert layer(text)


def test_every_class_is_there():
    (by_class,) = (
        SCHEMA["$defs"][ref["$ref"].rpartition("/")[2]] for ref in SCHEMA["$defs"]["layer"]["allOf"]
    )
    named = [
        name for branch in by_class["allOf"] for name in branch["if"]["properties"]["class"]["enum"]
    ]
    assert sorted(named) == sorted(layer_names())


def test_the_defaults_of_every_class_are_right():
    for name in layer_names():
        signature = signature_of(name)
        if any(argument.required for argument in signature.arguments):
            continue
        document = yaml.safe_load(HEAD + f"{{class: {name}, inputs: x}}")
        document["layers"]["new"]["args"] = signature.filled({})
        assert VALIDATOR.is_valid(document), name


@pytest.mark.parametrize(
    "text",
    [
        "{class: Dense, args: {units: -1}, inputs: x}",
        "{class: Dense, args: {units: 1, activaton: relu}, inputs: x}",
        "{class: Dense, args: {units: 1, activation: sofmax}, inputs: x}",
        "{class: Dense, args: {units: 1}, inputs: x, call: {trainin: true}}",
        "{class: AvgPool2D, args: {pool_size: [1, 2, 3]}, inputs: i}",
    ],
)  # fmt: skip
def test_what_is_wrong_is_wrong_in_an_editor(text):
    assert not layer(text)


def test_names_of_a_newer_keras_are_let_through(monkeypatch):
    monkeypatch.setattr(editor_schema, "is_of_installed", lambda: False)
    validator = Draft202012Validator(json.loads(editor_schema_text()))
    text = "{class: Dense, args: {units: 1, new: 1, activation: newest}, inputs: x}"
    assert validator.is_valid(yaml.safe_load(HEAD + text))
    assert not validator.is_valid(yaml.safe_load(HEAD + text.replace("units: 1", "units: -1")))
