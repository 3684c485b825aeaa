"""Where everything of a view goes: elkjs, the layered layout of Eclipse, run in V8."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from composer.errors import BuildError, UsageError
from composer.views.picture.text_width import text_width
from composer.views.picture.visible import DrawnPicture

if TYPE_CHECKING:
    from py_mini_racer import MiniRacer

MOST = 1500
"""Nodes that are laid out at once; the layout recurses, and several thousand end its stack."""
SIZE = 12
"""Of the text, in pixels."""
_SECONDS = 120
OPTIONS = {
    "elk.algorithm": "layered",
    "elk.direction": "DOWN",
    "elk.hierarchyHandling": "INCLUDE_CHILDREN",
    "elk.edgeRouting": "POLYLINE",
    "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
    "elk.layered.spacing.nodeNodeBetweenLayers": "26",
    "elk.spacing.nodeNode": "22",
    "elk.spacing.edgeNode": "14",
    "elk.randomSeed": "1",
}
BOX_OPTIONS = {"elk.padding": "[top=34,left=16,bottom=16,right=16]"}
# What the worker of elkjs expects around it, in an engine that has no browser.
_SURROUNDINGS = """
var self = this; var onmessage = null; var replies = [];
function setTimeout(f) { f(); return 0; }
function postMessage(message) { replies.push(message); }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rectangle:
    """In pixels, from the left upper corner of the picture."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """Where an edge goes, and where its label stands."""

    points: tuple[tuple[float, float], ...]
    label: Rectangle | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Places of a view: boxes and nodes by id, edges in the order of the view."""

    width: float
    height: float
    boxes: dict[str, Rectangle]
    nodes: dict[str, Rectangle]
    paths: tuple[Path, ...]


def lay_out(view: DrawnPicture) -> Layout:
    """Return where everything goes.

    Raises:
        UsageError: the extra ``graph`` is not installed, or the view has too many nodes.
        BuildError: the layout failed.
    """
    if len(view.nodes) > MOST:
        raise UsageError("CMP113.picture-nodes", count=len(view.nodes), limit=MOST)
    try:
        from py_mini_racer import JSEvalException, JSTimeoutException, MiniRacer
    except ImportError as error:
        raise UsageError("CMP113.no-picture-packages") from error
    graph = _elk_graph(view)
    try:
        # In a thread of its own: beside the loop of a notebook the engine takes no time limit.
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(lambda: _ask(MiniRacer(), graph)).result()
    except (JSEvalException, JSTimeoutException) as error:
        raise BuildError("CMP710.picture", reason=str(error).splitlines()[0]) from error
    return _layout(answer, view)


def _ask(engine: MiniRacer, graph: dict[str, Any]) -> dict[str, Any]:
    worker = resources.files("composer.views.picture").joinpath(
        "assets", "elkjs", "elk-worker.min.js"
    )
    engine.eval(_SURROUNDINGS)
    engine.eval(worker.read_text(encoding="utf-8"))
    messages = (
        {"id": 0, "cmd": "register", "algorithms": ["layered"]},
        {"id": 1, "cmd": "layout", "graph": graph, "layoutOptions": {}, "options": {}},
    )
    for message in messages:
        engine.eval(f"self.onmessage({{data: {json.dumps(message)}}})", timeout_sec=_SECONDS)
    reply = json.loads(str(engine.eval(
        "var last = replies[replies.length - 1];"
        "JSON.stringify(last.error ? {error: String(last.error.message || last.error)} : last)"
    )))  # fmt: skip
    if "error" in reply:
        raise BuildError("CMP710.picture", reason=reply["error"])
    found: dict[str, Any] = reply["data"]
    return found


def _elk_graph(view: DrawnPicture) -> dict[str, Any]:
    boxes = {
        box.id: {
            "id": f"b{number}",
            "layoutOptions": BOX_OPTIONS,
            "children": [],
        }
        for number, box in enumerate(view.boxes)
    }
    top: list[dict[str, Any]] = []
    for node in view.nodes:
        width = max(text_width(elided(line), SIZE) for line in node.lines) + 22
        child = {"id": node.id, "width": max(width, 64), "height": 10 + 15 * len(node.lines)}
        place: Any = boxes[node.box]["children"] if node.box in boxes else top
        place.append(child)
    edges = [
        {
            "id": f"e{number}",
            "sources": [line.start],
            "targets": [line.end],
            "labels": [{"text": line.label, "width": text_width(line.label, 10) + 4, "height": 13}]
            if line.label
            else [],
        }
        for number, line in enumerate(view.lines)
    ]
    children = [*top, *boxes.values()]
    return {"id": "root", "layoutOptions": OPTIONS, "children": children, "edges": edges}


def elided(text: str, most: int = 44) -> str:
    """Return ``text``, its middle left out where it is long."""
    half = most // 2
    return text if len(text) <= most else f"{text[: half - 1]}…{text[-half:]}"


def fitting(text: str, width: float) -> str:
    """Return ``text``, as much of its middle left out as ``width`` pixels ask for."""
    most = len(text)
    while most > 4 and text_width(elided(text, most), SIZE) > width:  # noqa: PLR2004
        most -= 1
    return elided(text, most)


def fitting_title(title: str, width: float) -> str:
    """Return the title of a box, without the folders of its file if they don't fit."""
    if text_width(title, SIZE) > width and "/" in title:
        id_, equals, place = title.partition(" = ")
        title = f"{id_}{equals}{place.rpartition('/')[2]}" if equals else title
    return fitting(title, width)


def _layout(root: dict[str, Any], view: DrawnPicture) -> Layout:
    origins: dict[str, tuple[float, float]] = {"root": (0.0, 0.0)}
    boxes: dict[str, Rectangle] = {}
    nodes: dict[str, Rectangle] = {}
    ids = {f"b{number}": box.id for number, box in enumerate(view.boxes)}

    def walk(parent: dict[str, Any], x: float, y: float) -> None:
        for child in parent.get("children", ()):
            left, top = x + child["x"], y + child["y"]
            place = Rectangle(x=left, y=top, width=child["width"], height=child["height"])
            origins[child["id"]] = left, top
            if child["id"] in ids:
                boxes[ids[child["id"]]] = place
                walk(child, left, top)
            else:
                nodes[child["id"]] = place

    walk(root, 0.0, 0.0)
    paths = tuple(_path(edge, origins[edge.get("container", "root")]) for edge in root["edges"])
    return Layout(width=root["width"], height=root["height"], boxes=boxes, nodes=nodes, paths=paths)


def _path(edge: dict[str, Any], origin: tuple[float, float]) -> Path:
    x, y = origin
    points: list[tuple[float, float]] = []
    for section in edge.get("sections", ()):
        bends = (section["startPoint"], *section.get("bendPoints", ()), section["endPoint"])
        points.extend((x + point["x"], y + point["y"]) for point in bends)
    label = next(iter(edge.get("labels", ())), None)
    place = None
    if label is not None and "x" in label:
        place = Rectangle(
            x=x + label["x"], y=y + label["y"], width=label["width"], height=label["height"]
        )
    return Path(points=tuple(points), label=place)
