"""The reference of the Python functions, made from their signatures and docstrings."""

from __future__ import annotations

import inspect
import re
import textwrap

import composer

_WIDTH = 80
_SECTION = re.compile(r"^(Args|Returns|Raises):$", re.MULTILINE)
_LITERAL = re.compile(r"(:\w+:)?(?<!`)`{1,2}(?!`)")
_ENTRY = re.compile(r"^([\w.]+): ", re.MULTILINE)


def python_page() -> str:
    """Return the page as Markdown."""
    parts = [
        "# Python\n\nMade from the docstrings. Importing `composer` loads nothing heavy.\n\n"
        "```python\nimport composer\n```\n\n"
    ]
    values = [(name, getattr(composer, name)) for name in composer.__all__]
    for name, value in values:
        if inspect.isfunction(value):
            parts.append(_function(name, value))
    parts.append("## Exceptions\n\n| exception | exit code | |\n|---|---|---|\n")
    for name, value in values:
        if inspect.isclass(value):
            summary = " ".join((inspect.getdoc(value) or "").partition("\n\n")[0].split())
            parts.append(f"| `{name}` | {value.exit_code} | {summary} |\n")
    return "".join(parts)


def _function(name: str, value: object) -> str:
    assert callable(value)
    signature = inspect.signature(value)
    called = f"composer.{name}{signature}"
    if len(called) > _WIDTH:
        # A parameter a line; a lone star stands where only names are taken from there on.
        rows = [str(parameter) for parameter in signature.parameters.values()]
        kinds = [parameter.kind for parameter in signature.parameters.values()]
        if inspect.Parameter.KEYWORD_ONLY in kinds:
            rows.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
        listed = "".join(f"    {row},\n" for row in rows)
        called = f"composer.{name}(\n{listed}) -> {signature.return_annotation}"
    called = called.replace("'", "")
    text = inspect.getdoc(value) or ""
    head, *sections = _SECTION.split(text)
    parts = [f"## composer.{name}\n\n```python\n{called}\n```\n\n{head.strip()}\n\n"]
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        said = textwrap.dedent(body.strip("\n"))
        if _ENTRY.search(said):
            said = _ENTRY.sub(r"- `\1`: ", said)
            said = re.sub(r"^    ", "  ", said, flags=re.MULTILINE)
        parts.append(f"**{title}**\n\n{said.strip()}\n\n")
    return _LITERAL.sub("`", "".join(parts))
