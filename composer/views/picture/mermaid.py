"""A view as Mermaid, which GitHub and GitLab draw in a fence of a Markdown file."""

from __future__ import annotations

from collections.abc import Iterator

from composer.views.picture.colors import box_color
from composer.views.picture.model import LEFT_OUT
from composer.views.picture.visible import DrawnPicture, Line, Shown

_SPECIAL = frozenset('"#%&<>\\`')


def mermaid(view: DrawnPicture) -> str:
    """Return the text of a Mermaid flowchart."""
    return "\n".join(_lines(view)) + "\n"


def _lines(view: DrawnPicture) -> Iterator[str]:
    yield "flowchart TB"
    for number, box in enumerate(view.boxes):
        yield f'  subgraph box{number}["{_text(box.title)}"]'
        yield from (f"    {_node(node)}" for node in view.nodes if node.box == box.id)
        yield "  end"
        color = box_color(number)
        yield f"  style box{number} fill:{color.fill},stroke:{color.line},color:#1f2328"
    known = {box.id for box in view.boxes}
    yield from (f"  {_node(node)}" for node in view.nodes if node.box not in known)
    yield from (f"  {_edge(line)}" for line in view.lines)
    yield "  classDef leftOut stroke-dasharray:4 3,fill:#f6f8fa,stroke:#8a8f98,color:#6e7781"
    yield "  classDef added stroke:#1a7f37,stroke-width:2px"
    for name, ids in (
        ("leftOut", [node.id for node in view.nodes if node.kind in LEFT_OUT]),
        ("added", [node.id for node in view.nodes if node.kind == "new"]),
    ):
        if ids:
            yield f"  class {','.join(ids)} {name}"


def _node(node: Shown) -> str:
    text = "<br>".join(_text(line) for line in node.lines)
    if node.kind in ("input", "output"):
        return f'{node.id}(["{text}"])'
    return f'{node.id}[["{text}"]]' if node.folded else f'{node.id}["{text}"]'


def _edge(line: Line) -> str:
    arrow = "-.->" if line.left_out else "==>" if line.seam else "-->"
    label = f'|"{_text(line.label)}"|' if line.label else ""
    return f"{line.start} {arrow}{label} {line.end}"


def _text(text: str) -> str:
    """Write what Mermaid or Markdown would read as more than text as numbers of characters."""
    return "".join(
        f"#{ord(char)};" if char in _SPECIAL or not char.isprintable() else char for char in text
    )
