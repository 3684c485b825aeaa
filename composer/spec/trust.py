"""What ``trust: true`` trusts: one file, as the spec that says so names it, and no other.

A text that writes ``trust: true`` grants it to what ``from`` means there. Whatever changes that
afterwards, a spec that extends this one, an override, a variable, takes the trust back: it was
given to another file. Where the text names a digest, these bytes are what is trusted.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from composer.diagnostics.diagnostic import Diagnostic
from composer.spec import indentation, interpolation
from composer.spec.locations import local_path, shown_location
from composer.spec.positions import TreePositions
from composer.spec.source_forms import path_in
from composer.spec.tree import MapNode, Node, Scalar, find, plain, walk


@dataclass(frozen=True, slots=True)
class Grant:
    """What a source was when a text trusted it.

    Attributes:
        source: its id.
        target: the address, or the path with its links followed, that ``from`` leads to.
        args: what is handed to it, as text that can be compared.
        sha256: of the bytes that the text asks for; None where it asks for none.
    """

    source: str
    target: str
    args: str
    sha256: str | None

    def covers(self, other: Grant) -> bool:
        """Tell whether this trust holds for what a source became."""
        if self.source != other.source:
            return False
        if self.sha256 is not None and self.sha256 == other.sha256:
            return True
        same = (self.target, self.args) == (other.target, other.args)
        return same and self.sha256 in (None, other.sha256)


def grants(own: Node, merged: Node) -> frozenset[Grant]:
    """Return what a text trusts.

    Args:
        own: what it writes itself.
        merged: that, over all that it extends.
    """
    if not any(path and path[-1] == "trust" for path, _ in walk(own)):
        return frozenset()
    filled, _ = interpolation.interpolate(merged)
    tree, _ = indentation.put_in_place(filled)
    written = {
        # Beyond the sources, a variable can hold a source, or all of them.
        path[1] if path[0] == "sources" and len(path) == 3 else None  # noqa: PLR2004
        for path, _ in walk(own)
        if path and path[-1] == "trust"
    }
    return frozenset(
        grant for grant in _trusted(tree) if None in written or grant.source in written
    )


def moved(tree: MapNode, given: Collection[Grant]) -> Iterator[Diagnostic]:
    """Yield a problem for each trusted source that is not what was trusted.

    Args:
        tree: of the whole spec, overrides applied and variables filled in.
        given: what the texts that it was read from trust.
    """
    positions = TreePositions(tree)
    for grant in _trusted(tree):
        mine = [one for one in given if one.source == grant.source]
        if any(one.covers(grant) for one in mine):
            continue
        at = ("sources", grant.source, "from")
        node = find(tree, at)
        shown = shown_location(str(node.value)) if isinstance(node, Scalar) else grant.target
        known = sorted({shown_location(one.target) for one in mine})
        given_to = f": trust was given to {', '.join(known)}" if known else ""
        yield positions.problem(
            "CMP552",
            at,
            f"source '{grant.source}' is trusted as another file than {shown}{given_to}",
            "trust applies to one file: write from and trust: true beside each other in one "
            "spec, such as one that extends this, or pin the bytes that are trusted with sha256",
        )


def _trusted(tree: Node) -> Iterator[Grant]:
    sources = find(tree, ("sources",))
    for key in sources.entries if isinstance(sources, MapNode) else ():
        trust, origin = (find(tree, ("sources", key, name)) for name in ("trust", "from"))
        if not (isinstance(trust, Scalar) and trust.value is True):
            continue
        if not (isinstance(origin, Scalar) and isinstance(origin.value, str)):
            continue
        digest = _plain(tree, key, "sha256")
        yield Grant(
            source=key,
            target=_target(origin, origin.value),
            args=repr(_ordered(_plain(tree, key, "args"))),
            sha256=digest.lower() if isinstance(digest, str) else None,
        )


def _target(node: Scalar, location: str) -> str:
    path = path_in(location)
    if path is None:
        return location
    try:
        return os.path.realpath(node.directory / local_path(path))
    except (OSError, ValueError):
        return location


def _plain(tree: Node, source: str, key: str) -> Any:
    node = find(tree, ("sources", source, key))
    return None if node is None else plain(node)


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted((str(key), _ordered(item)) for key, item in value.items())
    return [_ordered(item) for item in value] if isinstance(value, list) else value
