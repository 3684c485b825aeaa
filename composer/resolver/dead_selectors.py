"""Why a selector, or a name of a layer, matches nothing: what people mean and what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from composer.graphs.flatten import SEPARATOR
from composer.graphs.graph import Operation
from composer.resolver.nesting import how_to_open, walk
from composer.spec.model import Selector
from composer.spec.selectors import glob_pattern, regex_pattern

_MAP = re.compile(r"(class|regex|upto|after)\s*:\s*(\S.*)")
_SHOWN = 3


def why_dead(selector: Selector, operations: Mapping[str, Operation]) -> str | None:
    """Return help for a selector that matches no layer.

    Args:
        selector: that matches none.
        operations: of the source's top level, by name.

    Returns:
        None where nothing but a misspelling can be the reason.
    """
    pattern = selector.pattern
    spelled = _MAP.fullmatch(pattern) if selector.kind == "glob" else None
    if spelled is not None:
        return f"a selector by {spelled[1]} is a map: {{{spelled[1]}: {spelled[2]}}}"
    if selector.kind == "regex":
        part = [name for name in operations if regex_pattern(pattern).search(name)]
        if part:
            inner = f"(?:{pattern})" if "|" in pattern else pattern
            return (
                f"a regular expression has to match the whole name; {{regex: .*{inner}.*}} "
                f"matches {_listed(part)}"
            )
    sought = [pattern, *([selector.to] if selector.to is not None else [])]
    missing = next((name for name in sought if name not in operations), pattern)
    if selector.kind not in ("class", "regex") and (opens := how_to_open(missing, operations)):
        return opens
    inside = [path for path, operation in _inside(operations) if _fits(selector, path, operation)]
    return _opening(inside, operations) if inside else None


def where_inside(name: str, operations: Mapping[str, Operation]) -> str | None:
    """Return help for a layer's name that the top level does not have and a nested model has."""
    inside = [path for path, _ in _inside(operations) if path.endswith(f"{SEPARATOR}{name}")]
    return _opening(inside, operations) if inside else None


def _inside(operations: Mapping[str, Operation]) -> Iterator[tuple[str, Operation]]:
    for outer in operations.values():
        if outer.inner is not None:
            for path, operation in walk(outer.inner, f"{outer.name}{SEPARATOR}"):
                if operation.kind != "input":
                    yield path, operation


def _fits(selector: Selector, path: str, operation: Operation) -> bool:
    """Tell whether a selector would pick a layer, or at least says its name inside."""
    names = (path, operation.name)
    match selector.kind:
        case "class":
            return selector.pattern in (operation.class_name, operation.registered_name)
        case "regex":
            return any(regex_pattern(selector.pattern).fullmatch(name) for name in names)
        case "glob":
            return any(glob_pattern(selector.pattern).fullmatch(name) for name in names)
        case _:
            return selector.pattern in names or selector.to in names


def _opening(paths: list[str], operations: Mapping[str, Operation]) -> str:
    # Names of Keras 2 may hold the separator: the outer name is that of a nested model.
    outers = dict.fromkeys(
        outer.name
        for path in paths
        for outer in operations.values()
        if outer.inner is not None and path.startswith(f"{outer.name}{SEPARATOR}")
    )
    models = ", ".join(repr(name) for name in outers)
    which = "a nested model" if len(outers) == 1 else "nested models"
    return (
        f"{_listed(paths)} {'lies' if len(paths) == 1 else 'lie'} inside {which} ({models}); "
        "flatten: true on the source opens it, and its layers go by these names"
    )


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_SHOWN])
    rest = len(names) - _SHOWN
    return f"{shown} and {rest} more" if rest > 0 else shown
