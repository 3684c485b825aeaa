"""A view, laid out, as SVG: light and dark, with no script and nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from composer.views.picture.colors import box_color
from composer.views.picture.layout import (
    SIZE,
    Layout,
    Path,
    Rectangle,
    elided,
    fitting_title,
    lay_out,
)
from composer.views.picture.model import LEFT_OUT
from composer.views.picture.visible import DrawnPicture, Line, Shown

_FONT = "'DejaVu Sans', Verdana, 'Segoe UI', sans-serif"
_LIGHT = """\
.ground { fill: #ffffff }
text { font-family: FONT; font-size: 12px; fill: #1f2328; text-anchor: middle }
.title { font-size: 12px; text-anchor: start; fill: #1f2328; paint-order: stroke }
.title { stroke-width: 4px; stroke-linejoin: round }
.under { font-size: 11px; fill: #59636e }
.label { font-size: 10px; fill: #59636e }
.halo { fill: #ffffff; fill-opacity: 0.85 }
.node { fill: #ffffff; stroke: #818b98; stroke-width: 1 }
.behind { fill: #f0f2f5 }
.port { fill: #eef1f4 }
.new { fill: #dafbe1; stroke: #1a7f37; stroke-width: 1.6 }
.out { fill: none; stroke: #8a8f98; stroke-dasharray: 4 3 }
.grey { fill: #767e88 }
.edge { fill: none; stroke: #818b98; stroke-width: 1.1 }
.seam { stroke: #1f2328; stroke-width: 1.9 }
.changed { stroke: #bc4c00; stroke-width: 1.9 }
.gone { stroke: #8a8f98; stroke-dasharray: 4 3 }
.head { fill: #818b98 }
.head-seam { fill: #1f2328 }
.head-changed { fill: #bc4c00 }
""".replace("FONT", _FONT)
_DARK = """\
.ground { fill: #0d1117 }
text, .title { fill: #e6edf3 }
.under, .label { fill: #9198a1 }
.halo { fill: #0d1117 }
.node { fill: #1b222b; stroke: #6e7681 }
.behind { fill: #12181f }
.port { fill: #262d37 }
.new { fill: #10301a; stroke: #3fb950 }
.out { fill: none }
.grey { fill: #858d97 }
.edge { stroke: #6e7681 }
.seam { stroke: #e6edf3 }
.changed { stroke: #f0883e }
.gone { stroke: #6e7681 }
.head { fill: #6e7681 }
.head-seam { fill: #e6edf3 }
.head-changed { fill: #f0883e }
"""


def svg(view: DrawnPicture) -> str:
    """Return the text of an SVG file; the same for the same view.

    Raises:
        UsageError: the extra ``graph`` is not installed, or the view has too many nodes.
        BuildError: the layout failed.
    """
    layout = lay_out(view)
    return "\n".join(_lines(view, layout)) + "\n"


def _lines(view: DrawnPicture, layout: Layout) -> Iterator[str]:
    width, height = _number(layout.width), _number(layout.height)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img">'
    )
    yield f"<title>{_text(view.name)}</title>"
    yield f"<style>\n{_LIGHT}{''.join(_box_rules(view, dark=False))}"
    dark = f"{_DARK}{''.join(_box_rules(view, dark=True))}"
    yield f"@media (prefers-color-scheme: dark) {{\n{dark}}}\n</style>"
    yield f'<rect class="ground" width="{width}" height="{height}"/>'
    for number, box in enumerate(view.boxes):
        place = layout.boxes[box.id]
        shape = f'<rect class="box{number}" {_place(place)} rx="8">'
        yield f"{shape}<title>{_text(box.title)}</title></rect>"
    for line, path in zip(view.lines, layout.paths, strict=True):
        yield from _edge(line, path)
    for number, box in enumerate(view.boxes):
        place = layout.boxes[box.id]
        title = fitting_title(box.title, place.width - 24)
        x, y = _number(place.x + 14), _number(place.y + 21)
        yield f'<text class="title title{number}" x="{x}" y="{y}">{_text(title)}</text>'
    for node in view.nodes:
        yield from _node(node, layout.nodes[node.id])
    for line, path in zip(view.lines, layout.paths, strict=True):
        if path.label is not None:
            place = path.label
            yield f'<rect class="halo" {_place(place)}/>'
            x, y = _number(place.x + place.width / 2), _number(place.y + 10)
            yield f'<text class="label" x="{x}" y="{y}">{_text(line.label)}</text>'
    yield "</svg>"


def _box_rules(view: DrawnPicture, *, dark: bool) -> Iterator[str]:
    for number, _ in enumerate(view.boxes):
        color = box_color(number)
        fill = color.dark_fill if dark else color.fill
        yield f".box{number} {{ fill: {fill}; stroke: {color.line}; stroke-width: 1.4 }}\n"
        yield f".title{number} {{ stroke: {fill} }}\n"  # over the lines that enter the box


def _node(node: Shown, place: Rectangle) -> Iterator[str]:
    port = node.kind in ("input", "output")
    look = "node"
    if node.kind in LEFT_OUT:
        look += " out"
    elif port:
        look += " port"
    elif node.kind == "new":
        look += " new"
    yield "<g>"
    yield f"<title>{_text(chr(10).join(node.lines))}</title>"
    radius = _number(place.height / 2) if port else "5"
    if node.folded:
        behind = Rectangle(x=place.x + 4, y=place.y + 4, width=place.width, height=place.height)
        yield f'<rect class="node behind" {_place(behind)} rx="{radius}"/>'
    yield f'<rect class="{look}" {_place(place)} rx="{radius}"/>'
    x = _number(place.x + place.width / 2)
    for number, line in enumerate(node.lines):
        style = "" if number == 0 else "under"
        if node.kind in LEFT_OUT:
            style = f"{style} grey".strip()
        classes = f' class="{style}"' if style else ""
        y = _number(place.y + 5 + SIZE + 15 * number)
        yield f'<text{classes} x="{x}" y="{y}">{_text(elided(line))}</text>'
    yield "</g>"


def _edge(line: Line, path: Path) -> Iterator[str]:
    if len(path.points) < 2:  # noqa: PLR2004
        return
    look, head = "edge", "head"
    if line.left_out:
        look = "edge gone"
    elif line.changed:
        look, head = "edge changed", "head-changed"
    elif line.seam:
        look, head = "edge seam", "head-seam"
    steps = " ".join(f"{_number(x)},{_number(y)}" for x, y in path.points)
    yield f'<polyline class="{look}" points="{steps}"/>'
    yield f'<polygon class="{head}" points="{_head(path.points)}"/>'


def _head(points: Sequence[tuple[float, float]]) -> str:
    (x0, y0), (x1, y1) = points[-2], points[-1]
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5 or 1.0
    ax, ay = (x1 - x0) / length, (y1 - y0) / length
    back, half = 7.0, 3.5
    corners = (
        (x1, y1),
        (x1 - back * ax - half * ay, y1 - back * ay + half * ax),
        (x1 - back * ax + half * ay, y1 - back * ay - half * ax),
    )
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in corners)


def _place(place: Rectangle) -> str:
    return (
        f'x="{_number(place.x)}" y="{_number(place.y)}" '
        f'width="{_number(place.width)}" height="{_number(place.height)}"'
    )


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _text(text: str) -> str:
    """Escape for XML, which has no place for most control characters at all."""
    return escape(
        "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
    )
