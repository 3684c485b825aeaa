"""Shortens what Keras says when it refuses to the part that helps a user."""

from __future__ import annotations

import re

_LONGEST = 400
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_TENSOR = re.compile(r"<KerasTensor shape=(\([^)]*\)), dtype=(\w+)[^>]*>")
_WRAPPERS = re.compile(
    r"\A(Exception encountered when calling [^\n]*|"
    r".*could not be deserialized properly\..*?Exception encountered: |"
    r"Error when deserializing class .*?Exception encountered: )",
    re.DOTALL,
)
_SHAPE = r"(\[[\d,?]*\])"
_OF_TENSORFLOW = (
    (rf"Incompatible shapes: {_SHAPE} vs\. {_SHAPE}", "shapes {} and {} can't be combined"),
    (
        r"required broadcastable shapes",
        "two tensors whose shapes don't fit are combined element by element",
    ),
    (
        rf"Matrix size-incompatible: In\[0\]: {_SHAPE}, In\[1\]: {_SHAPE}",
        "a matrix of shape {} can't be multiplied by one of shape {}",
    ),
    (
        r"Input to reshape is a tensor with (\d+) values, .* (has|requires a multiple of) (\d+)",
        "{0} numbers can't be put into a shape that {1} {2}",
    ),
    (
        rf"Cannot reshape a tensor with (\d+) elements to shape {_SHAPE}",
        "{0} numbers can't be put into the shape {1}",
    ),
    (
        rf"Dimension (\d+) in both shapes must be equal: .* = {_SHAPE} vs\. .* = {_SHAPE}",
        "shapes {1} and {2} must be equal at axis {0}",
    ),
    (
        r"Dimensions must be equal, but are (\d+) and (\d+)",
        "two lengths must be equal, and are {} and {}",
    ),
    (
        rf"Expected dimension (\d+) at axis (\d+) of the input shaped {_SHAPE} but .* (\d+)",
        "axis {1} of the shape {2} has length {3}, and {0} is needed",
    ),
)
"""What TensorFlow says of shapes, and how it is said without its operations."""
_GRAPH = (
    re.compile(r"\{\{[^}]*\}\}\s*"),
    re.compile(r"\s*\[Op:[^\]]*\].*\Z", re.DOTALL),
    re.compile(r"\bname: \S*\s*\Z"),
    re.compile(r"\AConcatOp : "),
)
_SPEAKS_FOR_ITSELF = (ValueError, TypeError, RuntimeError, NotImplementedError)


def explain(problem: BaseException) -> str:
    """Return one line: the first useful paragraph of Keras's message.

    Names that Keras makes up for tensors, which depend on what a process did before, are left
    out, as are the call arguments and configs that Keras appends.
    """
    text = _ANSI.sub("", str(problem)).strip()
    while match := _WRAPPERS.match(text):
        text = text[match.end() :].strip()
        if not text:
            break
    text = _without_operations(text)
    text = text.split("\n\n", 1)[0]
    text = re.split(r"\n?(?:Arguments received by|Full object config:)", text, maxsplit=1)[0]
    text = _TENSOR.sub(r"\1 \2", " ".join(text.split()))
    if len(text) > _LONGEST:
        head = text[:_LONGEST]
        end = head.rfind(". ")
        text = head[: end + 1] if end > 0 else head.rstrip() + "…"
    speaks = isinstance(problem, _SPEAKS_FOR_ITSELF) or is_of_tensorflow(problem)
    if not speaks or isinstance(problem, RecursionError):
        text = f"{type(problem).__name__}: {text}" if text else type(problem).__name__
    return text or type(problem).__name__


def is_of_tensorflow(problem: BaseException) -> bool:
    """Tell whether an exception is of a class of TensorFlow, whose name says nothing to users."""
    return type(problem).__module__.startswith("tensorflow.")


def _without_operations(text: str) -> str:
    """Return what TensorFlow says without the names of its operations and nodes."""
    for pattern, words in _OF_TENSORFLOW:
        if found := re.search(pattern, text):
            return words.format(*map(_shape, found.groups()))
    for part in _GRAPH:
        text = part.sub("", text)
    return text.strip()


def _shape(group: str) -> str:
    """Return ``[2,8]`` as ``(2, 8)``; any other word as it is."""
    if not group.startswith("["):
        return group
    lengths = group.strip("[]").split(",")
    return f"({', '.join(lengths)}{',' if len(lengths) == 1 else ''})"
