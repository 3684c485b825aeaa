"""Selectors of layers: globs, regular expressions, classes and stretches of the graph."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from composer.diagnostics.diagnostic import SpecPath
from composer.spec.linear_match import Pattern, TooCostlyError, pattern
from composer.spec.model import Selector
from composer.spec.refused import RefusedError

_HOW_TO_BOUND = "write it without, or list the names"


def parse_selector(data: str | Mapping[str, str], path: SpecPath = ()) -> Selector:
    """Return the selector that ``data`` spells.

    Args:
        data: a glob, or a map of one of the forms that the schema lists.
        path: where it stands in the spec.

    Raises:
        RefusedError: its pattern can't be compiled.
    """
    if isinstance(data, str):
        glob_pattern(data)
        return Selector(kind="glob", pattern=data, path=path)
    if "regex" in data:
        regex_pattern(data["regex"])
        return Selector(kind="regex", pattern=data["regex"], path=path)
    kinds: tuple[Literal["class", "upto", "after"], ...] = ("class", "upto", "after")
    for kind in kinds:
        if kind in data:
            return Selector(kind=kind, pattern=data[kind], path=path)
    return Selector(kind="between", pattern=data["from"], to=data["to"], path=path)


def regex_pattern(text: str) -> Pattern:
    """Return the compiled regular expression.

    Raises:
        RefusedError: it is not one, or one that can't be matched in bounded time.
    """
    try:
        return pattern(text)
    except TooCostlyError as error:
        message = f"the regular expression '{text}' could take for ever: {error}"
        raise RefusedError("CMP115", message, _HOW_TO_BOUND) from error
    except (re.error, RecursionError, OverflowError) as error:
        message = f"'{text}' is not a valid regular expression: {error}"
        raise RefusedError("CMP209", message) from error


def check_replacement(text: str, to: str) -> None:
    """Check that ``to`` names only groups that the regular expression ``text`` has.

    Raises:
        RefusedError: it names others, or holds an unknown escape.
    """
    try:
        # The template is read before any match is looked for.
        re.compile(text).sub(to, "")
    except (re.error, IndexError) as error:
        raise RefusedError(
            "CMP209",
            f"'{to}' can't replace a match of '{text}': {error}",
            "\\1 is the first group in ( ), \\g<0> the whole match",
        ) from error


def _members(body: str) -> str:
    """Return the inside of a glob's set for a regular expression, each character escaped."""
    found = re.findall(r"(.)-(.)|(.)", body, re.DOTALL)
    return "".join(
        re.escape(single) if single else f"{re.escape(first)}-{re.escape(last)}"
        for first, last, single in found
    )


def glob_pattern(text: str) -> Pattern:
    """Return the pattern that a glob stands for; use it with ``fullmatch``.

    ``*`` is any text without ``/``, ``**`` any text, ``?`` one character except ``/``,
    ``[abc]`` one of these, ``[!abc]`` one of all others.

    Raises:
        RefusedError: a ``[`` is not closed, or a range in it runs backwards.
    """
    expression = ""
    offset = 0
    while offset < len(text):
        char = text[offset]
        if text.startswith("**", offset):
            expression += ".*"
            # More stars say no more, and would only make the match slow.
            offset += len(text[offset:]) - len(text[offset:].lstrip("*"))
            continue
        if char == "*":
            expression += "[^/]*"
        elif char == "?":
            expression += "[^/]"
        elif char == "[":
            close = text.find("]", offset + 2 + (text[offset + 1 : offset + 2] == "!"))
            if close < 0:
                raise RefusedError(
                    "CMP209",
                    f"the '[' in the glob '{text}' is never closed",
                    "for a name that holds '[', use {regex: …} with \\[",
                )
            body = text[offset + 1 : close]
            negated = body.startswith("!")
            expression += f"[{'^' if negated else ''}{_members(body[negated:])}]"
            offset = close
        else:
            expression += re.escape(char)
        offset += 1
    try:
        return pattern(expression, re.DOTALL)
    except TooCostlyError as error:
        raise RefusedError("CMP115", f"the glob '{text}' is too long", _HOW_TO_BOUND) from error
    except re.error as error:
        raise RefusedError("CMP209", f"the glob '{text}' can't be read: {error}") from error
