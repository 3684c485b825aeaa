"""What the schema refuses, reduced to the branch that the user meant.

The only user of jsonschema, whose errors speak of the schema and list every branch of an ``anyOf``.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from composer.diagnostics.suggest import nearest
from composer.spec.formats import formats_beyond_ours
from composer.spec.schema_file import schema_text
from composer.spec.schema_words import Problem

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

_INTERPOLATION = {"$ref": "#/$defs/interpolation"}
_SAID = {"title", "description", "examples", "default"}
"""What the schema says to people."""


@functools.cache
def _validator_of_specs(formats: tuple[str, ...]) -> Validator:
    """Return the validator of specs, with formats of plug-ins."""
    schema = _strict(json.loads(schema_text("spec")))
    schema["$defs"]["format"]["enum"] += formats
    options = schema["$defs"]["output"]["properties"]["options"]["properties"]
    options |= {name: {"type": "object"} for name in formats}
    return _validator(schema)


def _validator(schema: Mapping[str, Any]) -> Validator:
    # Imported here: jsonschema takes longer to import than a spec takes to read.
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema)


def _strict(schema: Any) -> Any:
    """Return the schema without its leave for ``${…}``, which only an editor needs."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _strict(value) for key, value in schema.items()}
    branches = found.get("anyOf")
    if isinstance(branches, list) and _INTERPOLATION in branches:
        found["anyOf"] = [branch for branch in branches if branch != _INTERPOLATION]
        if len(found["anyOf"]) == 1:
            only = found.pop("anyOf")[0]
            found = {**only, **{k: v for k, v in found.items() if k not in only or k in _SAID}}
    return found


def problems_in(data: Any, schema: Mapping[str, Any] | None = None) -> Iterator[Problem]:
    """Yield what a schema refuses in ``data``, by the schema's own order of rules.

    Args:
        data: as plain data.
        schema: None is that of specs.
    """
    if schema is None:
        output = data.get("output") if isinstance(data, Mapping) else None
        validator = _validator_of_specs(formats_beyond_ours(output))
    else:
        validator = _validator(schema)
    for error in validator.iter_errors(data):
        for leaf in _reduced(error, validator):
            yield from _classified(leaf, validator)


def _reduced(error: ValidationError, validator: Validator) -> Iterator[ValidationError]:
    """Yield what is wrong in the one branch of ``anyOf`` or ``oneOf`` that was meant."""
    if error.validator not in {"anyOf", "oneOf"} or not error.context or _is_choice(error):
        yield error
        return
    branches: dict[int, list[ValidationError]] = {}
    for below in error.context:
        branches.setdefault(int(below.relative_schema_path[0]), []).append(below)
    fitting = {
        index: errors
        for index, errors in branches.items()
        if not any(e.validator == "type" and not e.relative_path for e in errors)
    }
    if not fitting:
        yield error
        return
    shared = _shared_keys(error, tuple(fitting), validator)
    if len(fitting) > 1 and not any(shared.values()) and isinstance(error.instance, Mapping):
        yield error
        return
    chosen = min(fitting, key=lambda index: (-shared[index], len(fitting[index]), index))
    for below in fitting[chosen]:
        yield from _reduced(below, validator)


def _shared_keys(
    error: ValidationError, fitting: tuple[int, ...], validator: Validator
) -> dict[int, float]:
    """Return how many keys of the value each branch knows; a near one counts for a half."""
    branches: Any = error.validator_value
    instance: Any = error.instance
    if not isinstance(instance, Mapping):
        return dict.fromkeys(fitting, 0.0)
    shared: dict[int, float] = {}
    for index in fitting:
        schema = _resolved(branches[index], validator)
        known = schema.get("properties")
        if known is None:
            # A free map takes any keys: it is meant unless a closed one shares most of them.
            shared[index] = max(1, (len(instance) + 1) // 2)
            continue
        exact = sum(key in known for key in instance)
        near = sum(bool(key not in known and nearest(key, known)) for key in instance)
        shared[index] = exact + near / 2
    return shared


def _resolved(schema: Mapping[str, Any], validator: Validator) -> Mapping[str, Any]:
    """Return the schema behind a ``$ref``."""
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    found: Any = validator.schema
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return _resolved(found, validator)


def _is_choice(error: ValidationError) -> bool:
    """Whether ``oneOf`` asks for exactly one of several keys."""
    branches: Any = error.validator_value
    return error.validator == "oneOf" and all(set(branch) == {"required"} for branch in branches)


def _classified(error: ValidationError, validator: Validator) -> Iterator[Problem]:
    value, schema = error.instance, error.schema if isinstance(error.schema, Mapping) else {}
    shown = Problem(
        path=tuple(error.absolute_path),
        rule=str(error.validator),
        title=str(schema.get("title", "")),
        example=next(
            (_json(item) for item in _examples(tuple(error.absolute_schema_path), validator)), None
        ),
    )
    if "propertyNames" in error.absolute_schema_path:
        yield replace(shown, rule="id", key=str(value))
        return
    match error.validator:
        case "additionalProperties" | "required":
            yield from _keys(error, schema, shown, validator)
        case "type" | "anyOf":
            yield _kind(error, schema, shown, validator)
        case "oneOf" | "not":
            if isinstance(value, Mapping):
                yield _choice(error, shown)
        case "enum" | "const":
            wanted: Any = error.validator_value
            allowed = wanted if error.validator == "enum" else [wanted]
            yield replace(shown, rule="value", wanted=tuple(_json(item) for item in allowed))
        case _:
            yield replace(shown, wanted=(str(error.validator_value),))


def _keys(
    error: ValidationError, schema: Mapping[str, Any], shown: Problem, validator: Validator
) -> Iterator[Problem]:
    """Yield the unknown keys of a map, or the missing ones that no unknown one was meant to be."""
    value: Any = error.instance
    wanted: Any = error.validator_value
    known = tuple(schema.get("properties", {}))
    unknown = [
        replace(shown, rule="unknown", key=key, wanted=known).with_guess(value)
        for key in value
        if key not in known
    ]
    if error.validator == "additionalProperties":
        yield from unknown
        return
    meant = [problem.guess for problem in unknown]
    for key in wanted:
        if key not in value and key not in meant:
            below = _resolved(schema.get("properties", {}).get(key, {}), validator)
            example = next(iter(below.get("examples", ())), below.get("const"))
            yield replace(shown, rule="required", key=key, example=_json(example))


def _kind(
    error: ValidationError, schema: Mapping[str, Any], shown: Problem, validator: Validator
) -> Problem:
    """Return the problem with a value of the wrong kind, or a map that is none of those allowed."""
    value: Any = error.instance
    branches: Any = error.validator_value
    types = tuple(_types(error, validator))
    if error.validator == "anyOf" and isinstance(value, Mapping) and "object" in types:
        first_keys = (_resolved(branch, validator).get("required", ())[:1] for branch in branches)
        return replace(shown, rule="choice", wanted=tuple(k for keys in first_keys for k in keys))
    required = schema.get("required", ())
    key = required[0] if len(required) == 1 else ""
    wraps = _takes_in_list(error, value, validator)
    return replace(shown, rule="type", wanted=types, key=key, wraps=wraps)


def _choice(error: ValidationError, shown: Problem) -> Problem:
    wanted: Any = error.validator_value
    rules = wanted if error.validator == "oneOf" else [wanted]
    return replace(
        shown, rule="choice", wanted=tuple(key for rule in rules for key in rule["required"])
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _examples(path: tuple[str | int, ...], validator: Validator) -> tuple[Any, ...]:
    """Return the examples of the nearest named part of the schema around ``path``."""
    found: tuple[Any, ...] = ()
    schema: Any = validator.schema
    previous: str | int = "properties"
    for step in path:
        # jsonschema leaves the steps through $ref out of its paths.
        if isinstance(schema, Mapping) and step not in schema:
            schema = _resolved(schema, validator)
            found = found or tuple(schema.get("examples", ()))
        schema = schema[step]
        if isinstance(schema, Mapping):
            examples = tuple(schema.get("examples", ()))
            named = previous == "properties" or step in {"items", "additionalProperties"}
            # A key's own examples say more than those of the kind of value that it takes.
            found = examples if named or not found else found
        previous = step
    return found


def _takes_in_list(error: ValidationError, value: Any, validator: Validator) -> bool:
    """Whether a list of which ``value`` is the one item would have been accepted."""
    return not isinstance(value, list) and validator.evolve(schema=error.schema).is_valid([value])


def _types(error: ValidationError, validator: Validator) -> Iterator[str]:
    """Yield the JSON types that would have been accepted, each once."""
    wanted: Any = error.validator_value
    if error.validator == "type":
        yield from [wanted] if isinstance(wanted, str) else wanted
        return
    found: dict[str, None] = {}
    for branch in wanted:
        schema = _resolved(branch, validator)
        if "enum" in schema:
            found["string"] = None
        for name in [schema["type"]] if "type" in schema else []:
            found[name] = None
    yield from found
