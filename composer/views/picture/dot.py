"""A view as DOT, for Graphviz and all that reads its language."""

from __future__ import annotations

from collections.abc import Iterator

from composer.views.picture.colors import box_color
from composer.views.picture.model import LEFT_OUT
from composer.views.picture.visible import DrawnPicture, Line, Shown

_GREY = "#8a8f98"


def dot(view: DrawnPicture) -> str:
    """Return the text of a DOT file."""
    return "\n".join(_lines(view)) + "\n"


def _lines(view: DrawnPicture) -> Iterator[str]:
    yield f"digraph {_text(view.name)} {{"
    yield '  graph [fontname="sans-serif", fontsize=11, rankdir=TB];'
    yield '  node [fontname="sans-serif", fontsize=10, shape=box, style="rounded,filled",'
    yield '        fillcolor="#ffffff", color="#57606a"];'
    yield '  edge [fontname="sans-serif", fontsize=9, color="#57606a"];'
    for number, box in enumerate(view.boxes):
        color = box_color(number)
        yield f"  subgraph cluster_{number} {{"
        yield f"    label={_text(box.title)};"
        yield f'    style=rounded; color="{color.line}"; bgcolor="{color.fill}";'
        yield from (f"    {_node(node)}" for node in view.nodes if node.box == box.id)
        yield "  }"
    known = {box.id for box in view.boxes}
    yield from (f"  {_node(node)}" for node in view.nodes if node.box not in known)
    yield from (f"  {_edge(line)}" for line in view.lines)
    yield "}"


def _node(node: Shown) -> str:
    attributes = [f"label={_text(chr(10).join(node.lines))}"]
    if node.kind in LEFT_OUT:
        attributes.append(f'style="rounded,dashed", color="{_GREY}", fontcolor="{_GREY}"')
    elif node.kind in ("input", "output"):
        attributes.append("shape=oval")
    elif node.folded:
        attributes.append("peripheries=2")
    elif node.kind == "new":
        attributes.append('penwidth=2, color="#1a7f37"')
    return f"{node.id} [{', '.join(attributes)}];"


def _edge(line: Line) -> str:
    attributes = []
    if line.label:
        attributes.append(f"label={_text(line.label)}")
    if line.left_out:
        attributes.append(f'style=dashed, color="{_GREY}", fontcolor="{_GREY}"')
    elif line.changed:
        attributes.append('penwidth=2, color="#bc4c00"')
    elif line.seam:
        attributes.append("penwidth=2")
    shown = f" [{', '.join(attributes)}]" if attributes else ""
    return f"{line.start} -> {line.end}{shown};"


def _text(text: str) -> str:
    """Quote for DOT, where a backslash before some letters has a meaning too."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", " ")
    return '"' + escaped.replace("\0", "").replace("\n", "\\n") + '"'
