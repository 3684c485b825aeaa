"""Holds a plan's names against the plan's JSON Schema, where uniqueness is stated."""

from __future__ import annotations

import json
from typing import Any

from composer.errors import BuildError
from composer.resolver.plan import Plan
from composer.spec.schema_file import schema_text


def check_plan_names(plan: Plan) -> None:
    """Check the three scopes of names, before anything is built.

    The resolver has explained every collision by now; this is the schema's own word, which any
    JSON Schema validator would give (``uniqueItems``). The rest of the document follows from
    typed values and is held against the schema by the tests.

    Raises:
        BuildError: a name is used twice in its scope, or no name at all.
    """
    import jsonschema

    schema = json.loads(schema_text("plan"))
    names: dict[str, Any] = {
        "operations": [operation.name for operation in plan.graph.operations],
        "inputs": [port.name for port in plan.inputs],
        "outputs": [port.name for port in plan.outputs],
    }
    part = {**schema["properties"]["names"], "$defs": schema["$defs"]}
    for error in jsonschema.Draft202012Validator(part).iter_errors(names):
        where = ".".join(str(step) for step in error.path) or "names"
        raise BuildError("CMP710.plan-schema", where=where, rule=error.validator)
