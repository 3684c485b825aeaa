"""Pass: final names and specs into the graph, Keras's order, a place for every weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from composer.graphs.graph import (
    Call,
    Graph,
    Operation,
    Tensor,
    TensorRef,
    TensorSpec,
    Tree,
    leaves,
    map_call,
    map_leaves,
    named_leaves,
)
from composer.graphs.model_file import LayerState, ModelFile
from composer.graphs.order import operation_order
from composer.graphs.rename import renamed
from composer.graphs.static_specs import input_spec
from composer.resolver.inferred import Inferred
from composer.resolver.joined import UNKNOWN, JoinedGraph, JoinedOperation, Origin
from composer.resolver.labels import Labels
from composer.resolver.link import Link
from composer.resolver.link_map import link_map
from composer.resolver.piece import Piece
from composer.resolver.plan import (
    Download,
    Plan,
    PlannedSource,
    PlannedState,
    PlannedTensor,
    Port,
)
from composer.resolver.problems import Problems
from composer.resolver.seams import Seam
from composer.resolver.shared_layers import (
    Owners,
    check_shared_layers,
    named_alike,
    shared_owners,
)
from composer.resolver.train import flagged
from composer.resolver.whole_uses import missing, whole_uses
from composer.spec.locations import shown_location
from composer.spec.model import Spec
from composer.spec.source_forms import provider_of
from composer.tensors.expression import Stored


def write_plan(link: Link, problems: Problems) -> Link:
    """Write the plan of a graph that has no errors left."""
    spec, linked, inferred = link.spec, link.joined, link.inferred
    pieces, files = link.pieces, link.files
    names = {key: operation.name for key, operation in linked.operations.items()}
    owners = shared_owners(pieces)
    operations = [
        _final(operation, names, inferred.specs, pieces=pieces, owners=owners, problems=problems)
        for operation in inferred.operations.values()
    ]
    graph = Graph(
        name=spec.name,
        operations=tuple(operations),
        inputs=_inputs(spec, linked, names, pieces),
        outputs=_outputs(linked, names),
    )
    order = operation_order(graph)
    by_name = {operation.name: operation for operation in operations}
    graph = replace(graph, operations=tuple(by_name[name] for name in order))
    keys = {operation.name: key for key, operation in linked.operations.items()}
    origins = {name: linked.operations[keys[name]].origin for name in order}
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
        inputs=tuple(_input_port(by_name[names[key]]) for key in linked.inputs),
        outputs=_output_ports(graph, inferred.specs, linked, names),
        wholes=whole_uses(linked, names, pieces, files, inferred),
        deferred=tuple(question.id for question in inferred.questions),
        files=files,
    )
    return replace(link, plan=plan)


# ---------------------------------------------------------------- operations


def _final(
    linked: JoinedOperation,
    names: Mapping[str, str],
    specs: Mapping[TensorRef, TensorSpec],
    *,
    pieces: Mapping[str, Piece],
    owners: Owners,
    problems: Problems,
) -> Operation:
    operation = linked.operation
    source = linked.origin.source
    if source is not None:
        operation = flagged(pieces[source], linked.origin.layer, operation, problems)
        if source in owners:
            config = named_alike(operation.config, owners[source], pieces[source].names)
            operation = replace(operation, config=config)
    operation = renamed(operation, linked.name)

    def final(tensor: Tensor) -> Tensor:
        ref = tensor.ref
        return replace(
            tensor,
            ref=TensorRef(names[ref.operation], ref.call, ref.output),
            spec=specs.get(ref, UNKNOWN),
        )

    calls: tuple[Call, ...] = tuple(map_call(call, final) for call in operation.calls)
    return replace(operation, calls=calls)


def _inputs(
    spec: Spec, linked: JoinedGraph, names: Mapping[str, str], pieces: Mapping[str, Piece]
) -> Tree:
    """Return the inputs: as the spec asks, as the source has them whose inputs they are, a list."""
    refs = [TensorRef(names[key]) for key in linked.inputs]
    if spec.target.signature == "dict":
        return {ref.operation: ref for ref in refs}
    if spec.target.signature is None:
        for piece in pieces.values():
            own = [piece.key(ref.operation) for ref in leaves(piece.inputs)]
            if sorted(own) == sorted(linked.inputs):
                final = {ref.operation: piece.names[ref.operation] for ref in leaves(piece.inputs)}
                return _renamed(piece.inputs, final)
    return refs[0] if len(refs) == 1 else refs


def _renamed(tree: Tree, names: Mapping[str, str]) -> Tree:
    """Return a source's inputs under their final names.

    A key that is the name of its input stays so: Keras finds what it is given by that name.
    """
    if isinstance(tree, TensorRef):
        return TensorRef(names[tree.operation])
    if isinstance(tree, dict):
        return {
            names[item.operation]
            if isinstance(item, TensorRef) and item.operation == key
            else key: _renamed(item, names)
            for key, item in tree.items()
        }
    return [_renamed(item, names) for item in tree]


def _outputs(linked: JoinedGraph, names: Mapping[str, str]) -> Tree:
    refs = [
        (key, TensorRef(names[ref.operation], ref.call, ref.output)) for key, ref in linked.outputs
    ]
    match linked.form:
        case "single":
            return refs[0][1]
        case "list":
            return [ref for _, ref in refs]
        case "dict":
            return dict(refs)
        case "source":
            in_order = iter(ref for _, ref in refs)
            return map_leaves(linked.arrangement, lambda _: next(in_order))


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
            words=(labels.tensor(seam.producer), labels.call(seam.consumer, seam.call)),
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


def _input_port(operation: Operation) -> Port:
    return Port(
        name=operation.name,
        operation=operation.name,
        call=0,
        output=0,
        spec=input_spec(operation),
    )


def _output_ports(
    graph: Graph,
    specs: Mapping[TensorRef, TensorSpec],
    linked: JoinedGraph,
    names: Mapping[str, str],
) -> tuple[Port, ...]:
    """Return the outputs under names of their own: keys, or the layers that they are of."""
    refs = [ref for _, ref in linked.outputs]
    keys = [key for key, _ in linked.outputs]
    if linked.form == "source":
        keys = [key for key, _ in named_leaves(graph.outputs)]
    made = [ref.operation for ref in dict.fromkeys(refs)]
    several = {operation for operation in made if made.count(operation) > 1}
    ports: list[Port] = []
    for key, ref in zip(keys, refs, strict=True):
        operation = names[ref.operation]
        name = key
        if name is None:
            several_of_it = ref.operation in several
            name = f"{operation}#{ref.call}.{ref.output}" if several_of_it else operation
        ports.append(
            Port(
                name=name,
                operation=operation,
                call=ref.call,
                output=ref.output,
                spec=specs.get(ref),
            )
        )
    return _each_once(ports)


def _each_once(ports: Sequence[Port]) -> tuple[Port, ...]:
    """Number the names of outputs that are listed more than once."""
    taken = {port.name for port in ports}
    seen: set[str] = set()
    found = []
    for port in ports:
        name, number = port.name, 1
        while name in seen or (number > 1 and name in taken):
            number += 1
            name = f"{port.name}_{number}"
        seen.add(name)
        found.append(replace(port, name=name))
    return tuple(found)
