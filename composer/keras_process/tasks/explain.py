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
    text = text.split("\n\n", 1)[0]
    text = re.split(r"\n?(?:Arguments received by|Full object config:)", text, maxsplit=1)[0]
    text = _TENSOR.sub(r"\1 \2", " ".join(text.split()))
    if len(text) > _LONGEST:
        head = text[:_LONGEST]
        end = head.rfind(". ")
        text = head[: end + 1] if end > 0 else head.rstrip() + "…"
    if not isinstance(problem, _SPEAKS_FOR_ITSELF) or isinstance(problem, RecursionError):
        text = f"{type(problem).__name__}: {text}" if text else type(problem).__name__
    return text or type(problem).__name__
