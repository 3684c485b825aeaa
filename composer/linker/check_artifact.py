"""Reads a written artifact again and holds it against its plan, without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from composer.container.digests import TensorDigest, digest_listed
from composer.container.stored import Listing, StoredGroup, StoredTensor
from composer.errors import DriftError, FormatError
from composer.graphs.graph import leaves
from composer.graphs.model_file import ModelFile
from composer.graphs.order import operation_order
from composer.linker.compare_tensors import Pair, unequal
from composer.model_files.read_model import read_model
from composer.resolver.plan import Plan
from composer.tensors.expression import Stored

Computed = Mapping[str, TensorDigest]


def check_artifact(artifact: Path, plan: Plan, computed: Computed) -> None:
    """Check names, order, inputs, outputs and every tensor of ``artifact`` against ``plan``.

    A tensor that was copied is compared byte for byte with the one of the source; of any other, the
    digest must be right.

    Args:
        artifact: a ``.keras`` file.
        plan: what it should be.
        computed: digests of the tensors that are no copies, by their path in the artifact.

    Raises:
        DriftError: something differs; the message says the first difference and how many.
    """
    try:
        file = read_model(artifact)
    except FormatError as error:
        raise DriftError("CMP614.unreadable", path=artifact.name, reason=error.message) from error
    _refuse(artifact, [*_structure(file, plan), *_tensors(file.listing, plan, computed)])


def check_weights(weights: Path, plan: Plan, computed: Computed) -> None:
    """Check every group and tensor of a file of weights; see :func:`check_artifact`.

    Raises:
        DriftError: something differs; the message says the first difference and how many.
    """
    # Imported here: h5py takes its time, and a build that is fresh checks nothing.
    from composer.container.hdf5_read import open_weights

    try:
        with open_weights(weights) as opened:
            listing = opened.listing
    except FormatError as error:
        raise DriftError("CMP614.unreadable", path=weights.name, reason=error.message) from error
    _refuse(weights, [*_groups(listing, plan), *_tensors(listing, plan, computed)])


def _refuse(artifact: Path, differences: Sequence[str]) -> None:
    if differences:
        raise DriftError("CMP614.not-as-planned", path=artifact.name, problems=tuple(differences))


def _groups(listing: Listing, plan: Plan) -> Iterator[str]:
    for state in plan.states:
        group = listing.find(f"{state.group}/vars")
        name = group.attribute("name") if isinstance(group, StoredGroup) else None
        if name != state.name:
            yield f"{state.group!r} is the group of {name!r}, planned is {state.name!r}"


def _tensors(listing: Listing, plan: Plan, computed: Computed) -> Iterator[str]:
    expected = plan.tensors
    for tensor in listing.tensors:
        if tensor.path not in expected:
            yield f"it holds {tensor.path!r}, which the plan does not know"
    copies, others = {}, []
    for path, value in expected.items():
        found = listing.find(path)
        if not isinstance(found, StoredTensor):
            yield f"the weights {path!r} are missing"
        elif isinstance(value, Stored):
            copies[path] = Pair(found=found, source=value.source)
        else:
            others.append(found)
    for path in unequal(listing.path, copies.values()):
        source = copies[path].source.tensor.path
        yield f"the weights {path!r} differ from {source!r} of their source"
    if others:
        held = digest_listed(listing.path, others)
        for path, digest in held.items():
            if digest != computed.get(path):
                yield f"the weights {path!r} differ from what was computed"


def _structure(file: ModelFile, plan: Plan) -> Iterator[str]:
    graph = file.graph
    names = tuple(operation.name for operation in graph.operations)
    planned = tuple(operation.name for operation in plan.graph.operations)
    if names != planned:
        yield f"its operations are {_first_difference(names, planned)}"
    elif operation_order(graph) != planned:
        yield "Keras would keep its operations in another order"
    for what, found, expected in (
        ("inputs", graph.inputs, plan.graph.inputs),
        ("outputs", graph.outputs, plan.graph.outputs),
    ):
        if list(leaves(found)) != list(leaves(expected)) or type(found) is not type(expected):
            yield f"its {what} are {found}, planned are {expected}"
    groups = {state.name: state.group for state in plan.states}
    for name, group in groups.items():
        state = file.states.get(name)
        if state is None or state.group != group:
            lies = "nowhere" if state is None else repr(state.group)
            yield f"the weights of {name!r} lie in {lies}, planned is {group!r}"
    for found_op, planned_op in zip(graph.operations, plan.graph.operations, strict=False):
        if found_op.calls != planned_op.calls:
            yield f"the calls of {found_op.name!r} differ"


def _first_difference(found: tuple[str, ...], planned: tuple[str, ...]) -> str:
    for index, (one, other) in enumerate(zip(found, planned, strict=False)):
        if one != other:
            return f"{one!r} at place {index}, planned is {other!r}"
    return f"{len(found)}, planned are {len(planned)}"
