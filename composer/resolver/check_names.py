"""Check of the joined graph: no name of the result is there twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from composer.diagnostics.diagnostic import Edit, Note, SpecPath
from composer.resolver.joined import JoinedGraph, JoinedOperation, Origin
from composer.resolver.link import Link
from composer.resolver.problems import Problems
from composer.resolver.wire_own_inputs import is_own_input, wiring_fix, wiring_help
from composer.spec.affixes import affixed
from composer.spec.model import Spec

_SHOWN = 5


def check_names(link: Link, problems: Problems) -> None:
    """Report collisions of operation names (CMP301) and of output names (CMP302).

    Keras has the same rule (``map_graph`` of ``keras/src/ops/function.py``), finds the first
    duplicate only, and says neither where it comes from nor how to repair it.
    """
    spec, linked = link.spec, link.joined
    groups: dict[str, list[JoinedOperation]] = {}
    for operation in linked.operations.values():
        groups.setdefault(operation.name, []).append(operation)
    collisions = {name: found for name, found in groups.items() if len(found) > 1}
    by_origins: dict[tuple[str, ...], list[str]] = {}
    for name, found in collisions.items():
        origins = tuple(dict.fromkeys(_owner(operation.origin) for operation in found))
        by_origins.setdefault(origins, []).append(name)
    for names in by_origins.values():
        if is_own_input(collisions[names[0]]):
            _report_own_input(spec, names[0], collisions[names[0]], linked, problems)
        else:
            _report(spec, names, collisions, groups, problems)
    outputs = [key for key, _ in linked.outputs if key is not None]
    for key in sorted({key for key in outputs if outputs.count(key) > 1}):
        problems.add("CMP302", ("outputs",), f"output name {key!r} is used more than once")


def _report_own_input(
    spec: Spec,
    name: str,
    operations: list[JoinedOperation],
    linked: JoinedGraph,
    problems: Problems,
) -> None:
    """Report a declared input beside a source's own input layer of that name."""
    own = [operation for operation in operations if operation.origin.kind != "input"]
    listed = " and ".join(str(operation.origin) for operation in own)
    problems.add(
        "CMP301",
        _path(own[-1].origin),
        f"the input {name!r} is declared and not wired to {listed}, "
        f"{'an input layer' if len(own) == 1 else 'input layers'} of the same name in the result",
        at_key=True,
        notes=[
            problems.note(
                _path(operation.origin), f"{operation.origin} comes from here", at_key=True
            )
            for operation in operations
            if operation is not own[-1]
        ],
        help=wiring_help(spec, operations, linked),
        fix=wiring_fix(spec, operations, linked, problems),
    )


def _owner(origin: Origin) -> str:
    return origin.source if origin.source is not None else f"{origin.kind} {origin.layer}"


def _report(
    spec: Spec,
    names: list[str],
    collisions: Mapping[str, list[JoinedOperation]],
    groups: Mapping[str, list[JoinedOperation]],
    problems: Problems,
) -> None:
    """Report one group of origins that collide, with all the names that they collide in."""
    first = collisions[names[0]]
    sources = list(dict.fromkeys(op.origin.source for op in first if op.origin.source is not None))
    culprit = _culprit(first)
    notes = [
        problems.note(_path(op.origin), f"{op.origin} comes from here", at_key=True)
        for op in first
        if op is not culprit
    ]
    if len(names) > 1:
        rest = names[1:]
        shown = ", ".join(repr(name) for name in rest[:_SHOWN])
        more = f" and {len(rest) - _SHOWN} more" if len(rest) > _SHOWN else ""
        notes.append(Note(message=f"they also collide in {shown}{more}"))
    listed = [str(op.origin) for op in first]
    every = "both" if len(listed) == 2 else "all"  # noqa: PLR2004
    others = len(names) - 1
    count = (
        f", and {others} more name{' collides' if others == 1 else 's collide'}" if others else ""
    )
    problems.add(
        "CMP301",
        _path(culprit.origin),
        f"{', '.join(listed[:-1])} and {listed[-1]} would {every} be named {names[0]!r} in the "
        f"result{count}",
        at_key=True,
        notes=notes,
        help=_help(spec, sources, culprit, names, groups),
        fix=_fix(spec, culprit, names, groups, problems),
    )


def _fix(
    spec: Spec,
    culprit: JoinedOperation,
    names: list[str],
    groups: Mapping[str, list[JoinedOperation]],
    problems: Problems,
) -> tuple[Edit, ...]:
    """Return the edit that gives the culprit's source a prefix under which nothing collides."""
    source = culprit.origin.source
    if source is None or _is_alone(source, names, groups):
        return ()
    prefix, path = free_prefix(spec, source, groups), ("sources", source)
    return problems.with_key(path, "prefix", prefix) or problems.rewritten(
        (*path, "prefix"), prefix
    )


def _is_alone(source: str, names: list[str], groups: Mapping[str, list[JoinedOperation]]) -> bool:
    """Whether a source collides with itself only, against which no prefix helps."""
    return all(op.origin.source == source for name in names for op in groups[name])


def _culprit(operations: Iterable[JoinedOperation]) -> JoinedOperation:
    """Choose where to point: at the last source, since sources can be given a prefix."""
    ordered = list(operations)
    from_sources = [op for op in ordered if op.origin.kind == "source"]
    return from_sources[-1] if from_sources else ordered[-1]


def _path(origin: Origin) -> SpecPath:
    if origin.source is not None:
        return ("sources", origin.source)
    return ("layers" if origin.kind == "layer" else "inputs", origin.layer)


def _help(
    spec: Spec,
    sources: list[str],
    culprit: JoinedOperation,
    names: list[str],
    groups: Mapping[str, list[JoinedOperation]],
) -> str:
    if not sources:
        return "give one of them another key"
    source = str(culprit.origin.source)
    if len(sources) == 1 and _is_alone(source, names, groups):
        return f"rename one of them: rename: {{{culprit.origin.layer}: {names[0]}_2}}"
    prefix = free_prefix(spec, source, groups)
    return f"put a prefix in front of every layer of {source!r}: prefix: {prefix}"


def free_prefix(spec: Spec, source: str, groups: Mapping[str, list[JoinedOperation]]) -> str:
    """Return a prefix for ``source`` under which none of its names collides any more."""
    own = [name for name, found in groups.items() for op in found if op.origin.source == source]
    others = {
        name for name, found in groups.items() if any(op.origin.source != source for op in found)
    }
    current = next(item.prefix for item in spec.sources if item.id == source)
    prefix = f"{source}_"
    while any(affixed(name.removeprefix(current), prefix) in others for name in own):
        prefix += "_"
    return prefix
