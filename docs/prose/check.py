"""Lint the project's prose: ``python -m docs.prose.check``; exit code 1 where a rule is broken.

Read are README, CHANGELOG, the pages of docs/ and of ``compose explain``, the help of the command
line, and the descriptions in the JSON Schemas. The rules are in ``rules.toml``.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).parents[2]
_RULES = Path(__file__).with_name("rules.toml")
_NOT_PROSE = re.compile(
    r"^```.*?^```$|^~~~.*?^~~~$|`[^`\n]*`|`[^`]*?`|<!--.*?-->|(?<=\])\([^)\s]*\)|<[^>\s]+>",
    re.MULTILINE | re.DOTALL,
)
"""Code, comments and the addresses of links."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A phrase to avoid."""

    pattern: re.Pattern[str]
    write: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A phrase that breaks a rule, and where it is."""

    place: str
    line: int
    phrase: str
    write: str

    def __str__(self) -> str:
        return f"{self.place}:{self.line}: {self.phrase!r}: {self.write}"


def rules() -> tuple[Rule, ...]:
    """Return the rules of ``rules.toml``."""
    entries = tomllib.loads(_RULES.read_text(encoding="utf-8"))["rule"]
    flags = re.IGNORECASE | re.MULTILINE
    return tuple(
        Rule(pattern=re.compile(entry["pattern"], flags), write=entry["write"]) for entry in entries
    )


def check(place: str, text: str, applied: tuple[Rule, ...]) -> Iterator[Finding]:
    """Yield what is wrong with one text.

    Args:
        place: what the text is, such as ``docs/locks.md``.
        text: Markdown.
        applied: the rules.
    """
    # What is no prose is blanked, so that lines keep their numbers. A sentence may be broken over
    # two lines, so patterns see one space where a line ends.
    prose = _NOT_PROSE.sub(lambda match: re.sub(r"[^\n]", "\0", match[0]), text)
    flat = re.sub(r"(?<!\n)\n(?!\n|[-*|#>] |\d+\. )", " ", prose)
    for rule in applied:
        for match in rule.pattern.finditer(flat):
            yield Finding(
                place=place,
                line=text.count("\n", 0, match.start()) + 1,
                phrase=match[0].strip(" .:;"),
                write=rule.write,
            )


def texts() -> Iterator[tuple[str, str]]:
    """Yield all that is checked, each text with its place."""
    files = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]
    files += sorted((ROOT / "docs").rglob("*.md"))
    files += sorted((ROOT / "composer/diagnostics/pages").glob("*.md"))
    for file in files:
        if file.is_file():
            yield file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")
    for file in sorted((ROOT / "schemas").glob("*.json")):
        document = json.loads(file.read_text(encoding="utf-8"))
        for path, text in _descriptions(document):
            yield f"{file.relative_to(ROOT).as_posix()}#{path}", text
    yield from _help()


def _descriptions(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for number, entry in enumerate(value):
            yield from _descriptions(entry, f"{path}/{number}")
    elif isinstance(value, dict):
        for key, entry in value.items():
            if key in ("description", "title") and isinstance(entry, str):
                yield f"{path}/{key}", entry
            else:
                yield from _descriptions(entry, f"{path}/{key}")


def _help() -> Iterator[tuple[str, str]]:
    from composer.cli.commands import compose

    def walk(name: str, command: click.Command) -> Iterator[tuple[str, str]]:
        for text in (command.help, command.short_help, command.epilog):
            if text:
                yield f"{name} --help", text
        for parameter in command.params:
            if isinstance(parameter, click.Option) and parameter.help:
                yield f"{name} {parameter.opts[-1]}", parameter.help
        if isinstance(command, click.Group):
            context = click.Context(command)
            for verb in command.list_commands(context):
                below = command.get_command(context, verb)
                assert below is not None
                yield from walk(f"{name} {verb}", below)

    yield from walk("compose", compose)


def main() -> int:
    """Print the findings; return 1 if there are any."""
    applied = rules()
    found = [finding for place, text in texts() for finding in check(place, text, applied)]
    for finding in found:
        print(finding)
    if found:
        print(f"{len(found)} phrases to rewrite")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
