"""The pages of README.md and docs/, and the blocks in them.

What a block is says the line that opens it:

    ```console              commands behind `$ `, each followed by the screen that it gives
    ```console exit=1       the same, where the last command ends with that code
    ```yaml title="a.yaml"  a file, in any language
    ```yaml                 a recipe of its own, built and verified
    ```python               a program of its own
    ```text skip="why"      not run; the reason is listed and counted

In a screen, a line `…` stands for any lines, and `…` in a line for any text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))

_BLOCK = re.compile(r"^```([\w-]+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ATTRIBUTE = re.compile(r'(\w+)=(?:"([^"]*)"|(\S+))')


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    attributes: dict[str, str] = field(default_factory=dict)
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def kind(self) -> str:
        """``skip``, ``file``, ``console``, ``recipe`` or ``program``."""
        if "skip" in self.attributes:
            return "skip"
        if "title" in self.attributes:
            return "file"
        return {"console": "console", "yaml": "recipe", "python": "program"}[self.language]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command of a console block and the screen that it gives."""

    line: int
    text: str
    screen: tuple[str, ...]


def blocks(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page."""
    text = page.read_text(encoding="utf-8")
    for match in _BLOCK.finditer(text):
        yield Block(
            page=page.relative_to(ROOT).as_posix(),
            line=text.count("\n", 0, match.start()) + 1,
            language=match[1],
            attributes={name: a or b for name, a, b in _ATTRIBUTE.findall(match[2])},
            text=match[3],
        )


def commands(block: Block) -> Iterator[Command]:
    """Yield the commands of a console block; one that ends in ``\\`` goes on in the next line."""
    lines = block.text.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    assert starts and starts[0] == 0, f"{block.place}: a console block begins with '$ '"
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        last = start
        while lines[last].endswith("\\"):
            last += 1
        yield Command(
            line=block.line + 1 + start,
            text="\n".join(lines[start : last + 1]).removeprefix("$ "),
            screen=tuple(lines[last + 1 : end]),
        )


def agrees(wanted: tuple[str, ...], found: tuple[str, ...]) -> bool:
    """Whether a screen is the one that a page shows."""
    pattern = "".join(
        r"(?:.*\n)*?" if line == "…" else f"{'.*'.join(map(re.escape, line.split('…')))}\n"
        for line in wanted
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in found)) is not None


def marked(page: Path) -> set[str]:
    """Return the words of the page's comment ``<!-- tests: … -->``, such as ``slow``."""
    found = re.search(r"^<!-- tests: (.*?) -->$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return set(found[1].split(", ")) if found else set()
