"""Check of the whole plan: nothing that goes into the result is more than data, unless trusted.

What stays behind in a source does not matter, since nothing of a source is run. What goes in would
run for whoever loads the result, and in the processes that ask Keras about a layer; so it is
refused before any of them starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from composer.graphs.code_scan import Finding, scan
from composer.graphs.graph import Json, Leaf, Operation, Tree
from composer.resolver.link import Link
from composer.resolver.problems import Problems
from composer.spec.model import Source
from composer.spec.source_forms import is_spec, runs_code

_WHOLE = (
    "\nthe folder that it would load can be a source itself, where the result is a SavedModel: "
    "from: FOLDER, trust: true, with output: {format: saved_model}"
)


def check_code(link: Link, problems: Problems) -> Link:
    """Report what a source may not bring in (CMP530 to CMP533); let the plan tell what it may."""
    spec, plan = link.spec, link.plan
    assert plan is not None
    sources = {source.id: source for source in spec.sources}
    allowed: dict[str, dict[str, None]] = {source.id: {} for source in spec.sources}
    for operation in plan.graph.operations:
        origin = plan.origins[operation.name]
        if origin.source is None:
            continue
        source, layer = sources[origin.source], origin.layer or operation.name
        for finding in scan(_entry(operation), layer):
            if _trusted(finding, source):
                allowed[source.id][str(finding)] = None
            elif not is_let_in(finding, source):
                _report(finding, source, layer, problems)
    for source in spec.sources:
        if source.trust and not allowed[source.id] and link.sound and not problems.errors:
            problems.add(
                "CMP532",
                ("sources", source.id, "trust"),
                f"trust has no effect: nothing that goes in from source {source.id!r} is code",
                severity="warning",
                help="remove trust, so that it can't let in what a later version of the source "
                "brings along",
            )
    told = tuple(
        replace(planned, trusted=sources[planned.id].trust, allowed=tuple(allowed[planned.id]))
        for planned in plan.sources
    )
    return replace(link, plan=replace(plan, sources=told))


def report_code(source: Source, findings: Iterable[Finding], problems: Problems) -> None:
    """Report what a source may not bring in where it can't be linked for another reason too.

    Args:
        source: of the findings.
        findings: in the config of its file.
        problems: gets CMP530, CMP531 and CMP533.
    """
    for finding in findings:
        if not is_let_in(finding, source):
            _report(finding, source, finding.layer or source.id, problems)


def is_let_in(finding: Finding, source: Source) -> bool:
    """Tell whether a spec lets something of a source in that is more than data.

    It does where it trusts the source, or names the code: its own function, spec or ``objects``.
    """
    if _trusted(finding, source):
        return True
    if finding.kind != "name":
        return False
    if runs_code(source) or is_spec(source):
        return True
    if finding.target.startswith(":"):
        # Registered under its name, or under its package and name: package>name.
        name = finding.target[1:].rpartition(">")[2]
        return any(target.rpartition(":")[2] == name for target in source.objects)
    return finding.target in source.objects


def _trusted(finding: Finding, source: Source) -> bool:
    return source.trust and finding.kind != "forbidden"


def _report(finding: Finding, source: Source, layer: str, problems: Problems) -> None:
    message = (
        f"layer {finding.layer!r} ({finding.class_name}) of source {source.id!r} {finding.what}"
    )
    at = ("sources", source.id, "from")
    without = (
        f"put a layer of your own in its place (exclude: [{layer}] with inputs: {{{layer}: …}})"
    )
    if finding.kind == "forbidden":
        problems.add(
            "CMP531",
            at,
            message,
            help=f"{without}; trust does not let it in, since it leads out of the file"
            + (_WHOLE if finding.class_name == "TFSMLayer" else ""),
        )
        return
    if finding.kind == "name":
        target = finding.target
        if target.startswith(":"):
            target = f"'MODULE:{target.rpartition('>')[2].removeprefix(':')}'"
        objects = f"objects: [{target}], " if target else ""
        problems.add(
            "CMP533",
            at,
            f"{message}; it would be looked up by name wherever the result is loaded",
            help=f"name it in the source, if you know what it does: {objects}or trust: true",
        )
        return
    problems.add(
        "CMP530",
        at,
        f"{message}, which would run wherever the result is loaded",
        help=f"{without}; or, if you know who wrote the file and what the code does, let it in: "
        "trust: true",
    )


def _entry(operation: Operation) -> dict[str, Json]:
    """Return all that a file says of an operation, as Keras would be given it."""
    return {
        "module": operation.module,
        "class_name": operation.class_name,
        "registered_name": operation.registered_name,
        "config": operation.config,
        "build_config": operation.build_config,
        "calls": [
            [_plain(value) for value in (*call.args, *call.kwargs.values())]
            for call in operation.calls
        ],
    }


def _plain(tree: Tree) -> Json:
    """Return an argument of a call without its tensors."""
    if isinstance(tree, Leaf):
        return None
    if isinstance(tree, list | tuple):
        return [_plain(item) for item in tree]
    if isinstance(tree, Mapping):
        return {key: _plain(item) for key, item in tree.items()}
    return tree
