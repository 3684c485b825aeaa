"""Plain YAML scalars by the core schema of YAML 1.2.

Read from section 10.3.2 of the YAML 1.2.2 specification, with one difference that users expect:
a number with a leading zero (``012``) is text, since YAML 1.1 took it for an octal number.
"""

from __future__ import annotations

import re

from composer.spec.tree import ScalarValue

_NULL = re.compile(r"null|Null|NULL|~|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?",
)
_INFINITY = re.compile(r"([-+]?)(?:\.inf|\.Inf|\.INF)")
_NOT_A_NUMBER = re.compile(r"\.nan|\.NaN|\.NAN")

_PLAIN = re.compile(r"[A-Za-z0-9_./~][A-Za-z0-9_./@+:~-]*(?<!:)")
"""Text that needs no quotes anywhere, unless it spells something else."""
_LONGEST_NUMBER = 64
_LARGEST = 2**64 - 1
_SMALLEST = -(2**63)


class NumberTooLargeError(ValueError):
    """An integer that does not fit 64 bits, or a decimal number beyond what a float holds."""


def resolve(text: str) -> ScalarValue:
    """Return what the unquoted scalar ``text`` stands for.

    Raises:
        NumberTooLargeError: it spells a number that can't be kept without losing digits.
    """
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if number in (float("inf"), float("-inf")):
            raise NumberTooLargeError(text)
        return number
    if match := _INFINITY.fullmatch(text):
        return float(f"{match[1]}inf")
    if _NOT_A_NUMBER.fullmatch(text):
        return float("nan")
    return text


def _integer(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise NumberTooLargeError(text)
    # Base 0 reads the prefixes 0o and 0x, and takes no leading zero for a prefix.
    number = int(text, 0)
    if not _SMALLEST <= number <= _LARGEST:
        raise NumberTooLargeError(text)
    return number


def quoted(text: str) -> str:
    """Return ``text`` as a double-quoted YAML scalar on one line."""
    named = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return '"' + "".join(named.get(char, char) for char in text) + '"'


def written(text: str) -> str:
    """Return ``text`` as a scalar that is this text wherever it stands, in quotes where needed.

    What can't be printed is escaped, and ``${`` is no interpolation.
    """
    if _PLAIN.fullmatch(text) and _is_text(text):
        return text
    escaped = quoted(text.replace("${", "\\${"))
    return "".join(_escaped(char) for char in escaped)


def _is_text(text: str) -> bool:
    try:
        return isinstance(resolve(text), str)
    except NumberTooLargeError:
        return False


def _escaped(char: str) -> str:
    if char.isprintable():
        return char
    return f"\\U{ord(char):08x}" if ord(char) > 0xFFFF else f"\\u{ord(char):04x}"  # noqa: PLR2004
