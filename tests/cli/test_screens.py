"""The screens of plan and inspect, as people see them: golden files of 80 columns and fewer."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from composer.graphs.content_digest import digest_content
from composer.spec.schema_file import schema_text

GOLDEN = Path(__file__).parent / "golden"
SPEC = """\
version: 1
name: two_towers
description: Two towers and a head.
sources:
  a:
    from: models/tower.keras
    prefix: a_
    license: Apache-2.0
    exclude: [drop, probs]
  b:
    from: models/tower_b.keras
    suffix: _b
    rename: {conv1: first_convolution_of_the_second_tower}
    exclude: [{after: conv2}]
    inputs: {image: "a:image"}
  head: {from: models/head.keras, inputs: a}
layers:
  joined: {class: GlobalAveragePooling2D, inputs: b}
outputs: {scores: head, joined: joined}
"""
NESTING = """\
version: 1
name: siamese
inputs: {one: {shape: [16, 16, 3]}, two: {shape: [16, 16, 3]}}
sources:
  tower:
    from: models/tower.keras
    exclude: [probs]
    calls: {left: {inputs: one}, right: {inputs: two}}
  n: {from: models/nested.keras, prefix: n_, inputs: half}
  s: {from: models/shared.keras, prefix: s_, inputs: half, exclude: [twice]}
  whole: {from: models/nested.keras, nested: whole, inputs: half}
layers:
  both: {class: Concatenate, inputs: [tower@left, "tower@right:pool"]}
  half: {class: Dense, args: {units: 4}, inputs: both}
"""
LINKED = """\
version: 1
name: pair
sources:
  a: {from: models/tower.keras, prefix: a_, license: MIT, exclude: [probs], trainable: false}
  head: {from: models/head.keras, inputs: a}
"""


def _screen(text: str) -> str:
    """Leave out what depends on the Keras that saved the models."""
    text = re.sub(r"(sha256|content) [0-9a-f]{12}…", r"\1 …", text)
    return re.sub(r"written by Keras [0-9.]+", "written by Keras …", text)


@pytest.fixture
def spec(workspace) -> str:
    (workspace / "spec.yaml").write_text(SPEC)
    return "spec.yaml"


def test_the_link_map_folds_runs_and_lists_what_is_left_out(compose, spec, golden):
    result = compose("plan", spec)
    assert (result.code, result.err) == (0, "")
    assert max(map(len, result.out.splitlines())) <= 80
    golden(GOLDEN / "plan.txt", result.out)


def test_all_gives_each_layer_a_line(compose, spec, golden):
    result = compose("plan", spec, "--all")
    golden(GOLDEN / "plan_all.txt", result.out)


def test_nesting_calls_and_sharing_are_told(compose, workspace, golden):
    (workspace / "nesting.yaml").write_text(NESTING)
    result = compose("plan", "nesting.yaml")
    assert (result.code, result.err) == (0, "")
    golden(GOLDEN / "plan_nesting.txt", result.out)
    golden(GOLDEN / "plan_nesting_all.txt", compose("plan", "nesting.yaml", "--all").out)


def test_the_document_tells_nesting_calls_and_sharing(compose, workspace):
    (workspace / "nesting.yaml").write_text(NESTING)
    document = json.loads(compose("plan", "nesting.yaml", "--json").out)
    jsonschema.validate(document, json.loads(schema_text("plan")))
    entries = {(e["source"], e["layer"]): e for e in document["link_map"]}
    assert entries["tower", "conv1"]["calls"] == 2
    assert entries["n", "inner"]["calls"] == 1
    assert [i["path"] for i in entries["n", "inner"]["inside"]] == ["inner/first", "inner/second"]
    assert entries["s", "inner"]["inside"][0]["shared"] == ["twice"]
    assert entries["s", "twice"]["shared"] == ["inner/twice"]
    assert entries["s", "twice"]["calls"] == 0
    assert [i["path"] for i in entries["whole", "whole"]["inside"]] == [
        "whole/inner", "whole/inner/first", "whole/inner/second", "whole/scores",
    ]  # fmt: skip
    assert {s["id"]: s["uses"] for s in document["sources"]}["tower"] == ["left", "right"]
    operations = {op["name"]: op for op in document["operations"]}
    assert operations["conv1"]["calls"] == [[["one", 0, 0]], [["two", 0, 0]]]
    assert {(s["from"], s["to"]) for s in document["seams"]} >= {
        ("one", "tower@left:conv1"),
        ("two", "tower@right:conv1"),
        ("tower@right:pool", "both"),
    }


def test_a_changed_seam_shows_both_shapes(compose, workspace, golden):
    (workspace / "spec.yaml").write_text(
        "version: 1\nname: larger\n"
        "inputs: {photo: {shape: [32, 32, 3]}}\n"
        "sources:\n"
        "  tower: {from: models/tower.keras, inputs: photo, exclude: [conv2, drop], bypass: []}\n".replace(
            "exclude: [conv2, drop], bypass: []", "exclude: [{after: conv2}]"
        )
    )
    result = compose("plan", "spec.yaml")
    assert result.code == 0
    golden(GOLDEN / "plan_changed_seam.txt", result.out)


@pytest.mark.parametrize("columns", ["40", "60"])
def test_a_narrow_terminal_breaks_names_and_cuts_none(compose, spec, monkeypatch, columns, golden):
    monkeypatch.setenv("COLUMNS", columns)
    result = compose("plan", spec)
    assert max(map(len, result.out.splitlines())) <= int(columns)
    # A name that is cut would end in a mark without a space before it.
    assert not re.search(r"\S…", result.out)
    golden(GOLDEN / f"plan_{columns}_columns.txt", result.out)


def test_without_a_terminal_and_columns_no_line_is_cut(compose, spec, monkeypatch):
    monkeypatch.delenv("COLUMNS")
    result = compose("plan", spec)
    assert "first_convolution_of_the_second_tower" in result.out


def test_the_plan_as_json_follows_its_schema(compose, spec):
    document = json.loads(compose("plan", spec, "--json").out)
    jsonschema.Draft202012Validator(json.loads(schema_text("plan"))).validate(document)
    assert document["deferred"] == ["joined"]


def test_inspect_shows_a_table_of_layers(compose, golden):
    result = compose("inspect", "models/tower.keras")
    assert (result.code, result.err) == (0, "")
    golden(GOLDEN / "inspect.txt", _screen(result.out))


def test_inspect_indents_nested_models_and_counts_calls(compose, golden):
    nested = compose("inspect", "models/nested.keras").out
    several = compose("inspect", "models/two_heads.keras").out
    golden(GOLDEN / "inspect_nested.txt", _screen(f"{nested}\n{several}"))


def test_inspect_shows_where_the_layers_of_a_linked_model_come_from(
    compose, workspace, golden, monkeypatch
):
    (workspace / "spec.yaml").write_text(LINKED)
    assert compose("build", "spec.yaml", "-o", "pair.keras").code == 0
    golden(GOLDEN / "inspect_linked.txt", _screen(compose("inspect", "pair.keras").out))
    document = json.loads(compose("inspect", "pair.keras", "--json").out)
    origins = {layer["name"]: layer["origin"] for layer in document["layers"]}
    assert origins["a_conv1"] == "a:conv1"
    tower = workspace / "models" / "tower.keras"
    assert document["sources"][0] == {
        "id": "a", "from": "models/tower.keras", "sha256": None, "content": digest_content(tower),
        "license": "MIT",
    }  # fmt: skip
    flags = {layer["name"]: layer["trainable"] for layer in document["layers"]}
    assert (flags["a_conv1"], flags["hidden"]) == (False, True)


def test_inspect_counts_the_weights_inside_nested_models(compose):
    document = json.loads(compose("inspect", "models/nested.keras", "--json").out)
    (inner,) = [layer for layer in document["layers"] if layer["name"] == "inner"]
    sizes = {layer["name"]: layer["parameters"] for layer in inner["layers"]}
    assert (sizes["first"], sizes["second"]) == (4 * 3 + 3, 3 * 3 + 3)
    assert inner["parameters"] == sizes["first"] + sizes["second"]
    assert document["parameters"] == inner["parameters"] + 3 * 2 + 2


def test_select_shows_what_a_selector_would_catch(compose, golden):
    result = compose(
        "inspect", "models/tower.keras", "--select", "conv*", "--select", "{class: Dropout}"
    )
    assert result.code == 0
    golden(GOLDEN / "inspect_select.txt", _screen(result.out))
    document = json.loads(
        compose("inspect", "models/tower.keras", "--json", "--select", "{after: drop}").out
    )
    assert document["selected"] == {"{after: drop}": ["conv2", "pool", "probs"]}


def test_a_selector_that_catches_nothing_is_said_on_stderr(compose):
    result = compose("inspect", "models/tower.keras", "--select", "con1")
    assert result.code == 1
    assert "con1: 0 of 6 operations" in result.out
    assert "con1 matches no layer" in result.err
    assert "did you mean 'conv1'" in result.err


def test_selectors_reach_into_nested_models_and_say_what_a_spec_needs_for_it(compose):
    result = compose("inspect", "models/nested.keras", "--select", "inner/fir*")
    assert result.code == 0
    assert result.out.endswith("inner/fir*: 1 inside nested models\n")
    assert "\ninner/first  Dense" in result.out
    assert "flatten: true on the source" in result.err
    document = compose(
        "inspect", "models/nested.keras", "--json", "--select", "{upto: inner/first}"
    )
    assert json.loads(document.out)["selected"] == {
        "{upto: inner/first}": ["features", "inner/first"]
    }
    # What is on the top level needs nothing, and is shown with what it holds.
    result = compose("inspect", "models/nested.keras", "--select", "inner")
    assert result.out.endswith("\ninner: 1 of 3 operations\n")
    assert result.err == ""


@pytest.mark.parametrize(
    ("selector", "told"),
    [
        ("first", "'inner/first' lies inside a nested model"),
        ("{regex: core}", "{regex: .*core.*} matches 'scores'"),
        ("class: Dense", "a selector by class is a map: {class: Dense}"),
    ],
)
def test_why_a_selector_catches_nothing_is_told_here_and_by_a_spec(compose, selector, told):
    result = compose("inspect", "models/nested.keras", "--select", selector)
    assert (result.code, told in result.err) == (1, True)
    Path("nest.yaml").write_text(
        "version: 1\nname: nest\nsources:\n"
        f"  n: {{from: models/nested.keras, exclude: [{json.dumps(selector)}]}}\n"
        if not selector.startswith("{")
        else "version: 1\nname: nest\nsources:\n"
        f"  n: {{from: models/nested.keras, exclude: [{selector}]}}\n"
    )
    (found,) = json.loads(compose("validate", "nest.yaml", "--output-format", "json").out)
    assert (found["code"], told in found["help"]) == ("CMP401", True)


def test_a_reference_into_a_nested_model_is_told_of_flatten(compose):
    Path("nest.yaml").write_text(
        "version: 1\nname: nest\nsources: {n: {from: models/nested.keras}}\n"
        "layers: {act: {class: ReLU, inputs: 'n:second'}}\n"
    )
    (found,) = json.loads(compose("validate", "nest.yaml", "--output-format", "json").out)
    assert found["code"] == "CMP407"
    assert "'inner/second' lies inside a nested model" in found["help"]


@pytest.mark.parametrize("selector", ["{clas: Dense}", "{class: [a]}", "{", "{regex: (}", "a[b"])
def test_what_is_no_selector_is_refused_as_usage(compose, selector):
    result = compose("inspect", "models/tower.keras", "--select", selector)
    assert result.code == 2
    assert result.err.startswith("error[CMP")
    assert "Traceback" not in result.err
