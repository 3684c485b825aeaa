"""The register of diagnostic codes, read from the pages that explain them."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib import resources

_CODE = re.compile(r"CMP[0-9]{3}")
_TITLE = re.compile(r"# (CMP[0-9]{3}): (.+)")
_BLOCK = re.compile(r"^## (Wrong|Right)\n(.*?)^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePage:
    """What ``compose explain`` prints for one code.

    Attributes:
        code: such as ``CMP301``.
        title: a few words in lower case, without a full stop.
        text: the whole page, Markdown, title line included.
        wrong: a spec that gives this code; None where no spec alone can.
        right: the same spec put right; None where ``wrong`` is.
    """

    code: str
    title: str
    text: str
    wrong: str | None
    right: str | None


@functools.cache
def codes() -> tuple[str, ...]:
    """Return all registered codes in ascending order."""
    names = (entry.name for entry in resources.files(__package__).joinpath("pages").iterdir())
    return tuple(
        sorted(name[:-3] for name in names if name.endswith(".md") and _CODE.fullmatch(name[:-3]))
    )


@functools.cache
def page(code: str) -> CodePage:
    """Return the page of ``code``.

    Args:
        code: in any case, such as ``cmp301``.

    Raises:
        KeyError: there is no such code.
        ValueError: the page itself is malformed, which the tests rule out.
    """
    wanted = code.strip().upper()
    if wanted not in codes():
        raise KeyError(wanted)
    file = resources.files(__package__).joinpath("pages", f"{wanted}.md")
    text = file.read_text(encoding="utf-8")
    title = _TITLE.fullmatch(text.split("\n", 1)[0])
    if title is None or title[1] != wanted:
        raise ValueError(f"the page of {wanted} does not begin with '# {wanted}: title'")
    blocks = {match[1]: match[3] for match in _BLOCK.finditer(text)}
    return CodePage(
        code=wanted,
        title=title[2],
        text=text,
        wrong=blocks.get("Wrong"),
        right=blocks.get("Right"),
    )


def title(code: str) -> str | None:
    """Return the short title of ``code``, or None for a code that has no page."""
    return page(code).title if code in codes() else None
