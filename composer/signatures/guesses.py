"""What a value of the wrong form was most likely meant to be: ``"5"`` is the number 5."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from composer.signatures.model import Form
from composer.signatures.table import names_of

_LONGEST = 200
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
_TERM = re.compile(r"\s*([-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)\s*")
_PATH = re.compile(r"(?:[A-Za-z_]\w*\.)*([A-Za-z_]\w*)(\(\s*\))?")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("true", "yes", "on", "y"), True),
    **dict.fromkeys(("false", "no", "off", "n"), False),
    **dict.fromkeys(("none", "null", "~", "nil"), None),
}


@dataclass(frozen=True, slots=True)
class Guess:
    """What was meant.

    Attributes:
        value: as plain data.
        is_sure: whether nothing else can have been meant.
    """

    value: Any
    is_sure: bool = True


def guess(
    forms: Sequence[Form], value: Any, fits: Callable[[Sequence[Form], Any], bool]
) -> Guess | None:
    """Return the value of a right form that another value stands for, or None.

    Args:
        forms: what would be right.
        value: what was written.
        fits: tells whether a value has one of the forms.
    """
    for candidate in _candidates(forms, value):
        if fits(forms, candidate.value):
            return candidate
    return None


def _candidates(forms: Sequence[Form], value: Any) -> list[Guess]:
    if isinstance(value, str):
        return _meant_by_text(forms, value) if len(value) <= _LONGEST else []
    if isinstance(value, float) and value.is_integer():
        return [Guess(int(value))]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [Guess([value])]
    if isinstance(value, list | tuple) and len(value) == 1:
        return [Guess(value[0], is_sure=False)]
    return []


def _meant_by_text(forms: Sequence[Form], text: str) -> list[Guess]:
    found: list[Guess] = []
    word = text.strip().lower()
    if word in _WORDS:
        found.append(Guess(_WORDS[word]))
    number = _number(text.strip())
    if number is not None:
        found.append(Guess(number))
    fraction = _fraction(text)
    if fraction is not None:
        found.append(Guess(fraction))
    items = _tuple(text)
    if items is not None:
        found.append(Guess(items))
    if path := _PATH.fullmatch(text.strip()):
        kinds = [form.of for form in forms if form.of is not None]
        found += [Guess(path[1]) for kind in kinds if path[1] in names_of(kind)]
    return found


def _number(text: str) -> int | float | None:
    if not _NUMBER.fullmatch(text):
        return None
    return int(text) if re.fullmatch(r"[-+]?\d+", text) else _finite(float(text))


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _fraction(text: str) -> float | None:
    """Return what ``1/255``, ``1./127.5`` or ``2*3`` comes to."""
    operator = next((sign for sign in ("/", "*") if text.count(sign) == 1), None)
    if operator is None:
        return None
    terms = [_TERM.fullmatch(part) for part in text.split(operator)]
    if not all(terms):
        return None
    left, right = (float(term[1]) for term in terms if term is not None)
    if operator == "*":
        return _finite(left * right)
    return _finite(left / right) if right else None


def _tuple(text: str) -> list[Any] | None:
    """Return the items of ``(3, 3)`` or ``[3, 3]`` that was written as text."""
    if text[:1] not in "([" or text[-1:] not in ")]":
        return None
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return _lists(found) if isinstance(found, tuple | list) else [found]


def _lists(value: Any) -> Any:
    return [_lists(item) for item in value] if isinstance(value, tuple | list) else value
