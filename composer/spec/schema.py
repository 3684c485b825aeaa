"""A tree against the schema: every problem in plain words, and what is left to work with.

The only user of jsonschema. Its errors speak of the schema; here they are reduced to the branch
that the user meant and told as what was expected and what was found.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from composer.diagnostics.diagnostic import Diagnostic, SpecPath
from composer.diagnostics.suggest import nearest
from composer.spec.schema_file import schema_text
from composer.spec.schema_words import Problem, told
from composer.spec.tree import (
    Broken,
    MapNode,
    Node,
    TreePositions,
    changed,
    find,
    plain,
    walk,
    without,
)

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

ITEMS = ("inputs", "sources", "layers")
"""The maps whose entries are worked with one by one: a broken one does not hide the others."""

_INDISPENSABLE: Mapping[str, tuple[str, ...]] = {
    "inputs": ("shape",),
    "sources": ("from",),
    "layers": ("class", "inputs", "calls"),
}
_INTERPOLATION = {"$ref": "#/$defs/interpolation"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the schema left.

    Attributes:
        tree: accepted by the schema, save for ``version`` and ``name``, which may be missing;
            None when the spec is no map.
        broken: ids of inputs, sources and layers that were taken out.
        diagnostics: what was wrong.
    """

    tree: MapNode | None
    broken: tuple[str, ...]
    diagnostics: tuple[Diagnostic, ...]


def check(root: Node) -> Checked:
    """Return ``root`` without what the schema refuses.

    A key that is most likely a typing error is read as the key it was meant to be, so that
    later stages judge the spec as it will be once corrected.

    Args:
        root: a tree with every interpolation filled in.
    """
    if isinstance(root, Broken):
        return Checked(tree=None, broken=(), diagnostics=())
    diagnostics: list[Diagnostic] = []
    broken: list[str] = []
    told_already = tuple(path for path, node in walk(root) if isinstance(node, Broken))
    renamed: tuple[SpecPath, ...] = ()
    tree: Node = root
    rename = True
    while True:
        positions = TreePositions(tree)
        problems = [
            problem
            for problem in dict.fromkeys(_problems(plain(tree)))
            if not _below(problem.path, told_already)
        ]
        for problem in problems:
            # Later rounds tell only of what a renamed key brought to light.
            if rename or _below(problem.path, renamed):
                diagnostics += told(problem, tree, positions)
        if any(not problem.path and problem.rule == "type" for problem in problems):
            return Checked(tree=None, broken=(), diagnostics=tuple(diagnostics))
        repairs = [problem for problem in problems if problem.path or problem.rule != "required"]
        if not repairs and not told_already:
            break
        before = tree
        for problem in repairs:
            tree = _repaired(tree, problem, broken, rename=rename)
        for path in told_already:
            tree = _take_out(tree, path, broken)
        # Each round takes something out, and only the first one renames: this comes to an end.
        if tree == before:
            return Checked(tree=None, broken=(), diagnostics=tuple(dict.fromkeys(diagnostics)))
        renamed = tuple((*p.path, p.guess) for p in repairs if p.guess is not None)
        told_already, rename = (), False
    assert isinstance(tree, MapNode)
    return Checked(
        tree=tree,
        broken=tuple(dict.fromkeys(broken)),
        diagnostics=tuple(dict.fromkeys(diagnostics)),
    )


def _below(path: SpecPath, parents: tuple[SpecPath, ...]) -> bool:
    return any(path[: len(parent)] == parent for parent in parents)


def _repaired(tree: Node, problem: Problem, broken: list[str], *, rename: bool) -> Node:
    if problem.rule == "unknown":
        assert problem.key is not None
        if problem.guess is None or not rename:
            return without(tree, (*problem.path, problem.key))
        return _renamed(tree, problem.path, problem.key, problem.guess)
    if problem.rule == "id":
        assert problem.key is not None
        return _take_out(tree, (*problem.path, problem.key), broken)
    return _take_out(tree, problem.path, broken)


def _take_out(tree: Node, path: SpecPath, broken: list[str]) -> Node:
    """Remove the smallest part around ``path`` without which the rest can be judged on.

    That is a top-level key, or an optional key of an input, source or layer, or all of it.
    """
    if len(path) >= 2 and path[0] in ITEMS:
        broken.append(str(path[1]))
        optional = len(path) >= 3 and path[2] not in _INDISPENSABLE[str(path[0])]
        return without(tree, path[: 3 if optional else 2])
    if path and path[0] in ITEMS:
        found = find(tree, path)
        broken += found.entries if isinstance(found, MapNode) else ()
    return without(tree, path[:1])


def _renamed(tree: Node, path: SpecPath, key: str, new: str) -> Node:
    """Return ``tree`` with the key ``key`` of the map at ``path`` spelled ``new``."""

    def rename(node: Node) -> Node:
        if not isinstance(node, MapNode):
            return node
        if new in node.entries:
            return without(node, (key,))
        entries = {new if name == key else name: e for name, e in node.entries.items()}
        return replace(node, entries=entries)

    return changed(tree, path, rename)


# ---------------------------------------------------------------- validating


@functools.cache
def _validator() -> Validator:
    # Imported here: jsonschema takes longer to import than a spec takes to read.
    from jsonschema import Draft202012Validator

    schema: dict[str, Any] = _strict(json.loads(schema_text("spec")))
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


_SAID = {"title", "description", "examples", "default"}


def _problems(data: Any) -> Iterator[Problem]:
    """Yield what the schema refuses in ``data``, by the schema's own order of rules."""
    for error in _validator().iter_errors(data):
        for leaf in _reduced(error):
            yield from _classified(leaf)


def _reduced(error: ValidationError) -> Iterator[ValidationError]:
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
    shared = _shared_keys(error, tuple(fitting))
    if len(fitting) > 1 and not any(shared.values()) and isinstance(error.instance, Mapping):
        yield error
        return
    chosen = min(fitting, key=lambda index: (-shared[index], len(fitting[index]), index))
    for below in fitting[chosen]:
        yield from _reduced(below)


def _shared_keys(error: ValidationError, fitting: tuple[int, ...]) -> dict[int, float]:
    """Return how many keys of the value each branch knows; a near one counts for a half."""
    branches: Any = error.validator_value
    instance: Any = error.instance
    if not isinstance(instance, Mapping):
        return dict.fromkeys(fitting, 0.0)
    shared: dict[int, float] = {}
    for index in fitting:
        schema = _resolved(branches[index])
        known = schema.get("properties")
        if known is None:
            # A free map takes any keys: it is meant unless a closed one shares most of them.
            shared[index] = max(1, (len(instance) + 1) // 2)
            continue
        exact = sum(key in known for key in instance)
        near = sum(bool(key not in known and nearest(key, known)) for key in instance)
        shared[index] = exact + near / 2
    return shared


def _resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema behind a ``$ref``."""
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    found: Any = _validator().schema
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return _resolved(found)


def _is_choice(error: ValidationError) -> bool:
    """Whether ``oneOf`` asks for exactly one of several keys."""
    branches: Any = error.validator_value
    return error.validator == "oneOf" and all(set(branch) == {"required"} for branch in branches)


def _classified(error: ValidationError) -> Iterator[Problem]:
    path: SpecPath = tuple(error.absolute_path)
    # jsonschema types these as perhaps unset, which they are only on errors made by hand.
    value: Any = error.instance
    wanted: Any = error.validator_value
    schema = error.schema if isinstance(error.schema, Mapping) else {}
    examples = _examples(tuple(error.absolute_schema_path))
    shown = Problem(path=path, rule="", title=str(schema.get("title", "")), example=None)
    if examples:
        shown = replace(shown, example=json.dumps(examples[0], ensure_ascii=False))
    if "propertyNames" in error.absolute_schema_path:
        yield replace(shown, rule="id", key=str(value))
    elif error.validator == "additionalProperties":
        known = tuple(schema.get("properties", {}))
        for key in value:
            if key not in known:
                yield replace(shown, rule="unknown", key=key, wanted=known).with_guess(value)
    elif error.validator == "required":
        known = tuple(schema.get("properties", {}))
        strange = [key for key in value if key not in known]
        guesses = [replace(shown, key=key, wanted=known).with_guess(value).guess for key in strange]
        for key in wanted:
            if key not in value and key not in guesses:
                below = _resolved(schema.get("properties", {}).get(key, {}))
                example = next(iter(below.get("examples", ())), below.get("const"))
                written = json.dumps(example, ensure_ascii=False)
                yield replace(shown, rule="required", key=key, example=written)
    elif error.validator == "anyOf" and isinstance(value, Mapping) and "object" in _types(error):
        first_keys = (_resolved(branch).get("required", ())[:1] for branch in wanted)
        yield replace(
            shown, rule="choice", wanted=tuple(key for first in first_keys for key in first)
        )
    elif error.validator in {"type", "anyOf"}:
        only = schema.get("required", ())
        key = only[0] if len(only) == 1 else None
        types = tuple(_types(error))
        wraps = _takes_in_list(error, value)
        yield replace(shown, rule="type", wanted=types, key=key, wraps=wraps)
    elif error.validator in {"oneOf", "not"}:
        if not isinstance(value, Mapping):
            return
        rules = wanted if error.validator == "oneOf" else [wanted]
        keys = tuple(key for rule in rules for key in rule["required"])
        yield replace(shown, rule="choice", wanted=keys)
    elif error.validator in {"enum", "const"}:
        allowed = wanted if error.validator == "enum" else [wanted]
        yield replace(shown, rule="value", wanted=tuple(json.dumps(v) for v in allowed))
    else:
        yield replace(shown, rule=str(error.validator), wanted=(str(wanted),))


def _examples(path: tuple[str | int, ...]) -> tuple[Any, ...]:
    """Return the examples of the nearest named part of the schema around ``path``."""
    found: tuple[Any, ...] = ()
    schema: Any = _validator().schema
    previous: str | int = "properties"
    for step in path:
        # jsonschema leaves the steps through $ref out of its paths.
        if isinstance(schema, Mapping) and step not in schema:
            schema = _resolved(schema)
            found = found or tuple(schema.get("examples", ()))
        schema = schema[step]
        if isinstance(schema, Mapping):
            examples = tuple(schema.get("examples", ()))
            named = previous == "properties" or step in {"items", "additionalProperties"}
            # A key's own examples say more than those of the kind of value that it takes.
            found = examples if named or not found else found
        previous = step
    return found


def _takes_in_list(error: ValidationError, value: Any) -> bool:
    """Whether a list of which ``value`` is the one item would have been accepted."""
    return not isinstance(value, list) and _validator().evolve(schema=error.schema).is_valid(
        [value]
    )


def _types(error: ValidationError) -> Iterator[str]:
    """Yield the JSON types that would have been accepted, each once."""
    wanted: Any = error.validator_value
    if error.validator == "type":
        yield from [wanted] if isinstance(wanted, str) else wanted
        return
    found: dict[str, None] = {}
    for branch in wanted:
        schema = _resolved(branch)
        if "enum" in schema:
            found["string"] = None
        for name in [schema["type"]] if "type" in schema else []:
            found[name] = None
    yield from found
