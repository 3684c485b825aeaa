"""Every key of a spec has an effect, or is reported: a table of them, and what tells the effect."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from composer.resolver.plan_document import plan_document
from composer.spec.schema_file import schema_text
from composer.store import Store
from composer.workflows.pipeline import Prepared, prepare

TOWER = "sources: {a: {from: models/tower.keras, %s}}\n"
WHOLE = (
    "inputs: {x: {shape: [16, 16, 3]}}\n"
    "sources: {a: {from: models/tower.keras, nested: t, inputs: x, %s}}\n"
)
TWO = (
    "inputs: {x: {shape: [16, 16, 3]}, y: {shape: [16, 16, 3]}}\n"
    "sources: {a: {from: models/tower.keras, calls: {one: {inputs: x}, two: {inputs: y}}}}\n"
)
DENSE = (
    "sources: {a: {from: models/tower.keras}}\nlayers: {d: {class: Dense, args: {units: 2}, %s}}\n"
)

IDLE: list[tuple[str, tuple[str, ...], str]] = [
    # key, where it is reported, the spec
    ("prefix", ("CMP306", "prefix"), WHOLE % "prefix: p_"),
    ("suffix", ("CMP306", "suffix"), WHOLE % "suffix: _s"),
    ("rename", ("CMP306", "conv1"), TOWER % "rename: {conv1: conv1}"),
    ("rename", ("CMP306", "conv1"), TOWER % "prefix: p_, rename: {conv1: p_conv1}"),
    ("rename", ("CMP306", "rename"), TOWER % r"rename: [{regex: '(conv.)', to: '\1'}]"),
    ("rename", ("CMP304", "probs"), TOWER % "exclude: [probs], rename: {probs: logits}"),
    ("rename", ("CMP304", "rename"), TOWER % "exclude: [probs], rename: [{regex: prob., to: x}]"),
    ("include", ("CMP306", "include"), TOWER % "include: ['*']"),
    ("include", ("CMP306", "include"), TOWER % "include: ['*'], exclude: [probs]"),
    ("exclude", ("CMP306", "exclude"), TOWER % "include: [{upto: pool}], exclude: [probs]"),
    ("bypass", ("CMP402", "bypass"), TOWER % "bypass: [drop]"),
    ("bypass", ("CMP306", "bypass"), TOWER % "exclude: [probs], bypass: [probs]"),
    ("flatten", ("CMP306", "flatten"), TOWER % "flatten: true"),
    ("trainable", ("CMP306", "trainable"), TOWER % "trainable: true"),
    ("freeze", ("CMP306", "freeze"), TOWER % "exclude: [probs], freeze: [probs]"),
    ("freeze", ("CMP306", "freeze"), TOWER % "trainable: false, freeze: [conv1]"),
    ("freeze", ("CMP306", "freeze"), TOWER % "freeze: [conv1], unfreeze: [conv1]"),
    ("unfreeze", ("CMP306", "unfreeze"), TOWER % "unfreeze: [conv1]"),
    ("unfreeze", ("CMP306", "unfreeze"), TOWER % "exclude: [probs], unfreeze: [probs]"),
    ("objects", ("CMP306", "objects"), TOWER % "objects: ['json:JSONDecoder']"),
    ("trust", ("CMP532", "trust"), TOWER % "trust: true"),
    ("calls", ("CMP306", "two"), TWO + "outputs: 'a@one:probs'\n"),
    ("inputs", ("CMP417", "y"), TWO.replace("two: {inputs: y}", "two: {inputs: x}")),
    ("sources", ("CMP417", "b"), (TOWER % "prefix: a_").replace(
        "}}\n", "}, b: {from: models/tower.keras}}\noutputs: 'a:probs'\n")),
    ("layers", ("CMP417", "d"), DENSE % "inputs: a" + "outputs: a\n"),
    ("calls", ("CMP306", "two"),
     DENSE % "calls: {one: {inputs: a}, two: {inputs: a}}" + "outputs: 'd@one'\n"),
    ("seed", ("CMP306", "seed"), "seed: 7\n" + TOWER % ""),
    ("vars", ("CMP306", "v"), "vars: {v: 1}\n" + TOWER % ""),
]  # fmt: skip

NEVER_IDLE = {
    # They say what the result is, or hold it against something; what they say is always used.
    "from", "args", "sha256", "license", "weights", "nested", "version", "name", "description",
    "extends", "outputs", "output",
}  # fmt: skip

USED = [
    TOWER % "prefix: p_, rename: {conv1: conv1}",
    TOWER % "include: [{upto: pool}]",
    TOWER % "include: [conv1, drop, conv2, pool, probs]",
    TOWER % "exclude: [probs], freeze: [conv1]",
    TOWER % "exclude: [drop], bypass: [drop]",
    TOWER % "trainable: false",
    TOWER % "trainable: false, unfreeze: [conv1]",
    TOWER % "flatten: false, trust: false, prefix: ''",
    (TOWER % "flatten: true").replace("tower", "nested"),
    TWO,
    "seed: 7\n" + DENSE % "inputs: a" + "outputs: d\n",
    "vars: {v: p_}\n" + TOWER % "prefix: '${vars.v}'",
    "vars: {v: {w: p_}, u: x_}\n" + TOWER % "prefix: '${vars.v.w}', suffix: '${vars[u]}'",
]


def prepared(text: str, models: Path, folder: Path) -> Prepared:
    if not (folder / "models").exists():
        (folder / "models").symlink_to(models)
    (folder / "s.yaml").write_text(f"version: 1\nname: s\n{text}", encoding="utf-8")
    return prepare(folder / "s.yaml", store=Store(folder / "store"))


def result(found: Prepared) -> dict[str, Any]:
    """Return what is built: everything of a plan but how it came about."""
    assert found.plan is not None, found.diagnostics
    document = plan_document(found.plan)
    kept = {key: document[key] for key in ("operations", "inputs", "outputs", "weights")}
    configs = [(op.name, op.config) for op in found.plan.graph.operations]
    return json.loads(json.dumps([kept, configs], sort_keys=True, default=str))


@pytest.mark.parametrize(("key", "report", "text"), IDLE)
def test_a_key_without_effect_is_a_warning(models, tmp_path, key, report, text) -> None:
    found = prepared(text, models, tmp_path)
    assert found.errors == ()
    code, last = report
    told = [item for item in found.diagnostics if item.code == code]
    assert len(told) == 1
    steps = [step for step in told[0].path if isinstance(step, str)]
    assert steps[-1] == last
    assert told[0].span is not None
    assert key in told[0].path
    if key not in ("inputs", "sources", "layers", "calls"):
        assert {item.code for item in found.diagnostics} == {code}


@pytest.mark.parametrize(("key", "report", "text"), IDLE)
def test_the_result_is_the_same_without_it(models, tmp_path, key, report, text) -> None:
    if key in ("inputs", "sources", "layers", "calls"):
        pytest.skip("they are named by what refers to them")
    found = prepared(text, models, tmp_path)
    data = yaml.safe_load(text)
    holder = data if key in data else data["sources"]["a"]
    del holder[key]
    without = prepared(yaml.safe_dump(data, sort_keys=False), models, tmp_path)
    assert result(found) == result(without)


@pytest.mark.parametrize("text", USED)
def test_a_key_with_an_effect_or_its_default_is_not_reported(models, tmp_path, text) -> None:
    found = prepared(text, models, tmp_path)
    assert [item.code for item in found.diagnostics] == []


def test_every_key_of_the_language_is_in_the_table() -> None:
    schema = json.loads(schema_text("spec"))
    source = next(
        found["properties"]
        for found in schema["$defs"].values()
        if "bypass" in found.get("properties", {})
    )
    known = {key for key, _, _ in IDLE} | NEVER_IDLE
    assert set(schema["properties"]) | set(source) <= known


def test_a_name_that_finds_nothing_is_an_error(models, tmp_path) -> None:
    for keys, code in (
        ("exclude: [nothing]", "CMP401"),
        ("freeze: [nothing]", "CMP401"),
        ("bypass: [nothing]", "CMP401"),
        ("rename: {nothing: x}", "CMP304"),
        ("rename: [{regex: nothing, to: x}]", "CMP304"),
    ):
        found = prepared(TOWER % keys, models, tmp_path)
        assert [(item.code, item.severity) for item in found.diagnostics] == [(code, "error")]


def test_variables_of_a_file_that_is_extended_are_for_several_specs(models, tmp_path) -> None:
    (tmp_path / "base.yaml").write_text("vars: {v: 1}\n", encoding="utf-8")
    assert prepared("extends: base.yaml\n" + TOWER % "", models, tmp_path).diagnostics == ()
