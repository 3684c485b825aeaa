"""References to tensors: ``NAME``, ``SOURCE@CALL:LAYER#N.K`` and the long form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from composer.diagnostics.diagnostic import SpecPath
from composer.spec.model import Reference
from composer.spec.refused import RefusedError

_ID = r"[A-Za-z_][A-Za-z0-9_-]*"
_REFERENCE = re.compile(
    rf"(?P<name>{_ID})(?:@(?P<call>{_ID}))?(?::(?P<layer>[^#]+))?"
    r"(?:#(?P<node>[0-9]{1,6})(?:\.(?P<output>[0-9]{1,6}))?)?"
)
_TARGET = re.compile(
    r"(?P<layer>.+?)(?:#(?P<node>[0-9]{1,6})(?:\.(?P<output>[0-9]{1,6}))?)?", re.DOTALL
)
_OUTSIDE = re.compile(rf"({_ID})[./]([^#:@\s]+)")
_LONG_FORM = frozenset({"source", "call", "layer", "node", "output"})


def parse_reference(text: str, path: SpecPath = ()) -> Reference:
    """Return the reference that ``text`` spells.

    Args:
        text: the short form.
        path: where it stands in the spec.

    Raises:
        RefusedError: ``text`` is not in the short form.
    """
    match = _REFERENCE.fullmatch(text)
    # A layer name may hold spaces inside, but one at an end is a slip of the hand.
    if (
        match is None
        or text != text.strip()
        or (match["layer"] or "x").strip() != (match["layer"] or "x")
    ):
        outside = _OUTSIDE.fullmatch(text)
        meant = f"{outside[1]}:{outside[2]}" if outside else None
        message = f"'{text}' is not a reference"
        raise RefusedError("CMP221", message, _advice(text), meant=meant)
    return Reference(
        name=match["name"],
        call=match["call"],
        layer=match["layer"],
        node=_number(match["node"]),
        output=_number(match["output"]),
        path=path,
    )


def is_long_form(data: Any) -> bool:
    """Whether a map is one reference in its long form, and not a map of several references."""
    return (
        isinstance(data, Mapping)
        and isinstance(data.get("source"), str)
        and set(data) <= _LONG_FORM
    )


def long_reference(data: Mapping[str, Any], path: SpecPath = ()) -> Reference:
    """Return the reference that the map ``data`` spells; the schema has accepted it before."""
    node, output = data.get("node"), data.get("output")
    return Reference(
        name=data["source"],
        call=data.get("call"),
        layer=data.get("layer"),
        node=None if node is None else int(node),
        output=None if output is None else int(output),
        path=path,
    )


def parse_target(text: str) -> tuple[str, int | None, int | None]:
    """Return layer, call and output tensor of a key of a source's ``inputs``.

    Args:
        text: an original layer name, with ``#CALL`` or ``#CALL.OUTPUT`` behind it or not.
    """
    match = _TARGET.fullmatch(text)
    if match is None:
        return text, None, None
    return match["layer"], _number(match["node"]), _number(match["output"])


def _number(digits: str | None) -> int | None:
    return None if digits is None else int(digits)


def _advice(text: str) -> str:
    if "${" in text:
        return "the ${…} in it was kept as text, because a backslash precedes it"
    if re.fullmatch(rf"-{_ID}.*", text):
        return "an item of a list has a space behind its '-'"
    if " - " in text:
        return "the '-' of every list item must be in the same column"
    if "," in text and not text.startswith("{"):
        return f"several references are a list: [{text.strip('() ,')}]"
    outside = re.match(rf"({_ID})[./]([^#:@]+)", text)
    if outside:
        return f"a layer of a source is written {outside[1]}:{outside[2]}"
    if text.count("#") > 1 or (":" in text and "#" in text and not re.search(r"#[0-9.]+$", text)):
        return "where a name holds '#', use the long form {source: …, layer: …}"
    return (
        "a reference is NAME, SOURCE:LAYER or SOURCE@CALL:LAYER, with #N or #N.K behind it or not"
    )
