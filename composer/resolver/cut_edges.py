"""The report of a cut edge: a kept layer whose producer is excluded, and the ways out."""

from __future__ import annotations

from collections.abc import Sequence

from composer.diagnostics.diagnostic import SpecPath
from composer.graphs.graph import TensorRef
from composer.resolver.bypass import why_not_bypass
from composer.resolver.problems import Problems
from composer.resolver.select_layers import matches
from composer.resolver.topology import Topology
from composer.spec.model import Source


def report_cut_edge(
    ref: TensorRef,
    consumers: Sequence[str],
    *,
    refused: str | None,
    source: Source,
    topology: Topology,
    problems: Problems,
) -> None:
    """Report one tensor that kept layers take and nothing gives (CMP404, CMP405).

    Args:
        ref: the tensor, of an excluded layer.
        consumers: the kept layers.
        refused: why the layer can't be bypassed although the spec asks for it.
        source: where it happens.
        topology: of the source.
        problems: gets the report.
    """
    name = ref.operation
    operation = topology.operations[name]
    spec = topology.specs.get(ref)
    shape = f" {spec}" if spec is not None else ""
    path, excluded_by = _why_excluded(name, source, topology)
    ways = [
        f"to keep it, add {name!r} to include"
        if excluded_by == "include"
        else f"to keep it, leave {name!r} out of exclude",
        f"to put another tensor{f' of {spec}' if spec else ''} in its place, add:",
        f"  inputs: {{{_key(name)}: REFERENCE}}",
    ]
    reason = why_not_bypass(operation, ref, topology)
    if reason is None:
        ways += ["to pass over it, add:", f"  bypass: [{_key(name)}]"]
    elif not refused:
        ways.append(f"it can't be bypassed: {reason}")
    if operation.kind != "input":
        ways += [
            "to leave out all that comes after it as well, write instead:",
            f"  exclude: [{_key(name)}, {{after: {_key(name)}}}]",
        ]
    needed = (
        f"{_consumers(consumers)} the output{shape} of {name!r} ({operation.class_name}) of "
        f"source {source.id!r}, which is excluded"
    )
    if refused:
        problems.add(
            "CMP405",
            _why_bypassed(name, source, topology),
            f"{name!r} can't be bypassed: {refused}",
            notes=[problems.note(path, needed)],
            help="\n".join(ways),
        )
    else:
        problems.add("CMP404", path, needed, help="\n".join(ways))


def _why_bypassed(name: str, source: Source, topology: Topology) -> SpecPath:
    for selector in source.bypass:
        if name in matches(selector, topology):
            return selector.path
    return ("sources", source.id, "bypass")


def _why_excluded(name: str, source: Source, topology: Topology) -> tuple[SpecPath, str]:
    for selector in source.exclude:
        if name in matches(selector, topology):
            return selector.path, "exclude"
    return ("sources", source.id, "include"), "include"


def _consumers(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:3])
    if len(names) > 3:  # noqa: PLR2004
        shown += f" and {len(names) - 3} more"
    return f"{shown} need{'s' if len(names) == 1 else ''}"


def _key(name: str) -> str:
    """Spell a layer name as a YAML flow value."""
    plain = name.replace("_", "").replace("-", "").isalnum()
    return name if plain else f'"{name}"'
