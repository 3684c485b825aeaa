"""A page → one HTML file: nothing from elsewhere, and nothing runs in it but what lies here."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from composer.views.page.model import Detail, Page, Row, Section, Table
from composer.views.picture.colors import COLORS
from composer.views.picture.layout import BOX_OPTIONS, OPTIONS
from composer.views.picture.model import LEFT_OUT, Fold

_SCRIPTS = (
    "elements.js", "model.js", "layout.js", "draw.js", "view.js", "details.js", "graph.js",
    "search.js", "table.js", "tabs.js", "main.js",
)  # fmt: skip
MOST = 8000
"""Nodes that a page draws at once; a browser needs some ten seconds for 5,000."""
_PLACE = re.compile(r"\{\{(\w+)\}\}")


def html(page: Page) -> str:
    """Return the text of an HTML file; the same for the same page.

    All that comes from a model or a spec stands in it as JSON, which the page's script puts on the
    screen as text. The policy in the file's head allows the script and the style by their digests
    and nothing else, so that what is not ours could not run even where it got in.
    """
    assets = resources.files("composer.views.page").joinpath("assets")
    style = f"{_text(assets, 'page.css')}{''.join(_color_rules())}"
    script = "".join(f"{_text(assets, name)}\n" for name in _SCRIPTS)
    script = f'(() => {{\n"use strict";\n{script}}})();\n'
    layout = resources.files("composer.views.picture").joinpath(
        "assets", "elkjs", "elk-worker.min.js"
    )
    parts = {
        "title": _escaped(page.title),
        "script_digest": _digest(script),
        "style_digest": _digest(style),
        "style": style,
        "script": script,
        "layout": layout.read_text(encoding="utf-8") if page.wired else "",
        "data": _json(_document(page)),
    }
    return _PLACE.sub(lambda match: parts[match[1]], _text(assets, "page.html"))


def _text(folder: Traversable, name: str) -> str:
    return folder.joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _escaped(text: str) -> str:
    """Escape for the title of a document, where no tags are: only its end must not be read."""
    plain = text.encode("utf-8", "replace").decode()
    return plain.replace("&", "&amp;").replace("<", "&lt;")


def _json(value: Any) -> str:
    """Return JSON in which no end of a script element and no comment can be read."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _color_rules() -> Iterator[str]:
    for number, color in enumerate(COLORS):
        fill = f"light-dark({color.fill}, {color.dark_fill})"
        yield f".box{number} {{ fill: {fill}; stroke: {color.line} }}\n"
        yield f".on{number} {{ stroke: {fill} }}\n"
        yield f".swatch{number} {{ background: {fill}; border-color: {color.line} }}\n"


# ---------------------------------------------------------------- what the script reads


def _document(page: Page) -> dict[str, Any]:
    return {
        "title": page.title,
        "summary": page.summary,
        "differences": page.differences,
        "leftOut": page.left_out,
        "wired": page.wired,
        "picture": _picture(page),
        "tables": [_table(table) for table in page.tables if table.rows],
        "layout": {"options": OPTIONS, "box": BOX_OPTIONS, "most": MOST},
    }


def _picture(page: Page) -> dict[str, Any]:
    picture = page.picture
    return {
        "colors": len(COLORS),
        "boxes": [{"id": box.id, "title": box.title} for box in picture.boxes],
        "nodes": [
            {
                "id": node.id,
                "name": node.name,
                "original": node.original,
                "class": node.class_name,
                "kind": node.kind,
                "out": node.kind in LEFT_OUT,
                "box": node.box,
                "note": node.note,
                **_detail(page.details[node.id]),
            }
            for node in picture.nodes.values()
        ],
        "edges": [
            {
                "start": edge.start,
                "end": edge.end,
                "shape": edge.shape,
                "seam": edge.seam,
                "changed": edge.changed,
                "mark": page.edge_marks.get(number),
            }
            for number, edge in enumerate(picture.edges)
        ],
        "folds": [_fold(item) for item in picture.folds],
    }


def _fold(item: str | Fold) -> Any:
    if isinstance(item, str):
        return item
    members = [_fold(member) for member in item.members]
    return {"id": item.id, "name": item.name, "times": item.times, "members": members}


def _detail(detail: Detail) -> dict[str, Any]:
    return {
        "facts": [[name, value] for name, value in detail.facts if value not in (None, "")],
        "sections": [_section(section) for section in detail.sections if section.rows],
        "marks": list(detail.marks),
    }


def _section(section: Section) -> dict[str, Any]:
    return {
        "title": section.title,
        "columns": list(section.columns),
        "rows": [list(row) for row in section.rows],
    }


def _table(table: Table) -> dict[str, Any]:
    return {
        "id": table.id,
        "title": table.title,
        "columns": list(table.columns),
        "rows": [_row(row) for row in table.rows],
    }


def _row(row: Row) -> list[Any]:
    return [row.node, *row.cells]
