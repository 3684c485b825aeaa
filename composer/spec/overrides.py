"""Changes from the command line: ``a.b=c`` sets, ``+a.b=c`` adds, ``~a.b`` deletes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from composer.diagnostics.diagnostic import Diagnostic, SpecPath
from composer.diagnostics.suggest import nearest, question
from composer.spec.limits import MAX_DEPTH
from composer.spec.overlay import merge
from composer.spec.refused import RefusedError
from composer.spec.schema_keys import keys_at
from composer.spec.source_text import COMMAND_LINE, Place, SourceText
from composer.spec.tree import (
    Entry,
    ListNode,
    MapNode,
    Node,
    Scalar,
    child,
    find,
    path_text,
    without_keys,
)
from composer.spec.yaml_text import parse

_NAME = re.compile(r"[^\s.\[\]\"'=+~][^\s.\[\]\"'=]*")
_QUOTED = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[\'([^\']*)\'\]')
_INDEX = re.compile(r"\[([0-9]{1,6})\]")
_FORMS = 'overrides look like a.b=c, +a.b=c, ~a.b or a["x.y"]=c'

_BELOW_LAYER = 2
"""Steps of a path that lead to a layer: ``layers`` and its id."""

Action = Literal["set", "add", "delete"]

_refused = partial(RefusedError, "CMP131")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Override:
    action: Action
    path: SpecPath
    path_place: Place
    value: Node | None


def apply(
    root: Node, overrides: Sequence[str], *, directory: Path | None = None
) -> tuple[Node, list[Diagnostic]]:
    """Return ``root`` with ``overrides`` applied in order, and the problems found.

    Setting follows the rule of all layers of a spec: maps merge, everything else is replaced.

    Args:
        root: the tree of a spec with its bases under it.
        overrides: as they stand on the command line. Their values are YAML.
        directory: what relative paths in values belong to; where the command runs if None.
    """
    diagnostics: list[Diagnostic] = []
    for text in overrides:
        source = SourceText(file=COMMAND_LINE, text=text, directory=directory or Path())
        override, found = _parse(source)
        diagnostics += found
        if override is None:
            continue
        try:
            root = _applied(root, override)
        except RefusedError as refusal:
            diagnostics.append(
                Diagnostic(
                    code=refusal.code,
                    message=refusal.message,
                    path=override.path,
                    span=override.path_place.span,
                    help=refusal.help,
                )
            )
    return root, diagnostics


def _parse(source: SourceText) -> tuple[_Override | None, list[Diagnostic]]:
    text = source.text
    actions: dict[str, Action] = {"+": "add", "~": "delete"}
    action: Action = actions.get(text[:1], "set")
    offset = 0 if action == "set" else 1
    path, end = _path(text, offset)
    place = Place(source, offset, end)
    if not path:
        return None, [_malformed(source, end, "a key was expected here")]
    if len(path) > MAX_DEPTH:
        return None, [_malformed(source, end, f"a path has at most {MAX_DEPTH} steps")]
    if action == "delete":
        if end < len(text):
            return None, [_malformed(source, end, "only a path can follow ~")]
        return _Override(action=action, path=path, path_place=place, value=None), []
    if text[end : end + 1] != "=":
        return None, [_malformed(source, end, "'=' and a value were expected here")]
    value, found = parse(source, start=end + 1)
    if any(item.severity == "error" for item in found):
        return None, found
    if value is None:
        blank = Place(source, end + 1, len(text))
        value = Scalar(value=None, place=blank, directory=source.directory)
    return _Override(action=action, path=path, path_place=place, value=value), found


def _path(text: str, offset: int) -> tuple[SpecPath, int]:
    """Return the path that begins at ``offset``, empty when malformed, and where it ends."""
    path: list[str | int] = []
    while True:
        if match := _QUOTED.match(text, offset):
            escaped, verbatim = match.groups()
            path.append(verbatim if escaped is None else re.sub(r"\\(.)", r"\1", escaped))
        elif match := _INDEX.match(text, offset):
            path.append(int(match[1]))
        else:
            begin = offset + 1 if path and text[offset : offset + 1] == "." else offset
            match = _NAME.match(text, begin) if begin > offset or not path else None
            if match is None:
                # Behind a dot a key must follow.
                return (() if begin > offset else tuple(path)), begin
            path.append(match[0])
        offset = match.end()


def _malformed(source: SourceText, offset: int, message: str) -> Diagnostic:
    return Diagnostic(
        code="CMP130",
        message=f"this override can't be read: {message}",
        span=source.span(offset, offset + 1),
        help=_FORMS,
    )


def _applied(root: Node, override: _Override) -> Node:
    if override.path[0] == "extends":
        raise _refused(
            "'extends' is read before overrides and can't be changed by one",
            "write a spec that extends the files you need",
        )
    return _changed(root, override, 0)


def _changed(node: Node, override: _Override, depth: int) -> Node:
    """Return ``node``, which stands at the first ``depth`` steps of the path, changed."""
    step = override.path[depth]
    old = child(node, step)
    last = depth == len(override.path) - 1
    if not isinstance(node, MapNode | ListNode):
        where = path_text(override.path[:depth])
        raise _refused(f"'{where}' is neither a map nor a list; it has no keys")
    if old is None and override.action != "add":
        raise _missing(node, override, depth)
    if not last:
        if old is None:
            old = MapNode(entries={}, place=override.path_place)
        return _with_child(node, step, _changed(old, override, depth + 1), override, depth)
    if override.action == "delete":
        return _without_child(node, step)
    assert override.value is not None
    if override.action == "add":
        if old is not None:
            raise _refused(
                f"'{path_text(override.path)}' is set already, and + only adds",
                f"write {override.path_place.source.text[1:]}",
            )
        return _with_child(node, step, override.value, override, depth)
    assert old is not None
    return _with_child(node, step, merge(old, override.value, remember=True), override, depth)


def _missing(node: MapNode | ListNode, override: _Override, depth: int) -> RefusedError:
    where = path_text(override.path[: depth + 1])
    if isinstance(node, ListNode):
        return _refused(f"there is no '{where}'; the list has {_items(node)}")
    meant = _meant(node, override, depth)
    if meant is not None:
        return _refused(f"there is no '{where}' to {override.action}", f"write {meant}")
    near = nearest(str(override.path[depth]), node.entries)
    guess = question([path_text((*override.path[:depth], key)) for key in near])
    if guess is None and override.action == "set":
        guess = f"to add it: +{override.path_place.source.text}"
    verb = "set" if override.action == "set" else "delete"
    return _refused(f"there is no '{where}' to {verb}", guess)


def _meant(node: MapNode, override: _Override, depth: int) -> str | None:
    """Return the override of a variable, or of an argument of a layer, that lacks a step."""
    path, text = override.path, override.path_place.source.text
    behind = text[override.path_place.end :]
    if override.action != "set":
        return None
    if depth == 0 and _has(node, "vars", str(path[0])):
        return f"{path_text(('vars', *path))}{behind}"
    layer = depth == _BELOW_LAYER and path[0] == "layers"
    if layer and depth == len(path) - 1 and path[depth] not in keys_at(("layers", "id")):
        plus = "" if _has(node, "args", str(path[depth])) else "+"
        return f"{plus}{path_text((*path[:depth], 'args', *path[depth:]))}{behind}"
    return None


def _has(node: MapNode, *path: str) -> bool:
    """Whether there is something at ``path`` below ``node``."""
    return find(node, path) is not None


def _items(node: ListNode) -> str:
    return "1 item" if len(node.items) == 1 else f"{len(node.items)} items"


def _with_child(
    node: MapNode | ListNode, step: str | int, value: Node, override: _Override, depth: int
) -> Node:
    if isinstance(node, MapNode):
        key = str(step)
        known = node.entries.get(key)
        place = known.key_place if known else override.path_place
        return replace(node, entries={**node.entries, key: Entry(place, value)})
    index = int(step) if str(step).isdecimal() else -1
    if index == len(node.items):
        return replace(node, items=(*node.items, value))
    if not 0 <= index < len(node.items):
        where = path_text(override.path[:depth])
        raise _refused(f"'{where}' is a list of {_items(node)}; '{step}' is no place in it")
    return replace(node, items=(*node.items[:index], value, *node.items[index + 1 :]))


def _without_child(node: MapNode | ListNode, step: str | int) -> Node:
    if isinstance(node, MapNode):
        return without_keys(node, {str(step)})
    index = int(step)
    return replace(node, items=(*node.items[:index], *node.items[index + 1 :]))
