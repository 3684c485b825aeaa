"""``{a, b}``, ``{units=5}`` and ``(8, 8)``: what Python writes so, and how YAML does."""

from __future__ import annotations

import re
from dataclasses import replace

from composer.diagnostics.diagnostic import Diagnostic, Edit
from composer.spec import yaml_misread
from composer.spec.source_text import COMMAND_LINE, Place

_KEY = re.compile(r"([a-z]+):\s*$")
_LISTS = frozenset({"include", "exclude", "bypass", "freeze", "unfreeze", "objects", "extends"})
"""Keys whose value is a list; that of ``inputs`` and ``outputs`` can be one."""
_WORD = r"[^\s,:=\[\]{}()\"'#&*!|>%@`$]+"
_ITEM = rf"(?:{_WORD}(?::{_WORD})?|'[^'\n]*'|\"[^\"\n]*\")"
_SET = re.compile(rf"\{{\s*({_ITEM}(?:\s*,\s*{_ITEM})*)\s*,?\s*\}}")
_ASSIGNED = re.compile(
    rf"\{{\s*[A-Za-z_]\w*\s*=\s*{_WORD}(?:\s*,\s*[A-Za-z_]\w*\s*=\s*{_WORD})*\s*\}}"
)
_TUPLE = re.compile(r"\((?:[^()\[\]{}\n:#]|:(?=\S))*\)")


def without_value(key: str, key_place: Place, braces: Place, before: Place | None) -> Diagnostic:
    """Return the diagnostic for a key in braces that has no value.

    Args:
        key: the key.
        key_place: where it stands.
        braces: from the ``{`` to the ``}``, as far as it is on the same line.
        before: the value in front of the key.
    """
    if before is not None and before.text.startswith("("):
        whole = tuple_at(before)
        if whole is not None and whole.end >= key_place.end:
            return _rewritten(whole, "YAML writes lists in [ ], not in ( )", listed(whole.text))
    assigned = _ASSIGNED.fullmatch(braces.text)
    if assigned:
        meant = re.sub(r"\s*=\s*", ": ", braces.text)
        return _rewritten(braces, "YAML separates key and value by ': ', not by '='", meant)
    several = _SET.fullmatch(braces.text)
    if several and _takes_list(braces) and "." not in several[1]:
        meant = f"[{several[1]}]"
        return _rewritten(braces, "YAML writes lists in [ ], not in { }", meant)
    if before is None and "=" not in key and "," not in braces.text:
        found = yaml_misread.needs_quotes(
            braces, f"to YAML this is a map in which the key '{key}' has no value"
        )
        if "." in key:
            return found
        ways = f"{found.help} for text, {{{key}: VALUE}} for a map, [{key}] for a list"
        return replace(found, help=ways, fix=())
    return Diagnostic(
        code="CMP103",
        message=f"the key '{key}' has no value",
        span=key_place.span,
        help="a map is written {NAME: VALUE}, a list [ITEM, ITEM]; text that holds a comma or a "
        "brace needs quotes",
    )


def _takes_list(braces: Place) -> bool:
    start, _ = braces.source.line_bounds(braces.start)
    key = _KEY.search(braces.source.text, start, braces.start)
    several = "," in braces.text
    return key is not None and (key[1] in _LISTS or (several and key[1] in {"inputs", "outputs"}))


def tuple_at(place: Place) -> Place | None:
    """Return the ``( )`` that begins where ``place`` does, if it ends on the same line."""
    _, end = place.source.line_bounds(place.start)
    found = _TUPLE.match(place.source.text, place.start, end)
    return Place(place.source, found.start(), found.end()) if found else None


def listed(text: str) -> str:
    """Return ``(8, 8)`` as YAML's ``[8, 8]``."""
    return f"[{text[1:-1].strip().rstrip(',').rstrip()}]"


def _rewritten(place: Place, message: str, meant: str) -> Diagnostic:
    fix = () if place.source.file == COMMAND_LINE else (Edit(span=place.span, replacement=meant),)
    return Diagnostic(
        code="CMP103", message=message, span=place.span, help=f"write {meant}", fix=fix
    )
