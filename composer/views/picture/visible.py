"""What of a picture is shown, with some of its folds open: nodes, folds in one piece, and edges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from composer.views.picture.model import LEFT_OUT, Box, Fold, Kind, Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A node as it is drawn: an operation, or a fold.

    Attributes:
        lines: what is written in it, the first is its name.
        folded: how many layers it stands for; 0 for an operation.
    """

    id: str
    lines: tuple[str, ...]
    kind: Kind
    box: str | None
    folded: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An edge as it is drawn; ``label`` is the shape where it is worth a word."""

    start: str
    end: str
    label: str
    seam: bool
    changed: bool
    left_out: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnPicture:
    """All that is drawn, in the order of the graph."""

    name: str
    boxes: tuple[Box, ...]
    nodes: tuple[Shown, ...]
    lines: tuple[Line, ...]


def view_of(picture: Picture, unfold: Sequence[str] = ()) -> DrawnPicture:
    """Return what is drawn of ``picture``.

    Args:
        picture: with its folds.
        unfold: globs; a fold is open where one matches its name or that of a layer in it.
    """
    shown: dict[str, Shown] = {}
    holder: dict[str, str] = {}
    for item in _opened(picture, picture.folds, unfold):
        if isinstance(item, Fold):
            holder.update(dict.fromkeys(item.nodes, item.id))
            shown[item.id] = _fold(picture, item)
        else:
            node = picture.nodes[item]
            holder[item] = item
            extra: tuple[str, ...] = (node.class_name or "output",)
            if node.kind in LEFT_OUT:
                stand_in = f" by {node.note}" if node.note and node.kind != "unreachable" else ""
                extra = (*extra, f"{node.kind}{stand_in}")
            shown[item] = Shown(id=item, lines=(node.name, *extra), kind=node.kind, box=node.box)
    lines: dict[tuple[str, str, str], Line] = {}
    for edge in picture.edges:
        start, end = holder[edge.start], holder[edge.end]
        if start == end and edge.start != edge.end:
            continue
        ends = shown[start], shown[end]
        told = edge.seam or any(e.folded for e in ends) or ends[0].box != ends[1].box
        label = edge.shape if told else ""
        left_out = any(e.kind in LEFT_OUT for e in ends)
        line = Line(
            start=start, end=end, label=label, seam=edge.seam, changed=edge.changed,
            left_out=left_out,
        )  # fmt: skip
        before = lines.get((start, end, label))
        if before is None or (line.seam and not before.seam):
            lines[start, end, label] = line
    used = {node.box for node in shown.values()}
    return DrawnPicture(
        name=picture.name,
        boxes=tuple(box for box in picture.boxes if box.id in used),
        nodes=tuple(shown.values()),
        lines=tuple(lines.values()),
    )


def dead_patterns(picture: Picture, unfold: Sequence[str]) -> tuple[str, ...]:
    """Return the globs that match neither a fold nor a layer."""
    names = [node.name for node in picture.nodes.values()]
    names.extend(fold.name for fold in _folds(picture.folds))
    return tuple(glob for glob in unfold if not any(fnmatchcase(name, glob) for name in names))


def _folds(items: Sequence[str | Fold]) -> Iterator[Fold]:
    for item in items:
        if isinstance(item, Fold):
            yield item
            yield from _folds(item.members)


def _opened(
    picture: Picture, items: Sequence[str | Fold], unfold: Sequence[str]
) -> Iterator[str | Fold]:
    for item in items:
        if isinstance(item, Fold) and _matches(picture, item, unfold):
            yield from _opened(picture, item.members, unfold)
        else:
            yield item


def _matches(picture: Picture, fold: Fold, unfold: Sequence[str]) -> bool:
    names = [fold.name, *(picture.nodes[id_].name for id_ in fold.nodes)]
    return any(fnmatchcase(name, glob) for glob in unfold for name in names)


def _fold(picture: Picture, fold: Fold) -> Shown:
    nodes = [picture.nodes[id_] for id_ in fold.nodes]
    layers = len(nodes)
    kinds = Counter(node.kind for node in nodes).most_common()
    what = (
        f"{layers} layers"
        if fold.times == 1
        else f"{fold.times} \N{MULTIPLICATION SIGN} {layers // fold.times} layers"
    )
    if layers == fold.times:
        what = f"{layers} \N{MULTIPLICATION SIGN} {nodes[0].class_name}"
    boxes = {node.box for node in nodes}
    return Shown(
        id=fold.id,
        lines=(fold.name, what),
        kind=kinds[0][0],
        box=boxes.pop() if len(boxes) == 1 else None,
        folded=layers,
    )
