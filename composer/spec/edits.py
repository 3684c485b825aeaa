"""Edits of a spec's text that leave its comments and its layout alone."""

from __future__ import annotations

import re
from collections.abc import Mapping

from composer.diagnostics.diagnostic import Edit, SpecPath
from composer.spec.source_text import COMMAND_LINE, Place
from composer.spec.tree import MapNode, Node, Scalar, ScalarValue, find
from composer.spec.yaml_scalars import NumberTooLargeError, resolve, written

_FROM_ELSEWHERE = ("through 'extends'", "it replaces")
_BETWEEN = re.compile(r":[ \t]+(&\S+[ \t]+)?")
_BEFORE_KEY = re.compile(r"[ \t]*(- +)*")


def added(root: Node, path: SpecPath, key: str, value: str | Mapping[str, str]) -> tuple[Edit, ...]:
    """Return the edit that gives the map at ``path`` one more key; none where that is not plain.

    A map that came through ``extends`` is left alone: other specs start from it too.

    Args:
        root: the tree.
        path: of a map that holds at least one value on one line.
        key: that it does not hold yet.
        value: text, or a map of texts.
    """
    node = find(root, path)
    if not isinstance(node, MapNode) or not node.entries or key in node.entries:
        return ()
    after = "from" if "from" in node.entries else next(iter(node.entries))
    entry = node.entries[after]
    place = entry.node.place
    way = [find(root, path[:length]) for length in range(len(path) + 1)]
    origins = (origin for step in (*way, entry.node) if step for origin in step.origins)
    if any(origin.message.startswith(_FROM_ELSEWHERE) for origin in origins):
        return ()
    if _is_foreign(entry.key_place) or entry.key_place.source is not place.source:
        return ()
    source, text = place.source, place.source.text
    if not isinstance(entry.node, Scalar) or "\n" in place.text:
        return ()
    # An alias stands for a value that is written elsewhere, where nothing may be added.
    if not _BETWEEN.fullmatch(text[entry.key_place.end : place.start]):
        return ()
    if _in_braces(node, entry.key_place):
        edit = Place(source, place.end, place.end)
        return (Edit(span=edit.span, replacement=f", {key}: {_written(value)}"),)
    start, end = source.line_bounds(entry.key_place.start)
    if not _BEFORE_KEY.fullmatch(text[start : entry.key_place.start]):
        return ()
    indent = " " * (entry.key_place.start - start)
    line = f"{_line_end(text)}{indent}{key}: {_written(value)}"
    return (Edit(span=Place(source, end, end).span, replacement=line),)


def _written(value: str | Mapping[str, str]) -> str:
    if isinstance(value, str):
        return written(value)
    return f"{{{', '.join(f'{written(k)}: {written(v)}' for k, v in value.items())}}}"


def added_first(root: Node, key: str, value: str) -> tuple[Edit, ...]:
    """Return the edit that puts a key before all others of the spec.

    Args:
        root: the tree.
        key: that it does not hold yet.
        value: as YAML.
    """
    if not isinstance(root, MapNode) or _is_foreign(root.place):
        return ()
    source, start = root.place.source, root.place.start
    if source.text[start : start + 1] == "{":
        where, line = Place(source, start + 1, start + 1), f"{key}: {value}, "
    elif source.line_column(start)[1] == 1:
        where, line = Place(source, start, start), f"{key}: {value}{_line_end(source.text)}"
    else:
        return ()
    return (Edit(span=where.span, replacement=line),)


def replaced(root: Node, path: SpecPath, new: str) -> tuple[Edit, ...]:
    """Return the edit that puts other text in the place of the text at ``path``.

    Nothing is changed that came through ``${…}``, or stands on the command line.
    """
    node = find(root, path)
    if not isinstance(node, Scalar) or not isinstance(node.value, str) or _is_foreign(node.place):
        return ()
    return _rewritten(node.place, node.value, new)


def revalued(root: Node, path: SpecPath, new: str) -> tuple[Edit, ...]:
    """Return the edit that puts another value in the place of the one at ``path``.

    Nothing is changed that came through ``${…}``, or stands on the command line.

    Args:
        root: the tree.
        path: of a scalar.
        new: as YAML, on one line.
    """
    node = find(root, path)
    if not isinstance(node, Scalar) or node.value is None or _is_foreign(node.place):
        return ()
    text = node.place.text
    if isinstance(node.value, str):
        stands = text in (node.value, f'"{node.value}"', f"'{node.value}'")
    else:
        stands = _resolved(text) == node.value
    return (Edit(span=node.place.span, replacement=new),) if stands and "\n" not in text else ()


def _resolved(text: str) -> ScalarValue:
    try:
        return resolve(text)
    except NumberTooLargeError:
        return None


def renamed_key(root: Node, path: SpecPath, new: str) -> tuple[Edit, ...]:
    """Return the edit that gives the key at the end of ``path`` another name."""
    parent = find(root, path[:-1])
    if not isinstance(parent, MapNode) or new in parent.entries:
        return ()
    entry = parent.entries.get(str(path[-1]))
    if entry is None or _is_foreign(entry.key_place):
        return ()
    return _rewritten(entry.key_place, str(path[-1]), new)


def _rewritten(place: Place, old: str, new: str) -> tuple[Edit, ...]:
    """Return the edit where the text stands as it is, quoted or not."""
    forms = {old: written(new), f'"{old}"': f'"{new}"', f"'{old}'": f"'{new}'"}
    form = forms.get(place.text)
    if form is None or any(char in new for char in "\"'\\\n"):
        return ()
    return (Edit(span=place.span, replacement=form),)


def _is_foreign(place: Place) -> bool:
    return place.source.file == COMMAND_LINE


def _in_braces(node: MapNode, key: Place) -> bool:
    """Whether the map that a key stands in is written as ``{…}``."""
    if node.place.source is key.source and node.place.start <= key.start <= node.place.end:
        return node.place.source.text[node.place.start : node.place.start + 1] == "{"
    before = key.source.text[: key.start].rstrip()
    return before.endswith(("{", ","))


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
