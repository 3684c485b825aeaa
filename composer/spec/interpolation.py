"""``${vars.x}``: checked here, filled in by OmegaConf, which no other file of the project uses.

OmegaConf would also call functions (``${oc.env:HOME}``), read the environment and take ``???``
for a missing value. So every ``${`` is read here first; what is anything but an absolute path
inside the spec is refused, and only what is known to be sound reaches OmegaConf.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from composer.diagnostics.diagnostic import Diagnostic, SpecPath
from composer.spec.interpolation_check import Check, Use, at, interpolated, is_whole
from composer.spec.limits import MAX_BYTES, MAX_NODES
from composer.spec.source_text import Place
from composer.spec.tree import (
    Broken,
    Entry,
    ListNode,
    MapNode,
    Node,
    Origin,
    Scalar,
    ScalarValue,
    walk,
)

# OmegaConf takes the text ??? for a value that is missing. NUL isn't allowed in a spec's text.
_QUESTION_MARKS = "\x00???"


def interpolate(root: Node) -> tuple[Node, list[Diagnostic]]:
    r"""Return ``root`` with every ``${…}`` filled in, and the problems found.

    A value that is one ``${…}`` and nothing else takes the other value as it is, a map or a
    list included; it keeps its own place and remembers the other's. In the midst of text only
    text and numbers can be filled in. ``\${`` stands for ``${``.

    Args:
        root: the tree of a spec with bases and overrides applied.

    Returns:
        A tree of the same form, :class:`Broken` where a value could not be filled in.
    """
    # A text in the place of a spec is the schema's to refuse; OmegaConf would read it as YAML.
    if isinstance(root, Scalar) or not any(interpolated(node) for _, node in walk(root)):
        return root, []
    check = Check(root)
    whole = check.extent(())
    if whole.nodes > MAX_NODES or whole.characters > MAX_BYTES:
        check.diagnostics.append(
            Diagnostic(
                code="CMP102",
                message=f"filled in, the spec has over {MAX_NODES} values or {MAX_BYTES} bytes",
                span=replace(root.place, end=root.place.start + 1).span,
            )
        )
        return Broken(place=root.place), check.diagnostics
    try:
        data = _fill(_for_omegaconf(root, (), check))
    except _FillError as error:
        check.diagnostics.append(
            Diagnostic(
                code="CMP143",
                message=f"interpolation failed: {error}",
                span=replace(root.place, end=root.place.start + 1).span,
            )
        )
        return Broken(place=root.place), check.diagnostics
    return _Rebuild(root, check).node(root, (), data), check.diagnostics


# ---------------------------------------------------------------- filling in


class _FillError(Exception):
    """OmegaConf refused what was found sound here."""


def _for_omegaconf(node: Node, path: SpecPath, check: Check) -> Any:
    """Return ``node`` as plain data, with empty text for what is not sound."""
    match node:
        case MapNode():
            return {
                key: _for_omegaconf(entry.node, (*path, key), check)
                for key, entry in node.entries.items()
            }
        case ListNode():
            return [
                _for_omegaconf(item, (*path, index), check) for index, item in enumerate(node.items)
            ]
        case Scalar():
            if not check.sound(path):
                return ""
            return _QUESTION_MARKS if node.value == "???" else node.value
        case Broken():
            return ""


def _fill(data: Any) -> Any:
    # Imported here because it is slow and most specs of a project may do without it.
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        return OmegaConf.to_container(OmegaConf.create(data), resolve=True)
    except (OmegaConfBaseException, RecursionError) as error:
        raise _FillError(str(error).split("\n", 1)[0]) from error


class _Rebuild:
    """Joins what OmegaConf returned with the places and histories of the tree."""

    def __init__(self, root: Node, check: Check) -> None:
        self._root = root
        self._check = check

    def node(self, node: Node, path: SpecPath, data: Any) -> Node:
        """Return ``node``, which stands at ``path``, with the values of ``data``."""
        match node:
            case MapNode():
                entries = {
                    key: Entry(entry.key_place, self.node(entry.node, (*path, key), data[key]))
                    for key, entry in node.entries.items()
                }
                return replace(node, entries=entries)
            case ListNode():
                items = tuple(
                    self.node(item, (*path, index), data[index])
                    for index, item in enumerate(node.items)
                )
                return replace(node, items=items)
            case Scalar(value=str() as text) if "${" in text:
                if not self._check.sound(path):
                    return Broken(place=node.place, origins=node.origins)
                return self._filled(node, text, path, data)
            case _:
                return node

    def _filled(self, node: Scalar, text: str, path: SpecPath, data: Any) -> Node:
        uses = self._check.uses[path]
        if uses and is_whole(text, uses):
            target = self._check.targets[path][0]
            found = self.node(at(self._root, target), target, data)
            origins = (_origin(uses[0], found.place), *found.origins, *node.origins)
            return replace(found, place=node.place, origins=origins)
        value: ScalarValue = data.replace(_QUESTION_MARKS, "???")
        origins = node.origins
        directory = node.directory
        targets = self._check.targets.get(path, ())
        for use, target in reversed(list(zip(uses, targets, strict=True))):
            found = at(self._root, self._check.final(target))
            origins = (_origin(use, found.place), *found.origins, *origins)
            # A relative path belongs to the text that wrote its beginning.
            if use.start == 0 and isinstance(found, Scalar):
                directory = found.directory
        return Scalar(value=value, place=node.place, directory=directory, origins=origins)


def _origin(use: Use, place: Place) -> Origin:
    return Origin(f"through ${{{use.text}}}, set here", place)
