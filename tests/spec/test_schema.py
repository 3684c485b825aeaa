"""The schema, and what is said when it refuses something."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from composer.diagnostics import Diagnostic
from composer.spec import schema, spec_from_text
from composer.spec.schema_file import schema_text
from composer.spec.source_text import SourceText
from composer.spec.tree import plain
from composer.spec.yaml_text import parse

SCHEMA = json.loads(schema_text("spec"))
EDITOR = Draft202012Validator(SCHEMA)

EXAMPLE = """\
version: 1
name: resnet_head
vars: {classes: 10, weights: null}
sources:
  backbone:
    from: app:ResNet50
    args: {weights: "${vars.weights}"}
    prefix: rn50_
    exclude: [avg_pool, predictions]
    trainable: false
layers:
  pool:  {class: GlobalAveragePooling2D, inputs: backbone}
  probs: {class: Dense, args: {units: "${vars.classes}", activation: softmax}, inputs: pool}
outputs: {probs: probs}
output: {path: ../build/resnet_head.keras}
"""


def check(text: str) -> schema.Checked:
    root, found = parse(SourceText(file="a.yaml", text=text, directory=Path()))
    assert found == []
    assert root is not None
    return schema.check(root)


def source(text: str) -> tuple[Diagnostic, ...]:
    return check(f"version: 1\nname: a\nsources:\n  s: {{from: x, {text}}}\n").diagnostics


def keys_of(part: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each key that the schema declares."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "properties":
                for name, below in value.items():
                    yield f"{path}/{name}", below
            if key not in {"examples", "default"}:
                yield from keys_of(value, f"{path}/{key}")
    elif isinstance(part, list):
        for index, value in enumerate(part):
            yield from keys_of(value, f"{path}/{index}")


def objects_of(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if part.get("type") == "object":
            yield part
        for key, value in part.items():
            if key not in {"examples", "default"}:
                yield from objects_of(value)
    elif isinstance(part, list):
        for value in part:
            yield from objects_of(value)


def test_the_schema_is_a_valid_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(("path", "part"), list(keys_of(SCHEMA)), ids=lambda value: str(value)[:60])
def test_every_key_teaches_what_it_is(path: str, part: dict[str, Any]) -> None:
    assert part["title"]
    assert part["description"].endswith(".")
    assert part["examples"]


@pytest.mark.parametrize(("path", "part"), list(keys_of(SCHEMA)), ids=lambda value: str(value)[:60])
def test_examples_and_defaults_are_accepted_by_their_own_schema(path: str, part: Any) -> None:
    validator = EDITOR.evolve(schema=part)
    for example in [*part["examples"], *([part["default"]] if "default" in part else [])]:
        assert validator.is_valid(example), (path, example)


@pytest.mark.parametrize("name", ["plan", "lock"])
def test_every_key_of_the_documents_that_are_written_says_what_it_is(name: str) -> None:
    written = json.loads(schema_text(name))
    silent = []
    for path, part in keys_of(written):
        named = written["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else {}
        if not part.get("description", named.get("description", "")).endswith("."):
            silent.append(path)
    assert silent == []


def test_only_free_maps_take_any_keys() -> None:
    free = [
        part
        for part in objects_of(SCHEMA)
        if "additionalProperties" not in part and "required" not in part
    ]
    # vars, and the one behind args and call.
    assert len(free) == 2
    for part in objects_of(SCHEMA):
        if "properties" in part:
            assert part["additionalProperties"] is False


def test_an_editor_accepts_the_example_of_the_language() -> None:
    assert EDITOR.is_valid(yaml.safe_load(EXAMPLE))


def test_the_example_of_the_language_has_no_problem() -> None:
    spec, found = spec_from_text(EXAMPLE, file="a.yaml", directory=Path())
    assert found == ()
    assert spec is not None


@pytest.mark.parametrize(
    "text",
    [
        "trainable: '${vars.x}'",
        "exclude: '${vars.x}'",
        "flatten: '${vars.x}'",
        "rename: '${a.b}'",
        "calls: '${vars.x}'",
        "args: '${vars.x}'",
        "sha256: '${vars.x}'",
    ],
)
def test_an_editor_accepts_what_will_be_filled_in_and_reading_refuses_what_was_not(
    text: str,
) -> None:
    spec = f"version: 1\nname: a\nsources:\n  s: {{from: x, {text}}}\n"
    assert EDITOR.is_valid(yaml.safe_load(spec))
    assert [item.code for item in check(spec).diagnostics] in (["CMP203"], ["CMP205"])


def test_an_unknown_key_is_told_with_the_nearest_one_and_the_edit() -> None:
    (found,) = source("prefx: a_")
    assert found.path == ("sources", "s", "prefx")
    assert found.help == "did you mean 'prefix'?"
    (edit,) = found.fix
    assert (edit.span, edit.replacement) == (found.span, "prefix")


def test_a_misspelled_key_is_read_as_the_one_that_was_meant() -> None:
    checked = check("version: 1\nname: a\nsources:\n  s: {from: x, exlude: [y]}\n")
    assert plain(checked.tree)["sources"] == {"s": {"from": "x", "exclude": ["y"]}}
    assert checked.broken == ()


def test_what_a_misspelled_key_holds_is_judged_too() -> None:
    codes = [item.code for item in source("exlude: y")]
    assert codes == ["CMP201", "CMP203"]


def test_a_misspelled_key_does_not_replace_one_that_is_there() -> None:
    checked = check("version: 1\nname: a\nsources:\n  s: {from: x, prefix: a, prefx: b}\n")
    assert plain(checked.tree)["sources"]["s"]["prefix"] == "a"
    assert [item.code for item in checked.diagnostics] == ["CMP201"]


def test_a_missing_key_that_was_misspelled_is_told_once() -> None:
    checked = check("version: 1\nname: a\nsources:\n  s: {form: x}\n")
    assert [item.code for item in checked.diagnostics] == ["CMP201"]
    assert plain(checked.tree)["sources"]["s"] == {"from": "x"}


@pytest.mark.parametrize(
    ("text", "message", "replacement"),
    [
        ("exclude: x", "'sources.s.exclude' should be a list; found the text 'x'", "[x]"),
        ("prefix: 12", "'sources.s.prefix' should be text; found the number 12", '"12"'),
        ("prefix: true", "'sources.s.prefix' should be text; found true", '"true"'),
        ("trainable: yes", "should be true or false; found the text 'yes'", "true"),
        ("flatten: 'off'", "should be true or false; found the text 'off'", "false"),
        ("trainable: 1", "should be true or false; found the number 1", None),
        ("prefix: [a]", "should be text; found a list", None),
        ("prefix: ", "should be text; found nothing (null)", None),
        ("rename: a", "should be a map or a list; found the text 'a'", None),
        ("inputs: 5", "should be text or a map; found the number 5", '"5"'),
        ("exclude: [[a]]", "'sources.s.exclude[0]' should be text or a map; found a list", None),
    ],
)
def test_a_wrong_type_says_what_was_expected_and_found(
    text: str, message: str, replacement: str | None
) -> None:
    (found,) = source(text)
    assert found.code == "CMP203"
    assert message in found.message
    assert [edit.replacement for edit in found.fix] == ([replacement] if replacement else [])


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("exclude: [{regx: a}]", ["CMP201"]),
        ("exclude: [{clas: a}]", ["CMP201"]),
        ("exclude: [{regex: a, class: b}]", ["CMP201"]),
        ("exclude: [{from: a}]", ["CMP202"]),
        ("exclude: [{}]", ["CMP207"]),
        ("exclude: [{foo: a}]", ["CMP207"]),
        ("exclude: ['']", ["CMP206"]),
        ("inputs: {a: {source: b, layr: c}}", ["CMP201"]),
        ("inputs: {}", ["CMP206"]),
        ("inputs: a, calls: {x: {inputs: a}}", ["CMP207"]),
        ("calls: {x: {input: a}}", ["CMP201"]),
        ("calls: {1x: {inputs: a}}", ["CMP205"]),
        ("rename: [{regex: a}]", ["CMP202"]),
        ("sha256: abc", ["CMP205"]),
    ],
)
def test_only_what_is_wrong_in_the_branch_that_was_meant_is_told(
    text: str, codes: list[str]
) -> None:
    assert [item.code for item in source(text)] == codes


def test_what_is_wrong_is_taken_out_and_the_rest_stays() -> None:
    checked = check(
        "version: 1\nname: a\nseed: x\nsources:\n  a: {from: x, trainable: 5}\n  b: {from: }\n"
        "  c: {from: y}\n  1d: {from: z}\nlayers: {e: {class: Dense}}\n"
    )
    assert plain(checked.tree) == {
        "version": 1,
        "name": "a",
        "sources": {"a": {"from": "x"}, "c": {"from": "y"}},
        "layers": {},
    }
    assert set(checked.broken) == {"a", "b", "1d", "e"}


def test_a_root_that_is_no_map_leaves_nothing() -> None:
    assert check("[1]").tree is None
    assert [item.code for item in check("text").diagnostics] == ["CMP203"]


def test_an_unknown_schema_is_not_found() -> None:
    with pytest.raises(FileNotFoundError):
        schema_text("nothing")
