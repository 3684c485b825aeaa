"""``${vars.x}``: checked here, filled in by OmegaConf, which no other file of the project uses.

OmegaConf would also call functions (``${oc.env:HOME}``), read the environment and take ``???``
for a missing value. So every ``${`` is read here first; what is anything but an absolute path
inside the spec is refused, and only what is known to be sound reaches OmegaConf.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial, reduce
from operator import getitem
from typing import Any

from composer.diagnostics.diagnostic import Diagnostic, SpecPath
from composer.spec.interpolation_check import InterpolationCheck, at, interpolated
from composer.spec.limits import MAX_BYTES, MAX_NODES
from composer.spec.tree import Broken, HistoryStep, Leaf, Node, Scalar, mapped, plain, walk

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
    check = InterpolationCheck(root)
    whole = check.extent(())
    if whole.nodes > MAX_NODES or whole.characters > MAX_BYTES:
        problem = "CMP102", f"filled in, the spec has over {MAX_NODES} values or {MAX_BYTES} bytes"
        return _unfilled(root, check, *problem)
    try:
        data = _fill(plain(mapped(root, partial(_safe_leaf, check=check))))
    except _FillError as error:
        return _unfilled(root, check, "CMP143", f"interpolation failed: {error}")
    return mapped(root, partial(_filled_leaf, check=check, data=data)), check.diagnostics


def _unfilled(
    root: Node, check: InterpolationCheck, code: str, message: str
) -> tuple[Node, list[Diagnostic]]:
    span = replace(root.place, end=root.place.start + 1).span
    problem = Diagnostic(code=code, message=message, span=span)
    return Broken(place=root.place), [*check.diagnostics, problem]


class _FillError(Exception):
    """OmegaConf refused what was found sound here."""


def _safe_leaf(leaf: Leaf, path: SpecPath, *, check: InterpolationCheck) -> Leaf:
    """Return what OmegaConf may see of a leaf: empty text for what is not sound."""
    if not isinstance(leaf, Scalar):
        return leaf
    value = leaf.value if check.sound(path) else ""
    return replace(leaf, value=_QUESTION_MARKS if value == "???" else value)


def _fill(data: Any) -> Any:
    # Imported here because it is slow and most specs of a project may do without it.
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        return OmegaConf.to_container(OmegaConf.create(data), resolve=True)
    except (OmegaConfBaseException, RecursionError) as error:
        raise _FillError(str(error).split("\n", 1)[0]) from error


def _filled_leaf(leaf: Leaf, path: SpecPath, *, check: InterpolationCheck, data: Any) -> Node:
    """Return a leaf with its ``${…}`` filled in, and with the history of what that came from."""
    if not isinstance(leaf, Scalar) or not interpolated(leaf):
        return leaf
    if not check.sound(path):
        return Broken(place=leaf.place, origins=leaf.origins)
    uses, targets = check.uses[path], check.targets.get(path, ())
    if check.final(path) != path:
        found = at(check.root, targets[0])
        found = mapped(found, partial(_filled_leaf, check=check, data=data), targets[0])
        origins = (
            HistoryStep("interpolation", found.place, uses[0].text),
            *found.origins,
            *leaf.origins,
        )
        return replace(found, place=leaf.place, origins=origins)
    value: str = reduce(getitem, path, data)
    origins, directory = leaf.origins, leaf.directory
    for use, target in reversed(list(zip(uses, targets, strict=True))):
        found = at(check.root, check.final(target))
        origins = (HistoryStep("interpolation", found.place, use.text), *found.origins, *origins)
        # A relative path belongs to the text that wrote its beginning.
        if use.start == 0 and isinstance(found, Scalar):
            directory = found.directory
    return replace(
        leaf, value=value.replace(_QUESTION_MARKS, "???"), directory=directory, origins=origins
    )
