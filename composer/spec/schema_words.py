"""Problems with the schema in plain words: what was expected, what was found, how to write it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from composer.diagnostics.diagnostic import Diagnostic, Edit, SpecPath
from composer.diagnostics.suggest import certain, did_you_mean, nearest
from composer.spec.positions import TreePositions
from composer.spec.tree import (
    Broken,
    ListNode,
    MapNode,
    Node,
    Scalar,
    find,
    path_text,
)
from composer.spec.yaml_scalars import quoted, resolve

_LONGEST_SHOWN = 40
_A_LAYER = ("layers", "id")
_OF_KERAS = re.compile(r"(?:(?:tf|tensorflow)\.)?keras\.layers\.([A-Za-z_]\w*)")
_CALLED = re.compile(r"([A-Za-z_]\w*)\(.*\)", re.DOTALL)
TYPES_IN_WORDS = {
    "string": "text",
    "array": "a list",
    "object": "a map",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "null": "null",
}
_YAML_1_1 = {
    **dict.fromkeys(("yes", "on", "y", "true"), "true"),
    **dict.fromkeys(("no", "off", "n", "false"), "false"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that the schema refuses.

    Attributes:
        path: the value that it is about; for unknown and missing keys, the map.
        rule: ``unknown``, ``required``, ``type``, ``value``, ``id``, ``choice``, or the
            schema's own word (``pattern``, ``minLength``, ``minimum``, …).
        title: of the part of the schema.
        key: the unknown, missing or misspelled key; for ``type`` the one key that a map in
            this place needs.
        wanted: what would have been accepted.
        guess: the known key that an unknown one was most likely meant to be.
        example: from the schema, as JSON.
        wraps: whether the value would do as the one item of a list.
    """

    path: SpecPath
    rule: str
    title: str
    key: str = ""
    wanted: tuple[str, ...] = ()
    guess: str | None = None
    example: str | None = None
    wraps: bool = False

    def with_guess(self, present: Mapping[str, Any]) -> Problem:
        """Return the problem with the nearest known key that the map does not hold yet."""
        if not self.key:
            return self
        found = nearest(self.key, [name for name in self.wanted if name not in present], limit=1)
        return replace(self, guess=found[0]) if found else self


def told(problem: Problem, positions: TreePositions) -> Diagnostic:
    """Return the diagnostic of ``problem``, which is one of the spec of ``positions``."""
    return _TOLD.get(problem.rule, _bound)(problem, positions)


def _where(path: SpecPath) -> str:
    return f"in '{path_text(path)}'" if path else "at the top of the spec"


def _name(path: SpecPath) -> str:
    return f"'{path_text(path)}'" if path else "a spec"


def _unknown(problem: Problem, positions: TreePositions) -> Diagnostic:
    key = problem.key
    path = (*problem.path, key)
    span = positions.key(path)
    fix: tuple[Edit, ...] = ()
    if problem.guess is not None:
        help_ = f"did you mean '{problem.guess}'?"
        if span is not None:
            fix = (Edit(span=span, replacement=problem.guess),)
    else:
        guess = did_you_mean(key, problem.wanted)
        help_ = guess or f"known keys here are {', '.join(problem.wanted)}"
        if guess is None and len(problem.path) == len(_A_LAYER) and problem.path[0] == "layers":
            help_ += f"; what the class takes belongs into args: args: {{{key}: …}}"
    message = f"unknown key '{key}' {_where(problem.path)}"
    return positions.problem("CMP201", path, message, help_, span=span, fix=fix)


def _missing(problem: Problem, positions: TreePositions) -> Diagnostic:
    span = positions.key(problem.path)
    if not problem.path and span is not None:
        # The root's span is the whole file: one character is enough to say which.
        span = replace(span, end_line=span.line, end_column=span.column + 1, text=span.text[:1])
    # There is one version; all else that can be missing is the user's to choose.
    is_version = not problem.path and problem.key == "version"
    fix = positions.added_first("version", "1") if is_version else ()
    message = f"{_name(problem.path)} needs the key '{problem.key}'"
    help_ = f"for example: {problem.key}: {_yaml(problem.example)}"
    return positions.problem("CMP202", problem.path, message, help_, span=span, fix=fix)


def _type(problem: Problem, positions: TreePositions) -> Diagnostic:
    words = [TYPES_IN_WORDS.get(name, name) for name in problem.wanted]
    expected = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
    node = find(positions.root, problem.path)
    help_, replacement = _conversion(problem, node)
    if not problem.path:
        help_ = "it begins with: version: 1"
    elif help_ is None and problem.example is not None:
        label = (
            f"{problem.path[-1]}: " if problem.path and isinstance(problem.path[-1], str) else ""
        )
        help_ = f"for example: {label}{_yaml(problem.example)}"
    span = positions.value(problem.path)
    fix = (Edit(span=span, replacement=replacement),) if span and replacement is not None else ()
    if isinstance(node, Scalar) and node.value is None:
        # An empty value has no text to point at.
        span = positions.key(problem.path)
        fix = ()
    message = f"{_name(problem.path)} should be {expected}; found {_found(node)}"
    return positions.problem("CMP203", problem.path, message, help_, span=span, fix=fix)


def _conversion(problem: Problem, node: Node | None) -> tuple[str | None, str | None]:
    """Return help and replacement where the value was only written in the wrong form."""
    if not isinstance(node, Scalar):
        return None, None
    value, text = node.value, node.place.text
    one_line = "\n" not in text and not node.origins
    if value is None:
        return "give it a value, or remove the key", None
    written = text if one_line else json.dumps(value, ensure_ascii=False)
    if problem.wraps:
        return f"write a list: [{written}]", f"[{written}]" if one_line else None
    if isinstance(value, str):
        if "boolean" in problem.wanted and value.lower() in _YAML_1_1:
            word = _YAML_1_1[value.lower()]
            return f"write {word}", word if one_line else None
        if {"integer", "number"} & set(problem.wanted) and _is_number(value):
            return f"write {value} without quotes", value if one_line else None
        if "object" in problem.wanted and problem.key:
            whole = f"{{{problem.key}: {written}}}"
            return f"write {whole}", whole if one_line else None
    elif "string" in problem.wanted:
        return f"write {quoted(written)}", quoted(written) if one_line else None
    return None, None


def _is_number(text: str) -> bool:
    try:
        return isinstance(resolve(text), int | float) and not isinstance(resolve(text), bool)
    except ValueError:
        return False


def _value(problem: Problem, positions: TreePositions) -> Diagnostic:
    node = find(positions.root, problem.path)
    allowed = [_yaml(value) for value in problem.wanted]
    span = positions.value(problem.path)
    fix: tuple[Edit, ...] = ()
    help_ = f"write {allowed[0]}" if len(allowed) == 1 else f"one of {', '.join(allowed)}"
    if isinstance(node, Scalar) and isinstance(node.value, str) and len(allowed) > 1:
        guess = nearest(node.value, allowed, limit=1)
        if guess:
            help_ = f"did you mean '{guess[0]}'? Allowed are {', '.join(allowed)}"
        meant = certain(node.value, allowed)
        if meant is not None and not node.origins:
            fix = positions.replaced(problem.path, meant)
    if len(allowed) == 1 and span and isinstance(node, Scalar) and not node.origins:
        fix = (Edit(span=span, replacement=allowed[0]),)
    if isinstance(node, Scalar) and node.value is None:
        span, fix = positions.key(problem.path), ()
    message = f"{_name(problem.path)} can't be {_found(node)}"
    return positions.problem("CMP204", problem.path, message, help_, span=span, fix=fix)


def _id(problem: Problem, positions: TreePositions) -> Diagnostic:
    key = problem.key
    path = (*problem.path, key)
    message = f"'{key}' is no id: an id is a letter or '_', then letters, digits, '_' and '-'"
    return positions.problem("CMP205", path, message, _id_help(key), span=positions.key(path))


def _id_help(key: str) -> str | None:
    fitting = re.sub(r"[^A-Za-z0-9_-]+", "_", key)
    if fitting and not re.match(r"[A-Za-z_]", fitting):
        fitting = f"_{fitting}"
    return f"for example: {fitting}" if fitting.strip("_") else None


def _choice(problem: Problem, positions: TreePositions) -> Diagnostic:
    node = find(positions.root, problem.path)
    present = [k for k in problem.wanted if isinstance(node, MapNode) and k in node.entries]
    *others, last = [f"'{key}'" for key in problem.wanted]
    keys = f"{', '.join(others)} or {last}"
    if present:
        message = f"{_name(problem.path)} takes only one of {keys}"
        span = positions.key((*problem.path, present[-1]))
        help_ = f"remove one of {keys}"
    else:
        message = f"{_name(problem.path)} needs {keys}"
        span = positions.key(problem.path)
        help_ = f"for example: {problem.wanted[0]}: NAME"
    return positions.problem("CMP207", problem.path, message, help_, span=span)


def _pattern(problem: Problem, positions: TreePositions) -> Diagnostic:
    node = find(positions.root, problem.path)
    help_ = f"for example: {_yaml(problem.example)}" if problem.example else None
    fix: tuple[Edit, ...] = ()
    if problem.path[-1:] == ("class",) and isinstance(node, Scalar):
        if found := _OF_KERAS.fullmatch(str(node.value)):
            help_ = f"write {found[1]}"
            fix = () if node.origins else positions.replaced(problem.path, found[1])
        elif found := _CALLED.fullmatch(str(node.value)):
            help_ = f"write {found[1]}, and what it takes into args: args: {{NAME: VALUE}}"
    message = f"{_name(problem.path)} is not of the right form: {_found(node)}"
    return positions.problem("CMP205", problem.path, message, help_, fix=fix)


def _bound(problem: Problem, positions: TreePositions) -> Diagnostic:
    limit = problem.wanted[0] if problem.wanted else ""
    words = {
        "minLength": "can't be empty text",
        "minItems": "can't be an empty list",
        "minProperties": "can't be an empty map",
        "minimum": f"must be {limit} or more",
        "maximum": f"must be {limit} or less",
    }
    message = f"{_name(problem.path)} {words.get(problem.rule, 'is not allowed here')}"
    help_ = f"for example: {_yaml(problem.example)}" if problem.example else None
    return positions.problem("CMP206", problem.path, message, help_)


_TOLD: Mapping[str, Callable[[Problem, TreePositions], Diagnostic]] = {
    "unknown": _unknown, "required": _missing, "type": _type, "value": _value, "id": _id,
    "choice": _choice, "pattern": _pattern,
}  # fmt: skip
"""Who says what is wrong, by rule."""


def _found(node: Node | None) -> str:
    match node:
        case Scalar(value=None):
            return "nothing (null)"
        case Scalar(value=bool() as value):
            return "true" if value else "false"
        case Scalar(value=str() as value):
            short = value if len(value) <= _LONGEST_SHOWN else f"{value[:_LONGEST_SHOWN]}…"
            return f"the text '{short}'"
        case Scalar(value=value):
            return f"the number {value}"
        case ListNode():
            return "a list"
        case MapNode():
            return "a map"
        case Broken() | None:
            return "nothing"


def _yaml(example: str | None) -> str:
    """Return JSON as one would write it in YAML: plain words lose their quotes."""
    text = example or "…"
    return re.sub(r'"([A-Za-z_][A-Za-z0-9_./-]*)"', r"\1", text)
