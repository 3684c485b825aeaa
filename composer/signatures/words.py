"""Forms of values, values and suggestions in plain words, for messages and ``compose explain``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from composer.signatures.model import Form

_LONGEST_TEXT = 40
_MOST_CHOICES = 8
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_RESERVED = frozenset({"true", "false", "null", "True", "False", "Null", "TRUE", "FALSE", "NULL"})
_ARTICLES = {"activation": "an", "initializer": "an"}
_KINDS = {"dtype": "dtype or dtype policy"}


def forms_in_words(forms: Sequence[Form]) -> str:
    """Return what a value may be, such as ``a whole number above 0, or null``."""
    # A map beside other forms is what Keras writes into files, not what people write.
    shown = [form for form in forms if form.kind not in ("null", "map")]
    shown = shown or [form for form in forms if form.kind == "map"]
    nullable = any(form.kind == "null" for form in forms)
    if not shown:
        return "null" if nullable else "anything"
    return f"{' or '.join(map(_in_words, shown))}{', or null' if nullable else ''}"


_FIXED_WORDS = {
    "boolean": "true or false",
    "layer": "a layer ({class_name: …, config: {…}})",
    "map": "a map",
    "null": "null",
    "any": "anything",
}


def _in_words(form: Form) -> str:
    if form.kind in _FIXED_WORDS:
        return _FIXED_WORDS[form.kind]
    if form.kind == "object":
        return f"the name of {a_kind(form.of or '')}"
    if form.kind == "list":
        return _list_in_words(form)
    if form.choices:
        return f"{'one of ' if len(form.choices) > 1 else ''}{_listed(form.choices)}"
    return "text" if form.kind == "text" else f"a {_noun(form)}{_bounds(form)}"


def a_kind(kind: str) -> str:
    """Return a kind of object with its article: ``an activation``, ``a dtype or dtype policy``."""
    return f"{_ARTICLES.get(kind, 'a')} {_KINDS.get(kind, kind)}"


def _list_in_words(form: Form) -> str:
    count = ""
    if form.longest is not None and form.longest == form.shortest:
        count = f"{form.longest} "
    items = [item for item in form.items if item.kind not in ("null", "any")]
    if len(items) != 1 or items[0].kind not in ("integer", "number", "layer"):
        noun = ("item" if count == "1 " else "items") if count else ""
        return f"a list of {count}{noun}" if noun else "a list"
    many = "" if count == "1 " else "s"
    found = f"a list of {count}{_noun(items[0])}{many}{_bounds(items[0])}"
    nulls = any(item.kind == "null" for item in form.items)
    return f"{found} (null where it is free)" if nulls else found


def _noun(form: Form) -> str:
    return {"integer": "whole number", "layer": "layer"}.get(form.kind, "number")


def _bounds(form: Form) -> str:
    low, high = form.minimum, form.maximum
    if low is None or form.kind not in ("integer", "number"):
        return ""
    if high is not None:
        return f" from {low:g} to {high:g}"
    if form.kind == "integer" and low > 0:
        return f" above {low - 1:g}"
    return f" of {low:g} or more"


def _listed(choices: Iterable[Any]) -> str:
    return ", ".join(map(str, choices))


def value_in_words(value: Any) -> str:
    """Return what was found, such as ``the text "5"`` or ``a list of 3``."""
    match value:
        case None:
            return "nothing (null)"
        case bool():
            return "true" if value else "false"
        case str():
            short = value if len(value) <= _LONGEST_TEXT else f"{value[:_LONGEST_TEXT]}…"
            return f'the text "{short}"'
        case int() | float():
            return f"{value!r}"
        case Mapping():
            return "a map"
        case _:
            return f"a list of {len(value)}"


def choices_in_words(known: Sequence[str]) -> str | None:
    """Return all names where they are few, else None."""
    return _listed(known) if known and len(known) <= _MOST_CHOICES else None


def as_yaml(value: Any) -> str:
    """Return a value as one would write it in YAML, on one line."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            plain = _PLAIN.fullmatch(value) and value not in _RESERVED
            return value if plain else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case int() | float():
            return repr(value)
        case Mapping():
            return "{" + ", ".join(f"{key}: {as_yaml(item)}" for key, item in value.items()) + "}"
        case _:
            return "[" + ", ".join(as_yaml(item) for item in value) + "]"
