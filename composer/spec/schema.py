"""A tree against the schema: every problem in plain words, and what is left to work with."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from composer.diagnostics.diagnostic import Diagnostic, SpecPath
from composer.spec.positions import TreePositions
from composer.spec.schema_problems import problems_in
from composer.spec.schema_words import Problem, told
from composer.spec.tree import (
    Broken,
    MapNode,
    Node,
    changed,
    find,
    plain,
    walk,
    without,
    without_keys,
)

ITEMS = ("inputs", "sources", "layers")
"""The maps whose entries are worked with one by one: a broken one does not hide the others."""

_INDISPENSABLE: Mapping[str, tuple[str, ...]] = {
    "inputs": ("shape",),
    "sources": ("from",),
    "layers": ("class", "inputs", "calls"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the schema left.

    Attributes:
        tree: accepted by the schema, save for ``version`` and ``name``, which may be missing;
            None when the spec is no map.
        broken: ids of inputs, sources and layers that were taken out.
        diagnostics: what was wrong.
    """

    tree: MapNode | None
    broken: tuple[str, ...]
    diagnostics: tuple[Diagnostic, ...]


def check(root: Node) -> Checked:
    """Return ``root`` without what the schema refuses.

    A key that is most likely a typing error is read as the key it was meant to be, so that
    later stages judge the spec as it will be once corrected.

    Args:
        root: a tree with every interpolation filled in.
    """
    if isinstance(root, Broken):
        return Checked(tree=None, broken=(), diagnostics=())
    diagnostics: list[Diagnostic] = []
    broken: list[str] = []
    told_already = tuple(path for path, node in walk(root) if isinstance(node, Broken))
    renamed: tuple[SpecPath, ...] = ()
    tree: Node = root
    rename = True
    while True:
        positions = TreePositions(tree)
        problems = [
            problem
            for problem in dict.fromkeys(problems_in(plain(tree)))
            if not _below(problem.path, told_already)
        ]
        # Later rounds tell only of what a renamed key brought to light.
        diagnostics += (
            told(problem, positions)
            for problem in problems
            if rename or _below(problem.path, renamed)
        )
        if any(not problem.path and problem.rule == "type" for problem in problems):
            return Checked(tree=None, broken=(), diagnostics=tuple(diagnostics))
        repairs = [problem for problem in problems if problem.path or problem.rule != "required"]
        if not repairs and not told_already:
            break
        before = tree
        tree = _all_repaired(tree, repairs, broken, rename=rename)
        for path in told_already:
            tree = _take_out(tree, path, broken)
        # Each round takes something out, and only the first one renames: this comes to an end.
        if tree == before:
            return Checked(tree=None, broken=(), diagnostics=tuple(dict.fromkeys(diagnostics)))
        renamed = tuple((*p.path, p.guess) for p in repairs if p.guess is not None)
        told_already, rename = (), False
    assert isinstance(tree, MapNode)
    return Checked(
        tree=tree,
        broken=tuple(dict.fromkeys(broken)),
        diagnostics=tuple(dict.fromkeys(diagnostics)),
    )


def _below(path: SpecPath, parents: tuple[SpecPath, ...]) -> bool:
    return any(path[: len(parent)] == parent for parent in parents)


def _all_repaired(
    tree: Node, repairs: Sequence[Problem], broken: list[str], *, rename: bool
) -> Node:
    unknown: dict[SpecPath, set[str]] = {}
    for problem in repairs:
        if problem.rule == "unknown" and (problem.guess is None or not rename):
            unknown.setdefault(problem.path, set()).add(problem.key)
        else:
            tree = _repaired(tree, problem, broken)
    for path, keys in unknown.items():
        # All of a map at once: there may be thousands.
        tree = changed(tree, path, functools.partial(without_keys, keys=keys))
    return tree


def _repaired(tree: Node, problem: Problem, broken: list[str]) -> Node:
    if problem.rule == "unknown" and problem.guess is not None:
        return _renamed(tree, problem.path, problem.key, problem.guess)
    path = (*problem.path, problem.key) if problem.rule == "id" else problem.path
    return _take_out(tree, path, broken)


def _take_out(tree: Node, path: SpecPath, broken: list[str]) -> Node:
    """Remove the smallest part around ``path`` without which the rest can be judged on.

    That is a top-level key, or an optional key of an input, source or layer, or all of it.
    """
    match path:
        case (str() as section, key, part, *_) if section in ITEMS:
            broken.append(str(key))
            return without(tree, path[: 2 if part in _INDISPENSABLE[section] else 3])
        case (str() as section, key) if section in ITEMS:
            broken.append(str(key))
            return without(tree, path)
    if path and path[0] in ITEMS:
        found = find(tree, path)
        broken += found.entries if isinstance(found, MapNode) else ()
    return without(tree, path[:1])


def _renamed(tree: Node, path: SpecPath, key: str, new: str) -> Node:
    """Return ``tree`` with the key ``key`` of the map at ``path`` spelled ``new``."""

    def rename(node: Node) -> Node:
        if not isinstance(node, MapNode):
            return node
        if new in node.entries:
            return without(node, (key,))
        entries = {new if name == key else name: e for name, e in node.entries.items()}
        return replace(node, entries=entries)

    return changed(tree, path, rename)
