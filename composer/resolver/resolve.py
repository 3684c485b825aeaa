"""``(Spec, model files, facts) → Resolution``: the passes, as a table of contents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from composer.diagnostics.diagnostic import Diagnostic, SpecPath
from composer.diagnostics.suggest import start_afresh
from composer.graphs.graph import TensorRef
from composer.graphs.model_file import LayerState, ModelFile
from composer.resolver.check_code import check_code
from composer.resolver.check_loadable import check_loadable
from composer.resolver.check_names import check_names
from composer.resolver.cut import cut
from composer.resolver.facts import Answer, Question
from composer.resolver.idle_keys import warn_idle_keys
from composer.resolver.infer import Inferred, infer
from composer.resolver.linked import Linked, Step
from composer.resolver.name_layers import final_names
from composer.resolver.number_calls import number_calls
from composer.resolver.plan import Download, Plan
from composer.resolver.problems import Problems
from composer.resolver.reach import reachable, steps
from composer.resolver.references import Piece
from composer.resolver.report_refused import report_refused
from composer.resolver.select import select
from composer.resolver.topology import Topology
from composer.resolver.unchecked import NOTHING, Unchecked
from composer.resolver.wire import wire
from composer.resolver.write_plan import write_plan
from composer.spec.model import Source, Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What resolving gave.

    Attributes:
        plan: None when there are errors.
        questions: what Keras has to be asked before the plan can be built; beside errors those
            whose answers may show more of them.
        diagnostics: errors and warnings.
        unchecked: what the questions leave open.
    """

    plan: Plan | None
    questions: tuple[Question, ...]
    diagnostics: tuple[Diagnostic, ...]
    unchecked: Unchecked = NOTHING


def resolve(
    spec: Spec,
    files: Mapping[str, ModelFile],
    facts: Mapping[str, Answer],
    downloads: Mapping[str, Download],
) -> Resolution:
    """Resolve ``spec``: select, cut, name, wire, prune, check names, infer, write the plan.

    Args:
        spec: validated.
        files: by source id; a source that could not be opened is missing, and what refers to
            it is passed over, since it was reported already.
        facts: what Keras answered, by question id.
        downloads: by source id what URLs gave.

    Returns:
        A plan with open questions is a draft: it can be shown and not built.
    """
    start_afresh()
    problems = Problems(spec.positions)
    pieces = {
        source.id: _piece(source, files[source.id], problems)
        for source in spec.sources
        if source.id in files
    }
    linked = wire(spec, pieces, problems)
    order = steps(linked, problems)
    unreachable: tuple[str, ...] = ()
    reached: frozenset[Step] = frozenset()
    if not problems.errors and len(pieces) == len(spec.sources):
        _check_outputs(spec, linked, problems)
        order, unreachable = reachable(linked, order, pieces)
        reached = frozenset(order)
        linked, order = number_calls(linked, order)
        if linked.outputs:
            _warn_unused(spec, linked, problems)
            _warn_uncounted(spec, linked, problems)
    check_names(spec, linked, problems)
    report_refused(linked, reached, problems)
    if any(problem.code == "CMP520" for problem in problems.found):
        return Resolution(plan=None, questions=(), diagnostics=problems.found)
    inferred = infer(
        linked,
        order,
        _held(linked, files),
        facts=facts,
        seed=spec.seed,
        problems=problems,
    )
    if problems.errors or len(pieces) != len(spec.sources):
        return _resolution(None, inferred, problems)
    plan = write_plan(
        spec,
        linked,
        inferred,
        pieces=pieces,
        files=files,
        downloads=downloads,
        unreachable=unreachable,
        problems=problems,
    )
    warn_idle_keys(spec, pieces, files, reached, problems)
    plan = check_code(spec, plan, problems)
    check_loadable(plan, problems)
    return _resolution(plan, inferred, problems)


def refused_layers(spec: Spec, files: Mapping[str, ModelFile]) -> tuple[Diagnostic, ...]:
    """Return what :func:`resolve` will say of layers that can't be linked, once Keras made a file.

    Args:
        spec: validated.
        files: by source id, of some the graph alone. Nothing is said unless all are there.
    """
    if len(files) < len(spec.sources):
        return ()
    problems = Problems(spec.positions)
    pieces = {source.id: _piece(source, files[source.id], problems) for source in spec.sources}
    linked = wire(spec, pieces, problems)
    order = steps(linked, problems)
    if problems.errors:
        return ()
    order, _ = reachable(linked, order, pieces)
    linked, order = number_calls(linked, order)
    found = Problems(spec.positions)
    report_refused(linked, frozenset(order), found)
    return found.found


def _resolution(plan: Plan | None, inferred: Inferred, problems: Problems) -> Resolution:
    if problems.errors:
        plan = None
    return Resolution(
        plan=plan,
        questions=inferred.questions,
        diagnostics=problems.found,
        unchecked=inferred.unchecked if plan is not None else NOTHING,
    )


def _piece(source: Source, file: ModelFile, problems: Problems) -> Piece:
    topology = Topology.of(file.graph)
    source = _as_one_layer(source, problems)
    selection = select(source, topology, problems)
    uses = cut(source, topology, selection, file.graph.outputs, problems)
    going_in = [
        name
        for name in topology.operations
        if name in selection.kept
        and (topology.operations[name].kind != "input" or any(name in use.inputs for use in uses))
    ]
    names = final_names(source, going_in, topology, problems)
    _check_misplaced(source, file, names, problems)
    return Piece(
        source=source,
        topology=topology,
        selection=selection,
        uses=uses,
        names=names,
        inputs=file.graph.inputs,
        outputs=file.graph.outputs,
    )


def _check_misplaced(
    source: Source, file: ModelFile, names: Mapping[str, str], problems: Problems
) -> None:
    """Refuse a layer whose weights the file keeps under another layer: they can't move alone.

    Nor can a nested model that holds such a layer stay nested. Keras reads the file without a
    word where the layer itself comes first, and wires the calls of the two models wrongly: the
    calls inside the nested model then come first in its count (``functional_from_config``).
    """
    for name, group in file.misplaced.items():
        outer = next((n for n in _with_ancestors(name) if n in names), None)
        if outer is None and source.nested is None:
            continue
        inside = "" if outer == name else "; a model with such a layer inside can't stay nested"
        problems.add(
            "CMP508",
            ("sources", source.id),
            f"the weights of layer {name!r} of source {source.id!r} are stored inside another "
            f"layer (in {group!r}), with which it is shared; moved by itself it would lose "
            f"them{inside}",
            at_key=True,
            help="flatten: true joins a layer that is shared with a nested model"
            + (f"; or exclude the layer: exclude: [{outer}]" if outer is not None else ""),
        )


def _with_ancestors(path: str) -> tuple[str, ...]:
    """Return ``a/b/c``, ``a/b`` and ``a``."""
    parts = path.split("/")
    return tuple("/".join(parts[:end]) for end in range(len(parts), 0, -1))


def _as_one_layer(source: Source, problems: Problems) -> Source:
    """Return a nested source without selectors: its inside is a scope of its own (CMP419)."""
    if source.nested is None:
        return source
    for key, used in (
        ("include", source.include is not None),
        ("exclude", bool(source.exclude)),
        ("bypass", bool(source.bypass)),
        ("freeze", bool(source.freeze)),
        ("unfreeze", bool(source.unfreeze)),
        ("flatten", source.flatten),
    ):
        if used:
            problems.add(
                "CMP419",
                ("sources", source.id, key),
                f"source {source.id!r}: {key} can't be combined with nested, "
                "which keeps the source whole",
                at_key=True,
                help="cut the source in a spec of its own and nest what that builds, or leave "
                "nested off and inline its layers",
            )
    return replace(source, include=None, exclude=(), bypass=(), freeze=(), unfreeze=())


def _held(linked: Linked, files: Mapping[str, ModelFile]) -> Mapping[str, LayerState]:
    held = {}
    for key, operation in linked.operations.items():
        source = operation.origin.source
        if source is not None and operation.origin.layer in files[source].states:
            held[key] = files[source].states[operation.origin.layer]
    return held


def _check_outputs(spec: Spec, linked: Linked, problems: Problems) -> None:
    if not linked.outputs:
        problems.add(
            "CMP416",
            (),
            "the model has no outputs: no source and no new layer has an open output",
            help="name the outputs of the model: outputs: REFERENCE",
        )
    if linked.form != "list" or spec.outputs.form == "default":
        return
    seen: dict[TensorRef, SpecPath] = {}
    for (_, ref), (_, reference) in zip(linked.outputs, spec.outputs.references, strict=True):
        if ref in seen:
            problems.add(
                "CMP302",
                reference.path,
                f"outputs lists the tensor {ref} twice",
                notes=[problems.note(seen[ref], "it is listed here already")],
                help="list it once, or give each place a name: outputs: {first: …, second: …}",
            )
        seen.setdefault(ref, reference.path)


def _warn_uncounted(spec: Spec, linked: Linked, problems: Problems) -> None:
    """Say where a model without a graph may put out more than what the result takes of it."""
    if spec.outputs.form != "default":
        return
    whole = {source.id for source in spec.sources if source.nested is not None}
    for _, ref in linked.outputs:
        operation = linked.operations[ref.operation]
        source = operation.origin.source
        if source in whole and operation.operation.inner is None:
            problems.add(
                "CMP506",
                ("sources", source, "nested"),
                f"source {source!r} records no graph, so how many tensors it puts out is not "
                "known; the result puts out the first",
                severity="warning",
                help=f"outputs: {source}, if it is the only one; or list them: "
                f"outputs: ['{source}:{operation.origin.layer}#0.0', "
                f"'{source}:{operation.origin.layer}#0.1', …]",
            )


def _warn_unused(spec: Spec, linked: Linked, problems: Problems) -> None:
    taken = {
        tensor.ref.operation
        for operation in linked.operations.values()
        for call in operation.operation.calls
        for tensor in call.tensors()
    } | {ref.operation for _, ref in linked.outputs}
    for declared in spec.inputs:
        if declared.id not in taken:
            problems.add(
                "CMP417",
                ("inputs", declared.id),
                f"nothing that reaches an output takes the input {declared.id!r}",
                at_key=True,
                severity="warning",
                help="remove it, or wire it",
            )
    for layer in spec.layers:
        if layer.id not in linked.operations:
            problems.add(
                "CMP417",
                ("layers", layer.id),
                f"no output depends on the new layer {layer.id!r}, so it is omitted",
                at_key=True,
                severity="warning",
                help="remove it, or add it to outputs",
            )
    used = {operation.origin.source for operation in linked.operations.values()}
    for source in spec.sources:
        if source.id not in used:
            problems.add(
                "CMP417",
                ("sources", source.id),
                f"no output depends on source {source.id!r}, so the whole source is omitted",
                at_key=True,
                severity="warning",
                help="remove it, or wire it into an output",
            )
