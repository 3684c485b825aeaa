"""Pass: final names and specs into the graph, Keras's order, a place for every weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from composer.graphs.graph import Graph
from composer.graphs.model_file import LayerState, ModelFile
from composer.resolver.final_graph import final_graph
from composer.resolver.inferred import Inferred
from composer.resolver.joined import JoinedGraph, Origin
from composer.resolver.labels import Labels
from composer.resolver.link import Link
from composer.resolver.link_map import link_map
from composer.resolver.piece import Piece
from composer.resolver.plan import Download, Plan, PlannedSource, PlannedState, PlannedTensor
from composer.resolver.ports import input_ports, output_ports
from composer.resolver.problems import Problems
from composer.resolver.seams import Seam
from composer.resolver.shared_layers import check_shared_layers, shared_owners
from composer.resolver.tensor_references import Step
from composer.resolver.whole_uses import missing, whole_uses
from composer.spec.locations import shown_location
from composer.spec.source_forms import provider_of
from composer.tensors.expression import Stored


def write_plan(link: Link, problems: Problems) -> Link:
    """Write the plan of a graph that has no errors left."""
    spec, linked, inferred = link.spec, link.joined, link.inferred
    pieces, files = link.pieces, link.files
    owners = shared_owners(pieces)
    graph = final_graph(link, owners, problems)
    keys = {operation.name: key for key, operation in linked.operations.items()}
    origins = {op.name: linked.operations[keys[op.name]].origin for op in graph.operations}
    check_shared_layers(graph, origins, owners, problems)
    states = _states(graph, keys, linked, files, inferred)
    plan = Plan(
        name=spec.name,
        description=spec.description,
        seed=spec.seed,
        graph=graph,
        origins=origins,
        states=states,
        sources=tuple(
            _source(piece, files, linked, states, link.downloads.get(id_))
            for id_, piece in pieces.items()
        ),
        link_map=link_map(pieces, linked, files, set(link.unreachable)),
        seams=_in_words(inferred.seams, Labels(linked, pieces)),
        inputs=input_ports(linked),
        outputs=output_ports(linked, graph, inferred.specs),
        wholes=whole_uses(linked, pieces, files, inferred),
        deferred=tuple(question.id for question in inferred.questions),
        files=files,
    )
    return replace(link, plan=plan)


# ---------------------------------------------------------------- weights


def _states(
    graph: Graph,
    keys: Mapping[str, str],
    linked: JoinedGraph,
    files: Mapping[str, ModelFile],
    inferred: Inferred,
) -> tuple[PlannedState, ...]:
    """Give every layer its group, counted by class in the order of ``model.layers``.

    Mirrors ``_save_container_state`` of ``keras/src/saving/saving_lib.py``.
    """
    counts: dict[str, int] = {}
    states = []
    for operation in graph.operations:
        if operation.kind == "operator":
            continue
        key = keys[operation.name]
        origin = linked.operations[key].origin
        found = _state(key, origin, files, inferred)
        base = operation.storage
        if found is not None and origin.kind == "layer":
            made = found[0].graph.operations
            base = next(other.storage for other in made if other.name == operation.name)
        number = counts.get(base, 0)
        counts[base] = number + 1
        group = f"layers/{base}_{number}" if number else f"layers/{base}"
        if found is None:
            states.append(PlannedState(name=operation.name, group=group))
            continue
        file, state = found
        states.append(
            PlannedState(
                name=operation.name,
                group=group,
                tensors=_tensors(file, state),
                file=file,
                source_group=state.group,
                assets=state.assets,
            )
        )
    return tuple(states)


def _tensors(file: ModelFile, state: LayerState) -> tuple[PlannedTensor, ...]:
    inside = f"{state.group}/" if state.group else ""
    return tuple(
        PlannedTensor(
            path=variable.path, value=Stored(file.listing.tensor(f"{inside}{variable.path}"))
        )
        for variable in state.variables
    )


def _state(
    key: str, origin: Origin, files: Mapping[str, ModelFile], inferred: Inferred
) -> tuple[ModelFile, LayerState] | None:
    if origin.kind == "layer":
        return inferred.states.get(key)
    if origin.source is None:
        return None
    file = files[origin.source]
    state = file.states.get(origin.layer)
    return None if state is None else (file, state)


# ---------------------------------------------------------------- what a reviewer sees


def _in_words(seams: Sequence[Seam], labels: Labels) -> tuple[Seam, ...]:
    return tuple(
        replace(
            seam,
            words=(labels.tensor(seam.producer), labels.call(Step(seam.consumer, seam.call))),
        )
        for seam in seams
    )


def _source(
    piece: Piece,
    files: Mapping[str, ModelFile],
    linked: JoinedGraph,
    states: Sequence[PlannedState],
    download: Download | None,
) -> PlannedSource:
    source = piece.source
    mine = [op for op in linked.operations.values() if op.origin.source == source.id]
    names = {op.name for op in mine}
    held = [t.value for state in states if state.name in names for t in state.tensors]
    file = files[source.id]
    return PlannedSource(
        id=source.id,
        location=shown_location(source.location),
        prefix=source.prefix,
        suffix=source.suffix,
        license=source.license,
        sha256=source.sha256,
        operations=len(file.graph.operations),
        kept=len(mine),
        parameters=sum(value.size for value in held),
        nbytes=sum(value.nbytes for value in held),
        whole=not missing(piece, linked),
        uses=tuple(use.id for use in piece.uses if use.id is not None),
        weights=shown_location(source.weights.file) if source.weights is not None else None,
        repairs=tuple(str(repair) for repair in file.graph.repairs),
        plugin=provider_of(source),
        download=download,
    )
