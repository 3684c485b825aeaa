"""JSON of an archive, read strictly: one object, bounded, no key twice."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, NoReturn

from composer.errors import FormatError

MAX_BYTES = 256 << 20
MAX_DEPTH = 256
"""Levels of lists and objects. A nested model takes five, so fifty fit; what walks a config by
recursion stays within Python's limit of 1,000 frames."""

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NEITHER_OPEN_NOR_CLOSE = bytes(set(range(256)) - set(b"[]{}"))
_ONE_KIND = bytes.maketrans(b"[]", b"{}")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def read_object(data: bytes, what: str) -> dict[str, Any]:
    """Parse ``data`` as one JSON object; the order of keys is kept.

    ``Infinity`` and ``-Infinity`` pass, because Keras writes them (``ReLU(max_value=inf)``, an
    operator's constant) and reads them back.

    Args:
        data: UTF-8 text.
        what: names the text in messages, such as ``model.keras: config.json``.

    Raises:
        FormatError: ``json_size``, ``json_depth``, ``json_keys``, ``json_number``, ``json``.
    """
    if len(data) > MAX_BYTES:
        raise FormatError("CMP502.json-size", what=what, size=len(data), limit=MAX_BYTES)
    _check_depth(data, what)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            # One count for all keys: asking key by key takes hours on a million of them.
            counts = Counter(key for key, _ in pairs)
            double = next(key for key, count in counts.items() if count > 1)
            raise FormatError("CMP502.json-key-twice", what=what, name=double)
        return found

    def constant(name: str) -> float:
        if name == "NaN":
            raise FormatError("CMP502.json-nan", what=what)
        return float(name)

    try:
        text = data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=unique, parse_constant=constant)
        if _SURROGATE.search(data):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        _refuse_depth(what)
    except ValueError as error:
        raise FormatError("CMP502.json", what=what, reason=str(error)) from error
    if not isinstance(value, dict):
        raise FormatError("CMP502.json-object", what=what, found=type(value).__name__)
    return value


def _check_depth(data: bytes, what: str) -> None:
    """Refuse text that nests too deep, without a parser that could itself run out of stack."""
    brackets = _STRING.sub(b"", data).translate(_ONE_KIND, _NEITHER_OPEN_NOR_CLOSE)
    # Each round removes the innermost level. Brackets that don't match are the parser's to report.
    for _ in range(MAX_DEPTH):
        if not brackets:
            return
        fewer = brackets.replace(b"{}", b"")
        if len(fewer) == len(brackets):
            return
        brackets = fewer
    if b"{}" in brackets:
        _refuse_depth(what)


def _refuse_depth(what: str) -> NoReturn:
    raise FormatError("CMP502.json-depth", what=what, limit=MAX_DEPTH)
