"""Specs beside the plans that they give: what is kept, named, wired, and left for Keras."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from composer.resolver.plan import Plan
from composer.resolver.plan_document import plan_document
from composer.store import Store
from composer.workflows.pipeline import Prepared, prepare

PLANS = Path(__file__).parent / "plans"
SCHEMA = Path(__file__).parents[2] / "schemas" / "plan.schema.json"


def prepared(name: str, models: Path, tmp_path: Path) -> Prepared:
    (tmp_path / "models").symlink_to(models)
    spec = tmp_path / f"{name}.yaml"
    spec.write_text((PLANS / f"{name}.yaml").read_text())
    return prepare(spec, store=Store(tmp_path / "store"))


def told(plan: Plan) -> str:
    """Return a plan as lines that a reviewer can compare."""
    lines = [f"inputs  {', '.join(f'{p.name} {p.spec}' for p in plan.inputs)}"]
    lines += [f"outputs {', '.join(f'{p.name} {p.spec}' for p in plan.outputs)}", ""]
    groups = {state.name: state for state in plan.states}
    for operation in plan.graph.operations:
        calls = "; ".join(
            ", ".join(f"{tensor.ref} {tensor.spec}" for tensor in call.tensors())
            for call in operation.calls
        )
        frozen = "" if operation.config.get("trainable", True) else " frozen"
        lines.append(f"{operation.name} <- {plan.origins[operation.name]}({calls}){frozen}")
        state = groups.get(operation.name)
        if state is not None and state.source_group:
            lines.append(f"    {state.group} <- {state.source_group}")
    gone = [entry for entry in plan.link_map if entry.name is None]
    lines += [""] + [
        f"{entry.fate} {entry.source}:{entry.layer}" + (f" ({entry.note})" if entry.note else "")
        for entry in gone
    ]
    lines += [
        f"seam {seam.state} {seam.producer} -> {seam.consumer}: "
        f"expected {seam.expected}, actual {seam.actual}"
        for seam in plan.seams
    ]
    lines += [f"deferred {key}" for key in plan.deferred]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", sorted(path.stem for path in PLANS.glob("*.yaml")))
def test_a_spec_gives_the_plan_beside_it(name, models, tmp_path, golden):
    found = prepared(name, models, tmp_path)
    assert found.diagnostics == ()
    assert found.plan is not None
    golden(PLANS / f"{name}.txt", told(found.plan))


@pytest.mark.parametrize("name", sorted(path.stem for path in PLANS.glob("*.yaml")))
def test_every_plan_fits_its_schema_and_survives_json(name, models, tmp_path):
    plan = prepared(name, models, tmp_path).plan
    assert plan is not None
    document = plan_document(plan)
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)
    assert json.loads(json.dumps(document)) == document


def test_any_json_schema_validator_finds_a_collision_in_a_plan(models, tmp_path):
    plan = prepared("two_towers", models, tmp_path).plan
    assert plan is not None
    document = plan_document(plan)
    document["names"]["operations"].append(document["names"]["operations"][0])
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    errors = list(validator.iter_errors(document))
    assert [error.validator for error in errors] == ["uniqueItems"]
