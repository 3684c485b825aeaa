"""Pass: final names and specs into the graph, Keras's order, a place for every weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from composer.graphs.graph import (
    Graph,
)
from composer.graphs.model_file import LayerState, ModelFile
from composer.resolver.final_graph import final_graph
from composer.resolver.inferred import Inferred
from composer.resolver.joined import JoinedGraph, Origin
from composer.resolver.labels import Labels
from composer.resolver.link import Link
from composer.resolver.link_map import link_map
from composer.resolver.piece import Piece
from composer.resolver.plan import Download, Plan, PlannedSource, StateCopy
from composer.resolver.ports import input_ports, output_ports
from composer.resolver.problems import Problems
from composer.resolver.seams import Seam
from composer.resolver.shared_layers import (
    check_shared_layers,
    shared_owners,
)
from composer.resolver.tensor_references import Step
from composer.resolver.whole_uses import missing, whole_uses
from composer.spec.locations import shown_location


def write_plan(link: Link, problems: Problems) -> Link:
    """Write the plan of a graph that has no errors left."""
    spec, linked, inferred = link.spec, link.joined, link.inferred
    pieces, files = link.pieces, link.files
    owners = shared_owners(pieces)
    graph = final_graph(link, owners, problems)
    keys = {operation.name: key for key, operation in linked.operations.items()}
    origins = {op.name: linked.operations[keys[op.name]].origin for op in graph.operations}
    check_shared_layers(graph, origins, owners, problems)
    copies = _states(graph, keys, linked, files, inferred)
    plan = Plan(
        name=spec.name,
        description=spec.description,
        seed=spec.seed,
        graph=graph,
        origins=origins,
        states=copies,
        sources=tuple(
            _source(piece, files, linked, copies, link.downloads.get(id_))
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
) -> tuple[StateCopy, ...]:
    """Give every layer its group, counted by class in the order of ``model.layers``.

    Mirrors ``_save_container_state`` of ``keras/src/saving/saving_lib.py``.
    """
    counts: dict[str, int] = {}
    copies = []
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
        copies.append(
            StateCopy(
                file=found[0] if found is not None else None,
                state=found[1] if found is not None else LayerState(group=""),
                group=f"layers/{base}_{number}" if number else f"layers/{base}",
                name=operation.name,
            )
        )
    return tuple(copies)


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
    copies: Sequence[StateCopy],
    download: Download | None,
) -> PlannedSource:
    source = piece.source
    mine = [op for op in linked.operations.values() if op.origin.source == source.id]
    names = {op.name for op in mine}
    held = [v for copy in copies if copy.name in names for v in copy.state.variables]
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
        parameters=sum(v.size for v in held),
        nbytes=sum(v.nbytes for v in held),
        whole=not missing(piece, linked),
        uses=tuple(use.id for use in piece.uses if use.id is not None),
        weights=shown_location(source.weights.file) if source.weights is not None else None,
        repairs=tuple(str(repair) for repair in file.graph.repairs),
        download=download,
    )
